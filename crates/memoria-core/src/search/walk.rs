//! The walk through long-term memory, from engram to engram along the strongest connections.

use crate::{id::Member, row::Row};

impl Row {
    /// Long-term engrams to start from: for every reminded short-term engram the long-term one that
    /// fired with it most often. In place of what is in `initial`, in order of id.
    pub(crate) fn initial_ltms(&mut self, reminded_stm: &[Member], initial: &mut Vec<Member>) {
        self.scratch.visited.clear();
        self.strongest_ltms(reminded_stm, initial);
        initial.sort_unstable();
        initial.dedup();
    }

    /// All engrams visited in `depth` steps from those in `members`, all of them different: every walker
    /// moves to the strongest unvisited connection, all choosing before any marks; walkers that meet
    /// become one. Appends them to `members`, in order of id.
    ///
    /// Costs a look for the strongest connection per step and walker, or several walkers that took part in
    /// the same firings.
    pub(crate) fn walk(&mut self, members: &mut Vec<Member>, depth: usize) {
        self.scratch.visited.clear();
        let start = members.len();
        members.extend_from_within(..);
        for walker in &members[start..] {
            self.scratch.visited.insert(walker.entry);
        }
        let mut found = core::mem::take(&mut self.scratch.found);
        let mut walkers = start..members.len();
        for _ in 0..depth {
            if walkers.is_empty() || members.len() - start == self.long_term_len() {
                break;
            }
            self.strongest_ltms(&members[walkers.clone()], &mut found);
            let is_new = |walker: &&Member| self.scratch.visited.insert(walker.entry);
            members.extend(found.iter().filter(is_new));
            walkers = walkers.end..members.len();
        }
        self.scratch.found = found;
        members[start..].sort_unstable();
    }
}
