//! What is known from what was told, and from nothing else.

use rand::{Rng, seq::SliceRandom};

use super::world::{Action, OBJECTS, PEOPLE, PLACES};

/// A question, its answer, and the first sentence that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) question: String,
    pub(super) answer: &'static str,
    pub(super) needs: usize,
}

/// A place, and the first sentence that is needed to know of it.
type Known = (usize, usize);

/// Knowledge of people and objects; sentences are numbered as they are told.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    told: usize,
    people: [Option<Known>; 4],
    /// Who holds an object, since which sentence.
    holders: [Option<(usize, usize)>; 3],
    /// The places an object was at, one after the other, as far as they are known.
    histories: [Vec<Known>; 3],
    /// Whether an object's last place is where it is now.
    up_to_date: [bool; 3],
}

impl Reader {
    pub(super) fn read(&mut self, action: Action) {
        let now = self.told;
        self.told += 1;
        match action {
            Action::Move { who, to } => {
                self.people[who] = Some((to, now));
                for what in 0..OBJECTS.len() {
                    if let Some((holder, since)) = self.holders[what]
                        && holder == who
                    {
                        self.is_at(what, (to, since));
                    }
                }
            }
            Action::Get { who, what } => {
                self.holders[what] = Some((who, now));
                self.follow(what, who);
            }
            Action::Drop { who, what } => {
                self.holders[what] = None;
                self.follow(what, who);
            }
        }
    }

    /// An object is where a person is, if that is known.
    fn follow(&mut self, what: usize, who: usize) {
        match self.people[who] {
            Some(known) => self.is_at(what, known),
            None => self.up_to_date[what] = false,
        }
    }

    fn is_at(&mut self, what: usize, known: Known) {
        self.up_to_date[what] = true;
        match self.histories[what].last_mut() {
            // The latest telling of the same place is what a reader needs.
            Some(last) if last.0 == known.0 => last.1 = known.1,
            _ => self.histories[what].push(known),
        }
    }

    /// The questions of task 1, 2 or 3 that can be answered, in random order.
    pub(super) fn ask(&self, task: usize, rng: &mut impl Rng) -> Vec<Asked> {
        let of_object = |what: usize| {
            let history = &self.histories[what];
            if !self.up_to_date[what] {
                return None;
            }
            let last = history.last()?;
            if task == 2 {
                let question = format!("where is the {} ?", OBJECTS[what]);
                return Some(Asked { question, answer: PLACES[last.0], needs: last.1 });
            }
            let before = history.iter().rev().nth(1)?;
            let question =
                format!("where was the {} before the {} ?", OBJECTS[what], PLACES[last.0]);
            Some(Asked { question, answer: PLACES[before.0], needs: before.1.min(last.1) })
        };
        let of_person = |who: usize| {
            let (place, needs) = self.people[who]?;
            let question = format!("where is {} ?", PEOPLE[who]);
            Some(Asked { question, answer: PLACES[place], needs })
        };
        let mut questions: Vec<Asked> = match task {
            1 => (0..PEOPLE.len()).filter_map(of_person).collect(),
            _ => (0..OBJECTS.len()).filter_map(of_object).collect(),
        };
        questions.shuffle(rng);
        questions
    }
}
