//! Engrams that become long-term.

use super::{FiringLog, workspace::GraphWorkspace};
use crate::{bookkeeping::records::Records, id::Member};

impl FiringLog {
    /// Updates the log for engrams that have become long-term, in order of id and after all older ones.
    pub(crate) fn promote(&mut self, promoted: &[Member], records: &Records) {
        let touched = &mut self.workspace.firings;
        touched.clear();
        for member in promoted {
            for &firing in self.participations.firings(member.entry) {
                self.firings[firing].long_term += 1;
                touched.push(firing);
            }
        }
        if self.participations.hubs.len() > 0 {
            self.promote_for_hubs(promoted, records);
        }
    }

    /// Adds connections with new long-term engrams to the caches of hubs. The workspace lists their firings.
    fn promote_for_hubs(&mut self, promoted: &[Member], records: &Records) {
        let Self { firings, participations, workspace, .. } = self;
        let GraphWorkspace { grouped, firings: touched, hubs, hubs_end, counts, .. } = workspace;
        touched.sort_unstable();
        touched.dedup();
        hubs.clear();
        hubs_end.clear();
        for &firing in &*touched {
            let firing = &firings[firing];
            let end = hubs.len() + firing.hubs();
            for &entry in &firing.members {
                // Hubs are old, and so among the first: members after the last hub are not visited.
                if hubs.len() == end {
                    break;
                }
                if participations.is_hub(entry) {
                    hubs.push(entry);
                }
            }
            hubs_end.push(end);
        }
        let hubs_of = |firing: &u32| {
            let at = touched.partition_point(|other| other < firing);
            let start = if at == 0 { 0 } else { hubs_end[at - 1] };
            &hubs[start..hubs_end[at]]
        };
        // Engrams of the same few firings have fired equally often with the same hubs.
        grouped.clear();
        let grouping = |&member: &Member| (participations.grouping(member.entry), member);
        grouped.extend(promoted.iter().map(grouping));
        grouped.sort_unstable_by_key(|&(grouping, _)| grouping);
        let mut rest = &grouped[..];
        while let Some((&(grouping, first), after)) = rest.split_first() {
            let listed = participations.firings(first.entry);
            let are_alike = |&&(other, member): &&(u64, Member)| {
                other == grouping && participations.firings(member.entry) == listed
            };
            let (group, others) = rest.split_at(1 + after.iter().take_while(are_alike).count());
            rest = others;
            counts.clear(records.len());
            for hubs in listed.iter().map(hubs_of) {
                for &hub in hubs.iter().filter(|&&hub| hub != first.entry) {
                    counts.add(hub, 1);
                }
            }
            if let Some(hub) = participations.hub(first.entry) {
                hub.ties(records).for_each(|(with, count)| counts.add(with.entry, count));
            }
            for (entry, count) in counts.iter() {
                let hub = participations.hub_mut(entry);
                if let Some(strongest) = hub.and_then(|hub| hub.strongest.as_mut()) {
                    group.iter().for_each(|&(_, to)| strongest.promoted(to, count, records));
                }
            }
        }
    }
}
