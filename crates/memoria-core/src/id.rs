use serde::{Deserialize, Serialize};

/// The identity of an engram within its row: 0, 1, 2, … in the order of creation.
///
/// Never reused for another engram of the row, also not after a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EngramId(pub u64);

impl core::fmt::Display for EngramId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Where the vector of an engram lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub(crate) u32);

impl Slot {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where an engram's bookkeeping lies in its row's table; reused after a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry(pub(crate) u32);

impl Entry {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An engram by identity and entry; ordered by identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Member {
    pub(crate) id: EngramId,
    pub(crate) entry: Entry,
}
