//! Counters per engram, reused, and cleared in proportion to their use.

use crate::id::Entry;

/// Counts per engram, with a list of the engrams counted.
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
        make_room(&mut self.counts, len);
    }

    pub(crate) fn add(&mut self, entry: Entry, count: u32) {
        let held = &mut self.counts[entry.index()];
        if *held == 0 {
            self.counted.push(entry);
        }
        *held = held.saturating_add(count);
    }

    pub(crate) fn get(&self, entry: Entry) -> u32 {
        self.counts[entry.index()]
    }

    /// Returns the count of an engram and sets it to zero. The engram must not be counted again before the next
    /// clearing.
    pub(crate) fn take(&mut self, entry: Entry) -> u32 {
        core::mem::take(&mut self.counts[entry.index()])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Entry, u32)> {
        self.counted.iter().map(|&entry| (entry, self.counts[entry.index()]))
    }

    pub(crate) fn is_clear(&self) -> bool {
        let counted = self.counted.iter().filter(|&&entry| self.get(entry) > 0).count();
        self.counts.iter().filter(|&&count| count > 0).count() == counted
    }

    pub(crate) fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u32>() + self.counted.capacity() * size_of::<Entry>()
    }
}

/// Counts per engram that are cleared in constant time, without a list of the counted engrams: a value below the base
/// of the present counting means zero.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    held: Vec<u32>,
    base: u32,
    /// The largest possible count.
    most: u32,
}

impl Tally {
    /// Begins to count up to `most` in a table of `len` entries.
    pub(crate) fn begin(&mut self, len: usize, most: u32) {
        make_room(&mut self.held, len);
        // No value is above the base of the last counting plus its largest possible count.
        self.base += self.most;
        if self.base.checked_add(most).is_none() {
            self.held.fill(0);
            self.base = 0;
        }
        self.most = most;
    }

    /// Counts an engram once more; returns its count.
    pub(crate) fn add(&mut self, entry: Entry) -> u32 {
        let held = &mut self.held[entry.index()];
        *held = (*held).max(self.base) + 1;
        *held - self.base
    }

    pub(crate) fn bytes(&self) -> usize {
        self.held.capacity() * size_of::<u32>()
    }
}

/// Makes room for a table of `len` entries.
fn make_room(counts: &mut Vec<u32>, len: usize) {
    if counts.len() < len {
        // With some room ahead, so that growing engram by engram does not move it each time.
        let room = len.max(counts.len() + counts.len() / 16);
        counts.reserve_exact(room - counts.len());
        counts.resize(room, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_starts_anew_each_time_and_when_its_numbers_run_out() {
        let mut tally = Tally::default();
        for most in [3, 3, u32::MAX - 7, 3, 3] {
            tally.begin(2, most);
            assert_eq!([1, 1, 0, 1].map(|i| tally.add(Entry(i))), [1, 2, 1, 3]);
        }
    }
}
