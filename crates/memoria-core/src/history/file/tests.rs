//! Rows of histories are restored, and changed ones are refused or can be read.

use super::*;
use crate::{
    EngramKind, LifespanGain, Memoria, MemoriaConfig, Reached, SearchStage,
    history::{
        HistoryEvent,
        record::{FIRED, put_adjusted, put_born, put_fired, put_reset, put_searched},
        recorder::Recorder,
        row_history::{Beginning, Cursor},
    },
    id::{Entry, Member},
};
use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{ops::Range, path::Path};

/// Memories that are recorded from some step on, with a reset, and end within a step.
fn lived_rows(rows: usize, steps: Range<usize>) -> History {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let config = MemoriaConfig::new(3, 5, 3, 2.0, 3);
    let mut memory = Memoria::<Flex>::new(config).unwrap();
    for step in 0..steps.end {
        let numbers: Vec<f32> = (0..rows * 9).map(|_| rng.random_range(-1.0..1.0)).collect();
        let data = TensorData::new(numbers, [rows, 3, 3]);
        memory.add_working_memory(Flex::float_from_data(data, &Default::default())).unwrap();
        let reminded = memory.remind().unwrap();
        let mut gains =
            |row| reminded.ids(row).iter().map(|_| rng.random_range(0.0..2.5)).collect();
        let gains = (0..rows).map(&mut gains).collect();
        if step == steps.start {
            memory.record_history(true);
        }
        if step < steps.end - 1 {
            memory.adjust(&reminded, LifespanGain::Host(gains)).unwrap();
        }
        if step == 24 {
            memory.reset();
        }
    }
    memory.history().unwrap()
}

fn lived() -> RowHistory {
    lived_rows(1, 14..30).rows.remove(0)
}

/// A row with made-up traces of its searches, every stage among them.
fn traced(row: &RowHistory) -> RowHistory {
    let mut bytes = Vec::new();
    let mut walk = Walk::new(row);
    let mut traces = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    while let Some((_, event)) = walk.next_sound() {
        let Event::Fired(fired) = event else { continue };
        let reached = |place: usize| {
            let id = fired.members[place];
            let mut via = Some((*fired.members.last()?, rng.random_range(0.0..1.0)));
            let stage = match (fired.kind(place), rng.random_range(0..5)) {
                (EngramKind::ShortTerm, _) => SearchStage::ShortTerm,
                (_, 0) => SearchStage::WalkStart,
                (_, 1) => SearchStage::Walk { step: rng.random_range(1..300) },
                (_, 2) => SearchStage::Explored,
                (_, 3) => SearchStage::Nearest,
                _ => SearchStage::Random,
            };
            if !matches!(stage, SearchStage::WalkStart | SearchStage::Walk { .. }) {
                via = None;
            }
            let score = rng.random_ratio(4, 5).then(|| rng.random_range(-9.0..0.0));
            Some(Reached { id, score, stage, via })
        };
        traces.push((0..fired.reminded).filter_map(reached).collect::<Vec<_>>());
    }
    let mut traces = traces.into_iter();
    for piece in &row.pieces {
        let mut rest = &piece.bytes[..];
        while !rest.is_empty() {
            let from = rest;
            pass(&mut rest, &mut Vec::new(), &mut Vec::new()).unwrap();
            bytes.extend(&from[..from.len() - rest.len()]);
            if from[0] == FIRED {
                put_searched(&mut bytes, &traces.next().unwrap());
            }
        }
    }
    let pieces = vec![Arc::new(Piece { at: row.beginning.at, bytes })];
    RowHistory { pieces, has_traces: true, ..row.clone() }
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

/// Reads everything.
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
    for row in [lived(), traced(&lived())] {
        comes_back(&row);
    }
}

fn comes_back(row: &RowHistory) {
    let [beginning, record, end] = parts(row);
    for piece_bytes in [1, 100, 256, PIECE_BYTES] {
        let read = read_row(&beginning, &record, &end, piece_bytes).unwrap();
        assert!(read.pieces.len() > 2 || piece_bytes > 256, "{}", read.pieces.len());
        assert_eq!((read.end, look_at_all(&read)), (row.end, look_at_all(row)));
        assert_eq!(read.has_traces, row.has_traces);
        assert!(read.events().eq(row.events()));
        assert_eq!(parts(&read), [&beginning[..], &record, &end]);
    }
}

