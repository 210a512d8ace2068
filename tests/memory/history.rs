//! A history gives the memory's actual states and events, for all traces and random workloads.

mod files;
mod package;

use std::path::{Path, PathBuf};

use burn::{
    backend::{Backend, Dispatch, Flex, TensorData, ops::FloatTensorOps},
    tensor::Device,
};
use memoria::{
    Engram, EngramId, EngramKind, Memoria, MemoriaConfig, MemoriaError, Wiring,
    history::{History, HistoryEvent, RowHistory},
};
use memoria_testing::{
    replay,
    story::{Size, Story},
    trace::Trace,
};
use rstest::rstest;

/// Replays a trace, then its history, and compares the two at every step.
fn tells_what_happened<B: Backend>(path: &Path, device: &B::Device) {
    let trace = Trace::read(path).unwrap();
    let mut memory = Memoria::<B>::new(trace.config).unwrap().with_history();
    let mut happened = Vec::new();
    for step in 0..trace.steps.len() {
        let rows =
            replay::run_steps(&mut memory, &trace, step..step + 1, device).unwrap().remove(0);
        let cofire = replay::cofire_counts(&mut memory).unwrap();
        happened.push(rows.into_iter().zip(cofire).collect::<Vec<_>>());
    }
    let history = memory.history().unwrap();
    let read = History::from_bytes(&history.to_bytes()).unwrap();
    assert_eq!((history.batch(), read.batch()), (trace.batch, trace.batch));
    for (step, rows) in happened.iter().enumerate() {
        for (row, (expected, cofire)) in rows.iter().enumerate() {
            let row = if step % 2 == 0 { history.row(row) } else { read.row(row) }.unwrap();
            // A history records co-firing, and no other wiring.
            let tells_wiring = trace.config.wiring == Wiring::CoFiring;
            check_step(row, step as u64, expected, cofire, tells_wiring);
        }
    }
    for (row, steps) in history.rows().zip(0..) {
        let resets = trace.steps.iter().filter(|step| step.reset_rows.contains(&steps)).count();
        assert_eq!(row.summaries().map(|summary| summary.resets).sum::<usize>(), resets);
    }
}

fn check_step(
    row: &RowHistory,
    step: u64,
    expected: &replay::RowReplay,
    cofire: &[(u64, u64, u32)],
    tells_wiring: bool,
) {
    let moment = row.at(step).unwrap();
    let engrams = moment.engrams();
    assert!(engrams.iter().map(|engram| engram.id).eq(expected.alive.iter().copied()));
    let kinds: String = engrams.iter().map(|engram| letter(engram.kind)).collect();
    assert_eq!(kinds, expected.kind);
    assert!(engrams.iter().map(|engram| engram.lifespan).eq(expected.lifespan.iter().copied()));
    assert!(engrams.iter().map(|engram| engram.age).eq(expected.age.iter().copied()));
    assert!(engrams.iter().map(|engram| engram.fire_count).eq(expected.fire_count.iter().copied()));
    let mut pairs: Vec<(u64, u64, u32)> = engrams
        .iter()
        .filter(|engram| engram.fire_count > 0)
        .map(|engram| (engram.id.0, engram.id.0, engram.fire_count))
        .collect();
    let edges = moment.edges();
    pairs
        .extend(edges.iter().filter(|e| e.from < e.to).map(|e| (e.from.0, e.to.0, e.cofire_count)));
    pairs.sort();
    if tells_wiring {
        assert_eq!(pairs, cofire, "what fired together up to step {step}");
    }
    let fired = row.firings_of(step).unwrap();
    let reminded = fired.iter().filter(|firing| firing.kind != EngramKind::Working);
    assert!(
        reminded.map(|firing| firing.engram).eq(expected.recollection.reminded.iter().copied())
    );
}

