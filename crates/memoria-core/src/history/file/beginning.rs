//! The state at the beginning of a row's record, as bytes.

use crate::{
    Engram, EngramId, EngramKind,
    history::{
        record::{Fault, array, float, ids, put_ids, put_varint, varint},
        row_history::{Beginning, Cursor},
    },
};

/// The last step that a recording can begin in. A record takes at least a byte per step, so that steps never run out.
const LAST_STEP: u64 = 1 << 63;

pub(super) fn put_beginning(out: &mut Vec<u8>, beginning: &Beginning) {
    let Beginning { at, engrams, firings, ties } = beginning;
    for number in [at.step, at.next_id, at.long_term_below] {
        put_varint(out, number);
    }
    put_ids(out, engrams.iter().map(|engram| engram.id));
    for engram in engrams {
        out.push(engram.kind as u8);
        out.extend_from_slice(&engram.lifespan.to_le_bytes());
        put_varint(out, engram.age);
        put_varint(out, engram.fire_count.into());
    }
    put_varint(out, firings.len() as u64);
    for members in firings {
        put_ids(out, members.iter().copied());
    }
    put_varint(out, ties.len() as u64);
    for (a, b, count) in ties {
        put_varint(out, a.0);
        put_varint(out, b.0);
        put_varint(out, (*count).into());
    }
}

pub(super) fn read_beginning(rest: &mut &[u8]) -> Result<Beginning, Fault> {
    let (step, next_id, long_term_below) = (varint(rest)?, varint(rest)?, varint(rest)?);
    if step > LAST_STEP {
        return Err("a step that no row lives to see");
    }
    if long_term_below > next_id {
        return Err("long-term engrams that are still to come");
    }
    let mut beginning =
        Beginning { at: Cursor { step, next_id, long_term_below }, ..Beginning::default() };
    let mut living = Vec::new();
    ids(rest, &mut living)?;
    for id in living {
        let kind = match array(rest)? {
            [0] => EngramKind::Working,
            [1] => EngramKind::ShortTerm,
            [2] => EngramKind::LongTerm,
            _ => return Err("an engram of no known kind"),
        };
        let (lifespan, age, fire_count) = (float(rest)?, varint(rest)?, varint(rest)?);
        let fire_count = u32::try_from(fire_count).map_err(|_| "a fire count beyond 32 bits")?;
        let is_known = id.0 < next_id && age <= step && lifespan.is_finite() && lifespan > 0.0;
        let is_long_term = kind == EngramKind::LongTerm;
        let is_in_order = beginning.engrams.last().is_none_or(|before| before.kind >= kind);
        if !is_known || is_long_term != (id.0 < long_term_below) || !is_in_order {
            return Err("an engram that cannot be");
        }
        beginning.engrams.push(Engram { id, kind, lifespan, age, fire_count });
    }
    let lives = |id: EngramId| beginning.engrams.binary_search_by_key(&id, |e| e.id).is_ok();
    for _ in 0..varint(rest)? {
        let mut members = Vec::new();
        ids(rest, &mut members)?;
        if !members.iter().copied().all(lives) {
            return Err("a firing of others than the living");
        }
        beginning.firings.push(members);
    }
    for _ in 0..varint(rest)? {
        let (a, b) = (EngramId(varint(rest)?), EngramId(varint(rest)?));
        let count = u32::try_from(varint(rest)?).map_err(|_| "a count beyond 32 bits")?;
        if a >= b || !lives(a) || !lives(b) {
            return Err("a pair of others than the living");
        }
        beginning.ties.push((a, b, count));
    }
    Ok(beginning)
}