#[test]
fn traces_make_it_version_2() {
    let plain = lived_rows(3, 12..24);
    let traced = History { rows: plain.rows.iter().map(traced).collect() };
    for (history, version) in [(&plain, 1), (&traced, 2)] {
        let bytes = history.to_bytes();
        assert_eq!(bytes[8], version);
        let read = History::from_bytes(&bytes).unwrap();
        assert!(read.to_bytes() == bytes);
        let mut lines = Vec::new();
        read.write_json_lines(&mut lines).unwrap();
        let events = history.rows().flat_map(RowHistory::events);
        assert_eq!(String::from_utf8(lines).unwrap().lines().count(), events.count());
    }
    // Traces are additional and change nothing.
    for (plain, traced) in plain.rows().zip(traced.rows()) {
        let is_search = |event: &HistoryEvent| matches!(event, HistoryEvent::Searched { .. });
        assert!(traced.events().filter(|event| !is_search(event)).eq(plain.events()));
        assert!(traced.summaries().eq(plain.summaries()) && traced.lives() == plain.lives());
        let mut stages = [0; 6];
        for event in traced.events() {
            let HistoryEvent::Searched { trace, .. } = event else { continue };
            for reached in trace.reached {
                stages[match reached.stage {
                    SearchStage::ShortTerm => 0,
                    SearchStage::WalkStart => 1,
                    SearchStage::Walk { .. } => 2,
                    SearchStage::Explored => 3,
                    SearchStage::Nearest => 4,
                    SearchStage::Random => 5,
                }] += 1;
            }
        }
        assert!(stages.iter().all(|&count| count > 0), "{stages:?}");
    }
}

#[test]
#[ignore = "writes the files of a new version of the format, which then stay as they are"]
fn write_the_files_of_this_version() {
    let history = History { rows: lived_rows(3, 12..24).rows.iter().map(traced).collect() };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let name = format!("tests/data/histories/version-{}.history", FORMAT.version);
    let path = root.join(name);
    assert!(!path.exists(), "{} is there", path.display());
    history.save(&path).unwrap();
    history.save_json_lines(path.with_extension("jsonl")).unwrap();
}

/// Impossible searches, each refused with its reason.
#[test]
fn a_search_that_cannot_be_is_refused() {
    let reached = |id, stage| Reached { id: EngramId(id), score: None, stage, via: None };
    let short = reached(0, SearchStage::ShortTerm);
    let via = |id, weight| Reached { via: Some((EngramId(id), weight)), ..short };
    let refused = |traced: &[Reached]| {
        let mut record = Vec::new();
        put_born(&mut record, 0..1, 3.0);
        put_adjusted(&mut record, &[], false, &[], core::iter::empty());
        put_born(&mut record, 1..2, 3.0);
        put_fired(&mut record, [EngramId(0)].into_iter());
        put_searched(&mut record, traced);
        let (mut beginning, mut end) = (Vec::new(), Vec::new());
        put_beginning(&mut beginning, &Beginning::default());
        put_ids(&mut end, [EngramId(0), EngramId(1)].into_iter());
        read_row(&beginning, &record, &end, 256).err()
    };
    assert_eq!(refused(&[short]), None);
    assert_eq!(refused(&[via(1, 0.5)]), None);
    for (traced, fault) in [
        (vec![], "a search that found others than those that fired"),
        (vec![short; 2], "a search that found others than those that fired"),
        (
            vec![reached(0, SearchStage::Nearest)],
            "a stage of the search for engrams of another kind",
        ),
        (vec![Reached { score: Some(f64::NAN), ..short }], "a score that is none"),
        (vec![via(1, 1.5)], "a connection with a weight that is none"),
        (vec![via(1, f32::NAN)], "a connection with a weight that is none"),
        (vec![via(2, 0.5)], "a connection of the dead"),
    ] {
        assert_eq!(refused(&traced), Some(fault));
    }
}

