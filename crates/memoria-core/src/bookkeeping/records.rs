//! One record per engram of a row.

use core::num::NonZeroU32;

use crate::{
    Engram, EngramId, EngramKind,
    bookkeeping::{chunked_vec::ChunkedVec, lifespan::Lifespan},
    id::{Entry, Member, Slot},
    invariant::mark_once,
};

/// An engram, without its vector and its connections.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: EngramId,
    pub(crate) born: u64,
    pub(crate) lifespan: Lifespan,
    /// The day of its next appointment in the calendar.
    pub(crate) appointment: Option<Day>,
    pub(crate) slot: Slot,
    pub(crate) fire_count: u32,
    pub(crate) place: Place,
}

const _: () = assert!(size_of::<Record>() == 40, "millions of these are kept");

/// The low half of a step, never zero. Steps that are not far apart differ, except for one pair of neighbours in 2³².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day(NonZeroU32);

impl Day {
    pub(crate) fn of(step: u64) -> Self {
        Self(NonZeroU32::new(step as u32).unwrap_or(NonZeroU32::MAX))
    }

    /// Steps from `now` until that day.
    pub(crate) fn after(self, now: u64) -> u64 {
        u64::from(self.0.get().wrapping_sub(now as u32))
    }
}

/// Which memory an engram lives in, and its position there if it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// The entry is free.
    pub(crate) const VACANT: Self = Self(u32::MAX);
    pub(crate) const WORKING: Self = Self(u32::MAX - 1);
    pub(crate) const SHORT_TERM: Self = Self(u32::MAX - 2);

    /// In long-term memory, at a position of the row's list.
    pub(crate) fn long_term(position: usize) -> Self {
        Self(position as u32)
    }

    /// The position in the list of long-term engrams.
    pub(crate) fn position(self) -> Option<usize> {
        (self.0 < Self::SHORT_TERM.0).then_some(self.0 as usize)
    }
}

/// The records of a row by entry. An entry is reused when its engram is gone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    table: ChunkedVec<Record>,
    vacant: Vec<Entry>,
}

impl Records {
    /// Number of entries, in use or free.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn add(&mut self, record: Record) -> Entry {
        let Some(entry) = self.vacant.pop() else {
            self.table.push(record);
            return Entry((self.table.len() - 1) as u32);
        };
        self.table[entry.index()] = record;
        entry
    }

    /// Frees an entry; returns the place that its engram had.
    pub(crate) fn vacate(&mut self, entry: Entry) -> Place {
        self.vacant.push(entry);
        core::mem::replace(&mut self.get_mut(entry).place, Place::VACANT)
    }

    #[inline]
    pub(crate) fn get(&self, entry: Entry) -> &Record {
        &self.table[entry.index()]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, entry: Entry) -> &mut Record {
        &mut self.table[entry.index()]
    }

    #[inline]
    pub(crate) fn member(&self, entry: Entry) -> Member {
        Member { id: self.get(entry).id, entry }
    }

    /// Whether this engram still lives.
    #[inline]
    pub(crate) fn lives(&self, member: Member) -> bool {
        let here = |record: &Record| record.id == member.id && record.place != Place::VACANT;
        self.table.get(member.entry.index()).is_some_and(here)
    }

    /// The living engram at an entry, if its id is at most `until`.
    #[inline]
    pub(crate) fn living_at(&self, entry: Entry, until: EngramId) -> Option<Member> {
        let record = self.get(entry);
        let lives = record.id <= until && record.place != Place::VACANT;
        lives.then_some(Member { id: record.id, entry })
    }

    /// All living engrams, in no particular order.
    pub(crate) fn living(&self) -> impl Iterator<Item = Member> {
        let members = (0..self.table.len() as u32).map(|entry| self.member(Entry(entry)));
        members.filter(|member| self.get(member.entry).place != Place::VACANT)
    }

    /// An engram as of step `now`.
    pub(crate) fn engram(&self, entry: Entry, now: u64) -> Engram {
        let record = self.get(entry);
        let kind = match record.place {
            Place::WORKING | Place::VACANT => EngramKind::Working,
            Place::SHORT_TERM => EngramKind::ShortTerm,
            _ => EngramKind::LongTerm,
        };
        Engram {
            id: record.id,
            kind,
            lifespan: record.lifespan.at(now),
            age: now - record.born,
            fire_count: record.fire_count,
        }
    }

    /// Checks that every entry is either in use or free, and listed as free once.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let mut is_free = vec![false; self.table.len()];
        for &entry in &self.vacant {
            if !mark_once(&mut is_free, entry.index()) {
                return Err(format!("{entry:?} is free twice or does not exist"));
            }
        }
        let is_vacant = |entry: usize| self.table[entry].place == Place::VACANT;
        match (0..self.table.len()).find(|&entry| is_vacant(entry) != is_free[entry]) {
            Some(entry) => Err(format!("{:?} is neither in use nor free", Entry(entry as u32))),
            None => Ok(()),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.table.bytes() + self.vacant.capacity() * size_of::<Entry>()
    }
}
