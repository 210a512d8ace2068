//! Histories as bytes.
//!
//! ```text
//! magic       8 bytes, "MEMHIST" and a zero
//! version     4 bytes, little endian, as all numbers of fixed length
//! length      8 bytes: of everything from the magic to the checksum, both included
//! rows        varint, then for each of them
//!   beginning   step, next id, where long-term ends; engrams; firings; ties
//!   record      varint length, then what `record.rs` describes
//!   end         ids of those who live
//! checksum    4 bytes: CRC-32 of everything before
//! ```
//!
//! Every engram takes at least a byte: who is born dies, is emptied, or lives at the end. So nothing
//! that is made while reading is larger than a fixed multiple of the bytes that are there.

use std::{
    io::{self, Write},
    sync::Arc,
};

use crate::{
    Engram, EngramId, EngramKind, MemoriaError,
    history::{
        History, RowHistory,
        record::{Fault, Ids, float, put_ids, put_varint, take, varint},
        replay::Replay,
        row_history::{Beginning, Cursor, Piece},
        walk::Walk,
    },
};

const MAGIC: &[u8; 8] = b"MEMHIST\0";
/// The version that is written, and the newest that is read.
const VERSION: u32 = 1;
const HEADER: usize = 8 + 4 + 8;
const CHECKSUM: usize = 4;

/// Writes a history; the records go straight from where they are.
pub(super) fn write(history: &History, writer: &mut impl Write) -> io::Result<()> {
    let mut scratch = Vec::new();
    let mut rows = Vec::with_capacity(history.rows.len());
    for row in &history.rows {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        put_beginning(&mut before, &row.beginning, &mut scratch);
        put_varint(&mut before, row.pieces.iter().map(|piece| piece.bytes.len() as u64).sum());
        let living = Replay::until(row, u64::MAX);
        put_ids(&mut after, living.engrams().map(|engram| engram.id), &mut scratch);
        rows.push((before, after));
    }
    let mut count = Vec::new();
    put_varint(&mut count, history.rows.len() as u64);
    let of_row = |(row, (before, after)): (&RowHistory, &(Vec<u8>, Vec<u8>))| {
        before.len() + row.pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>() + after.len()
    };
    let len =
        HEADER + count.len() + history.rows.iter().zip(&rows).map(of_row).sum::<usize>() + CHECKSUM;

    let mut writer = Summing { writer, sum: crc32fast::Hasher::new() };
    writer.write_all(MAGIC)?;
    writer.write_all(&VERSION.to_le_bytes())?;
    writer.write_all(&(len as u64).to_le_bytes())?;
    writer.write_all(&count)?;
    for (row, (before, after)) in history.rows.iter().zip(&rows) {
        writer.write_all(before)?;
        row.pieces.iter().try_for_each(|piece| writer.write_all(&piece.bytes))?;
        writer.write_all(after)?;
    }
    let Summing { writer, sum } = writer;
    writer.write_all(&sum.finalize().to_le_bytes())
}

/// Passes on what it is given, and its checksum.
struct Summing<'a, W> {
    writer: &'a mut W,
    sum: crc32fast::Hasher,
}

impl<W: Write> Write for Summing<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Reads a history and lives through it, so that whatever is accepted can be looked at.
pub(super) fn read(bytes: &[u8]) -> Result<History, MemoriaError> {
    let mut rest = check_frame(bytes)?;
    let at = |rest: &[u8]| (bytes.len() - CHECKSUM - rest.len()) as u64;
    let malformed = |what: Fault, rest: &[u8]| MemoriaError::MalformedHistory {
        at: at(rest),
        expected: "a history",
        got: what.into(),
    };
    let rows = varint(&mut rest).map_err(|fault| malformed(fault, rest))?;
    let mut history = History { rows: Vec::new() };
    for _ in 0..rows {
        let row = read_row(&mut rest).map_err(|fault| malformed(fault, rest))?;
        history.rows.push(row);
    }
    if !rest.is_empty() {
        return Err(malformed("more bytes than its rows have", rest));
    }
    Ok(history)
}

