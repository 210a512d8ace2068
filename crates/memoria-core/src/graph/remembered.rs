//! The log as it stands, told to whoever wants to go on from it.

use crate::{EngramId, bookkeeping::records::Records, graph::FiringLog, id::Entry};

impl FiringLog {
    /// The firings that are in the log: their living members, in order of id.
    pub(crate) fn firings(&self) -> impl Iterator<Item = &[Entry]> {
        let firings = (0..self.firings.len()).map(|index| &self.firings[index].members[..]);
        firings.filter(|members| !members.is_empty())
    }

    /// Counts from firings that have left the log: for each pair of living engrams once, in order of
    /// id.
    pub(crate) fn ties(&self, records: &Records) -> Vec<(EngramId, EngramId, u32)> {
        let mut ties = Vec::new();
        for (&entry, veteran) in &self.veterans {
            let here = records.get(entry).id;
            let with = veteran.ties(records).filter(|(with, _)| here < with.id);
            ties.extend(with.map(|(with, count)| (here, with.id, count)));
        }
        ties.sort_unstable();
        ties
    }
}