fn letter(kind: EngramKind) -> char {
    match kind {
        EngramKind::Working => 'W',
        EngramKind::ShortTerm => 'S',
        EngramKind::LongTerm => 'L',
    }
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
#[cfg_attr(feature = "cuda", case::cuda(Device::cuda(0)))]
fn tells_what_happened_on(
    #[case] device: Device,
    #[files("tests/data/traces/*.json")] path: PathBuf,
) {
    tells_what_happened::<Dispatch>(&path, device.as_dispatch());
}

/// Returns a story with resets, gains on the device and on the host, and several adds per step.
fn story() -> Story {
    let config = MemoriaConfig::new(3, 8, 4, 3.0, 4).with_ltm_exploration(1, 7);
    Story::random(5, Size { rows: 3, dim: 4, steps: 60, width: 4 }, config)
}

#[test]
fn recording_changes_nothing() {
    let story = story();
    let mut memory = Memoria::<Flex>::new(story.config).unwrap().with_history();
    let pages = story.tell_to(&mut memory, 0..60, &Default::default());
    assert_eq!(pages, story.tell::<Flex>(&Default::default()));
    let history = memory.history().unwrap();
    for (row, last) in history.rows().zip(pages.last().unwrap()) {
        assert_eq!(row.steps(), 0..60);
        let (now, last): (Vec<Engram>, Vec<Engram>) =
            (row.now().engrams().to_vec(), last.engrams.iter().map(|page| page.0).collect());
        assert_eq!(now, last);
        assert!(row.summaries().any(|summary| summary.resets > 0));
    }
}

/// A taken history ends where the next one begins.
#[test]
fn histories_follow_each_other() {
    let story = story();
    let mut memory = Memoria::<Flex>::new(story.config).unwrap().with_history();
    let mut whole = memory.clone();
    story.tell_to(&mut whole, 0..60, &Default::default());
    let whole = whole.history().unwrap();
    let mut events: Vec<Vec<HistoryEvent>> = vec![Vec::new(); 3];
    let mut last: Option<History> = None;
    for part in [0..17, 17..40, 40..60] {
        story.tell_to(&mut memory, part.clone(), &Default::default());
        let taken = memory.take_history().unwrap();
        for (row, of_row) in taken.rows().enumerate() {
            assert_eq!(of_row.steps(), part.start as u64..part.end as u64);
            let mut told = of_row.events();
            let Some(HistoryEvent::Began { step, engrams }) = told.next() else { panic!() };
            assert_eq!(step, part.start as u64);
            if let Some(last) = &last {
                let last = last.row(row).unwrap();
                assert_eq!(last.now().engrams(), engrams);
            }
            events[row].extend(told);
            // Connections from before the part are known as well.
            let end = part.end as u64 - 1;
            assert_eq!(
                of_row.at(end).unwrap().edges(),
                whole.row(row).unwrap().at(end).unwrap().edges()
            );
        }
        last = Some(taken);
    }
    for (row, events) in whole.rows().zip(events) {
        assert!(row.events().skip(1).eq(events));
    }
}

#[test]
fn a_memory_without_history_says_so() {
    let mut memory = Memoria::<Flex>::new(MemoriaConfig::new(1, 1, 1, 1.0, 1)).unwrap();
    assert!(!memory.records_history());
    assert!(matches!(memory.history(), Err(MemoriaError::NotRecorded)));
    memory.record_history(true);
    assert_eq!(memory.history().unwrap().batch(), 0);
    let data =
        Flex::float_from_data(TensorData::new(vec![0.0f32; 2], [1, 2, 1]), &Default::default());
    memory.add_working_memory(data).unwrap();
    let history = memory.history().unwrap();
    let row = history.row(0).unwrap();
    assert!(matches!(history.row(1), Err(MemoriaError::RowOutOfRange { got: 1, rows: 1 })));
    let error = row.at(0).err().unwrap().to_string();
    assert_eq!(error, "step 0 is not recorded: none is yet, the first will be 0");
    assert_eq!(row.events_of(0).unwrap().len(), 1);
    assert!(matches!(row.events_of(1), Err(MemoriaError::NoSuchStep { .. })));
    let error = row.inspect(EngramId(2)).unwrap_err();
    assert!(matches!(error, MemoriaError::NotInHistory { engram: EngramId(2) }));
    assert_eq!(row.now().counts().working, 2);
    memory.record_history(false);
    assert!(matches!(memory.history(), Err(MemoriaError::NotRecorded)));
}
