//! Engrams that die, and the rest of their firings.

use super::{FiringLog, participation::Participation};
use crate::id::Member;

impl FiringLog {
    /// Removes dead engrams, and firings with fewer than two members left.
    ///
    /// Costs the sizes of the firings that the dead took part in. A hub that is left alone in any of them
    /// adds the number of its own firings, once.
    pub(crate) fn forget(&mut self, dead: &[Member]) {
        let workspace = &mut self.workspace;
        let (is_dead, was_hub) = (&mut workspace.marked, &mut workspace.noted);
        let (touched, left_alone) = (&mut workspace.firings, &mut workspace.hubs);
        is_dead.clear();
        was_hub.clear();
        touched.clear();
        left_alone.clear();
        for &Member { entry, .. } in dead {
            is_dead.insert(entry);
            if self.participations.remove(entry, touched) {
                was_hub.insert(entry);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let mut pending_ended = false;
        for &index in &*touched {
            let firing = &mut self.firings[index];
            let was_pending = firing.is_pending();
            let long_term = firing.long_term;
            let (mut place, mut gone_long_term, mut gone_few) = (0, 0, 0);
            firing.members.retain(|&entry| {
                let dies = is_dead.contains(entry);
                if dies {
                    gone_long_term += u32::from(place < long_term);
                    gone_few += u32::from(!was_hub.contains(entry));
                }
                place += 1;
                !dies
            });
            firing.long_term -= gone_long_term;
            firing.few -= gone_few;
            if let [] | [_] = firing.members[..] {
                pending_ended |= was_pending;
                if let Some(&last) = firing.members.first() {
                    match &mut self.participations.by_entry[last.index()] {
                        Participation::Few(list) => self.participations.lists.remove(list, index),
                        Participation::Hub(_) => left_alone.push(last),
                    }
                }
                self.firings.remove(index, self.limits.spare_members);
                continue;
            }
            if firing.members.len().max(self.limits.spare_members) < firing.members.capacity() / 2 {
                firing.members.shrink_to_fit();
            }
            if !was_pending && firing.few == 0 {
                self.pending.waiting.push(index);
            }
        }
        let is_used = |index: u32| !self.firings[index].members.is_empty();
        left_alone.sort_unstable();
        left_alone.dedup();
        for &entry in &*left_alone {
            if let Some(hub) = self.participations.hub_mut(entry) {
                workspace.work += hub.firings.len() as u64;
                hub.firings.retain(|&index| is_used(index));
            }
        }
        if pending_ended {
            self.pending.retain(is_used);
        }
    }
}
