//! What happened, in bytes: one record per call that changed the row, and one per search that is traced.
//!
//! ```text
//! 1 born      the first id, how many, their lifespan
//! 2 fired     ids of the reminded engrams; the working ones fire with them
//! 3 adjusted  gains: byte 0 for none; 1, how many, and those of the step's last firing in its order; or 2, ids
//!             and their gains; then ids of engrams that became long-term, and ids of engrams that died
//! 4 reset     ids of the engrams that lived
//! 5 searched  how many; of each engram of the last firing that was reminded, in its order: a byte, which is the
//!             place of its stage in `STAGES`, plus 16 if it has a score and 32 if it has a connection; for a
//!             walk its step; the score (64 bits); the id that the connection comes from, and its weight
//! ```
//!
//! Numbers are LEB128 varints, floats 32 bits where nothing else is said. Ids come after their number, in
//! ascending order, each as its distance from the one before.

use core::ops::Range;

use crate::{EngramId, Reached, SearchStage, files::varint};

const BORN: u8 = 1;
const FIRED: u8 = 2;
const ADJUSTED: u8 = 3;
const RESET: u8 = 4;
const SEARCHED: u8 = 5;

const NO_GAINS: u8 = 0;
const GAINS_OF_LAST_FIRING: u8 = 1;
const GAINS_BY_ID: u8 = 2;

/// One record. What it borrows is decoded when it is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Record<'a> {
    /// Working engrams were added.
    Born { first: EngramId, count: u64, lifespan: f32 },
    /// The working engrams fired together with those they reminded of.
    Fired { reminded: Ids<'a> },
    /// A step ended: gains were given, working engrams became short-term, then some long-term, then
    /// some died.
    Adjusted { gains: Gains<'a>, promoted: Ids<'a>, died: Ids<'a> },
    /// The row was emptied.
    Reset { emptied: Ids<'a> },
    /// The search of the firing before was traced.
    Searched { trace: Trace<'a> },
}

/// Gains that are not all zero.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gains<'a> {
    None,
    /// Of those reminded in the step's last firing, in their order.
    OfLastFiring(Floats<'a>),
    /// Of engrams that were reminded before the recording began.
    ById(Ids<'a>, Floats<'a>),
}

/// What is wrong with some bytes.
pub(super) type Fault = &'static str;

impl<'a> Record<'a> {
    /// Decodes the first record and moves on to the next.
    pub(super) fn read(bytes: &mut &'a [u8]) -> Result<Self, Fault> {
        match array(bytes)? {
            [BORN] => {
                let (first, count) = (EngramId(varint(bytes)?), varint(bytes)?);
                if count == 0 || first.0.checked_add(count).is_none() {
                    return Err("ids that do not exist");
                }
                Ok(Self::Born { first, count, lifespan: float(bytes)? })
            }
            [FIRED] => Ok(Self::Fired { reminded: Ids::read(bytes)? }),
            [ADJUSTED] => Ok(Self::Adjusted {
                gains: Gains::read(bytes)?,
                promoted: Ids::read(bytes)?,
                died: Ids::read(bytes)?,
            }),
            [RESET] => Ok(Self::Reset { emptied: Ids::read(bytes)? }),
            [SEARCHED] => Ok(Self::Searched { trace: Trace::find(bytes)? }),
            _ => Err("a record of no known kind"),
        }
    }
}

impl<'a> Gains<'a> {
    fn read(bytes: &mut &'a [u8]) -> Result<Self, Fault> {
        match array(bytes)? {
            [NO_GAINS] => Ok(Self::None),
            [GAINS_OF_LAST_FIRING] => {
                let count = varint(bytes)?;
                Ok(Self::OfLastFiring(Floats::read(bytes, count)?))
            }
            [GAINS_BY_ID] => {
                let ids = Ids::read(bytes)?;
                Ok(Self::ById(ids, Floats::read(bytes, ids.count)?))
            }
            _ => Err("gains of no known kind"),
        }
    }
}

/// How reminded engrams were reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace<'a> {
    count: u64,
    bytes: &'a [u8],
}

/// The stages of a search; their codes are their places.
const STAGES: [SearchStage; 6] = [
    SearchStage::ShortTerm,
    SearchStage::WalkStart,
    SearchStage::Walk { step: 0 },
    SearchStage::Explored,
    SearchStage::Nearest,
    SearchStage::Random,
];
const HAS_SCORE: u8 = 0x10;
const HAS_VIA: u8 = 0x20;

impl<'a> Trace<'a> {
    /// Finds the end of the trace.
    fn find(bytes: &mut &'a [u8]) -> Result<Self, Fault> {
        let count = varint(bytes)?;
        let mut rest = *bytes;
        for _ in 0..count {
            reached(EngramId(0), &mut rest)?;
        }
        Ok(Self { count, bytes: take(bytes, bytes.len() - rest.len())? })
    }

    /// How each of so many engrams was reached.
    pub(super) fn read(mut self, engrams: &[EngramId], to: &mut Vec<Reached>) -> Result<(), Fault> {
        if self.count != engrams.len() as u64 {
            return Err("a search that found others than those that fired");
        }
        for &id in engrams {
            to.push(reached(id, &mut self.bytes)?);
        }
        Ok(())
    }
}

fn reached(id: EngramId, bytes: &mut &[u8]) -> Result<Reached, Fault> {
    let [byte] = array(bytes)?;
    let stage = STAGES.get(usize::from(byte & !(HAS_SCORE | HAS_VIA)));
    let mut stage = *stage.ok_or("a stage of no known kind")?;
    if let SearchStage::Walk { step } = &mut stage {
        *step =
            usize::try_from(varint(bytes)?).map_err(|_| "a step of a walk beyond all numbers")?;
    }
    let mut score = None;
    if byte & HAS_SCORE != 0 {
        score = Some(f64::from_le_bytes(array(bytes)?));
    }
    let mut via = None;
    if byte & HAS_VIA != 0 {
        via = Some((EngramId(varint(bytes)?), float(bytes)?));
    }
    Ok(Reached { id, score, stage, via })
}

/// Ids in ascending order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ids<'a> {
    count: u64,
    bytes: &'a [u8],
}

impl<'a> Ids<'a> {
    /// Finds the end of the ids; whether they are [sound](Self::is_sound) is another question.
    pub(super) fn read(bytes: &mut &'a [u8]) -> Result<Self, Fault> {
        let count = varint(bytes)?;
        let Some(last) = count.checked_sub(1) else { return Ok(Self::default()) };
        let mut ends = bytes.iter().enumerate().filter(|&(_, &byte)| byte < 0x80);
        let last = usize::try_from(last).ok().and_then(|last| ends.nth(last));
        let (end, _) = last.ok_or("a list longer than the bytes there are")?;
        Ok(Self { count, bytes: take(bytes, end + 1)? })
    }

    /// Whether all of them are ids.
    pub(super) fn is_sound(&self) -> bool {
        self.iter().count() as u64 == self.count
    }

    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) fn iter(&self) -> IdIter<'a> {
        IdIter { left: self.count, next: 0, bytes: self.bytes }
    }
}

