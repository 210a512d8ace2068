//! The walk through long-term memory, from engram to engram along the strongest connections.

use crate::{id::Member, row::Row};

impl Row {
    /// Long-term engrams to start from: for every reminded short-term engram the long-term one that
    /// fired with it most often. In order of id.
    pub(crate) fn initial_ltms(&mut self, reminded_stm: &[Member]) -> Vec<Member> {
        self.scratch.visited.clear();
        let mut initial = Vec::with_capacity(reminded_stm.len());
        self.strongest_ltms(reminded_stm, &mut initial);
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
        let most = self.long_term_len().min(start.len().saturating_mul(depth + 1));
        let mut visited = Vec::with_capacity(most);
        visited.extend(start.iter().filter(|walker| self.scratch.visited.insert(walker.entry)));
        let mut found = core::mem::take(&mut self.scratch.members);
        let mut walkers = 0..visited.len();
        for _ in 0..depth {
            if walkers.is_empty() || visited.len() == self.long_term_len() {
                break;
            }
            self.strongest_ltms(&visited[walkers.clone()], &mut found);
            let is_new = |walker: &&Member| self.scratch.visited.insert(walker.entry);
            visited.extend(found.iter().filter(is_new));
            walkers = walkers.end..visited.len();
        }
        self.scratch.members = found;
        visited.sort_unstable();
        visited
    }
}
