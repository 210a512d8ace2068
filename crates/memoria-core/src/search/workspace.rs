//! What a row's search works with, reused from step to step.

use super::{Candidates, ranking::Ranking, trace::Arrival};
use crate::{bookkeeping::marks::Marks, id::Member, store::Codes};

/// Marks and lists over one row's engrams, and the codes of its short-term vectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchWorkspace {
    /// What a stage chooses from.
    pub(crate) candidates: Candidates,
    /// Their scores, if it asked for them.
    pub(crate) scores: Vec<f64>,
    pub(crate) codes: Codes,
    /// Short-term engrams that were chosen.
    pub(super) chosen: Vec<Member>,
    /// Long-term engrams at hand.
    pub(super) others: Vec<Member>,
    pub(super) visited: Marks,
    /// How walkers came to where they are, if the search is traced.
    pub(super) arrivals: Vec<Arrival>,
    pub(super) ranking: Ranking,
}

impl SearchWorkspace {
    /// Whether nothing is marked but what is remembered to be cleared.
    pub(crate) fn is_clear(&self) -> bool {
        self.visited.is_clear()
    }

    /// One with a mark that will not be cleared.
    #[cfg(test)]
    pub(crate) fn unclear() -> Self {
        Self { visited: Marks::unclear(), ..Self::default() }
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        self.candidates.bytes()
            + self.scores.capacity() * size_of::<f64>()
            + self.codes.bytes()
            + (self.chosen.capacity() + self.others.capacity()) * size_of::<Member>()
            + self.visited.bytes()
            + self.arrivals.capacity() * size_of::<Arrival>()
            + self.ranking.bytes()
    }
}
