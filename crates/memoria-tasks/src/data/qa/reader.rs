//! What can be known from the told sentences only.

use rand::{Rng, seq::SliceRandom};

use super::world::{Action, OBJECTS, PEOPLE, PLACES};

/// A question, its answer, and the sentences that tell the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) question: String,
    pub(super) answer: &'static str,
    /// The sentence that names the answer.
    pub(super) told: usize,
    /// If an object is asked for: the sentence that named the person with the object then.
    pub(super) via: Option<usize>,
}

/// The place of a person or object, and the sentences that tell it, as in [`Asked`].
#[derive(Clone, Copy, Debug)]
struct Known {
    place: usize,
    told: usize,
    via: Option<usize>,
}

/// Knowledge about people and objects; sentences are numbered in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    told: usize,
    people: [Option<Known>; 4],
    /// The holder of each object, and the sentence since which it is held.
    holders: [Option<(usize, usize)>; 3],
    /// The known places of each object, in order.
    histories: [Vec<Known>; 3],
    /// Whether an object's last known place is its current one.
    up_to_date: [bool; 3],
}

impl Reader {
    pub(super) fn read(&mut self, action: Action) {
        let now = self.told;
        self.told += 1;
        match action {
            Action::Move { who, to } => {
                self.people[who] = Some(Known { place: to, told: now, via: None });
                for what in 0..OBJECTS.len() {
                    if let Some((holder, since)) = self.holders[what]
                        && holder == who
                    {
                        self.is_at(what, Known { place: to, told: now, via: Some(since) });
                    }
                }
            }
            Action::Get { who, what } => {
                self.holders[what] = Some((who, now));
                self.follow(what, who, now);
            }
            Action::Drop { who, what } => {
                self.holders[what] = None;
                self.follow(what, who, now);
            }
        }
    }

    /// Places an object where a person is, if that is known, after a sentence has linked them.
    fn follow(&mut self, what: usize, who: usize, now: usize) {
        match self.people[who] {
            Some(known) => self.is_at(what, Known { via: Some(now), ..known }),
            None => self.up_to_date[what] = false,
        }
    }

    fn is_at(&mut self, what: usize, known: Known) {
        self.up_to_date[what] = true;
        match self.histories[what].last_mut() {
            // A reader needs the latest sentence about the same place.
            Some(last) if last.place == known.place => *last = known,
            _ => self.histories[what].push(known),
        }
    }

    /// Returns the questions of task 1, 2 or 3 that can be answered, in random order.
    pub(super) fn ask(&self, task: usize, rng: &mut impl Rng) -> Vec<Asked> {
        let of_object = |what: usize| {
            let history = &self.histories[what];
            if !self.up_to_date[what] {
                return None;
            }
            let last = history.last()?;
            if task == 2 {
                return Some(last.asked_by(format!("where is the {} ?", OBJECTS[what])));
            }
            let (before, now) = (history.iter().rev().nth(1)?, PLACES[last.place]);
            Some(before.asked_by(format!("where was the {} before the {now} ?", OBJECTS[what])))
        };
        let of_person =
            |who: usize| Some(self.people[who]?.asked_by(format!("where is {} ?", PEOPLE[who])));
        let mut questions: Vec<Asked> = match task {
            1 => (0..PEOPLE.len()).filter_map(of_person).collect(),
            _ => (0..OBJECTS.len()).filter_map(of_object).collect(),
        };
        questions.shuffle(rng);
        questions
    }
}

impl Known {
    fn asked_by(self, question: String) -> Asked {
        Asked { question, answer: PLACES[self.place], told: self.told, via: self.via }
    }
}
