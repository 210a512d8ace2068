use std::sync::Arc;

use crate::{
    Engram, EngramId, MemoriaError,
    history::{HistoryEvent, Moment, event::Event, walk::Walk},
};

/// A piece of a record ends with the step after this many bytes.
pub(crate) const PIECE_BYTES: usize = 1 << 16;

/// What happened in one row, from the moment its recording began.
///
/// A record of changes. Every query reads it again, from the beginning where nothing else is said.
/// [Steps](crate::history#steps) are numbered from 0.
#[derive(Clone, Debug)]
pub struct RowHistory {
    pub(super) beginning: Arc<Beginning>,
    pub(super) pieces: Vec<Arc<Piece>>,
    /// The end of the record.
    pub(super) end: Cursor,
    /// Whether it contains searches.
    pub(super) has_traces: bool,
}

/// The state when the recording began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beginning {
    pub(crate) at: Cursor,
    /// In order of id.
    pub(crate) engrams: Vec<Engram>,
    /// Living engrams that had fired together: a list per firing, in order of id.
    pub(crate) firings: Vec<Vec<EngramId>>,
    /// Further co-firing counts: each pair once, the smaller id first.
    pub(crate) ties: Vec<(EngramId, EngramId, u32)>,
}

/// A position between two records, and the state that is needed there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) step: u64,
    /// The first id that is not assigned yet.
    pub(crate) next_id: u64,
    /// Engrams with ids below this are long-term: they become so in the order in which they were made.
    pub(crate) long_term_below: u64,
}

/// A part of the record, from the beginning of a step to the end of another.
#[derive(Clone, Debug, Default)]
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

    /// Calls `each` with engrams that had fired together, in order of id, and how often they had.
    pub(super) fn fired_together(&self, mut each: impl FnMut(&[EngramId], u32)) {
        self.firings.iter().for_each(|members| each(members, 1));
        self.ties.iter().for_each(|&(a, b, count)| each(&[a, b], count));
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
        let Beginning { at, engrams, .. } = &*self.beginning;
        let began = HistoryEvent::Began { step: at.step, engrams: engrams.clone() };
        core::iter::once(began).chain(events(Walk::new(self)))
    }

    /// What happened in one step, in order. Reads at most some 64 KiB before it.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchStep`]; the step that has not ended yet is allowed.
    pub fn events_of(&self, step: u64) -> Result<Vec<HistoryEvent>, MemoriaError> {
        self.check_step(step, Some(self.end.step))?;
        Ok(events(Walk::from_step(self, step)).take_while(|event| event.step() == step).collect())
    }

    /// The row at the end of a step. Reads the record up to there.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchStep`].
    pub fn at(&self, step: u64) -> Result<Moment<'_>, MemoriaError> {
        self.check_step(step, self.steps().last())?;
        Ok(Moment::new(self, step + 1))
    }

    /// The row at the end of the record, possibly within a step.
    pub fn now(&self) -> Moment<'_> {
        Moment::new(self, u64::MAX)
    }

    /// Refuses steps before the beginning and after the `last`.
    pub(super) fn check_step(&self, got: u64, last: Option<u64>) -> Result<(), MemoriaError> {
        let first = self.beginning.at.step;
        let is_there = last.is_some_and(|last| (first..=last).contains(&got));
        if is_there { Ok(()) } else { Err(MemoriaError::NoSuchStep { got, first, last }) }
    }

    /// Calls `each` with engrams that fired together, in order of id, and how often: those of the beginning, if `since`
    /// may be older, then the members of every firing before step `until`, from the piece in which `since` was made on.
    pub(super) fn fired_together(
        &self,
        since: EngramId,
        until: u64,
        mut each: impl FnMut(&[EngramId], u32),
    ) {
        if since.0 < self.beginning.at.next_id {
            self.beginning.fired_together(&mut each);
        }
        let mut walk = Walk::from_birth(self, since);
        while let Some((step, event)) = walk.next_sound()
            && step < until
        {
            if let Event::Fired(fired) = event {
                each(fired.members, 1);
            }
        }
    }
}

/// The events of a walk.
fn events(mut walk: Walk<'_>) -> impl Iterator<Item = HistoryEvent> {
    core::iter::from_fn(move || {
        walk.next_sound().map(|(step, event)| HistoryEvent::new(step, event))
    })
}
