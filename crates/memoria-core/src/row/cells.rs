//! The search of a row's long-term vectors.

use burn::backend::Backend;

use super::Row;
use crate::{
    id::{Member, Slot},
    store::{LongTermList, Query, VectorStore},
};

impl Row {
    /// Long-term engrams that include the `of.0` nearest to a query, with few others. If the row has cells, the nearest
    /// of those in `of.1` cells and in no cell. On a device all long-term engrams.
    pub(crate) fn nearest_candidates<B: Backend>(
        &mut self,
        store: &VectorStore<B>,
        query: &Query<B>,
        of: (usize, usize),
        may_share: bool,
    ) -> Vec<Member> {
        let mut index = core::mem::take(&mut self.long_term_index);
        if !store.is_on_host() {
            // A device compares all vectors and keeps no index.
            return self.long_term().collect();
        }
        let list = &self.long_term_list();
        let positions = store.long_term_candidates(query, list, of, &mut index, may_share);
        self.long_term_index = index;
        positions.into_iter().map(|at| self.long_term_at(at as usize)).collect()
    }

    /// Drops the cells.
    pub(crate) fn drop_cells(&mut self) {
        self.long_term_index.cells = None;
    }

    /// How many cells there are.
    #[cfg(test)]
    pub(crate) fn cell_count(&self) -> usize {
        self.long_term_index.cells.as_ref().map_or(0, |cells| cells.count())
    }

    /// Makes cells, or brings them up to date.
    pub(crate) fn follow_cells<B: Backend>(&mut self, store: &VectorStore<B>, may_share: bool) {
        let mut index = core::mem::take(&mut self.long_term_index);
        store.follow_cells(&mut index, &self.long_term_list(), self.cell_limits, may_share);
        self.long_term_index = index;
    }

    /// The list of long-term engrams for the store.
    fn long_term_list(&self) -> LongTermList<impl Fn(usize) -> Slot + Sync + Copy> {
        let slot = |position| self.slot(self.long_term[position]);
        LongTermList { len: self.long_term.len(), slot }
    }
}
