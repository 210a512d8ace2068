//! The cells that a row's long-term vectors lie in.

use burn::backend::Backend;

use super::Row;
use crate::{
    id::{Member, Slot},
    store::{LongTermList, Query, VectorStore},
};

impl Row {
    /// Long-term engrams that have the `of.0` nearest to a query among them: the nearest of those in `of.1` cells,
    /// and of those in no cell; `None` if the row has no cells.
    pub(crate) fn cell_candidates<B: Backend>(
        &mut self,
        store: &VectorStore<B>,
        query: &Query<B>,
        of: (usize, usize),
        may_share: bool,
    ) -> Option<Vec<Member>> {
        if !store.is_on_host() {
            // There all vectors are compared.
            self.drop_cells();
        }
        let mut cells = self.cells.take()?;
        let list = &self.long_term_list();
        let positions = store.cell_candidates(query, list, of, &mut cells, may_share);
        self.cells = Some(cells);
        Some(positions.into_iter().map(|at| self.long_term_at(at as usize)).collect())
    }

    /// Forgets the cells.
    pub(crate) fn drop_cells(&mut self) {
        self.cells = None;
    }

    /// How many cells there are.
    #[cfg(test)]
    pub(crate) fn cell_count(&self) -> usize {
        self.cells.as_ref().map_or(0, |cells| cells.count())
    }

    /// Makes cells, or brings them up to date.
    pub(crate) fn follow_cells<B: Backend>(&mut self, store: &VectorStore<B>, may_share: bool) {
        let cells = self.cells.take();
        let list = &self.long_term_list();
        self.cells = store.follow_cells(cells, list, self.cell_limits, may_share);
    }

    /// The list of long-term engrams as the store looks at it.
    pub(crate) fn long_term_list(&self) -> LongTermList<'_, impl Fn(usize) -> Slot + Sync + Copy> {
        LongTermList {
            len: self.long_term.len(),
            slot: |position| self.slot(self.long_term[position]),
            changed: self.long_term_changes.positions(),
        }
    }
}
