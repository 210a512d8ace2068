//! What the paper compares with human memory, computed from a recorded [history](memoria_core::history).
//!
//! | effect | what is computed |
//! |---|---|
//! | primacy and recency | [`Survival`]: how many engrams are left, by the time they were made at |
//! | temporal contiguity | [`Contiguity`]: how strongly engrams are connected, by how far apart they were made |
//! | long-term retention | [`Ages`]: how old what is reminded is, segment by segment |
//! | retrieval practice | [`Practice`]: how much likelier an engram is reminded that was reminded before |
//!
//! Time is in steps of the history, which are segments.

mod ages;
mod contiguity;
mod practice;
mod record;
mod survival;
mod svg;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

use memoria_core::history::RowHistory;
use serde::{Deserialize, Serialize};

pub use ages::Ages;
pub use contiguity::Contiguity;
pub use practice::Practice;
pub use survival::Survival;

use crate::TaskError;
use record::Record;

/// Everything that is computed from the history of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Steps that were recorded, and engrams that lived in them.
    pub steps: u64,
    /// See [`steps`](Self::steps).
    pub engrams: usize,
    /// The first step and the one after the last of the longest time between two resets, of which survival and
    /// contiguity are.
    pub episode: [u64; 2],
    /// Survivors at its end, by when they were made.
    pub survival: Vec<Survival>,
    /// Connections of the survivors, by distance in time.
    pub contiguity: Vec<Contiguity>,
    /// Ages of what is reminded, by time.
    pub ages: Vec<Ages>,
    /// Reminding of what was reminded, by the steps between.
    pub practice: Vec<Practice>,
}

impl Analysis {
    /// Of a row's history.
    ///
    /// Costs two passes over the record, and the squares of the sizes of firings. Engrams that were made before the
    /// recording began are left out of survival and contiguity: not all of them are known.
    pub fn new(history: &RowHistory) -> Self {
        let record = Record::new(history);
        let episode = record.longest_episode();
        Self {
            steps: history.steps().end - history.steps().start,
            engrams: record.lives.len(),
            episode: [episode.start, episode.end],
            survival: survival::survival(&record, &episode),
            contiguity: contiguity::contiguity(&record, &episode),
            ages: ages::ages(&record),
            practice: practice::practice(&record),
        }
    }

    /// As tables for people.
    pub fn text(&self) -> String {
        words::text(self)
    }

    /// Draws it as SVG, a panel for each effect.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn draw(&self, path: &Path) -> Result<(), TaskError> {
        svg::draw(self, path)
    }
}
