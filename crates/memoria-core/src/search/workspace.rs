//! The buffers of a row's search, reused from step to step.

use super::{Candidates, ranking::Ranking, trace::Arrival};
use crate::{
    bookkeeping::marks::Marks,
    id::Member,
    store::{Pruned, QuantizedVectors},
};

/// Marks and lists over one row's engrams, and the codes of short-term vectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchWorkspace {
    /// The candidates of a stage.
    pub(crate) candidates: Candidates,
    /// Their scores, or the result of comparing codes if the stage asked for that.
    pub(crate) scores: Vec<f64>,
    pub(crate) pruned: Pruned,
    pub(crate) quantized: QuantizedVectors,
    /// Short-term engrams that were chosen.
    pub(super) chosen: Vec<Member>,
    /// Long-term engrams of intermediate results.
    pub(super) others: Vec<Member>,
    pub(crate) visited: Marks,
    /// How walkers reached their engrams, if the search is traced.
    pub(super) arrivals: Vec<Arrival>,
    pub(super) ranking: Ranking,
}

impl SearchWorkspace {
    pub(crate) fn is_clear(&self) -> bool {
        self.visited.is_clear()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.candidates.bytes()
            + self.scores.capacity() * size_of::<f64>()
            + self.pruned.bytes()
            + self.quantized.bytes()
            + (self.chosen.capacity() + self.others.capacity()) * size_of::<Member>()
            + self.visited.bytes()
            + self.arrivals.capacity() * size_of::<Arrival>()
            + self.ranking.bytes()
    }
}
