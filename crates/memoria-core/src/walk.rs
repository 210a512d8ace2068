//! The walk through long-term memory, from engram to engram along the strongest connections.

use crate::{id::Member, row::Row};

impl Row {
    /// Long-term engrams to start from: for every reminded short-term engram the long-term one that
    /// fired with it most often. In order of id.
    pub(crate) fn initial_ltms(&mut self, reminded_stm: &[Member]) -> Vec<Member> {
        self.scratch.visited.clear();
        let strongest = |&here: &Member| self.strongest_ltm(here);
        let mut initial: Vec<Member> = reminded_stm.iter().filter_map(strongest).collect();
        initial.sort_unstable();
        initial.dedup();
        initial
    }

    /// All engrams visited in `depth` steps from `start`: every walker moves to the strongest
    /// unvisited connection, all choosing before any marks; walkers that meet become one. In order of
    /// id.
    ///
    /// Costs one look for the strongest connection per walker and step.
    pub(crate) fn walk(&mut self, start: &[Member], depth: usize) -> Vec<Member> {
        self.scratch.visited.clear();
        let mut walkers: Vec<Member> = start.to_vec();
        walkers.retain(|walker| self.scratch.visited.insert(walker.entry));
        let mut visited = walkers.clone();
        for _ in 0..depth {
            if walkers.is_empty() {
                break;
            }
            walkers = walkers.iter().filter_map(|&here| self.strongest_ltm(here)).collect();
            walkers.retain(|walker| self.scratch.visited.insert(walker.entry));
            visited.extend_from_slice(&walkers);
        }
        visited.sort_unstable();
        visited
    }
}
