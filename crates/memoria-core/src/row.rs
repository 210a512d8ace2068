//! The control plane of one row: whose engrams live, of which kind, until when. No tensors.

use std::collections::VecDeque;

use crate::{
    Engram, EngramCounts, EngramId, EngramKind,
    calendar::Calendar,
    firing_log::FiringLog,
    id::{Entry, Slot},
    lifespan::Lifespan,
    scratch::Counts,
};

/// No appointment in the calendar.
const NEVER: u64 = u64::MAX;

#[derive(Clone, Debug)]
struct Record {
    id: EngramId,
    born: u64,
    appointment: u64,
    lifespan: Lifespan,
    slot: Slot,
    fire_count: u32,
    place: Place,
}

/// Which memory an engram lives in, and where there if that must be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Vacant,
    Working,
    ShortTerm,
    /// With its position in the list of long-term engrams.
    LongTerm(u32),
}

/// One independent sequence: its engrams, their order, their deaths and their connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    table: Vec<Record>,
    vacant: Vec<Entry>,
    working: Vec<Entry>,
    short_term: VecDeque<Entry>,
    long_term: Vec<Entry>,
    calendar: Calendar,
    log: FiringLog,
    next_id: u64,
    steps: u64,
    reminds: u64,
}

impl Row {
    /// Adds working engrams whose vectors lie in `slots`.
    pub(crate) fn admit(&mut self, slots: &[Slot], initial_lifespan: f32) {
        for &slot in slots {
            let lifespan = Lifespan::new(initial_lifespan, self.steps);
            let record = Record {
                id: EngramId(self.next_id),
                born: self.steps,
                appointment: NEVER,
                lifespan,
                slot,
                fire_count: 0,
                place: Place::Working,
            };
            self.next_id += 1;
            let entry = match self.vacant.pop() {
                Some(entry) => {
                    self.table[entry.index()] = record;
                    entry
                }
                None => {
                    self.table.push(record);
                    Entry((self.table.len() - 1) as u32)
                }
            };
            self.working.push(entry);
            self.keep_appointment(entry);
        }
        self.log.grow(self.table.len());
    }

    /// Uses up identities for engrams that were gone before they were looked at.
    pub(crate) fn skip_ids(&mut self, count: usize) {
        self.next_id += count as u64;
    }

    /// Fires `members`, all different, together.
    pub(crate) fn fire(&mut self, members: &[Entry], counts: &mut Counts) {
        for &entry in members {
            let record = &mut self.table[entry.index()];
            record.fire_count = record.fire_count.saturating_add(1);
        }
        self.log.fire(members, counts);
    }

    /// Applies gains, lets a step pass, moves engrams on and forgets those with no time left.
    ///
    /// Returns the slots that the dead leave. Costs what was gained and what changes kind or dies; it
    /// does not walk over the living.
    pub(crate) fn adjust(
        &mut self,
        gains: impl IntoIterator<Item = (Entry, f32)>,
        stm_capacity: usize,
    ) -> Vec<Slot> {
        for (entry, gain) in gains {
            self.table[entry.index()].lifespan.extend(gain, self.steps);
            self.keep_appointment(entry);
        }
        self.steps += 1;
        for entry in core::mem::take(&mut self.working) {
            self.table[entry.index()].place = Place::ShortTerm;
            self.short_term.push_back(entry);
        }
        while self.short_term.len() > stm_capacity {
            let Some(entry) = self.short_term.pop_front() else { break };
            self.table[entry.index()].place = Place::LongTerm(self.long_term.len() as u32);
            self.long_term.push(entry);
            self.log.promote(entry);
        }
        let dead = self.due();
        self.forget(&dead)
    }

    /// Forgets everybody; identities go on from where they were. Returns the slots left.
    pub(crate) fn clear(&mut self) -> Vec<Slot> {
        let slots = self.living().map(|entry| self.slot(entry)).collect();
        *self = Self {
            next_id: self.next_id,
            steps: self.steps,
            reminds: self.reminds,
            ..Self::default()
        };
        slots
    }

    pub(crate) fn count_remind(&mut self) {
        self.reminds += 1;
    }

    /// How often the row was reminded.
    pub(crate) fn reminds(&self) -> u64 {
        self.reminds
    }

    /// Engrams made in the present step, oldest first.
    pub(crate) fn working(&self) -> &[Entry] {
        &self.working
    }