/// A recorder ends its pieces where reading does.
#[test]
fn a_recorder_ends_pieces_where_reading_does() {
    let member = |id| Member { id: EngramId(id), entry: Entry(0) };
    for piece_bytes in [1, 64, 300, PIECE_BYTES] {
        let mut recorder = Recorder::new(Beginning::default(), piece_bytes);
        for step in 0..50 {
            recorder.born(2 * step, 2, 1e3);
            if step > 0 {
                recorder.fired(&[], &[member(2 * step - 1)]);
                recorder.gained(EngramId(2 * step - 1), 0.5);
            }
            if step % 3 == 2 {
                recorder.promoted(EngramId(step / 3));
            }
            recorder.adjusted(&[]);
        }
        let row = recorder.history();
        let [beginning, record, end] = parts(&row);
        let read = read_row(&beginning, &record, &end, piece_bytes).unwrap();
        let pieces = |row: &RowHistory| {
            row.pieces.iter().map(|piece| (piece.at, piece.bytes.clone())).collect::<Vec<_>>()
        };
        assert_eq!(pieces(&read), pieces(&row));
        assert_eq!(row.pieces.len() > 2, piece_bytes < PIECE_BYTES);
        assert_eq!((read.steps(), read.end), (0..50, row.end));
    }
}

/// Changes with correct checksums.
#[test]
fn changed_rows_are_refused_or_can_be_looked_at() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let originals = [lived(), traced(&lived())].map(|row| parts(&row));
    let (mut refused, mut looked_at) = (0, 0);
    for round in 0..20_000 {
        let mut parts = originals[round % 2].clone();
        for _ in 0..rng.random_range(1..4) {
            let part = [0, 1, 1, 1, 2][rng.random_range(0..5)];
            if !parts[part].is_empty() {
                mutate(&mut parts[part], &mut rng);
            }
        }
        let [beginning, record, end] = &parts;
        match read_row(beginning, record, end, 256) {
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
        put_born(&mut record, 0..1, 3.0);
        let read = read_row(&beginning, &record, &[1, 0], 256);
        assert_eq!(read.is_ok(), is_taken, "{step}");
    }
}

/// An engram with lifespan for one step.
#[test]
fn nothing_lives_beyond_its_time() {
    let (one, none) = ([EngramId(0)], core::iter::empty);
    let read = |of_later_steps: &dyn Fn(&mut Vec<u8>), living: &[EngramId]| {
        let (mut beginning, mut record, mut end) = (Vec::new(), Vec::new(), Vec::new());
        put_beginning(&mut beginning, &Beginning::default());
        put_born(&mut record, 0..1, 1.0);
        of_later_steps(&mut record);
        put_ids(&mut end, living.iter().copied());
        read_row(&beginning, &record, &end, 256).err()
    };
    let dies = |record: &mut Vec<u8>| put_adjusted(record, &[], false, &[], one.into_iter());
    let lives = |record: &mut Vec<u8>| put_adjusted(record, &[], false, &[], none());
    assert_eq!(read(&dies, &[]), None);
    let late = |record: &mut Vec<u8>| (lives(record), dies(record)).1;
    assert_eq!(read(&late, &[]), Some("a death after its time"));
    let reset = |record: &mut Vec<u8>| (lives(record), put_reset(record, one.into_iter())).1;
    assert_eq!(read(&reset, &[]), Some("a life beyond its time"));
    let fires =
        |record: &mut Vec<u8>| (lives(record), put_fired(record, one.into_iter()), dies(record)).2;
    assert!(read(&fires, &[]).is_some());
}

#[test]
fn births_without_end_are_refused() {
    let mut record = Vec::new();
    put_born(&mut record, 0..1 << 60, 3.0);
    put_reset(&mut record, core::iter::empty());
    let (mut beginning, mut end) = (Vec::new(), Vec::new());
    put_beginning(&mut beginning, &Beginning::default());
    put_ids(&mut end, core::iter::empty());
    assert_eq!(
        read_row(&beginning, &record, &end, 256).unwrap_err(),
        "more births than there is room for"
    );
}
