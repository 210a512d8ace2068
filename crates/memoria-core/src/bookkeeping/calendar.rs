//! Which engrams may die in which step, so that no step iterates over all of them.

use std::collections::{BTreeMap, VecDeque};

use crate::id::Entry;

/// Days up to this distance are found by index, later days by a search.
const NEAR: u64 = 32;
/// The list of a near day is reused if its capacity is at most this many appointments.
const MOST_SPARE: usize = 256;

/// Appointments with engrams at future steps.
///
/// A reminded engram's appointment is not moved: when it is due and the engram has lifespan left, a new one is made. So
/// there is about one appointment per engram, however often it is reminded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calendar {
    /// The first day of `near`; all days before it are over.
    today: u64,
    /// By days from today.
    near: VecDeque<Vec<Entry>>,
    /// Appointments for days that were not near when they were made.
    far: BTreeMap<u64, Vec<Entry>>,
    /// Empty lists for future near days.
    spare: Vec<Vec<Entry>>,
}

impl Calendar {
    pub(crate) fn schedule(&mut self, step: u64, entry: Entry) {
        match step.checked_sub(self.today) {
            Some(days) if days < NEAR => {
                let days = days as usize;
                if self.near.len() <= days {
                    self.near.resize_with(days + 1, || self.spare.pop().unwrap_or_default());
                }
                self.near[days].push(entry);
            }
            _ => self.far.entry(step).or_default().push(entry),
        }
    }

    /// Removes and returns appointments that are due at `now`, with the step they were made for; `None` if
    /// there are no more. There may be several lists for a step.
    pub(crate) fn next_due(&mut self, now: u64) -> Option<(u64, Vec<Entry>)> {
        if let Some(first) = self.far.first_entry()
            && *first.key() <= now
        {
            return Some(first.remove_entry());
        }
        let tomorrow = now.saturating_add(1);
        while self.today < tomorrow {
            if now - self.today >= NEAR && self.near.iter().all(Vec::is_empty) {
                self.today = tomorrow;
                return None;
            }
            let today = self.today;
            self.today += 1;
            match self.near.pop_front() {
                Some(entries) if !entries.is_empty() => return Some((today, entries)),
                Some(entries) => self.has_done(entries),
                None => {}
            }
        }
        None
    }

    /// Reuses a list that [`next_due`](Self::next_due) returned.
    pub(crate) fn has_done(&mut self, mut entries: Vec<Entry>) {
        if self.spare.len() < NEAR as usize && (1..=MOST_SPARE).contains(&entries.capacity()) {
            entries.clear();
            self.spare.push(entries);
        }
    }

    /// All appointments with the step they were made for, in no particular order.
    pub(crate) fn appointments(&self) -> impl Iterator<Item = (u64, Entry)> {
        let near = (self.today..).zip(&self.near);
        let far = self.far.iter().map(|(&step, entries)| (step, entries));
        near.chain(far).flat_map(|(step, entries)| entries.iter().map(move |&entry| (step, entry)))
    }

    pub(crate) fn bytes(&self) -> usize {
        let days = self.near.iter().chain(self.far.values()).chain(&self.spare);
        days.map(Vec::capacity).sum::<usize>() * size_of::<Entry>()
            + (self.near.capacity() + self.spare.capacity()) * size_of::<Vec<Entry>>()
            + self.far.len() * size_of::<(u64, Vec<Entry>)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_due_comes_once() {
        let mut calendar = Calendar::default();
        calendar.schedule(3, Entry(1));
        calendar.schedule(2, Entry(0));
        calendar.schedule(3, Entry(2));
        assert_eq!(calendar.next_due(1), None);
        assert_eq!(calendar.next_due(3), Some((2, vec![Entry(0)])));
        assert_eq!(calendar.next_due(3), Some((3, vec![Entry(1), Entry(2)])));
        assert_eq!(calendar.next_due(u64::MAX), None);
    }

    proptest! {
        /// For any appointments, and any number of steps at once.
        #[test]
        fn equals_a_list(
            start in prop_oneof![Just(0u64), Just(1 << 40)],
            rounds in proptest::collection::vec(
                (proptest::collection::vec(prop_oneof![3 => 1u64..10, 1 => 1u64..80], 0..6), 1u64..5),
                1..60,
            ),
        ) {
            let (mut calendar, mut list) = (Calendar::default(), Vec::new());
            let (mut now, mut number) = (start, 0);
            for (days, passing) in rounds {
                for day in days {
                    calendar.schedule(now + day, Entry(number));
                    list.push((now + day, Entry(number)));
                    number += 1;
                }
                now += passing;
                let mut due = Vec::new();
                while let Some((step, entries)) = calendar.next_due(now) {
                    due.extend(entries.iter().map(|&entry| (step, entry)));
                    calendar.has_done(entries);
                }
                let mut expected: Vec<_> = list.extract_if(.., |(step, _)| *step <= now).collect();
                expected.sort_unstable();
                due.sort_unstable();
                prop_assert_eq!(due, expected);
                let mut left: Vec<_> = calendar.appointments().collect();
                left.sort_unstable_by_key(|&(_, entry)| entry);
                prop_assert_eq!(&left, &list);
                prop_assert!(calendar.bytes() < 20_000);
            }
        }
    }
}
