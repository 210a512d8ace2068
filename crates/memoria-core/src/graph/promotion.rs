//! Engrams that become long-term, and who has to know of it.

use super::{FiringLog, workspace::GraphWorkspace};
use crate::{
    bookkeeping::{counters::Counts, records::Records},
    id::{Entry, Member},
};

impl FiringLog {
    /// Tells that engrams have become long-term, in order of id and after all that are older.
    pub(crate) fn promote(&mut self, promoted: &[Member], records: &Records) {
        for member in promoted {
            let listed = match self.veterans.get(&member.entry) {
                Some(veteran) if self.is_veteran.contains(member.entry) => &veteran.firings[..],
                _ => self.items.get(&self.lists[member.entry.index()]),
            };
            for &firing in listed {
                self.firings[firing as usize].long_term += 1;
            }
        }
        if self.veterans.is_empty() {
            return;
        }
        // Those who took part in the same few firings have fired with the same veterans as often.
        let mut work = core::mem::take(&mut self.workspace);
        let GraphWorkspace { grouped, counts, .. } = &mut work;
        grouped.clear();
        grouped.extend(promoted.iter().map(|&member| (self.grouping(member.entry), member)));
        grouped.sort_unstable_by_key(|&(grouping, _)| grouping);
        let mut rest = &grouped[..];
        while let Some(&(grouping, first)) = rest.first() {
            let are_alike = |&&(other, member): &&(u64, Member)| {
                other == grouping && self.listed(member.entry) == self.listed(first.entry)
            };
            let (group, others) = rest.split_at(rest.iter().take_while(are_alike).count());
            rest = others;
            self.count_veterans(first, records, counts);
            for (entry, count) in counts.iter() {
                let veteran = self.veterans.get_mut(&entry);
                if let Some(strongest) = veteran.and_then(|veteran| veteran.strongest.as_mut()) {
                    group.iter().for_each(|&(_, to)| strongest.promoted(to, count, records));
                }
            }
        }
        self.workspace = work;
    }

    /// A number that is the same for engrams of the same few firings, and for others seldom; every veteran
    /// has its own.
    fn grouping(&self, entry: Entry) -> u64 {
        let (high, low) = match self.is_veteran.contains(entry) {
            true => (u32::MAX, entry.0),
            false => {
                let firings = self.items.get(&self.lists[entry.index()]);
                (firings.len() as u32, firings.first().copied().unwrap_or(0))
            }
        };
        u64::from(high) << 32 | u64::from(low)
    }

    /// Counts how often the veterans fired together with an engram, itself excluded.
    fn count_veterans(&self, member: Member, records: &Records, counts: &mut Counts) {
        counts.clear(records.len());
        let firings =
            self.listed(member.entry).iter().map(|&firing| &self.firings[firing as usize]);
        for firing in firings.filter(|firing| firing.recruits < firing.members.len() as u32) {
            for &other in &firing.members {
                if other != member.entry && self.is_veteran.contains(other) {
                    counts.add(other, 1);
                }
            }
        }
        if let Some(veteran) = self.veteran(member.entry) {
            veteran.ties(records).for_each(|(with, count)| counts.add(with.entry, count));
        }
    }
}
