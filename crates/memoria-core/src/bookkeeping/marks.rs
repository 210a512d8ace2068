//! Marks on engrams, cleared in the time they were used for.

use crate::{bookkeeping::bit_set::BitSet, id::Entry};

/// A set of engrams with a list of what is to be cleared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    marked: BitSet,
    entries: Vec<Entry>,
}

impl Marks {
    pub(crate) fn clear(&mut self) {
        for entry in self.entries.drain(..) {
            self.marked.remove(entry);
        }
    }

    /// Marks an engram; whether it was not marked before.
    #[inline]
    pub(crate) fn insert(&mut self, entry: Entry) -> bool {
        let is_new = self.marked.insert(entry);
        if is_new {
            self.entries.push(entry);
        }
        is_new
    }

    #[inline]
    pub(crate) fn contains(&self, entry: Entry) -> bool {
        self.marked.contains(entry)
    }

    /// Whether nothing is marked but what is remembered to be cleared.
    pub(crate) fn is_clear(&self) -> bool {
        self.marked.len() == self.entries.len()
    }

    /// A set with a mark that will not be cleared.
    #[cfg(test)]
    pub(crate) fn unclear() -> Self {
        let mut marks = Self::default();
        marks.marked.insert(Entry(3));
        marks
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.marked.bytes() + self.entries.capacity() * size_of::<Entry>()
    }
}
