use std::sync::Arc;

use crate::{
    Engram, EngramId, MemoriaError,
    history::{
        EngramHistory, Firing, HistoryEvent, Life, Moment, StepSummary, events, inspect, lives,
        replay::Replay, summary, walk::Walk,
    },
};

/// Bytes after which a piece of the record ends with the step.
pub(super) const PIECE: usize = if cfg!(test) { 256 } else { 1 << 16 };

/// What happened in one row, from the moment its recording began.
///
/// A record of what changed, a few bytes per engram and change, which every look reads anew: from the
/// beginning where nothing else is said. Steps are numbered by [`adjust`](crate::Memoria::adjust)
/// calls, from 0: what happens before the first one and in it happens in step 0.
#[derive(Clone, Debug)]
pub struct RowHistory {
    pub(super) beginning: Arc<Beginning>,
    pub(super) pieces: Vec<Arc<Piece>>,
    /// Where the record stands.
    pub(super) end: Cursor,
}

/// How things were when the recording began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beginning {
    pub(crate) at: Cursor,
    /// In order of id.
    pub(crate) engrams: Vec<Engram>,
    /// Living engrams that had fired together, a list per firing, in order of id.
    pub(crate) firings: Vec<Vec<EngramId>>,
    /// Further counts of having fired together, each pair once, the smaller id first.
    pub(crate) ties: Vec<(EngramId, EngramId, u32)>,
}

/// A place between two records, and what has to be known there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) step: u64,
    /// Ids from here on are not given away yet.
    pub(crate) next_id: u64,
    /// Engrams with ids below this are long-term: who was made earlier becomes so earlier.
    pub(crate) long_term_below: u64,
}

/// Some of the record, from the beginning of a step to the end of another.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) at: Cursor,
    pub(super) bytes: Vec<u8>,
}

impl Beginning {
    pub(super) fn bytes(&self) -> usize {
        let firings =
            self.firings.iter().map(|members| size_of_val(members) + size_of_val(&members[..]));
        size_of_val(&self.engrams[..]) + firings.sum::<usize>() + size_of_val(&self.ties[..])
    }
}

impl Piece {
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }
}

impl RowHistory {
    /// The steps that were recorded to their end.
    pub fn steps(&self) -> core::ops::Range<u64> {
        self.beginning.at.step..self.end.step
    }

    /// Bytes that the record takes.
    pub fn bytes(&self) -> usize {
        self.beginning.bytes() + self.pieces.iter().map(|piece| piece.bytes()).sum::<usize>()
    }

    /// Everything that happened, in order.
    pub fn events(&self) -> impl Iterator<Item = HistoryEvent> {
        events::began(self).into_iter().chain(events::Events::new(Walk::new(self)))
    }

    /// What happened in one step, in order. Reads no more than some 64 KiB before it.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchStep`]; the step that has not ended yet is allowed.
    pub fn events_of(&self, step: u64) -> Result<Vec<HistoryEvent>, MemoriaError> {
        self.check_step(step, self.end.step)?;
        let events = events::Events::new(Walk::from_step(self, step));
        let from = events.skip_while(|event| event.step() < step);
        Ok(from.take_while(|event| event.step() == step).collect())
    }

    /// Who fired in a step, each with what it gained by it; an engram that fired in several reminds
    /// of the step is there several times. Reads no more than some 64 KiB before it.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchStep`]; the step that has not ended yet is allowed.
    pub fn firings_of(&self, step: u64) -> Result<Vec<Firing>, MemoriaError> {
        self.check_step(step, self.end.step)?;
        Ok(events::firings_of(self, step))
    }

    /// From when to when every engram lived, in order of id: those that lived when the recording
    /// began, and all that were made since.
    pub fn lives(&self) -> Vec<Life> {
        lives::lives(self)
    }

    /// The life of one engram: when it fired, with whom, what it gained, what became of it. Reads the
    /// record from its birth to its death.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NotInHistory`].
    pub fn inspect(&self, id: EngramId) -> Result<EngramHistory, MemoriaError> {
        inspect::inspect(self, id).ok_or(MemoriaError::NotInHistory { engram: id })
    }

    /// What the steps came to, one after the other.
    pub fn summaries(&self) -> impl Iterator<Item = StepSummary> {
        summary::Summaries::new(self)
    }

    /// The row as it was at the end of a step. Reads the record up to there.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchStep`].
    pub fn at(&self, step: u64) -> Result<Moment<'_>, MemoriaError> {
        let steps = self.steps();
        if steps.is_empty() {
            let (first, last) = (steps.start, None);
            return Err(MemoriaError::NoSuchStep { got: step, first, last });
        }
        self.check_step(step, steps.end - 1)?;
        Ok(Moment::new(self, Replay::until(self, step + 1), step + 1))
    }

    /// The row as it is at the end of the record, in the midst of a step perhaps.
    pub fn now(&self) -> Moment<'_> {
        Moment::new(self, Replay::until(self, u64::MAX), u64::MAX)
    }

    fn check_step(&self, got: u64, last: u64) -> Result<(), MemoriaError> {
        let first = self.beginning.at.step;
        if (first..=last).contains(&got) {
            return Ok(());
        }
        Err(MemoriaError::NoSuchStep { got, first, last: Some(last) })
    }

    /// Calls `each` with the members of every firing before step `until`, in order of id, from the
    /// piece in which `since` was made on; then with pairs that fired together a number of times.
    pub(super) fn fired_together(
        &self,
        since: EngramId,
        until: u64,
        mut each: impl FnMut(&[EngramId], u32),
    ) {
        if since.0 < self.beginning.at.next_id {
            self.beginning.firings.iter().for_each(|members| each(members, 1));
            self.beginning.ties.iter().for_each(|&(a, b, count)| each(&[a, b], count));
        }
        let mut walk = Walk::from_birth(self, since);
        let mut members = Vec::new();
        while let Some(record) = walk.next_sound() {
            if walk.step() >= until {
                break;
            }
            if walk.members_of(&record, &mut members) {
                each(&members, 1);
            }
        }
    }
}
