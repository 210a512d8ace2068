//! Four people, six places and three objects, as in bAbI (arXiv 1502.05698).

use rand::{Rng, RngExt, seq::IndexedRandom};

pub(super) const PEOPLE: [&str; 4] = ["john", "mary", "sandra", "daniel"];
pub(super) const PLACES: [&str; 6] =
    ["bedroom", "kitchen", "garden", "hallway", "bathroom", "office"];
pub(super) const OBJECTS: [&str; 3] = ["apple", "football", "milk"];

/// Initial places.
const PEOPLE_START: [usize; 4] = [1, 0, 2, 3];
const OBJECTS_START: [usize; 3] = [1, 2, 1];

const MOVES: [&str; 4] = ["went", "journeyed", "travelled", "moved"];
const GETS: [&str; 4] = ["grabbed", "took", "got", "picked up"];
const DROPS: [&str; 4] = ["dropped", "put down", "let go of", "discarded"];

/// Number of tries to find a person and an object for an action.
const TRIES: usize = 100;

/// An action of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Move { who: usize, to: usize },
    Get { who: usize, what: usize },
    Drop { who: usize, what: usize },
}

/// The places of people and objects.
#[derive(Clone, Debug)]
pub(super) struct World {
    people: [usize; 4],
    objects: [usize; 3],
    holders: [Option<usize>; 3],
}

impl Action {
    /// Returns a sentence about the action, in one of several wordings.
    pub(super) fn sentence(self, rng: &mut impl Rng) -> String {
        let (who, verbs, the, what) = match self {
            Self::Move { who, to } => (who, MOVES, "to the", PLACES[to]),
            Self::Get { who, what } => (who, GETS, "the", OBJECTS[what]),
            Self::Drop { who, what } => (who, DROPS, "the", OBJECTS[what]),
        };
        let verb = verbs[rng.random_range(0..verbs.len())];
        format!("{} {verb} {the} {what} .", PEOPLE[who])
    }

    /// All words of sentences and questions.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        let verbs = [MOVES, GETS, DROPS].into_iter().flatten().flat_map(str::split_whitespace);
        let names = PEOPLE.into_iter().chain(PLACES).chain(OBJECTS);
        verbs.chain(names).chain(["where", "is", "was", "the", "to", "before", "?", "."])
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self { people: PEOPLE_START, objects: OBJECTS_START, holders: [None; 3] }
    }

    /// Moves a random person to another place.
    pub(super) fn step_of_moves(&mut self, rng: &mut impl Rng) -> Action {
        let who = rng.random_range(0..PEOPLE.len());
        let others: Vec<usize> = (0..PLACES.len()).filter(|&to| to != self.people[who]).collect();
        let to = others.choose(rng).copied().unwrap_or(0);
        self.people[who] = to;
        Action::Move { who, to }
    }

    /// Moves a person in a third of all steps; otherwise a person gets or drops something, if possible.
    pub(super) fn step(&mut self, rng: &mut impl Rng) -> Action {
        if rng.random_ratio(1, 3) {
            return self.step_of_moves(rng);
        }
        for _ in 0..TRIES {
            let who = rng.random_range(0..PEOPLE.len());
            let what = rng.random_range(0..OBJECTS.len());
            if rng.random() {
                if self.holders[what].is_none() && self.objects[what] == self.people[who] {
                    self.holders[what] = Some(who);
                    return Action::Get { who, what };
                }
            } else if self.holders[what] == Some(who) {
                self.holders[what] = None;
                self.objects[what] = self.people[who];
                return Action::Drop { who, what };
            }
        }
        self.step_of_moves(rng)
    }
}
