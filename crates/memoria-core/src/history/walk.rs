use core::{ops::Range, slice};
use std::sync::Arc;

use crate::{
    EngramId,
    history::{
        record::{Fault, Ids, Record},
        row_history::{Beginning, Cursor, Piece, RowHistory},
    },
};

/// Goes through a record and keeps what is needed to understand it.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    /// How it is before the record that was read last.
    before: Cursor,
    after: Cursor,
    /// The ids of working engrams, before the record that was read last.
    working: Vec<Range<u64>>,
    /// What becomes of them by it.
    change: Change,
    /// Those reminded in the present step's last firing.
    fired: Option<Ids<'a>>,
    rest: &'a [u8],
    pieces: slice::Iter<'a, Arc<Piece>>,
}

#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Born(Range<u64>),
    /// They are gone or not working any longer.
    End,
}

impl<'a> Walk<'a> {
    /// From the beginning.
    pub(super) fn new(history: &'a RowHistory) -> Self {
        Self::from_piece(history, 0)
    }

    /// From some place that is not after the step.
    pub(super) fn from_step(history: &'a RowHistory, step: u64) -> Self {
        let after = history.pieces.partition_point(|piece| piece.at.step <= step);
        Self::from_piece(history, after.saturating_sub(1))
    }

    /// From some place that is not after the engram was made.
    pub(super) fn from_birth(history: &'a RowHistory, id: EngramId) -> Self {
        let after = history.pieces.partition_point(|piece| piece.at.next_id <= id.0);
        Self::from_piece(history, after.saturating_sub(1))
    }

    /// Through bytes that follow a beginning and that nobody has looked at yet.
    pub(super) fn through(beginning: &Beginning, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, ..Self::at(beginning.at, working(beginning)) }
    }

    fn from_piece(history: &'a RowHistory, index: usize) -> Self {
        let pieces = history.pieces.get(index..).unwrap_or_default().iter();
        // A piece begins with a step, when nobody is working; but for the first one.
        let working = if index == 0 { working(&history.beginning) } else { Vec::new() };
        let at = history.pieces.get(index).map_or(history.beginning.at, |piece| piece.at);
        Self { pieces, ..Self::at(at, working) }
    }

    fn at(at: Cursor, working: Vec<Range<u64>>) -> Self {
        let (change, fired) = (Change::Nothing, None);
        Self { before: at, after: at, working, change, fired, rest: &[], pieces: [].iter() }
    }

    /// The next record; what is wrong with it otherwise.
    pub(super) fn next(&mut self) -> Result<Option<Record<'a>>, Fault> {
        match core::mem::replace(&mut self.change, Change::Nothing) {
            Change::Nothing => {}
            Change::Born(ids) => self.working.push(ids),
            Change::End => self.working.clear(),
        }
        if self.after.step != self.before.step {
            self.fired = None;
        }
        self.before = self.after;
        while self.rest.is_empty() {
            let Some(piece) = self.pieces.next() else { return Ok(None) };
            self.rest = &piece.bytes;
        }
        let record = Record::read(&mut self.rest)?;
        match record {
            Record::Born { first, count, .. } => {
                self.after.next_id = first.0 + count;
                self.change = Change::Born(first.0..first.0 + count);
            }
            Record::Fired { reminded } => self.fired = Some(reminded),
            Record::Adjusted { promoted, .. } => {
                self.after.step = self.before.step.checked_add(1).ok_or("too many steps")?;
                if let Some(last) = promoted.iter().last() {
                    self.after.long_term_below = last.0 + 1;
                }
                self.change = Change::End;
            }
            Record::Reset { .. } => self.change = Change::End,
        }
        Ok(Some(record))
    }

    /// The next record of a history that was recorded here or checked when it was read.
    pub(super) fn next_sound(&mut self) -> Option<Record<'a>> {
        let next = self.next();
        debug_assert!(next.is_ok(), "{next:?}");
        next.ok().flatten()
    }

    /// The step that the record belongs to.
    pub(super) fn step(&self) -> u64 {
        self.before.step
    }

    /// How it was before the record.
    pub(super) fn before(&self) -> Cursor {
        self.before
    }

    /// How it was after the record.
    pub(super) fn after(&self) -> Cursor {
        self.after
    }

    /// The engrams that were working before the record, in order of id.
    pub(super) fn working(&self) -> impl Iterator<Item = EngramId> + use<'_, 'a> {
        self.working.iter().cloned().flatten().map(EngramId)
    }

    pub(super) fn working_len(&self) -> usize {
        self.working.iter().map(|ids| (ids.end - ids.start) as usize).sum()
    }

    pub(super) fn is_working(&self, id: EngramId) -> bool {
        self.working.iter().any(|ids| ids.contains(&id.0))
    }

    /// Whom the gains of [`Gains::OfLastFiring`](super::record::Gains) are for.
    pub(super) fn fired(&self) -> Option<Ids<'a>> {
        self.fired
    }

    /// Whether the record is a firing, and who took part in it, in order of id.
    pub(super) fn members_of(&self, record: &Record<'_>, members: &mut Vec<EngramId>) -> bool {
        let Record::Fired { reminded } = record else { return false };
        members.clear();
        members.extend(reminded.iter());
        members.extend(self.working());
        true
    }

    /// Bytes that were not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

fn working(beginning: &Beginning) -> Vec<Range<u64>> {
    let working =
        beginning.engrams.iter().filter(|engram| engram.kind == crate::EngramKind::Working);
    working.map(|engram| engram.id.0..engram.id.0 + 1).collect()
}
