//! Engrams that become long-term.

use super::{FiringLog, participation::Participation, workspace::GraphWorkspace};
use crate::{
    bookkeeping::{counters::Counts, records::Records},
    id::{Entry, Member},
};

impl FiringLog {
    /// Tells that engrams have become long-term, in order of id and after all that are older.
    pub(crate) fn promote(&mut self, promoted: &[Member], records: &Records) {
        for member in promoted {
            for &firing in self.participations.firings(member.entry) {
                self.firings[firing].long_term += 1;
            }
        }
        if self.participations.hubs.len() == 0 {
            return;
        }
        // Engrams of the same few firings have fired with the same hubs as often.
        let mut work = core::mem::take(&mut self.workspace);
        let GraphWorkspace { grouped, counts, .. } = &mut work;
        grouped.clear();
        grouped.extend(promoted.iter().map(|&member| (self.grouping(member.entry), member)));
        grouped.sort_unstable_by_key(|&(grouping, _)| grouping);
        let mut rest = &grouped[..];
        while let Some(&(grouping, first)) = rest.first() {
            let are_alike = |&&(other, member): &&(u64, Member)| {
                let firings = |of: Member| self.participations.firings(of.entry);
                other == grouping && firings(member) == firings(first)
            };
            let (group, others) = rest.split_at(rest.iter().take_while(are_alike).count());
            rest = others;
            self.count_hubs(first, records, counts);
            for (entry, count) in counts.iter() {
                let hub = self.participations.hub_mut(entry);
                if let Some(strongest) = hub.and_then(|hub| hub.strongest.as_mut()) {
                    group.iter().for_each(|&(_, to)| strongest.promoted(to, count, records));
                }
            }
        }
        self.workspace = work;
    }

    /// A number that is the same for engrams of the same few firings, and for others seldom; every hub
    /// has its own.
    fn grouping(&self, entry: Entry) -> u64 {
        let (high, low) = match self.participations.by_entry[entry.index()] {
            Participation::Hub(_) => (u32::MAX, entry.0),
            Participation::Few(list) => {
                let firings = self.participations.lists.get(&list);
                (firings.len() as u32, firings.first().copied().unwrap_or(0))
            }
        };
        u64::from(high) << 32 | u64::from(low)
    }

    /// Counts how often hubs, other than itself, fired together with an engram.
    fn count_hubs(&self, member: Member, records: &Records, counts: &mut Counts) {
        counts.clear(records.len());
        let firings = self.participations.firings(member.entry);
        let firings = firings.iter().map(|&firing| &self.firings[firing]);
        for firing in firings.filter(|firing| firing.few < firing.members.len() as u32) {
            for &other in &firing.members {
                if other != member.entry && self.participations.is_hub(other) {
                    counts.add(other, 1);
                }
            }
        }
        if let Some(hub) = self.participations.hub(member.entry) {
            hub.ties(records).for_each(|(with, count)| counts.add(with.entry, count));
        }
    }
}
