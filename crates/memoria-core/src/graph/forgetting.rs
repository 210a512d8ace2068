//! Engrams that die, and what is left of their firings.

use super::FiringLog;
use crate::id::{Entry, Member};

/// A firing of fewer members keeps the room of those it lost, and leaves it to the next one.
const SMALL: usize = if cfg!(test) { 3 } else { 32 };

impl FiringLog {
    /// Takes dead engrams out; firings with fewer than two members left go with them.
    pub(crate) fn forget(&mut self, dead: &[Member]) {
        let mut work = core::mem::take(&mut self.workspace);
        let (is_dead, touched) = (&mut work.marked, &mut work.firings);
        is_dead.clear();
        touched.clear();
        for &Member { entry, .. } in dead {
            is_dead.insert(entry);
            self.take_listed(entry, touched);
        }
        touched.sort_unstable();
        touched.dedup();
        for &index in &*touched {
            let firing = &mut self.firings[index as usize];
            let had_recruits = firing.recruits > 0;
            let long_term = firing.long_term;
            let (mut place, mut gone_long_term, mut gone_recruits) = (0, 0, 0);
            firing.members.retain(|&entry| {
                let dies = is_dead.contains(entry);
                if dies {
                    gone_long_term += u32::from(place < long_term);
                    gone_recruits += u32::from(!self.is_veteran.contains(entry));
                }
                place += 1;
                !dies
            });
            firing.long_term -= gone_long_term;
            firing.recruits -= gone_recruits;
            if firing.members.len() < 2 {
                self.drop_firing(index, had_recruits);
            } else {
                if firing.members.len().max(SMALL) < firing.members.capacity() / 2 {
                    firing.members.shrink_to_fit();
                }
                if had_recruits && firing.recruits == 0 {
                    self.settling.push(index);
                }
            }
        }
        for &Member { entry, .. } in dead {
            if self.is_veteran.contains(entry) {
                self.is_veteran.remove(entry);
                self.veterans.remove(&entry);
            }
        }
        self.workspace = work;
    }

    /// Appends the firings of the log that an engram took part in to `listed`, and forgets them.
    pub(super) fn take_listed(&mut self, entry: Entry, listed: &mut Vec<u32>) {
        match self.veterans.get_mut(&entry) {
            Some(veteran) if self.is_veteran.contains(entry) => listed.append(&mut veteran.firings),
            _ => self.items.take(&mut self.lists[entry.index()], listed),
        }
    }

    /// Drops a firing with fewer than two members.
    fn drop_firing(&mut self, index: u32, had_recruits: bool) {
        let mut dropped = core::mem::take(&mut self.firings[index as usize]).members;
        for last in dropped.drain(..) {
            match self.veterans.get_mut(&last) {
                Some(veteran) => veteran.firings.retain(|&other| other != index),
                None => self.items.remove(&mut self.lists[last.index()], index),
            }
        }
        if !had_recruits {
            self.settling.retain(|&other| other != index);
        }
        if dropped.capacity() <= SMALL {
            self.firings[index as usize].members = dropped;
        }
        self.unused.push(index);
    }
}
