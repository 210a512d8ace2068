//! The search where vectors are in the host's memory: row by row from the query to the firing, so that
//! what a row touches is touched while it is still in the processor's cache.

use burn::backend::Backend;

use super::{Memoria, rows::for_each_row, settle::Due};
use crate::{
    Costs,
    costs::Meter,
    id::Slot,
    row::Row,
    search::{Candidates, Search},
    store::{Query, VectorStore, are_worth_coding},
};

impl<B: Backend> Memoria<B> {
    /// Searches all rows, each with the query that `query_of` makes for the row of an index, if it does.
    /// Before that the rows do what is `due`, if it is, and then fire what was found. The store is on the
    /// host.
    pub(super) fn search_here(
        &mut self,
        due: Option<&Due<B>>,
        query_of: impl Fn(&VectorStore<B>, usize, &Row) -> Option<Query<B>> + Sync,
    ) -> Vec<Search> {
        let is_shared = self.is_shared();
        let Some(store) = &self.store else { return Vec::new() };
        let config = self.config;
        // Threads that have rows of their own do not help each other with single rows.
        let share_rows = is_shared && self.rows.len() < rayon::current_num_threads();
        let short_term: usize = self.rows.iter().map(|row| row.short_term().len()).sum();
        let are_coded = are_worth_coding(short_term * store.dim());
        let search = |row: &mut Row, index: usize, left: &mut Vec<Slot>, meter: &mut Meter| {
            if let Some(due) = due {
                due.settle(row, index, &config, left);
            }
            let candidates = Candidates::present(row);
            meter.was_control();
            let Some(query) = query_of(store, index, row) else { return Search::default() };
            let mut scores = core::mem::take(&mut row.scratch.scores);
            let asked = candidates.need_scores(&config);
            if asked && are_coded {
                let mut codes = core::mem::take(&mut row.scratch.codes);
                // The working engrams will be candidates, and the query was just made of them.
                let working =
                    row.working().iter().map(|member| (member.id, row.slot(member.entry)));
                let members = candidates.with_slots().chain(working);
                let of = (&candidates.slots[..], config.num_reminded_stm);
                store.deciding_scores_here(
                    &query,
                    of,
                    members,
                    &mut codes,
                    share_rows,
                    &mut scores,
                );
                row.scratch.codes = codes;
            } else if asked {
                store.scores_here(&query, &candidates.slots, share_rows, &mut scores);
            }
            meter.was_data();
            let of_candidates = asked.then_some(&scores[..]);
            let mut search = Search::begin(row, &candidates, of_candidates, &config);
            candidates.leave(row);
            if search.is_undecided() {
                let mut found = core::mem::take(&mut row.scratch.slots);
                found.clear();
                search.compared_slots(row, &mut found);
                meter.was_control();
                store.scores_here(&query, &found, share_rows, &mut scores);
                meter.was_data();
                search.choose(row, &scores, &config);
                row.scratch.slots = found;
            }
            row.scratch.scores = scores;
            // What follows is no work on vectors either, and is looked at the time after.
            if due.is_some() {
                search.fire(row);
            }
            search
        };
        let mut searches = Vec::with_capacity(self.rows.len());
        let mut left = Vec::new();
        if is_shared {
            let searched = for_each_row(&mut self.rows, true, |row, index| {
                let (mut left, mut meter) = (Vec::new(), Meter::started());
                let search = search(row, index, &mut left, &mut meter);
                meter.was_control();
                (search, left, meter.costs())
            });
            let mut spent = Costs::default();
            for (search, of_row, costs) in searched {
                searches.push(search);
                left.extend(of_row);
                spent += costs;
            }
            // Threads that work at the same time share the time that passed.
            self.meter.was_shared(&spent);
        } else {
            let rows = self.rows.iter_mut().enumerate();
            searches.extend(rows.map(|(i, row)| search(row, i, &mut left, &mut self.meter)));
        }
        self.release(left);
        searches
    }
}
