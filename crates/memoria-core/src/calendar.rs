//! Who may die when, so that no step walks over all engrams.

use std::collections::BTreeMap;

use crate::id::Entry;

/// A day of more appointments leaves no room to another one: most days have few.
const MOST_SPARE: usize = 256;

/// Appointments with engrams at future steps.
///
/// A reminded engram's appointment is not moved: when it comes up and the engram has more to live,
/// a new one is made. So there is about one appointment per engram, however often it is reminded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calendar {
    days: BTreeMap<u64, Vec<Entry>>,
    /// Room for appointments of another day.
    spare: Vec<Entry>,
}

impl Calendar {
    pub(crate) fn schedule(&mut self, step: u64, entry: Entry) {
        let spare = || core::mem::take(&mut self.spare);
        self.days.entry(step).or_insert_with(spare).push(entry);
    }

    /// Takes out the next appointments that are due at `now`, with the step they were made for.
    pub(crate) fn next_due(&mut self, now: u64) -> Option<(u64, Vec<Entry>)> {
        let first = self.days.first_entry()?;
        if *first.key() > now {
            return None;
        }
        Some(first.remove_entry())
    }

    /// Gives back what [`next_due`](Self::next_due) returned, so that another day can have the room.
    pub(crate) fn has_done(&mut self, mut entries: Vec<Entry>) {
        if entries.capacity() > self.spare.capacity() && entries.capacity() <= MOST_SPARE {
            entries.clear();
            self.spare = entries;
        }
    }

    /// All appointments, in order of the step they were made for.
    pub(crate) fn appointments(&self) -> impl Iterator<Item = (u64, Entry)> {
        let days = self.days.iter();
        days.flat_map(|(&step, entries)| entries.iter().map(move |&entry| (step, entry)))
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        let day = |entries: &Vec<Entry>| {
            size_of::<(u64, Vec<Entry>)>() + entries.capacity() * size_of::<Entry>()
        };
        self.days.values().map(day).sum::<usize>() + self.spare.capacity() * size_of::<Entry>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order_and_once() {
        let mut calendar = Calendar::default();
        calendar.schedule(3, Entry(1));
        calendar.schedule(2, Entry(0));
        calendar.schedule(3, Entry(2));
        assert_eq!(calendar.next_due(1), None);
        assert_eq!(calendar.next_due(3), Some((2, vec![Entry(0)])));
        assert_eq!(calendar.next_due(3), Some((3, vec![Entry(1), Entry(2)])));
        assert_eq!(calendar.next_due(u64::MAX), None);
    }
}
