use core::{ops::Range, slice};
use std::sync::Arc;

use crate::{
    EngramId, EngramKind, Reached,
    history::{
        event::{Event, Fired},
        record::{
            ADJUSTED, BORN, FIRED, Fault, GAINS_BY_ID, GAINS_OF_LAST_FIRING, NO_GAINS, RESET,
            SEARCHED, array, born, floats, ids, searched, varint,
        },
        row_history::{Beginning, Cursor, Piece, RowHistory},
    },
};

/// Goes through a record, event by event.
#[derive(Clone, Debug, Default)]
pub(super) struct Walk<'a> {
    /// Its position, without the pending events. After [`Event::Ended`] it is at the beginning of a step.
    pub(super) at: Cursor,
    /// Bytes not read yet.
    pub(super) rest: &'a [u8],
    pieces: slice::Iter<'a, Arc<Piece>>,
    /// The working engrams, in order of id, except those of the last event.
    working: Vec<EngramId>,
    born: Range<u64>,
    /// The members of the step's last firing, the reminded ones first, and the number of these.
    members: Vec<EngramId>,
    reminded: Option<usize>,
    reached: Vec<Reached>,
    /// The remaining parts of the end of a step.
    pending: slice::Iter<'static, Part>,
    gains: Vec<(EngramId, f32)>,
    promoted: Vec<EngramId>,
    /// Engrams that died, or that a reset removed.
    gone: Vec<EngramId>,
}

/// The parts of a record of the end of a step.
#[derive(Clone, Copy, Debug)]
enum Part {
    Gains,
    ShortTerm,
    LongTerm,
    Deaths,
    End,
}

/// In order of time.
const PARTS: [Part; 5] = [Part::Gains, Part::ShortTerm, Part::LongTerm, Part::Deaths, Part::End];

impl<'a> Walk<'a> {
    /// From the beginning.
    pub(super) fn new(history: &'a RowHistory) -> Self {
        Self::from_piece(history, 0)
    }

    /// From the beginning of a step.
    pub(super) fn from_step(history: &'a RowHistory, step: u64) -> Self {
        let after = history.pieces.partition_point(|piece| piece.at.step <= step);
        let mut walk = Self::from_piece(history, after.saturating_sub(1));
        while walk.at.step < step && walk.next_sound().is_some() {}
        walk
    }

    /// From some position that is not after the birth of the engram.
    pub(super) fn from_birth(history: &'a RowHistory, id: EngramId) -> Self {
        let after = history.pieces.partition_point(|piece| piece.at.next_id <= id.0);
        Self::from_piece(history, after.saturating_sub(1))
    }

    /// Through bytes that follow a beginning and are not checked yet.
    pub(super) fn through(beginning: &Beginning, rest: &'a [u8]) -> Self {
        Self { at: beginning.at, rest, working: working(beginning), ..Self::default() }
    }

    fn from_piece(history: &'a RowHistory, index: usize) -> Self {
        let pieces = history.pieces.get(index..).unwrap_or_default().iter();
        // A piece begins with a step, where no engram is working; except for the first one.
        let working = if index == 0 { working(&history.beginning) } else { Vec::new() };
        let at = history.pieces.get(index).map_or(history.beginning.at, |piece| piece.at);
        Self { at, pieces, working, ..Self::default() }
    }

