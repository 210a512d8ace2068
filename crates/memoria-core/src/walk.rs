//! The walk through long-term memory, from engram to engram along the strongest connections.

use crate::{
    id::Entry,
    row::Row,
    scratch::{Counts, Marks},
};

/// The counters and marks that a walk works with.
#[derive(Clone, Debug, Default)]
pub(crate) struct WalkScratch {
    pub(crate) counts: Counts,
    visited: Marks,
}

impl Row {
    /// Long-term engrams to start from: for every reminded short-term engram the long-term one that
    /// fired with it most often.
    pub(crate) fn initial_ltms(
        &self,
        reminded_stm: &[Entry],
        scratch: &mut WalkScratch,
    ) -> Vec<Entry> {
        let WalkScratch { counts, visited } = scratch;
        visited.clear(self.table_len());
        for &here in reminded_stm {
            if let Some(entry) = self.strongest_ltm(here, counts, |_| true) {
                visited.insert(entry);
            }
        }
        visited.entries().to_vec()
    }

    /// All engrams visited in `depth` steps from `start`: every walker moves to the strongest
    /// unvisited connection, all choosing before any marks; walkers that meet become one.
    ///
    /// Costs one count of the firing log's long-term members per walker and step.
    pub(crate) fn walk(
        &self,
        start: &[Entry],
        depth: usize,
        scratch: &mut WalkScratch,
    ) -> Vec<Entry> {
        let WalkScratch { counts, visited } = scratch;
        visited.clear(self.table_len());
        let mut walkers: Vec<Entry> = Vec::with_capacity(start.len());
        for &entry in start {
            if visited.insert(entry) {
                walkers.push(entry);
            }
        }
        for _ in 0..depth {
            if walkers.is_empty() {
                break;
            }
            let chosen: Vec<Entry> = walkers
                .iter()
                .filter_map(|&here| {
                    self.strongest_ltm(here, counts, |entry| !visited.contains(entry))
                })
                .collect();
            walkers.clear();
            for entry in chosen {
                if visited.insert(entry) {
                    walkers.push(entry);
                }
            }
        }
        visited.entries().to_vec()
    }

    fn strongest_ltm(
        &self,
        here: Entry,
        counts: &mut Counts,
        allowed: impl Fn(Entry) -> bool,
    ) -> Option<Entry> {
        self.firing_log().count_long_term(here, counts);
        counts
            .iter()
            .filter(|&(entry, _)| allowed(entry))
            .max_by(|a, b| a.1.cmp(&b.1).then_with(|| self.id(b.0).cmp(&self.id(a.0))))
            .map(|(entry, _)| entry)
    }
}