/// See [`Ids::iter`].
#[derive(Clone, Debug)]
pub(super) struct IdIter<'a> {
    left: u64,
    /// The smallest id that can follow.
    next: u64,
    bytes: &'a [u8],
}

impl Iterator for IdIter<'_> {
    type Item = EngramId;

    fn next(&mut self) -> Option<EngramId> {
        self.left = self.left.checked_sub(1)?;
        let distance = varint(&mut self.bytes).ok()?;
        let id = self.next.checked_add(distance)?;
        self.next = id.checked_add(1)?;
        Some(EngramId(id))
    }
}

/// Single precision numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Floats<'a>(&'a [u8]);

impl<'a> Floats<'a> {
    fn read(bytes: &mut &'a [u8], count: u64) -> Result<Self, Fault> {
        let len = usize::try_from(count).ok().and_then(|count| count.checked_mul(4));
        Ok(Self(take(bytes, len.ok_or("a list longer than the bytes there are")?)?))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len() / 4
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = f32> + use<'a> {
        self.0.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes))
    }
}

pub(super) fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], Fault> {
    let (taken, rest) = bytes.split_at_checked(len).ok_or("an end where more must follow")?;
    *bytes = rest;
    Ok(taken)
}

pub(super) fn array<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Fault> {
    let (array, rest) = bytes.split_first_chunk().ok_or("an end where more must follow")?;
    *bytes = rest;
    Ok(*array)
}

pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let wrong = "a number that is not written as numbers are";
    let mut rest = bytes.iter();
    let number = varint::read(|| rest.next().copied().ok_or(wrong))?.ok_or(wrong)?;
    *bytes = rest.as_slice();
    Ok(number)
}

pub(super) fn float(bytes: &mut &[u8]) -> Result<f32, Fault> {
    Ok(f32::from_le_bytes(array(bytes)?))
}

pub(super) fn put_varint(out: &mut Vec<u8>, number: u64) {
    let mut room = [0; varint::LONGEST];
    let len = varint::write(&mut room, number);
    out.extend_from_slice(&room[..len]);
}

/// Writes ids that ascend.
pub(super) fn put_ids(out: &mut Vec<u8>, ids: impl ExactSizeIterator<Item = EngramId>) {
    // Room for all at once: this is done in every step.
    let mut end = out.len();
    out.resize(end + varint::LONGEST * (ids.len() + 1), 0);
    end += varint::write(&mut out[end..], ids.len() as u64);
    let mut next = 0;
    for EngramId(id) in ids {
        end += varint::write(&mut out[end..], id - next);
        next = id + 1;
    }
    out.truncate(end);
}

