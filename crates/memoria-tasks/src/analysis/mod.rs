//! The paper's comparison with human memory, computed from a recorded [history](memoria_core::history).
//!
//! | effect | result |
//! |---|---|
//! | primacy and recency | [`Survival`]: how many engrams survive, by the time of their creation |
//! | temporal contiguity | [`Contiguity`]: how strongly engrams are connected, by their distance in time |
//! | long-term retention | [`Ages`]: how old reminded engrams are, segment by segment |
//! | retrieval practice | [`Practice`]: how much likelier an engram is reminded if it was reminded before |
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

/// All results from the history of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Number of recorded steps.
    pub steps: u64,
    /// Number of engrams that lived in them.
    pub engrams: usize,
    /// The longest time between two resets: its first step, and the step after its last. Survival and contiguity refer
    /// to it.
    pub episode: [u64; 2],
    /// Survivors at its end, by the time of their creation.
    pub survival: Vec<Survival>,
    /// Connections of the survivors, by distance in time.
    pub contiguity: Vec<Contiguity>,
    /// Ages of reminded engrams, by time.
    pub ages: Vec<Ages>,
    /// Repeated reminding, by the number of steps between.
    pub practice: Vec<Practice>,
}

impl Analysis {
    /// Analyses the history of a row.
    ///
    /// Costs two passes over the record, and the squares of the sizes of firings. Survival and contiguity leave out
    /// engrams made before the recording began, because not all of them are known.
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

    /// Returns the results as tables.
    pub fn text(&self) -> String {
        words::text(self)
    }

    /// Draws the results as SVG, one panel per effect.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn draw(&self, path: &Path) -> Result<(), TaskError> {
        svg::draw(self, path)
    }
}
