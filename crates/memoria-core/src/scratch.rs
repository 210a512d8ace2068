//! Reusable counters and marks over a row's table, cleared in the time they were used for.

use crate::id::Entry;

/// Counts per engram, with the engrams counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    counts: Vec<u32>,
    counted: Vec<Entry>,
}

impl Counts {
    /// Empties it and makes room for a table of `len` entries.
    pub(crate) fn clear(&mut self, len: usize) {
        for entry in self.counted.drain(..) {
            self.counts[entry.index()] = 0;
        }
        if self.counts.len() < len {
            self.counts.resize(len, 0);
        }
    }

    pub(crate) fn add(&mut self, entry: Entry, count: u32) {
        let held = &mut self.counts[entry.index()];
        if *held == 0 {
            self.counted.push(entry);
        }
        *held = held.saturating_add(count);
    }

    pub(crate) fn len(&self) -> usize {
        self.counted.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Entry, u32)> {
        self.counted.iter().map(|&entry| (entry, self.counts[entry.index()]))
    }
}

/// A set of engrams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    marked: Vec<bool>,
    entries: Vec<Entry>,
}

impl Marks {
    /// Empties it and makes room for a table of `len` entries.
    pub(crate) fn clear(&mut self, len: usize) {
        for entry in self.entries.drain(..) {
            self.marked[entry.index()] = false;
        }
        if self.marked.len() < len {
            self.marked.resize(len, false);
        }
    }

    /// Marks an engram; whether it was not marked before.
    pub(crate) fn insert(&mut self, entry: Entry) -> bool {
        let mark = &mut self.marked[entry.index()];
        if !*mark {
            *mark = true;
            self.entries.push(entry);
            return true;
        }
        false
    }

    pub(crate) fn contains(&self, entry: Entry) -> bool {
        self.marked[entry.index()]
    }

    /// The marked engrams in the order they were marked.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