pub(super) fn put_born(out: &mut Vec<u8>, born: Range<u64>, lifespan: f32) {
    out.push(BORN);
    put_varint(out, born.start);
    put_varint(out, born.end - born.start);
    out.extend_from_slice(&lifespan.to_le_bytes());
}

pub(super) fn put_fired(out: &mut Vec<u8>, reminded: impl ExactSizeIterator<Item = EngramId>) {
    out.push(FIRED);
    put_ids(out, reminded);
}

/// `gains` in order of id; `of_last_firing` if their engrams are those of the step's last firing.
pub(super) fn put_adjusted(
    out: &mut Vec<u8>,
    gains: &[(EngramId, f32)],
    of_last_firing: bool,
    promoted: &[EngramId],
    died: impl ExactSizeIterator<Item = EngramId>,
) {
    out.push(ADJUSTED);
    if gains.iter().all(|&(_, gain)| gain == 0.0) {
        out.push(NO_GAINS);
    } else {
        if of_last_firing {
            out.push(GAINS_OF_LAST_FIRING);
            put_varint(out, gains.len() as u64);
        } else {
            out.push(GAINS_BY_ID);
            put_ids(out, gains.iter().map(|&(id, _)| id));
        }
        let end = out.len();
        out.resize(end + size_of::<f32>() * gains.len(), 0);
        for (room, (_, gain)) in out[end..].as_chunks_mut().0.iter_mut().zip(gains) {
            *room = gain.to_le_bytes();
        }
    }
    put_ids(out, promoted.iter().copied());
    put_ids(out, died);
}

pub(super) fn put_reset(out: &mut Vec<u8>, emptied: impl ExactSizeIterator<Item = EngramId>) {
    out.push(RESET);
    put_ids(out, emptied);
}

/// `reached` in the order of the last firing's reminded engrams.
pub(super) fn put_searched(out: &mut Vec<u8>, reached: &[Reached]) {
    out.push(SEARCHED);
    put_varint(out, reached.len() as u64);
    for Reached { score, stage, via, .. } in reached {
        let kind = core::mem::discriminant(stage);
        let code = STAGES.iter().position(|stage| core::mem::discriminant(stage) == kind);
        let score_flag = if score.is_some() { HAS_SCORE } else { 0 };
        let via_flag = if via.is_some() { HAS_VIA } else { 0 };
        out.push(code.unwrap_or(STAGES.len()) as u8 | score_flag | via_flag);
        if let SearchStage::Walk { step } = stage {
            put_varint(out, *step as u64);
        }
        if let Some(score) = score {
            out.extend_from_slice(&score.to_le_bytes());
        }
        if let Some((from, weight)) = via {
            put_varint(out, from.0);
            out.extend_from_slice(&weight.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![0..300u64, any::<u32>().prop_map(u64::from), any::<u64>()]
    }

    proptest! {
        #[test]
        fn numbers_come_back(numbers in proptest::collection::vec(number(), 0..9)) {
            let mut bytes = Vec::new();
            numbers.iter().for_each(|&number| put_varint(&mut bytes, number));
            let mut rest = &bytes[..];
            for number in numbers {
                prop_assert_eq!(varint(&mut rest), Ok(number));
            }
            prop_assert!(rest.is_empty() && varint(&mut rest).is_err());
        }

        #[test]
        fn ids_come_back(ids in proptest::collection::btree_set(0..u64::MAX - 1, 0..40)) {
            let mut bytes = Vec::new();
            put_ids(&mut bytes, ids.iter().copied().map(EngramId));
            let mut rest = &bytes[..];
            let read = Ids::read(&mut rest).unwrap();
            prop_assert!(rest.is_empty() && read.is_sound());
            prop_assert_eq!(read.iter().map(|id| id.0).collect::<BTreeSet<_>>(), ids.clone());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(0..9u8, 0..60)) {
            let mut rest = &bytes[..];
            while let Ok(record) = Record::read(&mut rest) {
                if let Record::Fired { reminded } = record {
                    prop_assert!(!reminded.is_sound() || reminded.iter().count() == reminded.len());
                }
            }
        }
    }

    #[test]
    fn a_number_beyond_64_bits_is_refused() {
        let mut bytes = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2][..];
        assert!(varint(&mut bytes).is_err());
        let mut bytes = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1][..];
        assert_eq!(varint(&mut bytes), Ok(u64::MAX));
    }

    #[test]
    fn there_is_one_way_to_write_a_number() {
        for mut bytes in [&[0x80, 0][..], &[0xff, 0], &[0x81, 0x80, 0]] {
            assert!(varint(&mut bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(varint(&mut &[0][..]), Ok(0));
        assert_eq!(varint(&mut &[0x80, 1][..]), Ok(0x80));
    }
}
