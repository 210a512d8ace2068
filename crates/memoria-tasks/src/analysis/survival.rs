use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::record::{Record, parts};

/// Survival of the engrams of some steps until the end: the serial position curve. A rise at its beginning is primacy,
/// a rise at its end recency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survival {
    /// The first step of their creation.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// Number of engrams made.
    pub made: usize,
    /// Number of them that live at the end.
    pub alive: usize,
}

impl Survival {
    /// Share of survivors; 0 if none were made.
    pub fn share(&self) -> f64 {
        self.alive as f64 / self.made.max(1) as f64
    }
}

pub(super) fn survival(record: &Record, episode: &Range<u64>) -> Vec<Survival> {
    let parts = parts(episode);
    let mut survival: Vec<Survival> = parts
        .iter()
        .map(|part| Survival { first: part.start, last: part.end - 1, made: 0, alive: 0 })
        .collect();
    for life in record.lives.iter().filter(|life| record.is_of(life, episode)) {
        let part = &mut survival[parts.partition_point(|part| part.end <= life.born)];
        part.made += 1;
        part.alive += usize::from(record.survives(life, episode));
    }
    survival
}
