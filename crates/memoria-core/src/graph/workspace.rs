//! The buffers of the firing log, reused from call to call.

use crate::{
    bookkeeping::{
        counters::{Counts, Tally},
        marks::Marks,
    },
    id::{Entry, Member},
};

/// Counters, marks and lists over one row's engrams.
#[derive(Clone, Debug, Default)]
pub(super) struct GraphWorkspace {
    pub(super) counts: Counts,
    pub(super) tally: Tally,
    pub(super) marked: Marks,
    pub(super) noted: Marks,
    /// Engrams with the number that they are grouped by.
    pub(super) grouped: Vec<(u64, Member)>,
    /// Firings of the log.
    pub(super) firings: Vec<u32>,
    /// The hubs of each of the firings, one firing after the other, and where they end; or some hubs.
    pub(super) hubs: Vec<Entry>,
    pub(super) hubs_end: Vec<usize>,
    /// All counts added to flush firings, and all visits to firings of hubs, since the beginning.
    pub(super) work: u64,
}

impl GraphWorkspace {
    pub(super) fn is_clear(&self) -> bool {
        self.counts.is_clear() && self.marked.is_clear() && self.noted.is_clear()
    }

    pub(super) fn bytes(&self) -> usize {
        self.counts.bytes()
            + self.tally.bytes()
            + self.marked.bytes()
            + self.noted.bytes()
            + self.grouped.capacity() * size_of::<(u64, Member)>()
            + self.firings.capacity() * size_of::<u32>()
            + self.hubs.capacity() * size_of::<Entry>()
            + self.hubs_end.capacity() * size_of::<usize>()
    }
}
