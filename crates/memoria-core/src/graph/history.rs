//! The log as the beginning of a history.

use crate::{EngramId, bookkeeping::records::Records, graph::FiringLog, id::Entry};

impl FiringLog {
    /// The firings that are in the log: their living members, in order of id.
    pub(crate) fn firings(&self) -> impl Iterator<Item = &[Entry]> {
        self.firings.used().map(|(_, firing)| &firing.members[..])
    }

    /// Counts from firings that were flushed: for each pair of living engrams once, in order of id.
    pub(crate) fn ties(&self, records: &Records) -> Vec<(EngramId, EngramId, u32)> {
        let mut ties = Vec::new();
        for hub in self.participations.hubs.iter() {
            let here = records.get(hub.entry).id;
            let with = hub.ties(records).filter(|(with, _)| here < with.id);
            ties.extend(with.map(|(with, count)| (here, with.id, count)));
        }
        ties.sort_unstable();
        ties
    }
}
