//! A set of engrams, one bit each.

use crate::id::Entry;

/// Entries of a table, one bit each.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitSet {
    words: Vec<u64>,
}

impl BitSet {
    /// Makes room for a table of `len` entries.
    pub(crate) fn grow(&mut self, len: usize) {
        if self.words.len() * 64 < len {
            self.words.resize(len.div_ceil(64), 0);
        }
    }

    #[inline]
    pub(crate) fn contains(&self, entry: Entry) -> bool {
        self.words.get(entry.index() / 64).is_some_and(|word| word >> (entry.index() % 64) & 1 == 1)
    }

    /// Whether it was not in the set before.
    #[inline]
    pub(crate) fn insert(&mut self, entry: Entry) -> bool {
        self.grow(entry.index() + 1);
        let (word, bit) = (&mut self.words[entry.index() / 64], 1 << (entry.index() % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    #[inline]
    pub(crate) fn remove(&mut self, entry: Entry) {
        if let Some(word) = self.words.get_mut(entry.index() / 64) {
            *word &= !(1 << (entry.index() % 64));
        }
    }

    /// How many are in the set.
    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}
