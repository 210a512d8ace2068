//! Marks on engrams, cleared in proportion to their use.

use crate::id::Entry;

/// A set of engrams, one bit each, with a list of the marks to clear.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    words: Vec<u64>,
    entries: Vec<Entry>,
}

impl Marks {
    pub(crate) fn clear(&mut self) {
        for entry in self.entries.drain(..) {
            self.words[entry.index() / 64] &= !bit(entry);
        }
    }

    /// Marks an engram; returns whether it was not marked before.
    #[inline]
    pub(crate) fn insert(&mut self, entry: Entry) -> bool {
        let word = entry.index() / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit(entry) == 0;
        if is_new {
            self.words[word] |= bit(entry);
            self.entries.push(entry);
        }
        is_new
    }

    #[inline]
    pub(crate) fn contains(&self, entry: Entry) -> bool {
        self.words.get(entry.index() / 64).is_some_and(|word| word & bit(entry) != 0)
    }

    /// Whether no marks exist except those in the list to clear.
    pub(crate) fn is_clear(&self) -> bool {
        let marked: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        marked as usize == self.entries.len()
    }

    /// A set with a mark that will not be cleared.
    #[cfg(test)]
    pub(crate) fn unclear() -> Self {
        Self { words: vec![bit(Entry(3))], entries: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>() + self.entries.capacity() * size_of::<Entry>()
    }
}

/// The bit of an engram in its word.
fn bit(entry: Entry) -> u64 {
    1 << (entry.index() % 64)
}
