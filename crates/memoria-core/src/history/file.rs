//! Histories as bytes, in the stream of [`checksummed`](crate::files::checksummed): version 2 if searches were traced,
//! otherwise version 1.
//!
//! ```text
//! rows             how many
//! of each row
//!   beginning      after its length: step, next id, where long-term ends; engrams; firings; ties
//!   record         after its length: what `record.rs` describes
//!   end            after its length: ids of the living engrams
//! ```
//!
//! Every engram takes at least a byte: when it dies, in a reset, or as one of the living at the end. So no allocation
//! while reading is larger than a fixed multiple of the bytes present.

mod beginning;
#[cfg(test)]
mod tests;

use std::{
    io::{Read, Write},
    sync::Arc,
};

use crate::{
    EngramId, MemoriaError,
    files::checksummed::{ChecksummedReader, ChecksummedWriter, Format},
    history::{
        History, RowHistory,
        event::Event,
        record::{Fault, ids, pass, put_ids},
        replay::Replay,
        row_history::{PIECE_BYTES, Piece},
        walk::Walk,
    },
};
use beginning::{put_beginning, read_beginning};

static FORMAT: Format = Format { magic: *b"\x89MEMHIST", name: "history", version: 2 };

/// The version that a history is written in. Earlier versions of this library read version 1.
fn version(history: &History) -> u32 {
    if history.rows.iter().any(|row| row.has_traces) { FORMAT.version } else { 1 }
}

/// Writes a history without copying the records before.
pub(super) fn write<W: Write>(history: &History, writer: W) -> Result<W, MemoriaError> {
    let mut to = ChecksummedWriter::begin(writer, &FORMAT, version(history))?;
    to.put_number(history.rows.len() as u64)?;
    let mut bytes = Vec::new();
    for row in &history.rows {
        bytes.clear();
        put_beginning(&mut bytes, &row.beginning);
        to.put_bytes(&bytes)?;
        to.put_number(row.pieces.iter().map(|piece| piece.bytes.len() as u64).sum())?;
        row.pieces.iter().try_for_each(|piece| to.put(&piece.bytes))?;
        bytes.clear();
        put_ids(&mut bytes, living(row).into_iter());
        to.put_bytes(&bytes)?;
    }
    to.end()
}

/// Reads a history and replays it, so that all of an accepted one can be used. The reader stops where the history ends,
/// and if it `is_all`, nothing may follow.
pub(super) fn read(reader: impl Read, is_all: bool) -> Result<History, MemoriaError> {
    let mut stream = ChecksummedReader::begin(reader, &FORMAT)?;
    let rows = stream.number()?;
    let mut history = History::default();
    for row in 0..rows {
        stream.row = usize::try_from(row).ok();
        let beginning = stream.bytes("bytes of its beginning")?;
        let record = stream.bytes("bytes of its record")?;
        let end = stream.bytes("bytes of its end")?;
        let row = read_row(&beginning, &record, &end, PIECE_BYTES)
            .map_err(|fault| stream.invalid(fault))?;
        history.rows.push(row);
    }
    stream.row = None;
    if version(&history) != stream.version {
        return Err(
            stream.invalid("traces of searches are what version 2 has, and version 1 has not")
        );
    }
    if is_all {
        stream.end_of_source()?
    } else {
        stream.end()?
    }
    Ok(history)
}

/// Makes a row from its parts. The pieces of its record end with the step after this many bytes.
fn read_row(
    beginning: &[u8],
    record: &[u8],
    end: &[u8],
    piece_bytes: usize,
) -> Result<RowHistory, Fault> {
    let beginning = all_of(beginning, read_beginning)?;
    let mut living = Vec::new();
    all_of(end, |rest| ids(rest, &mut living))?;
    let mut replay = Replay::new(&beginning);
    let mut walk = Walk::through(&beginning, record);
    // Each engram that is born takes a byte as one of the dead, or of the living at the end.
    let mut room = (record.len() + end.len()) as u64;
    let mut pieces = Vec::new();
    let (mut from, mut from_at) = (record, beginning.at);
    let mut has_traces = false;
    while let Some((_, event)) = walk.next()? {
        if let Event::Born { engrams, .. } = &event {
            let count = engrams.end - engrams.start;
            room = room.checked_sub(count).ok_or("more births than there is room for")?;
        }
        has_traces |= matches!(event, Event::Searched(_));
        replay.apply(&event)?;
        let is_step_over = matches!(event, Event::Ended);
        let len = from.len() - walk.rest.len();
        if is_step_over && len >= piece_bytes {
            pieces.push(Arc::new(Piece { at: from_at, bytes: from[..len].to_vec() }));
            (from, from_at) = (walk.rest, walk.at);
        }
    }
    pieces.push(Arc::new(Piece { at: from_at, bytes: from.to_vec() }));
    let alive = replay.engrams().map(|engram| engram.id);
    if !alive.eq(living) {
        return Err("an end with others than the living");
    }
    replay.check_lifespans()?;
    let beginning = Arc::new(beginning);
    Ok(RowHistory { beginning, pieces, end: walk.at, has_traces })
}

/// The living engrams at the end of a sound record, in order of id. Skips whatever needs no decoding: saving spends
/// most of its time here.
fn living(history: &RowHistory) -> Vec<EngramId> {
    let mut living: Vec<EngramId> = history.beginning.engrams.iter().map(|e| e.id).collect();
    // Removed in large groups, so that each costs little however many live.
    let mut dead: Vec<EngramId> = Vec::new();
    let bury = |living: &mut Vec<EngramId>, dead: &mut Vec<EngramId>| {
        dead.sort_unstable();
        living.retain(|id| dead.binary_search(id).is_err());
        dead.clear();
    };
    for piece in &history.pieces {
        let mut rest = &piece.bytes[..];
        while pass(&mut rest, &mut living, &mut dead).is_ok() {
            if dead.len() > 1024.max(living.len() / 2) {
                bury(&mut living, &mut dead);
            }
        }
    }
    bury(&mut living, &mut dead);
    living
}

fn all_of<'a, T>(
    mut bytes: &'a [u8],
    read: impl FnOnce(&mut &'a [u8]) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let read = read(&mut bytes)?;
    if bytes.is_empty() { Ok(read) } else { Err("more bytes than are told of") }
}
