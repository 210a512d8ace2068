//! The search where vectors are in the host's memory: row by row from the query to the firing, so that
//! what a row touches is touched while it is still in the processor's cache.

use std::time::{Duration, Instant};

use burn::backend::Backend;

use super::{Memoria, rows::for_each_row, settle::Due};
use crate::{
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
        let started = Instant::now();
        let is_shared = self.is_shared();
        let Some(pool) = &self.pool else { return Vec::new() };
        let config = self.config;
        // Threads that have rows of their own do not help each other with single rows.
        let share_rows = is_shared && self.rows.len() < rayon::current_num_threads();
        let search = |row: &mut Row, index: usize| {
            let mut clock = Clock::started();
            let left = due.map(|due| due.settle(row, index, &config)).unwrap_or_default();
            let candidates = Candidates::present(row);
            clock.was_control();
            let Some(query) = query_of(pool, index, row) else {
                return (Search::default(), left, clock);
            };
            let mut scores = core::mem::take(&mut row.scratch.scores);
            let asked = candidates.need_scores(&config);
            if asked {
                pool.scores_here(&query, &candidates.slots, share_rows, &mut scores);
            }
            clock.was_data();
            let of_candidates = asked.then_some(&scores[..]);
            let mut search = Search::begin(row, &candidates, of_candidates, &config);
            candidates.leave(row);
            if search.is_undecided(&config) {
                let mut found = core::mem::take(&mut row.scratch.slots);
                found.clear();
                search.found_slots(row, &mut found);
                clock.was_control();
                pool.scores_here(&query, &found, share_rows, &mut scores);
                clock.was_data();
                search.choose(row, &scores, &config);
                row.scratch.slots = found;
            }
            row.scratch.scores = scores;
            if due.is_some() {
                search.fire(row);
            }
            clock.was_control();
            (search, left, clock)
        };
        let searched = for_each_row(&mut self.rows, is_shared, search);
        let mut searches = Vec::with_capacity(searched.len());
        let mut spent = Spent::default();
        for (search, left, clock) in searched {
            searches.push(search);
            spent.data += clock.spent.data;
            spent.control += clock.spent.control;
            if let Some(pool) = &mut self.pool {
                pool.release(left);
            }
        }
        // Threads that work at the same time share the time that passed.
        let (elapsed, share) = (started.elapsed(), spent.data_share());
        self.costs.data_plane += elapsed.mul_f64(share);
        self.costs.control_plane += elapsed.mul_f64(1.0 - share);
        searches
    }
}

/// Time spent on vectors, and on all else.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    data: Duration,
    control: Duration,
}

impl Spent {
    fn data_share(&self) -> f64 {
        let (data, control) = (self.data.as_secs_f64(), self.control.as_secs_f64());
        if data > 0.0 { data / (data + control) } else { 0.0 }
    }
}

/// Tells what the time of a row is spent on: one look at the time per change from one to the other.
#[derive(Clone, Copy, Debug)]
struct Clock {
    since: Instant,
    spent: Spent,
}

impl Clock {
    fn started() -> Self {
        Self { since: Instant::now(), spent: Spent::default() }
    }

    /// Says that since it was last told, the time went to vectors.
    fn was_data(&mut self) {
        let lap = self.lap();
        self.spent.data += lap;
    }

    /// Says that since it was last told, the time went to all else.
    fn was_control(&mut self) {
        let lap = self.lap();
        self.spent.control += lap;
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - core::mem::replace(&mut self.since, now)
    }
}
