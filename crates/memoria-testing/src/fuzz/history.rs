//! Bytes as a history, as the contents of one with correct checksums, and as the parts of its rows with correct
//! lengths, too.
//!
//! They are refused without a panic, or accepted exactly as they are, and every call has a result.

use memoria::{
    EngramId, EngramKind,
    history::{History, HistoryEvent, RowHistory},
};

use crate::checksummed::{self, HISTORY};

/// Maximum number of steps and engrams of a row that are checked one by one.
const LOOKED_AT: usize = 24;
/// Limit to the engrams in the events of a row, and to their pairs in its firings, for a complete check. A small file
/// can have many, since firings do not name the new engrams.
const WHOLE: usize = 1 << 17;

/// Separator of the parts of rows, so that a fuzzer can change their lengths.
const BETWEEN: &[u8] = b"\xff||";

/// Runs the target on an input. The first byte chooses the kind and version of the rest. Returns whether it was
/// accepted.
pub fn run(data: &[u8]) -> bool {
    let Some((&choice, data)) = data.split_first() else { return false };
    let version = 1 + u32::from(choice % 6 > 2);
    let bytes = match choice % 3 {
        0 => data.to_vec(),
        1 => checksummed::stream_of(HISTORY, version, data),
        _ => checksummed::stream_of(HISTORY, version, &of_parts(data)),
    };
    let Ok(history) = History::from_bytes(&bytes) else { return false };
    assert!(history.to_bytes() == bytes, "taken for something else");
    let mut followed = &[&bytes[..], b"more"].concat()[..];
    assert!(History::read(&mut followed).unwrap().to_bytes() == bytes);
    assert_eq!(followed, b"more");
    let events: Vec<Vec<HistoryEvent>> = history.rows().map(look_at_all).collect();
    if events.iter().flatten().map(named).sum::<usize>() < WHOLE {
        check_json_lines(&history, &events.concat());
    }
    true
}

/// Joins the beginning, record and end of each row, each after its length.
fn of_parts(data: &[u8]) -> Vec<u8> {
    let (mut parts, mut rest) = (Vec::new(), data);
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        parts.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    parts.push(rest);
    let mut contents = Vec::new();
    checksummed::number(parts.len() as u64 / 3, &mut contents);
    for part in parts.chunks_exact(3).flatten() {
        checksummed::number(part.len() as u64, &mut contents);
        contents.extend_from_slice(part);
    }
    contents
}

/// Returns the number of engrams in an event.
fn named(event: &HistoryEvent) -> usize {
    match event {
        HistoryEvent::Fired { working, short_term, long_term, .. } => {
            working.len() + short_term.len() + long_term.len()
        }
        HistoryEvent::Began { engrams, .. } => engrams.len(),
        HistoryEvent::Searched { trace, .. } => trace.reached.len(),
        HistoryEvent::Born { engrams, .. }
        | HistoryEvent::Gained { engrams, .. }
        | HistoryEvent::Promoted { engrams, .. }
        | HistoryEvent::Died { engrams, .. }
        | HistoryEvent::Reset { engrams, .. } => engrams.len(),
        _ => 0,
    }
}

/// Calls every method of a row. Returns its events.
fn look_at_all(row: &RowHistory) -> Vec<HistoryEvent> {
    let events: Vec<HistoryEvent> = row.events().collect();
    let now = row.now();
    let lives = row.lives();
    let alive = lives.iter().filter(|life| life.death.is_none()).map(|life| life.engram);
    assert!(alive.eq(now.engrams().iter().map(|engram| engram.id)));
    let kinds = [EngramKind::Working, EngramKind::ShortTerm, EngramKind::LongTerm];
    let of_kinds: usize = kinds.iter().map(|&kind| now.of_kind(kind).count()).sum();
    assert_eq!(of_kinds, now.engrams().len());
    for life in lives.iter().step_by(lives.len() / LOOKED_AT + 1) {
        let told = row.inspect(life.engram).unwrap();
        assert_eq!(told.life, *life);
        assert!(told.firing_steps().all(|step| step >= told.recorded_from));
        let _ = (told.total_gain(), life.last_step(), life.covers(u64::MAX));
    }
    let steps = row.steps();
    assert_eq!(row.summaries().count() as u64, steps.end - steps.start);
    for step in steps.clone().take(LOOKED_AT).chain([steps.end]) {
        let in_order = events.iter().filter(|event| event.step() == step);
        let of_step = row.events_of(step).unwrap();
        // The start of the recording belongs to no step.
        let began = usize::from(step == steps.start);
        assert!(in_order.skip(began).eq(&of_step));
        row.firings_of(step).unwrap();
        match row.at(step) {
            Ok(then) => assert!(then.counts().working == 0 && step < steps.end),
            Err(_) => assert_eq!(step, steps.end),
        }
    }
    for engram in now.engrams().iter().take(4) {
        assert_eq!(now.outgoing(engram.id).unwrap().len(), now.incoming(engram.id).unwrap().len());
        now.cofire_count(engram.id, now.engrams()[0].id).unwrap();
    }
    let pairs = |event: &HistoryEvent| match event {
        HistoryEvent::Fired { .. } => named(event).pow(2),
        _ => 0,
    };
    if events.iter().map(pairs).sum::<usize>() < WHOLE {
        let edges = now.edges();
        assert!(edges.iter().all(|edge| now.engram(edge.from).is_some() && edge.cofire_count > 0));
    }
    assert!(row.inspect(EngramId(u64::MAX)).is_err());
    assert!(row.bytes() > 0);
    events
}

fn check_json_lines(history: &History, events: &[HistoryEvent]) {
    let mut lines = Vec::new();
    history.write_json_lines(&mut lines).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    assert_eq!(lines.lines().count(), events.len());
    for (line, event) in lines.lines().zip(events) {
        let read = serde_json::from_str(line).unwrap();
        assert!(rounded(read) == rounded(event.clone()), "{line}");
    }
}

/// Rounds scores to single precision: `serde_json` reads the last bit of double precision wrong.
fn rounded(mut event: HistoryEvent) -> HistoryEvent {
    if let HistoryEvent::Searched { trace, .. } = &mut event {
        for score in trace.reached.iter_mut().filter_map(|reached| reached.score.as_mut()) {
            *score = f64::from(*score as f32);
        }
    }
    event
}
