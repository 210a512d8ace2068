//! The control plane of one row: which engrams live, of which kind, until when. No tensors.

mod cells;
mod history;
mod snapshot;
mod verify;

use std::collections::VecDeque;

use crate::{
    Engram, EngramCounts, EngramId,
    bookkeeping::{
        calendar::Calendar,
        chunked_vec::ChunkedVec,
        counters::Counts,
        lifespan::Lifespan,
        marks::Marks,
        records::{Day, Place, Record, Records},
    },
    graph::{Connection, FiringLog},
    history::Recorder,
    id::{Entry, Member, Slot},
    store::{CellLimits, LongTermIndex},
};

/// One independent sequence: its engrams, their order, their deaths and their connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    records: Records,
    working: Vec<Member>,
    short_term: VecDeque<Member>,
    long_term: ChunkedVec<Entry>,
    /// Lets a search skip most of their vectors.
    long_term_index: LongTermIndex,
    cell_limits: CellLimits,
    calendar: Calendar,
    log: FiringLog,
    /// Engrams that have just become long-term, and engrams that have just died.
    passing: (Vec<Member>, Vec<Member>),
    next_id: u64,
    /// How many steps the row has lived through.
    pub(crate) steps: u64,
    pub(crate) reminds: u64,
    pub(crate) recorder: Option<Box<Recorder>>,
}

impl Row {
    /// Adds working engrams; their vectors lie in `slots`.
    pub(crate) fn admit(&mut self, slots: &[Slot], initial_lifespan: f32) {
        if let Some(recorder) = &mut self.recorder {
            recorder.born(self.next_id, slots.len(), initial_lifespan);
        }
        let lifespan = Lifespan::new(initial_lifespan, self.steps);
        let death = lifespan.death(self.steps);
        for &slot in slots {
            let id = EngramId(self.next_id);
            self.next_id += 1;
            let entry = self.records.add(Record {
                id,
                born: self.steps,
                lifespan,
                appointment: death.map(Day::of),
                slot,
                fire_count: 0,
                place: Place::WORKING,
            });
            self.working.push(Member { id, entry });
            if let Some(death) = death {
                self.calendar.schedule(death, entry);
            }
        }
        self.log.grow(self.records.len());
    }

    /// Identities that were never assigned. The largest number is not one of them: it stands for a future engram.
    pub(crate) fn ids_left(&self) -> u64 {
        u64::MAX - self.next_id
    }

    /// Uses up identities for engrams that were removed before they were read.
    pub(crate) fn skip_ids(&mut self, count: usize) {
        self.next_id += count as u64;
    }

    /// Fires engrams, in order of id: `ltms` long-term and `stms` short-term ones that the row is reminded of, then its
    /// working ones.
    pub(crate) fn fire(&mut self, members: &[Member], ltms: usize, stms: usize) {
        if !self.working.is_empty() {
            self.reminds += 1;
            if let Some(recorder) = &mut self.recorder {
                recorder.fired(&members[..ltms], &members[ltms..ltms + stms]);
            }
        }
        for member in members {
            let record = self.records.get_mut(member.entry);
            record.fire_count = record.fire_count.saturating_add(1);
        }
    }

    /// Connects engrams with each other, in order of id; the first `ltms` are long-term.
    pub(crate) fn wire(&mut self, members: &[Member], ltms: usize) {
        self.log.fire(members, ltms, &self.records);
    }

    /// Applies gains, ends a step, promotes engrams and forgets those with no lifespan left.
    ///
    /// Appends the slots of the dead to `left`. The cost depends on the gains and on the engrams that change kind or
    /// die; it does not iterate over the living.
    pub(crate) fn adjust(
        &mut self,
        gains: impl IntoIterator<Item = (Entry, f32)>,
        stm_capacity: usize,
        left: &mut Vec<Slot>,
    ) {
        for (entry, gain) in gains {
            let record = self.records.get_mut(entry);
            record.lifespan.extend(gain, self.steps);
            if let Some(recorder) = &mut self.recorder {
                recorder.gained(record.id, gain);
            }
            self.keep_appointment(entry);
        }
        self.steps += 1;
        for member in self.working.drain(..) {
            self.records.get_mut(member.entry).place = Place::SHORT_TERM;
            self.short_term.push_back(member);
        }
        let leaving = self.short_term.len().saturating_sub(stm_capacity);
        let (mut promoted, mut dead) = core::mem::take(&mut self.passing);
        promoted.clear();
        promoted.extend(self.short_term.drain(..leaving));
        for &Member { id, entry } in &promoted {
            self.records.get_mut(entry).place = Place::long_term(self.long_term.len());
            self.long_term_index.pushed(self.long_term.len());
            self.long_term.push(entry);
            if let Some(recorder) = &mut self.recorder {
                recorder.promoted(id);
            }
        }
        self.due(&mut dead);
        if let Some(recorder) = &mut self.recorder {
            recorder.adjusted(&dead);
        }
        self.forget(&dead);
        left.extend(dead.iter().map(|member| self.slot(member.entry)));
        // Many die in the step in which they become long-term: the log does not need those.
        promoted.retain(|&member| self.records.lives(member));
        self.log.promote(&promoted, &self.records);
        self.passing = (promoted, dead);
    }

    /// Forgets all engrams; identities go on from where they were. Returns the freed slots.
    pub(crate) fn clear(&mut self) -> Vec<Slot> {
        let slots = self.living().map(|member| self.slot(member.entry)).collect();
        self.record_reset();
        *self = Self {
            next_id: self.next_id,
            steps: self.steps,
            reminds: self.reminds,
            cell_limits: self.cell_limits,
            recorder: self.recorder.take(),
            ..Self::default()
        };
        slots
    }

