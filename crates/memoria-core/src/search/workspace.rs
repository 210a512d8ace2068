//! What a row's search works with, reused from step to step.

use super::{Candidates, ranking::Ranking};
use crate::{
    bookkeeping::marks::Marks,
    id::{Member, Slot},
    store::Codes,
};

/// Marks and lists over one row's engrams, and the codes of its short-term vectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchWorkspace {
    pub(crate) visited: Marks,
    /// Where the walkers of one step of a walk got to.
    pub(crate) found: Vec<Member>,
    /// Short-term engrams that were chosen.
    pub(crate) chosen: Vec<Member>,
    pub(crate) ranking: Ranking,
    pub(crate) candidates: Candidates,
    pub(crate) slots: Vec<Slot>,
    pub(crate) scores: Vec<f64>,
    pub(crate) codes: Codes,
}

impl SearchWorkspace {
    /// Whether nothing is marked but what is remembered to be cleared.
    pub(crate) fn is_clear(&self) -> bool {
        self.visited.is_clear()
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        self.visited.bytes()
            + (self.found.capacity() + self.chosen.capacity()) * size_of::<Member>()
            + self.ranking.bytes()
            + self.candidates.bytes()
            + self.slots.capacity() * size_of::<Slot>()
            + self.scores.capacity() * size_of::<f64>()
            + self.codes.bytes()
    }
}