    /// Short-term engrams, oldest first.
    pub(crate) fn short_term(&self) -> impl ExactSizeIterator<Item = Entry> {
        self.short_term.iter().copied()
    }

    /// Who will be short-term after [`adjust`](Self::adjust), some of whom may die in it.
    pub(crate) fn next_short_term(&self, stm_capacity: usize) -> impl Iterator<Item = Entry> {
        let leaving = (self.short_term.len() + self.working.len()).saturating_sub(stm_capacity);
        self.short_term.iter().chain(&self.working).copied().skip(leaving)
    }

    /// Long-term engrams, in an order that depends on nothing but what happened in this row.
    pub(crate) fn long_term(&self) -> &[Entry] {
        &self.long_term
    }

    /// All living engrams, in no particular order.
    pub(crate) fn living(&self) -> impl Iterator<Item = Entry> {
        let entries = (0..self.table.len() as u32).map(Entry);
        entries.filter(|entry| self.table[entry.index()].place != Place::Vacant)
    }

    pub(crate) fn counts(&self) -> EngramCounts {
        EngramCounts {
            working: self.working.len(),
            short_term: self.short_term.len(),
            long_term: self.long_term.len(),
        }
    }

    pub(crate) fn table_len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn firing_log(&self) -> &FiringLog {
        &self.log
    }

    pub(crate) fn id(&self, entry: Entry) -> EngramId {
        self.table[entry.index()].id
    }

    pub(crate) fn slot(&self, entry: Entry) -> Slot {
        self.table[entry.index()].slot
    }

    pub(crate) fn fire_count(&self, entry: Entry) -> u32 {
        self.table[entry.index()].fire_count
    }

    /// The entry of a living engram that was at `entry`, if it is still that one.
    pub(crate) fn is_living(&self, entry: Entry, id: EngramId) -> bool {
        self.table.get(entry.index()).is_some_and(|r| r.place != Place::Vacant && r.id == id)
    }

    pub(crate) fn engram(&self, entry: Entry) -> Engram {
        let record = &self.table[entry.index()];
        Engram {
            id: record.id,
            kind: match record.place {
                Place::Vacant | Place::Working => EngramKind::Working,
                Place::ShortTerm => EngramKind::ShortTerm,
                Place::LongTerm(_) => EngramKind::LongTerm,
            },
            lifespan: record.lifespan.at(self.steps),
            age: self.steps - record.born,
            fire_count: record.fire_count,
        }
    }

    /// Makes sure that the engram is looked at in the step it dies in, or earlier.
    fn keep_appointment(&mut self, entry: Entry) {
        let record = &mut self.table[entry.index()];
        if let Some(death) = record.lifespan.death()
            && death < record.appointment
        {
            record.appointment = death;
            self.calendar.schedule(death, entry);
        }
    }

    /// Takes everybody out of the calendar whose appointment is due, and returns those whose time is up,
    /// in order of id.
    fn due(&mut self) -> Vec<Entry> {
        let mut dead = Vec::new();
        while let Some((step, entries)) = self.calendar.next_due(self.steps) {
            for entry in entries {
                let record = &mut self.table[entry.index()];
                if record.place == Place::Vacant || record.appointment != step {
                    continue;
                }
                record.appointment = NEVER;
                match record.lifespan.death() {
                    Some(death) if death <= self.steps => dead.push(entry),
                    _ => self.keep_appointment(entry),
                }
            }
        }
        // The order of the dead decides the order of the long-term engrams that stay.
        dead.sort_unstable_by_key(|&entry| self.id(entry));
        dead
    }

    fn forget(&mut self, dead: &[Entry]) -> Vec<Slot> {
        if dead.is_empty() {
            return Vec::new();
        }
        self.log.forget(dead);
        let mut short_term_died = false;
        for &entry in dead {
            match core::mem::replace(&mut self.table[entry.index()].place, Place::Vacant) {
                Place::LongTerm(position) => {
                    self.long_term.swap_remove(position as usize);
                    if let Some(moved) = self.long_term.get(position as usize) {
                        self.table[moved.index()].place = Place::LongTerm(position);
                    }
                }
                Place::ShortTerm => short_term_died = true,
                Place::Working | Place::Vacant => {}
            }
        }
        if short_term_died {
            let table = &self.table;
            self.short_term.retain(|entry| table[entry.index()].place == Place::ShortTerm);
        }
        self.vacant.extend_from_slice(dead);
        dead.iter().map(|&entry| self.slot(entry)).collect()
    }
}
