use serde::{Deserialize, Serialize};

use crate::{
    EngramId,
    history::{
        record::{Ids, Record},
        row_history::RowHistory,
        walk::Walk,
    },
};

/// From when to when an engram lived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The engram.
    pub engram: EngramId,
    /// The step in which it was made, perhaps before the recording began.
    pub born: u64,
    /// How it ended; `None` if it lives on at the end of the record.
    pub death: Option<Death>,
    /// How many steps it lived to the end of: its age when it was last seen. 0 for an engram that died
    /// at the end of the step in which it was made.
    pub duration: u64,
}

impl Life {
    /// The last step that it lived to the end of.
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
    /// Of what.
    pub cause: DeathCause,
}

/// Why a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeathCause {
    /// It had nothing left to live.
    Forgotten,
    /// Its row was emptied.
    Reset,
}

/// See [`RowHistory::lives`].
pub(super) fn lives(history: &RowHistory) -> Vec<Life> {
    let beginning = &history.beginning;
    let mut lives: Vec<Life> = Vec::with_capacity(beginning.engrams.len());
    for engram in &beginning.engrams {
        lives.push(begun(engram.id, beginning.at.step - engram.age));
    }
    let mut walk = Walk::new(history);
    while let Some(record) = walk.next_sound() {
        let step = walk.step();
        let mut end = |ids: Ids<'_>, cause: DeathCause| {
            for id in ids.iter() {
                if let Ok(at) = lives.binary_search_by_key(&id, |life| life.engram) {
                    lives[at].death = Some(Death { step, cause });
                }
            }
        };
        match record {
            Record::Born { first, count, .. } => {
                lives.extend((first.0..first.0 + count).map(|id| begun(EngramId(id), step)));
            }
            Record::Fired { .. } => {}
            Record::Adjusted { died, .. } => end(died, DeathCause::Forgotten),
            Record::Reset { emptied } => end(emptied, DeathCause::Reset),
        }
    }
    for life in &mut lives {
        life.duration = duration(life.born, life.death, history.end.step);
    }
    lives
}

fn begun(engram: EngramId, born: u64) -> Life {
    Life { engram, born, death: None, duration: 0 }
}

/// Who lives at the end of the record, in order of id. Passes over who fired and gained.
pub(super) fn living(history: &RowHistory) -> Vec<EngramId> {
    let mut living: Vec<EngramId> = history.beginning.engrams.iter().map(|e| e.id).collect();
    // Taken out when they are many, so that each costs little however many live.
    let mut dead: Vec<EngramId> = Vec::new();
    let bury = |living: &mut Vec<EngramId>, dead: &mut Vec<EngramId>| {
        dead.sort_unstable();
        living.retain(|id| dead.binary_search(id).is_err());
        dead.clear();
    };
    let mut walk = Walk::new(history);
    while let Some(record) = walk.next_sound() {
        match record {
            Record::Born { first, count, .. } => {
                living.extend((first.0..first.0 + count).map(EngramId));
            }
            Record::Fired { .. } => {}
            Record::Adjusted { died, .. } => {
                dead.extend(died.iter());
                if dead.len() > 1024.max(living.len() / 2) {
                    bury(&mut living, &mut dead);
                }
            }
            Record::Reset { .. } => {
                living.clear();
                dead.clear();
            }
        }
    }
    bury(&mut living, &mut dead);
    living
}

/// Steps lived to their end, by the end of the record at step `now`.
pub(super) fn duration(born: u64, death: Option<Death>, now: u64) -> u64 {
    death.map_or(now, |death| death.step) - born
}
