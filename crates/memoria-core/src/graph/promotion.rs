//! Engrams that become long-term.

use super::{FiringLog, firings::Firing, participation::Participation, workspace::GraphWorkspace};
use crate::{
    bookkeeping::records::Records,
    id::{Entry, Member},
};

impl FiringLog {
    /// Takes in that engrams have become long-term, in order of id and after all that are older.
    pub(crate) fn promote(&mut self, promoted: &[Member], records: &Records) {
        let mut work = core::mem::take(&mut self.workspace);
        work.firings.clear();
        for member in promoted {
            for &firing in self.participations.firings(member.entry) {
                self.firings[firing].long_term += 1;
                work.firings.push(firing);
            }
        }
        if self.participations.hubs.len() > 0 {
            self.promote_for_hubs(promoted, records, &mut work);
        }
        self.workspace = work;
    }

    /// Adds connections with new long-term engrams to what hubs keep. The workspace lists their firings.
    fn promote_for_hubs(
        &mut self,
        promoted: &[Member],
        records: &Records,
        work: &mut GraphWorkspace,
    ) {
        let GraphWorkspace { grouped, firings, hubs, hubs_end, counts, .. } = work;
        firings.sort_unstable();
        firings.dedup();
        hubs.clear();
        hubs_end.clear();
        for &firing in &*firings {
            let Firing { members, few, .. } = &self.firings[firing];
            if *few < members.len() as u32 {
                hubs.extend(members.iter().filter(|&&entry| self.participations.is_hub(entry)));
            }
            hubs_end.push(hubs.len());
        }
        let hubs_of = |firing: &u32| {
            let at = firings.partition_point(|other| other < firing);
            let start = if at == 0 { 0 } else { hubs_end[at - 1] };
            &hubs[start..hubs_end[at]]
        };
        // Engrams of the same few firings have fired with the same hubs as often.
        grouped.clear();
        grouped.extend(promoted.iter().map(|&member| (self.grouping(member.entry), member)));
        grouped.sort_unstable_by_key(|&(grouping, _)| grouping);
        let mut rest = &grouped[..];
        while let Some(&(grouping, first)) = rest.first() {
            let listed = self.participations.firings(first.entry);
            let are_alike = |&&(other, member): &&(u64, Member)| {
                other == grouping && self.participations.firings(member.entry) == listed
            };
            let (group, others) = rest.split_at(rest.iter().take_while(are_alike).count());
            rest = others;
            counts.clear(records.len());
            for &hub in listed.iter().flat_map(hubs_of).filter(|&&hub| hub != first.entry) {
                counts.add(hub, 1);
            }
            if let Some(hub) = self.participations.hub(first.entry) {
                hub.ties(records).for_each(|(with, count)| counts.add(with.entry, count));
            }
            for (entry, count) in counts.iter() {
                let hub = self.participations.hub_mut(entry);
                if let Some(strongest) = hub.and_then(|hub| hub.strongest.as_mut()) {
                    group.iter().for_each(|&(_, to)| strongest.promoted(to, count, records));
                }
            }
        }
    }

    /// A number that is the same for engrams of the same few firings and seldom for others; every hub
    /// has one of its own.
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
}
