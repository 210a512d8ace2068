//! The walk through long-term memory, from engram to engram along the strongest connections.

use crate::{id::Member, row::Row};

impl Row {
    /// Long-term engrams to start from: for every reminded short-term engram the long-term one that
    /// fired with it most often. In order of id.
    pub(crate) fn initial_ltms(&mut self, reminded_stm: &[Member]) -> Vec<Member> {
        self.scratch.visited.clear();
        let mut initial = self.strongest_ltms(reminded_stm);
        initial.sort_unstable();
        initial.dedup();
        initial
    }

    /// All engrams visited in `depth` steps from `start`: every walker moves to the strongest
    /// unvisited connection, all choosing before any marks; walkers that meet become one. In order of
    /// id.
    ///
    /// Costs a look for the strongest connection per step and walker, or several walkers that took part in
    /// the same firings.
    pub(crate) fn walk(&mut self, start: &[Member], depth: usize) -> Vec<Member> {
        self.scratch.visited.clear();
        let mut walkers: Vec<Member> = start.to_vec();
        walkers.retain(|walker| self.scratch.visited.insert(walker.entry));
        let mut visited = walkers.clone();
        for _ in 0..depth {
            if walkers.is_empty() {
                break;
            }
            walkers = self.strongest_ltms(&walkers);
            walkers.retain(|walker| self.scratch.visited.insert(walker.entry));
            visited.extend_from_slice(&walkers);
        }
        visited.sort_unstable();
        visited
    }
}
