use serde::{Deserialize, Serialize};

use crate::{
    EngramId,
    history::{event::Event, row_history::RowHistory, walk::Walk},
};

/// The steps that an engram lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The engram.
    pub engram: EngramId,
    /// The step in which it was made, perhaps before the recording began.
    pub born: u64,
    /// Its end; `None` if it still lives at the end of the record.
    pub death: Option<Death>,
    /// How many steps it survived: its age when it was last seen. 0 for an engram that died at the end of the step in
    /// which it was made.
    pub duration: u64,
}

impl Life {
    /// The last step that it survived.
    pub fn last_step(&self) -> Option<u64> {
        (self.duration > 0).then(|| self.born + self.duration - 1)
    }

    /// Whether it lived at the end of a step.
    pub fn covers(&self, step: u64) -> bool {
        (self.born..self.born + self.duration).contains(&step)
    }
}

/// The end of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The step; the engram did not live to the end of it.
    pub step: u64,
    /// The cause.
    pub cause: DeathCause,
}

/// Why a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeathCause {
    /// It had no lifespan left.
    Forgotten,
    /// Its row was emptied.
    Reset,
}

impl RowHistory {
    /// The life of every engram, in order of id: of those that lived when the recording began, and of all that were
    /// made since.
    pub fn lives(&self) -> Vec<Life> {
        let begun = |engram, born| Life { engram, born, death: None, duration: 0 };
        let start = self.beginning.at.step;
        let engrams = self.beginning.engrams.iter();
        let mut lives: Vec<Life> = engrams.map(|e| begun(e.id, start - e.age)).collect();
        let mut walk = Walk::new(self);
        while let Some((step, event)) = walk.next_sound() {
            let (ended, cause) = match event {
                Event::Born { engrams, .. } => {
                    lives.extend(engrams.map(|id| begun(EngramId(id), step)));
                    continue;
                }
                Event::Died(engrams) => (engrams, DeathCause::Forgotten),
                Event::Reset(engrams) => (engrams, DeathCause::Reset),
                _ => continue,
            };
            for id in ended {
                if let Ok(at) = lives.binary_search_by_key(id, |life| life.engram) {
                    lives[at].death = Some(Death { step, cause });
                }
            }
        }
        for life in &mut lives {
            life.duration = duration(life.born, life.death, self.end.step);
        }
        lives
    }
}

/// Steps that an engram survived, if the record ends at step `now`.
pub(super) fn duration(born: u64, death: Option<Death>, now: u64) -> u64 {
    death.map_or(now, |death| death.step) - born
}