/// What is between header and checksum.
fn check_frame(bytes: &[u8]) -> Result<&[u8], MemoriaError> {
    let malformed = |at: usize, expected: &'static str, got: String| {
        Err(MemoriaError::MalformedHistory { at: at as u64, expected, got })
    };
    let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else {
        let is_begun = MAGIC.starts_with(&bytes[..bytes.len().min(MAGIC.len())]);
        let expected = if is_begun { "a header of 20 bytes" } else { "a history's first bytes" };
        return malformed(0, expected, format!("{} bytes", bytes.len()));
    };
    if header[..8] != MAGIC[..] {
        return malformed(0, "a history's first bytes", format!("{:?}", &header[..8]));
    }
    let version = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    if version > VERSION {
        return Err(MemoriaError::NewerHistory { got: version, newest: VERSION });
    }
    if version == 0 {
        return malformed(8, "a version from 1 on", "0".into());
    }
    let mut len = [0; 8];
    len.copy_from_slice(&header[12..]);
    let len = u64::from_le_bytes(len);
    if len != bytes.len() as u64 || bytes.len() < HEADER + CHECKSUM {
        let got = format!("{} bytes, not the {len} that its header tells of", bytes.len());
        return malformed(12, "a whole history", got);
    }
    let (summed, sum) = bytes.split_at(bytes.len() - CHECKSUM);
    let expected = crc32fast::hash(summed);
    if sum != expected.to_le_bytes() {
        let got = format!("checksum {sum:02x?}, not {:02x?}", expected.to_le_bytes());
        return malformed(summed.len(), "bytes as they were written", got);
    }
    Ok(&summed[HEADER..])
}

fn read_row(rest: &mut &[u8]) -> Result<RowHistory, Fault> {
    let beginning = read_beginning(rest)?;
    let len = usize::try_from(varint(rest)?).map_err(|_| "a record longer than its bytes")?;
    let whole = *rest;
    let record = take(rest, len)?;
    let mut end = *rest;
    let living = Ids::read(rest)?;

    let mut replay = Replay::new(&beginning);
    let mut walk = Walk::through(&beginning, record);
    // Each engram that is born takes a byte of what is told of deaths, or of the end.
    let mut room = (whole.len() - rest.len()) as u64;
    let mut pieces = Vec::new();
    let (mut from, mut from_at) = (record, beginning.at);
    loop {
        let before = walk.rest();
        let Some(next) = walk.next().inspect_err(|_| *rest = before)? else { break };
        let mut applied = Ok(());
        if let crate::history::record::Record::Born { count, .. } = next {
            let left = room.checked_sub(count).ok_or("more births than there is room for");
            applied = left.map(|left| room = left);
        }
        applied.and_then(|()| replay.apply(&next, &walk)).inspect_err(|_| *rest = before)?;
        // Pieces end with a step.
        let len = from.len() - walk.rest().len();
        if walk.after().step != walk.before().step && len >= super::row_history::PIECE {
            pieces.push(Arc::new(Piece { at: from_at, bytes: from[..len].to_vec() }));
            (from, from_at) = (walk.rest(), walk.after());
        }
    }
    pieces.push(Arc::new(Piece { at: from_at, bytes: from.to_vec() }));
    let mut alive = replay.engrams().map(|engram| engram.id);
    let is_end = living.is_sound() && living.len() == replay.len();
    if !(is_end && living.iter().all(|id| alive.next() == Some(id))) {
        core::mem::swap(rest, &mut end);
        return Err("an end with others than those who live");
    }
    replay.check_lifespans()?;
    Ok(RowHistory { beginning: Arc::new(beginning), pieces, end: walk.after() })
}

fn put_beginning(out: &mut Vec<u8>, beginning: &Beginning, scratch: &mut Vec<u8>) {
    let Beginning { at, engrams, firings, ties } = beginning;
    for number in [at.step, at.next_id, at.long_term_below] {
        put_varint(out, number);
    }
    put_ids(out, engrams.iter().map(|engram| engram.id), scratch);
    for engram in engrams {
        out.push(engram.kind as u8);
        out.extend_from_slice(&engram.lifespan.to_le_bytes());
        put_varint(out, engram.age);
        put_varint(out, engram.fire_count.into());
    }
    put_varint(out, firings.len() as u64);
    for members in firings {
        put_ids(out, members.iter().copied(), scratch);
    }
    put_varint(out, ties.len() as u64);
    for (a, b, count) in ties {
        put_varint(out, a.0);
        put_varint(out, b.0);
        put_varint(out, (*count).into());
    }
}

fn read_beginning(rest: &mut &[u8]) -> Result<Beginning, Fault> {
    let (step, next_id, long_term_below) = (varint(rest)?, varint(rest)?, varint(rest)?);
    let mut beginning =
        Beginning { at: Cursor { step, next_id, long_term_below }, ..Beginning::default() };
    let ids = Ids::read(rest)?;
    if !ids.is_sound() {
        return Err("a list of ids that is broken");
    }
    for id in ids.iter() {
        let kind = match take(rest, 1)?[0] {
            0 => EngramKind::Working,
            1 => EngramKind::ShortTerm,
            2 => EngramKind::LongTerm,
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
        let members = Ids::read(rest)?;
        if !members.is_sound() || !members.iter().all(lives) {
            return Err("a firing of others than the living");
        }
        beginning.firings.push(members.iter().collect());
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
