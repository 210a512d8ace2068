//! Which firings of the log an engram takes part in.

use super::{
    hub::Hub,
    small_list_arena::{SmallList, SmallListArena},
};
use crate::{bookkeeping::chunked_vec::ChunkedVec, id::Entry};

/// How one engram takes part in the firings of the log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Participation {
    /// In few firings, those of the list.
    Few(SmallList),
    /// In many, as the hub at this place.
    Hub(u32),
}

const _: () = assert!(size_of::<Participation>() == 8, "millions of these are kept");

impl Default for Participation {
    fn default() -> Self {
        Self::Few(SmallList::default())
    }
}

/// The participation of all engrams of a row. An entry without an engram takes part in no firing.
#[derive(Clone, Debug, Default)]
pub(super) struct Participations {
    pub(super) by_entry: ChunkedVec<Participation>,
    pub(super) lists: SmallListArena,
    /// All hubs, in no particular order.
    pub(super) hubs: ChunkedVec<Hub>,
    /// How often connections were searched for, modulo 2³².
    pub(super) searches: u32,
    /// The hub that is [swept](Self::sweep) next.
    next_swept: usize,
}

impl Participations {
    /// Makes room for a table of `len` entries.
    pub(super) fn grow(&mut self, len: usize) {
        while self.by_entry.len() < len {
            self.by_entry.push(Participation::default());
        }
    }

    /// The firings that an engram takes part in.
    #[inline]
    pub(super) fn firings(&self, entry: Entry) -> &[u32] {
        match &self.by_entry[entry.index()] {
            Participation::Few(list) => self.lists.get(list),
            Participation::Hub(at) => &self.hubs[*at as usize].firings,
        }
    }

    #[inline]
    pub(super) fn is_hub(&self, entry: Entry) -> bool {
        matches!(self.by_entry[entry.index()], Participation::Hub(_))
    }

    #[inline]
    pub(super) fn hub(&self, entry: Entry) -> Option<&Hub> {
        match self.by_entry[entry.index()] {
            Participation::Few(_) => None,
            Participation::Hub(at) => Some(&self.hubs[at as usize]),
        }
    }

    #[inline]
    pub(super) fn hub_mut(&mut self, entry: Entry) -> Option<&mut Hub> {
        match self.by_entry[entry.index()] {
            Participation::Few(_) => None,
            Participation::Hub(at) => Some(&mut self.hubs[at as usize]),
        }
    }

    /// An upper bound of the firings that an engram takes part in, without reading ties.
    #[inline]
    pub(super) fn at_most(&self, entry: Entry) -> u32 {
        match &self.by_entry[entry.index()] {
            Participation::Few(list) => list.len() as u32,
            Participation::Hub(_) => u32::MAX,
        }
    }

    /// A number that is the same for engrams of the same few firings, and rarely for others. Every hub has its own.
    pub(super) fn grouping(&self, entry: Entry) -> u64 {
        let (high, low) = match &self.by_entry[entry.index()] {
            Participation::Hub(_) => (u32::MAX, entry.0),
            Participation::Few(list) => {
                let firings = self.lists.get(list);
                (firings.len() as u32, firings.first().copied().unwrap_or(0))
            }
        };
        u64::from(high) << 32 | u64::from(low)
    }

    /// Adds a firing to an engram that takes part in fewer than `most`; returns whether it does.
    #[inline]
    pub(super) fn add_to_few(&mut self, entry: Entry, firing: u32, most: usize) -> bool {
        match &mut self.by_entry[entry.index()] {
            Participation::Few(list) if list.len() < most => self.lists.push(list, firing),
            _ => return false,
        }
        true
    }

    /// Turns an engram into a hub that takes part in the same firings.
    pub(super) fn make_hub(&mut self, entry: Entry) -> &mut Hub {
        let at = self.hubs.len();
        let mut hub = Hub::new(entry);
        let few =
            core::mem::replace(&mut self.by_entry[entry.index()], Participation::Hub(at as u32));
        if let Participation::Few(mut list) = few {
            self.lists.take(&mut list, &mut hub.firings);
        }
        self.hubs.push(hub);
        &mut self.hubs[at]
    }

    /// Removes an engram: it takes part in no firing and is no hub. Appends its firings to `firings`; returns whether
    /// it was a hub.
    pub(super) fn remove(&mut self, entry: Entry, firings: &mut Vec<u32>) -> bool {
        match core::mem::take(&mut self.by_entry[entry.index()]) {
            Participation::Few(mut list) => {
                self.lists.take(&mut list, firings);
                false
            }
            Participation::Hub(at) => {
                firings.extend(self.hubs.swap_remove(at as usize).firings);
                if let Some(moved) = self.hubs.get(at as usize) {
                    self.by_entry[moved.entry.index()] = Participation::Hub(at);
                }
                true
            }
        }
    }

    /// Drops the cached connections of the next `count` hubs, if they were not used in the last `unused` searches.
    pub(super) fn sweep(&mut self, count: usize, unused: u32) {
        for _ in 0..count.min(self.hubs.len()) {
            self.next_swept = (self.next_swept + 1) % self.hubs.len();
            let hub = &mut self.hubs[self.next_swept];
            if self.searches.wrapping_sub(hub.last_asked) > unused {
                hub.strongest = None;
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let hubs: usize = self.hubs.iter().map(Hub::bytes).sum();
        self.by_entry.bytes() + self.lists.bytes() + self.hubs.bytes() + hubs
    }
}
