//! Events as bytes: one record per call that changed the row, and one per traced search.
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
//! Numbers are LEB128 varints, floats have 32 bits where nothing else is said. Ids follow their number, in ascending
//! order, each as its distance from the one before.

use core::ops::Range;

use crate::{EngramId, Reached, SearchStage, files::varint};

pub(super) const BORN: u8 = 1;
pub(super) const FIRED: u8 = 2;
pub(super) const ADJUSTED: u8 = 3;
pub(super) const RESET: u8 = 4;
pub(super) const SEARCHED: u8 = 5;

pub(super) const NO_GAINS: u8 = 0;
pub(super) const GAINS_OF_LAST_FIRING: u8 = 1;
pub(super) const GAINS_BY_ID: u8 = 2;

/// The stages of a search; the code of each is its position.
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

/// What is wrong with some bytes.
pub(super) type Fault = &'static str;

const TOO_LONG: Fault = "a list longer than the bytes there are";

fn take<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], Fault> {
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

/// Skips ids; returns how many there are, and their bytes. Does not check the ids.
fn pass_ids<'a>(bytes: &mut &'a [u8]) -> Result<(u64, &'a [u8]), Fault> {
    let count = varint(bytes)?;
    let Some(last) = count.checked_sub(1) else { return Ok((0, &[])) };
    let mut ends = bytes.iter().enumerate().filter(|&(_, &byte)| byte < 0x80);
    let last = usize::try_from(last).ok().and_then(|last| ends.nth(last));
    let (end, _) = last.ok_or(TOO_LONG)?;
    Ok((count, take(bytes, end + 1)?))
}

/// Appends ids in ascending order.
pub(super) fn ids(bytes: &mut &[u8], to: &mut Vec<EngramId>) -> Result<(), Fault> {
    let (count, mut bytes) = pass_ids(bytes)?;
    // The smallest id that can follow.
    let mut next = 0u64;
    for _ in 0..count {
        let id = varint(&mut bytes).ok().and_then(|distance| next.checked_add(distance));
        // The largest number stands for a future engram.
        let id = id.filter(|&id| id < u64::MAX).ok_or("a list of ids that is broken")?;
        next = id + 1;
        to.push(EngramId(id));
    }
    Ok(())
}

/// Reads `count` numbers.
pub(super) fn floats<'a>(
    bytes: &mut &'a [u8],
    count: u64,
) -> Result<impl Iterator<Item = f32> + use<'a>, Fault> {
    let len = usize::try_from(count).ok().and_then(|count| count.checked_mul(size_of::<f32>()));
    let numbers = take(bytes, len.ok_or(TOO_LONG)?)?;
    Ok(numbers.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)))
}

/// Reads the ids of engrams that were born, and their lifespan.
pub(super) fn born(bytes: &mut &[u8]) -> Result<(Range<u64>, f32), Fault> {
    let (first, count) = (varint(bytes)?, varint(bytes)?);
    let end = first.checked_add(count).filter(|_| count > 0).ok_or("ids that do not exist")?;
    Ok((first..end, float(bytes)?))
}

/// Reads how each of these engrams was reached, and replaces `to` by it.
pub(super) fn searched(
    bytes: &mut &[u8],
    engrams: &[EngramId],
    to: &mut Vec<Reached>,
) -> Result<(), Fault> {
    to.clear();
    if varint(bytes)? != engrams.len() as u64 {
        return Err("a search that found others than those that fired");
    }
    for &id in engrams {
        to.push(reached(bytes, id)?);
    }
    Ok(())
}

fn reached(bytes: &mut &[u8], id: EngramId) -> Result<Reached, Fault> {
    let [byte] = array(bytes)?;
    let stage = STAGES.get(usize::from(byte & !(HAS_SCORE | HAS_VIA)));
    let mut stage = *stage.ok_or("a stage of no known kind")?;
    if let SearchStage::Walk { step } = &mut stage {
        let number = usize::try_from(varint(bytes)?);
        *step = number.map_err(|_| "a step of a walk beyond all numbers")?;
    }
    let (mut score, mut via) = (None, None);
    if byte & HAS_SCORE != 0 {
        score = Some(f64::from_le_bytes(array(bytes)?));
    }
    if byte & HAS_VIA != 0 {
        via = Some((EngramId(varint(bytes)?), float(bytes)?));
    }
    Ok(Reached { id, score, stage, via })
}

/// Skips a record: appends engrams born in it to `living` and those that died to `dead`; a reset empties both.
pub(super) fn pass(
    bytes: &mut &[u8],
    living: &mut Vec<EngramId>,
    dead: &mut Vec<EngramId>,
) -> Result<(), Fault> {
    match array(bytes)? {
        [BORN] => living.extend(born(bytes)?.0.map(EngramId)),
        [FIRED] => drop(pass_ids(bytes)?),
        [ADJUSTED] => {
            let gains = match array(bytes)? {
                [NO_GAINS] => 0,
                [GAINS_OF_LAST_FIRING] => varint(bytes)?,
                [GAINS_BY_ID] => pass_ids(bytes)?.0,
                _ => return Err("gains of no known kind"),
            };
            drop(floats(bytes, gains)?);
            pass_ids(bytes)?;
            ids(bytes, dead)?;
        }
        [RESET] => {
            pass_ids(bytes)?;
            living.clear();
            dead.clear();
        }
        [SEARCHED] => {
            for _ in 0..varint(bytes)? {
                reached(bytes, EngramId(0))?;
            }
        }
        _ => return Err("a record of no known kind"),
    }
    Ok(())
}

pub(super) fn put_varint(out: &mut Vec<u8>, number: u64) {
    let mut room = [0; varint::LONGEST];
    let len = varint::write(&mut room, number);
    out.extend_from_slice(&room[..len]);
}

/// Writes ascending ids.
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

/// Writes the end of a step: `gains` in order of id; `of_last_firing` if their engrams are those of the step's last
/// firing.
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

/// Writes a search: `reached` in the order of the last firing's reminded engrams.
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
            let (mut rest, mut passed) = (&bytes[..], &bytes[..]);
            let mut read = Vec::new();
            prop_assert_eq!(super::ids(&mut rest, &mut read), Ok(()));
            prop_assert_eq!(pass_ids(&mut passed).unwrap().0, read.len() as u64);
            prop_assert!(rest.is_empty() && passed.is_empty());
            prop_assert_eq!(read.iter().map(|id| id.0).collect::<BTreeSet<_>>(), ids.clone());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(0..9u8, 0..60)) {
            let mut rest = &bytes[..];
            let (mut living, mut dead) = (Vec::new(), Vec::new());
            loop {
                let mut record = rest;
                if pass(&mut rest, &mut living, &mut dead).is_err() {
                    break;
                }
                prop_assert!(rest.len() < record.len());
                if array(&mut record) == Ok([FIRED]) {
                    let (count, mut reminded) = (varint(&mut { record }), Vec::new());
                    let is_sound = super::ids(&mut record, &mut reminded).is_ok();
                    prop_assert!(!is_sound || count == Ok(reminded.len() as u64) && record == rest);
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
