use serde::{Deserialize, Serialize};

use crate::EngramId;

/// Which memory an engram lives in.
///
/// The Python package numbers them 1, 2 and 3; its 0 (`NULL`) is padding, which is never stored here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngramKind {
    /// Made in the present step.
    Working,
    /// Among the newest; in the paper's search found by comparison with the working memories.
    ShortTerm,
    /// Older; in the paper's search found only through its connections.
    LongTerm,
}

/// The bookkeeping of one engram: everything except its vector and connections.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Engram {
    /// Its identity within the row.
    pub id: EngramId,
    /// The memory it lives in.
    pub kind: EngramKind,
    /// Steps it has left unless it is reminded: it dies in the step that brings this to 0 or below.
    pub lifespan: f32,
    /// Steps ([`adjust`](crate::Memoria::adjust) calls) lived through.
    pub age: u64,
    /// How often it fired: its own count on the diagonal of the co-firing counts.
    pub fire_count: u32,
}

/// How many engrams of each kind a row holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngramCounts {
    /// Engrams in working memory.
    pub working: usize,
    /// Engrams in short-term memory.
    pub short_term: usize,
    /// Engrams in long-term memory.
    pub long_term: usize,
}

impl EngramCounts {
    /// Counts some engrams.
    pub(crate) fn of(engrams: &[Engram]) -> Self {
        let count = |kind| engrams.iter().filter(|engram| engram.kind == kind).count();
        Self {
            working: count(EngramKind::Working),
            short_term: count(EngramKind::ShortTerm),
            long_term: count(EngramKind::LongTerm),
        }
    }

    /// Engrams of all kinds.
    pub fn total(&self) -> usize {
        self.working + self.short_term + self.long_term
    }
}

/// A connection from one engram to another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// The engram it leads to.
    pub to: EngramId,
    /// How often the two fired together.
    pub cofire_count: u32,
    /// The probability that `to` fires when the other engram does: the paper's edge weight. It is the count divided by
    /// the other's own fire count.
    pub weight: f32,
}

/// The connections of an engram that fired `fire_count` times, from how often others fired with it: the strongest
/// first, of equal ones the smaller id first.
pub(crate) fn connections(
    counts: impl IntoIterator<Item = (EngramId, u32)>,
    fire_count: u32,
) -> Vec<Connection> {
    let connection = |(to, cofire_count)| {
        let weight = weight(cofire_count, fire_count);
        Connection { to, cofire_count, weight }
    };
    let mut connections: Vec<_> = counts.into_iter().map(connection).collect();
    connections.sort_unstable_by_key(|c| (core::cmp::Reverse(c.cofire_count), c.to));
    connections
}

/// The connection weight of the paper: 0 from an engram that never fired.
pub(crate) fn weight(cofire_count: u32, fire_count: u32) -> f32 {
    if fire_count == 0 { 0.0 } else { cofire_count as f32 / fire_count as f32 }
}