    /// Engrams made in the present step, oldest first.
    pub(crate) fn working(&self) -> &[Member] {
        &self.working
    }

    /// Short-term engrams, oldest first.
    pub(crate) fn short_term(&self) -> impl ExactSizeIterator<Item = Member> {
        self.short_term.iter().copied()
    }

    /// The engrams that will be short-term after [`adjust`](Self::adjust); some of them may die in it.
    pub(crate) fn next_short_term(&self, stm_capacity: usize) -> impl Iterator<Item = Member> {
        let leaving = (self.short_term.len() + self.working.len()).saturating_sub(stm_capacity);
        self.short_term.iter().chain(&self.working).copied().skip(leaving)
    }

    pub(crate) fn long_term_len(&self) -> usize {
        self.long_term.len()
    }

    /// All long-term engrams, by position.
    pub(crate) fn long_term(&self) -> impl ExactSizeIterator<Item = Member> {
        (0..self.long_term.len()).map(|position| self.long_term_at(position))
    }

    /// The long-term engram at a position. Positions depend only on what happened in this row.
    pub(crate) fn long_term_at(&self, position: usize) -> Member {
        self.records.member(self.long_term[position])
    }

    /// All living engrams, in no particular order.
    pub(crate) fn living(&self) -> impl Iterator<Item = Member> {
        self.records.living()
    }

    pub(crate) fn lives(&self, member: Member) -> bool {
        self.records.lives(member)
    }

    pub(crate) fn counts(&self) -> EngramCounts {
        EngramCounts {
            working: self.working.len(),
            short_term: self.short_term.len(),
            long_term: self.long_term.len(),
        }
    }

    /// See [`FiringLog::strongest_connections`].
    pub(crate) fn strongest_connections(
        &mut self,
        from: &[Member],
        visited: &Marks,
        found: impl FnMut(Connection),
    ) {
        let youngest = self.long_term_below();
        self.log.strongest_connections(from, youngest, visited, &self.records, found);
    }

    /// The first id that is not long-term.
    fn long_term_below(&self) -> EngramId {
        let first = self.short_term.front().or(self.working.first());
        first.map_or(EngramId(self.next_id), |member| member.id)
    }

    pub(crate) fn cofire_count(&self, a: Member, b: Member) -> u32 {
        self.log.pair(a, b)
    }

    /// How often every other engram fired together with an engram.
    pub(crate) fn cofire_counts(&self, of: Member) -> Vec<(Member, u32)> {
        let mut counts = Counts::default();
        self.log.count(of.entry, &self.records, &mut counts);
        counts.iter().map(|(entry, count)| (self.records.member(entry), count)).collect()
    }

    #[inline]
    pub(crate) fn slot(&self, entry: Entry) -> Slot {
        self.records.get(entry).slot
    }

    pub(crate) fn fire_count(&self, entry: Entry) -> u32 {
        self.records.get(entry).fire_count
    }

    pub(crate) fn engram(&self, entry: Entry) -> Engram {
        self.records.engram(entry, self.steps)
    }

    #[cfg(test)]
    pub(crate) fn set_limits(&mut self, graph: crate::graph::GraphLimits, cells: CellLimits) {
        self.log.limits = graph;
        self.cell_limits = cells;
    }

    pub(crate) fn bytes(&self) -> usize {
        let members = self.working.capacity() + self.short_term.capacity();
        (members + self.passing.0.capacity() + self.passing.1.capacity()) * size_of::<Member>()
            + self.records.bytes()
            + self.long_term.bytes()
            + self.long_term_index.bytes()
            + self.calendar.bytes()
            + self.log.bytes()
            + self.recorder.as_ref().map_or(0, |recorder| recorder.bytes())
    }

    /// Ensures an appointment with the engram in the step it dies in, or earlier.
    fn keep_appointment(&mut self, entry: Entry) {
        let record = self.records.get_mut(entry);
        let Some(death) = record.lifespan.death(self.steps) else { return };
        if record.appointment.is_none_or(|day| death - self.steps < day.after(self.steps)) {
            record.appointment = Some(Day::of(death));
            self.calendar.schedule(death, entry);
        }
    }

    /// Takes due appointments out of the calendar. Replaces `dead` by the engrams with no lifespan left, in order of
    /// id.
    fn due(&mut self, dead: &mut Vec<Member>) {
        dead.clear();
        while let Some((step, entries)) = self.calendar.next_due(self.steps) {
            for &entry in &entries {
                let record = self.records.get_mut(entry);
                if record.place == Place::VACANT || record.appointment != Some(Day::of(step)) {
                    continue;
                }
                record.appointment = None;
                match record.lifespan.death(self.steps) {
                    Some(death) if death <= self.steps => dead.push(self.records.member(entry)),
                    _ => self.keep_appointment(entry),
                }
            }
            self.calendar.has_done(entries);
        }
        // The order of the dead determines the order of the remaining long-term engrams.
        dead.sort_unstable();
    }

    fn forget(&mut self, dead: &[Member]) {
        if dead.is_empty() {
            return;
        }
        self.log.forget(dead);
        let mut short_term_died = false;
        for member in dead {
            let place = self.records.vacate(member.entry);
            match place.position() {
                Some(position) => {
                    self.long_term.swap_remove(position);
                    self.long_term_index.swap_removed(position, self.long_term.len());
                    if let Some(&moved) = self.long_term.get(position) {
                        self.records.get_mut(moved).place = place;
                    }
                }
                None => short_term_died = true,
            }
        }
        if short_term_died {
            let records = &self.records;
            self.short_term.retain(|&member| records.lives(member));
        }
    }
}
