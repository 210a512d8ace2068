//! The search where vectors are in the host's memory: row by row from the query to the firing, so that
//! what a row touches is touched while it is still in the processor's cache.

use burn::backend::Backend;

use super::{Memoria, rows::for_each_row, settle::Due};
use crate::{
    Costs,
    costs::Meter,
    pool::{Pool, Query},
    row::Row,
    search::{Candidates, Search},
};

impl<B: Backend> Memoria<B> {
    /// Searches all rows, each with the query that `query_of` makes for the row of an index, if it does.
    /// Before that the rows do what is `due`, if it is, and then fire what was found. The pool is on the
    /// host.
    pub(super) fn search_here(
        &mut self,
        due: Option<&Due<B>>,
        query_of: impl Fn(&Pool<B>, usize, &Row) -> Option<Query<B>> + Sync,
    ) -> Vec<Search> {
        let is_shared = self.is_shared();
        let Some(pool) = &self.pool else { return Vec::new() };
        let config = self.config;
        // Threads that have rows of their own do not help each other with single rows.
        let share_rows = is_shared && self.rows.len() < rayon::current_num_threads();
        let search = |row: &mut Row, index: usize| {
            let mut meter = Meter::started();
            let left = due.map(|due| due.settle(row, index, &config)).unwrap_or_default();
            let candidates = Candidates::present(row);
            meter.was_control();
            let Some(query) = query_of(pool, index, row) else {
                return (Search::default(), left, meter);
            };
            let mut scores = core::mem::take(&mut row.scratch.scores);
            let asked = candidates.need_scores(&config);
            if asked {
                pool.scores_here(&query, &candidates.slots, share_rows, &mut scores);
            }
            meter.was_data();
            let of_candidates = asked.then_some(&scores[..]);
            let mut search = Search::begin(row, &candidates, of_candidates, &config);
            candidates.leave(row);
            if search.is_undecided(&config) {
                let mut found = core::mem::take(&mut row.scratch.slots);
                found.clear();
                search.found_slots(row, &mut found);
                meter.was_control();
                pool.scores_here(&query, &found, share_rows, &mut scores);
                meter.was_data();
                search.choose(row, &scores, &config);
                row.scratch.slots = found;
            }
            row.scratch.scores = scores;
            if due.is_some() {
                search.fire(row);
            }
            meter.was_control();
            (search, left, meter)
        };
        let searched = for_each_row(&mut self.rows, is_shared, search);
        let mut searches = Vec::with_capacity(searched.len());
        let mut spent = Costs::default();
        for (search, left, meter) in searched {
            searches.push(search);
            spent.data_plane += meter.costs().data_plane;
            spent.control_plane += meter.costs().control_plane;
            if let Some(pool) = &mut self.pool {
                pool.release(left);
            }
        }
        // Threads that work at the same time share the time that passed.
        self.meter.was_shared(&spent);
        searches
    }
}
