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
            let mut clock = Clock::default();
            let left = clock.control(|| due.map(|due| due.settle(row, index, &config)));
            let left = left.unwrap_or_default();
            let Some(query) = clock.data(|| query_of(pool, index, row)) else {
                return (Search::default(), left, clock);
            };
            let candidates = clock.control(|| Candidates::new(row, row.short_term()));
            let asked = candidates.need_scores(&config);
            let scores = asked.then(|| {
                clock
                    .data(|| pool.scores(&query, &candidates.slots, config.correlation, share_rows))
            });
            let scores = scores.as_ref().and_then(|scores| scores.here());
            let mut search = clock.control(|| Search::begin(row, &candidates, scores, &config));
            if search.is_undecided(&config) {
                let found = clock.control(|| search.found_slots(row));
                let scores =
                    clock.data(|| pool.scores(&query, &found, config.correlation, share_rows));
                clock.control(|| search.choose(scores.here().unwrap_or_default(), &config));
            }
            if due.is_some() {
                clock.control(|| search.fire(row));
            }
            (search, left, clock)
        };
        let searched = for_each_row(&mut self.rows, is_shared, search);
        let (searches, left, clocks): (Vec<_>, Vec<_>, Vec<_>) = searched.into_iter().collect();
        self.release(left);
        // Threads that work at the same time share the time that passed.
        let (elapsed, share) = (started.elapsed(), Clock::data_share(&clocks));
        self.costs.data_plane += elapsed.mul_f64(share);
        self.costs.control_plane += elapsed.mul_f64(1.0 - share);
        searches
    }
}

/// What one row spent on vectors and on all else.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    data: Duration,
    control: Duration,
}

impl Clock {
    fn data<R>(&mut self, work: impl FnOnce() -> R) -> R {
        timed(&mut self.data, work)
    }

    fn control<R>(&mut self, work: impl FnOnce() -> R) -> R {
        timed(&mut self.control, work)
    }

    fn data_share(clocks: &[Self]) -> f64 {
        let data: f64 = clocks.iter().map(|clock| clock.data.as_secs_f64()).sum();
        let control: f64 = clocks.iter().map(|clock| clock.control.as_secs_f64()).sum();
        if data > 0.0 { data / (data + control) } else { 0.0 }
    }
}

fn timed<R>(total: &mut Duration, work: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let result = work();
    *total += started.elapsed();
    result
}
