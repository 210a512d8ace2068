//! Histories as bytes, in the stream that [`checksummed`](crate::files::checksummed) describes, version 1.
//!
//! ```text
//! rows             how many
//! of each row
//!   beginning      after its length: step, next id, where long-term ends; engrams; firings; ties
//!   record         after its length: what `record.rs` describes
//!   end            after its length: ids of those who live
//! ```
//!
//! Every engram takes at least a byte: who is born dies, is emptied, or lives at the end. So nothing
//! that is made while reading is larger than a fixed multiple of the bytes that are there.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use crate::{
    Engram, EngramId, EngramKind, MemoriaError,
    files::checksummed::{ChecksummedReader, ChecksummedWriter, Format},
    history::{
        History, RowHistory,
        lives::living,
        record::{Fault, Ids, Record, float, put_ids, put_varint, take, varint},
        replay::Replay,
        row_history::{Beginning, Cursor, PIECE, Piece},
        walk::Walk,
    },
};

/// The last step that a recording can begin in. What it tells of takes a byte per step at least, so that steps
/// never run out.
const LAST_STEP: u64 = 1 << 63;

static FORMAT: Format = Format { magic: *b"\x89MEMHIST", name: "history", version: 1 };

/// Writes a history; the records go straight from where they are.
pub(super) fn write<W: Write>(history: &History, writer: W) -> io::Result<W> {
    let mut to = ChecksummedWriter::begin(writer, &FORMAT, FORMAT.version)?;
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

/// Reads a history and lives through it, so that whatever is accepted can be looked at. The reader is
/// left where the history ends, unless it `is_all` that there must be.
pub(super) fn read(reader: impl Read, is_all: bool) -> Result<History, MemoriaError> {
    let mut stream = ChecksummedReader::begin(reader, &FORMAT)?;
    let rows = stream.number()?;
    let mut history = History::default();
    for row in 0..rows {
        stream.row = usize::try_from(row).ok();
        let beginning = stream.bytes("bytes of its beginning")?;
        let record = stream.bytes("bytes of its record")?;
        let end = stream.bytes("bytes of its end")?;
        let row = read_row(&beginning, &record, &end).map_err(|fault| stream.invalid(fault))?;
        history.rows.push(row);
    }
    stream.row = None;
    if is_all {
        stream.end_of_source()?
    } else {
        drop(stream.end()?)
    }
    Ok(history)
}

fn read_row(beginning: &[u8], record: &[u8], end: &[u8]) -> Result<RowHistory, Fault> {
    let beginning = all_of(beginning, read_beginning)?;
    let living = all_of(end, Ids::read)?;
    let mut replay = Replay::new(&beginning);
    let mut walk = Walk::through(&beginning, record);
    // Each engram that is born takes a byte of what is told of deaths, or of the end.
    let mut room = (record.len() + end.len()) as u64;
    let mut pieces = Vec::new();
    let (mut from, mut from_at) = (record, beginning.at);
    while let Some(next) = walk.next()? {
        if let Record::Born { count, .. } = next {
            room = room.checked_sub(count).ok_or("more births than there is room for")?;
        }
        replay.apply(&next, &walk)?;
        // Pieces end with a step.
        let len = from.len() - walk.rest().len();
        if walk.after().step != walk.before().step && len >= PIECE {
            pieces.push(Arc::new(Piece { at: from_at, bytes: from[..len].to_vec() }));
            (from, from_at) = (walk.rest(), walk.after());
        }
    }
    pieces.push(Arc::new(Piece { at: from_at, bytes: from.to_vec() }));
    let alive = replay.engrams().map(|engram| engram.id);
    if !(living.is_sound() && living.iter().eq(alive)) {
        return Err("an end with others than those who live");
    }
    replay.check_lifespans()?;
    Ok(RowHistory { beginning: Arc::new(beginning), pieces, end: walk.after() })
}

fn all_of<'a, T>(
    mut bytes: &'a [u8],
    read: impl FnOnce(&mut &'a [u8]) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let read = read(&mut bytes)?;
    if bytes.is_empty() { Ok(read) } else { Err("more bytes than are told of") }
}

fn put_beginning(out: &mut Vec<u8>, beginning: &Beginning) {
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

fn read_beginning(rest: &mut &[u8]) -> Result<Beginning, Fault> {
    let (step, next_id, long_term_below) = (varint(rest)?, varint(rest)?, varint(rest)?);
    if step > LAST_STEP {
        return Err("a step that no row lives to see");
    }
    if long_term_below > next_id {
        return Err("long-term engrams that are still to come");
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LifespanGain, Memoria, MemoriaConfig};
    use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Recorded from the middle on, with a reset, and ending in the midst of a step.
    fn lived() -> RowHistory {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let config = MemoriaConfig::new(3, 5, 3, 2.0, 3);
        let mut memory = Memoria::<Flex>::new(config).unwrap();
        for step in 0..30 {
            let numbers: Vec<f32> = (0..9).map(|_| rng.random_range(-1.0..1.0)).collect();
            let data = TensorData::new(numbers, [1, 3, 3]);
            memory.add_working_memory(Flex::float_from_data(data, &Default::default())).unwrap();
            let reminded = memory.remind().unwrap();
            let gains = reminded.ids(0).iter().map(|_| rng.random_range(0.0..2.5)).collect();
            if step == 14 {
                memory.record_history(true);
            }
            if step < 29 {
                memory.adjust(&reminded, LifespanGain::Host(vec![gains])).unwrap();
            }
            if step == 24 {
                memory.reset();
            }
        }
        memory.history().unwrap().row(0).unwrap().clone()
    }

    fn parts(row: &RowHistory) -> [Vec<u8>; 3] {
        let (mut beginning, mut end) = (Vec::new(), Vec::new());
        put_beginning(&mut beginning, &row.beginning);
        put_ids(&mut end, row.now().engrams().iter().map(|engram| engram.id));
        [beginning, row.pieces.iter().flat_map(|piece| piece.bytes.clone()).collect(), end]
    }

    fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..6) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, rng.random()),
            4 => bytes.truncate(at),
            _ => {
                let to = rng.random_range(at..bytes.len()).min(at + 40);
                let copied = bytes[at..to].to_vec();
                let place = rng.random_range(0..bytes.len());
                bytes.splice(place..place, copied);
            }
        }
    }

    /// Asks for all there is.
    fn look_at_all(row: &RowHistory) -> usize {
        let mut seen = row.events().count() + row.summaries().count();
        for life in row.lives() {
            seen += row.inspect(life.engram).unwrap().states.len();
        }
        for step in row.steps().take(40) {
            seen += row.firings_of(step).unwrap().len() + row.events_of(step).unwrap().len();
            seen += row.at(step).unwrap().engrams().len();
        }
        let now = row.now();
        if let Some(engram) = now.engrams().first() {
            seen += now.outgoing(engram.id).unwrap().len() + now.incoming(engram.id).unwrap().len();
        }
        seen + now.edges().len()
    }

    #[test]
    fn a_row_comes_back() {
        let row = lived();
        let [beginning, record, end] = parts(&row);
        let read = read_row(&beginning, &record, &end).unwrap();
        assert!(row.pieces.len() > 2, "pieces are short here");
        assert_eq!(read.pieces.len(), row.pieces.len());
        assert!(read.pieces.iter().zip(&row.pieces).all(|(a, b)| a.at == b.at));
        assert_eq!((read.end, look_at_all(&read)), (row.end, look_at_all(&row)));
        assert_eq!(parts(&read), [beginning, record, end]);
    }

    /// What a digest cannot find, as whoever wrote the bytes computed it anew.
    #[test]
    fn changed_rows_are_refused_or_can_be_looked_at() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let original = parts(&lived());
        let (mut refused, mut looked_at) = (0, 0);
        for _ in 0..20_000 {
            let mut parts = original.clone();
            for _ in 0..rng.random_range(1..4) {
                let part = [0, 1, 1, 1, 2][rng.random_range(0..5)];
                if !parts[part].is_empty() {
                    mutate(&mut parts[part], &mut rng);
                }
            }
            let [beginning, record, end] = &parts;
            match read_row(beginning, record, end) {
                Err(_) => refused += 1,
                Ok(row) => {
                    let most = beginning.len() + record.len() + end.len();
                    assert!(row.lives().len() <= most, "more lives than bytes");
                    look_at_all(&row);
                    looked_at += 1;
                }
            }
        }
        assert!(refused > 10_000 && looked_at > 500, "{refused} refused, {looked_at} looked at");
    }

    #[test]
    fn steps_do_not_run_out() {
        for (step, is_taken) in [(1 << 63, true), ((1 << 63) + 1, false), (u64::MAX, false)] {
            let mut beginning = Vec::new();
            let at = Cursor { step, ..Cursor::default() };
            put_beginning(&mut beginning, &Beginning { at, ..Beginning::default() });
            let mut record = Vec::new();
            crate::history::record::put_born(&mut record, 0..1, 3.0);
            let read = read_row(&beginning, &record, &[1, 0]);
            assert_eq!(read.is_ok(), is_taken, "{step}");
        }
    }

    #[test]
    fn births_without_end_are_refused() {
        let mut record = Vec::new();
        crate::history::record::put_born(&mut record, 0..1 << 60, 3.0);
        crate::history::record::put_reset(&mut record, core::iter::empty());
        let (mut beginning, mut end) = (Vec::new(), Vec::new());
        put_beginning(&mut beginning, &Beginning::default());
        put_ids(&mut end, core::iter::empty());
        assert_eq!(
            read_row(&beginning, &record, &end).unwrap_err(),
            "more births than there is room for"
        );
    }
}