    /// The next event and its step, or the fault of the record. Lists are sound, in order of id.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Event<'_>)>, Fault> {
        let step = self.at.step;
        // Only now, because an unchecked record may claim more than there can be.
        self.working.extend(core::mem::take(&mut self.born).map(EngramId));
        if self.pending.len() == 0 {
            while self.rest.is_empty() {
                let Some(piece) = self.pieces.next() else { return Ok(None) };
                self.rest = &piece.bytes;
            }
            let [kind] = array(&mut self.rest)?;
            if kind != ADJUSTED {
                return Ok(Some((step, self.event(kind)?)));
            }
            self.read_gains()?;
            read_ids(&mut self.rest, &mut self.promoted)?;
            read_ids(&mut self.rest, &mut self.gone)?;
            self.pending = PARTS.iter();
        }
        // Parts without engrams are skipped.
        let part = self.pending.find(|part| match part {
            Part::Gains => !self.gains.is_empty(),
            Part::ShortTerm => !self.working.is_empty(),
            Part::LongTerm => !self.promoted.is_empty(),
            Part::Deaths => !self.gone.is_empty(),
            Part::End => true,
        });
        let (short_term, long_term) = (EngramKind::ShortTerm, EngramKind::LongTerm);
        let event = match part.unwrap_or(&Part::End) {
            Part::Gains => Event::Gained(&self.gains),
            Part::ShortTerm => Event::Promoted { to: short_term, engrams: &self.working },
            Part::LongTerm => Event::Promoted { to: long_term, engrams: &self.promoted },
            Part::Deaths => Event::Died(&self.gone),
            Part::End => {
                self.end_step()?;
                Event::Ended
            }
        };
        Ok(Some((step, event)))
    }

    /// The event of a record that is not the end of a step.
    fn event(&mut self, kind: u8) -> Result<Event<'_>, Fault> {
        Ok(match kind {
            BORN => {
                let (engrams, lifespan) = born(&mut self.rest)?;
                self.at.next_id = engrams.end;
                self.born = engrams.clone();
                Event::Born { engrams, lifespan }
            }
            FIRED => {
                read_ids(&mut self.rest, &mut self.members)?;
                let reminded = self.members.len();
                let long_term_below = self.at.long_term_below;
                let long_term = self.members.partition_point(|id| id.0 < long_term_below);
                self.members.extend_from_slice(&self.working);
                self.reminded = Some(reminded);
                Event::Fired(Fired { members: &self.members, long_term, reminded })
            }
            SEARCHED => {
                let fired = self.reminded.ok_or("a search of a firing that was not")?;
                searched(&mut self.rest, &self.members[..fired], &mut self.reached)?;
                Event::Searched(&self.reached)
            }
            RESET => {
                read_ids(&mut self.rest, &mut self.gone)?;
                self.working.clear();
                Event::Reset(&self.gone)
            }
            _ => return Err("a record of no known kind"),
        })
    }

    fn read_gains(&mut self) -> Result<(), Fault> {
        // The promoted engrams are read after this.
        let Self { rest, members, promoted: engrams, gains, .. } = self;
        gains.clear();
        let engrams = match array(rest)? {
            [NO_GAINS] => return Ok(()),
            [GAINS_OF_LAST_FIRING] => {
                let count = varint(rest)?;
                let fired = self.reminded.filter(|&reminded| reminded as u64 == count);
                &members[..fired.ok_or("gains of a firing that was not")?]
            }
            [GAINS_BY_ID] => {
                read_ids(rest, engrams)?;
                &engrams[..]
            }
            _ => return Err("gains of no known kind"),
        };
        gains.extend(engrams.iter().copied().zip(floats(rest, engrams.len() as u64)?));
        Ok(())
    }

    fn end_step(&mut self) -> Result<(), Fault> {
        self.at.step = self.at.step.checked_add(1).ok_or("too many steps")?;
        if let Some(last) = self.promoted.last() {
            self.at.long_term_below = last.0 + 1;
        }
        self.working.clear();
        self.reminded = None;
        Ok(())
    }

    /// The next event of a history that was recorded here, or checked on reading.
    pub(super) fn next_sound(&mut self) -> Option<(u64, Event<'_>)> {
        let next = self.next();
        debug_assert!(next.is_ok(), "{next:?}");
        next.ok().flatten()
    }
}

/// Decodes ids and replaces `to` by them.
fn read_ids(rest: &mut &[u8], to: &mut Vec<EngramId>) -> Result<(), Fault> {
    to.clear();
    ids(rest, to)
}

fn working(beginning: &Beginning) -> Vec<EngramId> {
    let engrams = beginning.engrams.iter();
    engrams.filter(|engram| engram.kind == EngramKind::Working).map(|engram| engram.id).collect()
}
