//! What a history tells is what happened: over all traces, and beside the Python package.

use crate::{run, trace::Trace};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use crate::support::story::{Size, Story};
use burn::{
    backend::{Backend, Dispatch, Flex, TensorData, ops::FloatTensorOps},
    tensor::Device,
};
use memoria::{
    Engram, EngramId, EngramKind, LifespanGain, Memoria, MemoriaConfig, MemoriaError, Wiring,
    history::{Edge, Firing, History, HistoryEvent, RowHistory},
};
use rstest::rstest;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// Replays a trace, then its history, and compares the two at every step.
fn tells_what_happened<B: Backend>(path: &Path, device: &B::Device) {
    let trace = Trace::read(path).unwrap();
    let mut memory = Memoria::<B>::new(trace.config).unwrap().with_history();
    let mut happened = Vec::new();
    for step in 0..trace.steps.len() {
        let rows = run::run_steps(&mut memory, &trace, step..step + 1, device).unwrap().remove(0);
        let cofire = run::cofire_counts(&mut memory).unwrap();
        happened.push(rows.into_iter().zip(cofire).collect::<Vec<_>>());
    }
    let history = memory.history().unwrap();
    let read = History::from_bytes(&history.to_bytes()).unwrap();
    assert_eq!((history.batch(), read.batch()), (trace.batch, trace.batch));
    for (step, rows) in happened.iter().enumerate() {
        for (row, (expected, cofire)) in rows.iter().enumerate() {
            let row = if step % 2 == 0 { history.row(row) } else { read.row(row) }.unwrap();
            // A history tells what fired, not what else was wired.
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
    expected: &run::RowReplay,
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

/// What `tests/data/histories/make.py` wrote down of the package.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    #[serde(rename = "package")]
    _package: IgnoredAny,
    config: MemoriaConfig,
    dim: usize,
    steps: Vec<PackageStep>,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageStep {
    working_memory: Vec<Vec<f32>>,
    /// Whoever was reminded, with its gain.
    gain: BTreeMap<u64, f32>,
}

/// The fields of `HistoryManager`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    timestep: u64,
    summaries: Vec<EngramsInfo>,
    engram_ids: Vec<u64>,
    engram_creation_times: BTreeMap<u64, u64>,
    engram_deletion_times: BTreeMap<u64, u64>,
    engram_durations: BTreeMap<u64, u64>,
    engram_firing_times: BTreeMap<u64, Vec<u64>>,
    engram_firings: BTreeMap<u64, Vec<PackageFiring>>,
    engram_fire_counts: BTreeMap<u64, usize>,
    firings_per_time: Vec<Vec<PackageFiring>>,
    alive_engram_ids: Vec<u64>,
    deleted_engram_ids: Vec<u64>,
    engram_lastest_alive_timestep: BTreeMap<u64, u64>,
    latest_engram_infos: BTreeMap<u64, LatestInfo>,
    inspect: BTreeMap<u64, Inspected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EngramsInfo {
    engrams: Vec<EngramInfo>,
    working: Vec<u64>,
    shortterm: Vec<u64>,
    longterm: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EngramInfo {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
    lifespan: f32,
    age: u64,
    fire_count: u32,
    outgoings: Vec<EngramConnection>,
    incoming: Vec<u64>,
}

/// Source, target, weight, co-firing count.
#[derive(Deserialize)]
struct EngramConnection(u64, u64, f32, u32);

/// Step, engram, gain.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
struct PackageFiring(u64, u64, f32);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LatestInfo {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
    lifespan: f32,
    age: u64,
    fire_count: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inspected {
    creation_timestep: u64,
    deletion_timestep: Option<u64>,
    duration: u64,
    firing_times: Vec<u64>,
    firings: Vec<PackageFiring>,
    summaries: usize,
}

/// Gives our memory what the package was given; it must be reminded of the same.
fn live_through(package: &Package) -> History {
    let mut memory = Memoria::<Flex>::new(package.config).unwrap().with_history();
    for (index, step) in package.steps.iter().enumerate() {
        let shape = [1, step.working_memory.len(), package.dim];
        let data = TensorData::new(step.working_memory.concat(), shape);
        memory.add_working_memory(Flex::float_from_data(data, &Default::default())).unwrap();
        let reminded = memory.remind().unwrap();
        let ids: Vec<u64> = reminded.ids(0).iter().map(|id| id.0).collect();
        assert!(ids.iter().eq(step.gain.keys()), "step {index}: reminded of {ids:?}");
        let gains = ids.iter().map(|id| step.gain[id]).collect();
        memory.adjust(&reminded, LifespanGain::Host(vec![gains])).unwrap();
    }
    memory.history().unwrap()
}

/// Ours, without what the package does not see: firings in the step of birth and in that of death.
fn seen_by_the_package(row: &RowHistory, firings: &[Firing]) -> Vec<PackageFiring> {
    let seen = firings.iter().filter(|firing| {
        let life = row.inspect(firing.engram).unwrap().life;
        firing.step > life.born && life.covers(firing.step)
    });
    seen.map(|firing| PackageFiring(firing.step, firing.engram.0, firing.lifespan_gain)).collect()
}

fn same_engram(engram: &Engram, kind: &str, rest: (u64, f32, u64, u32)) {
    let ours = (engram.id.0, engram.lifespan, engram.age, engram.fire_count);
    assert_eq!(ours, rest);
    let name = match engram.kind {
        EngramKind::Working => "WORKING",
        EngramKind::ShortTerm => "SHORTTERM",
        EngramKind::LongTerm => "LONGTERM",
    };
    assert_eq!(name, kind);
}

fn same_summary(row: &RowHistory, step: u64, expected: &EngramsInfo) {
    let moment = row.at(step).unwrap();
    assert_eq!(moment.engrams().len(), expected.engrams.len());
    let mut edges = Vec::new();
    for (engram, info) in moment.engrams().iter().zip(&expected.engrams) {
        let rest = (info.id, info.lifespan, info.age, info.fire_count);
        same_engram(engram, &info.kind, rest);
        let theirs = info.outgoings.iter().map(|c| Edge {
            from: EngramId(c.0),
            to: EngramId(c.1),
            cofire_count: c.3,
            weight: c.2,
        });
        let theirs: Vec<Edge> = theirs.collect();
        let mut outgoing = moment.outgoing(engram.id).unwrap();
        outgoing.sort_by_key(|connection| connection.to);
        let outgoing = outgoing.iter().map(|c| (c.to, c.cofire_count, c.weight));
        assert!(outgoing.eq(theirs.iter().map(|e| (e.to, e.cofire_count, e.weight))));
        edges.extend(theirs);
        let incoming = moment.incoming(engram.id).unwrap();
        assert!(incoming.iter().map(|edge| edge.from.0).eq(info.incoming.iter().copied()));
    }
    assert_eq!(moment.edges(), edges);
    for edge in &edges {
        assert!(moment.incoming(edge.to).unwrap().contains(edge));
    }
    let kinds = [
        (EngramKind::Working, &expected.working),
        (EngramKind::ShortTerm, &expected.shortterm),
        (EngramKind::LongTerm, &expected.longterm),
    ];
    for (kind, ids) in kinds {
        assert!(moment.of_kind(kind).map(|engram| engram.id.0).eq(ids.iter().copied()));
    }
}

#[rstest]
fn tells_what_the_package_tells(#[files("tests/data/histories/*.json")] path: PathBuf) {
    let package: Package = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let history = live_through(&package);
    let (row, expected) = (history.row(0).unwrap(), &package.expect);
    assert_eq!(row.steps(), 0..expected.timestep);
    for (step, summary) in (0..).zip(&expected.summaries) {
        same_summary(row, step, summary);
        let firings = seen_by_the_package(row, &row.firings_of(step).unwrap());
        assert_eq!(firings, expected.firings_per_time[step as usize]);
    }
    // The package does not see who dies in its first step.
    let lives: Vec<_> = row.lives().into_iter().filter(|life| life.duration > 0).collect();
    assert!(lives.iter().map(|life| life.engram.0).eq(expected.engram_ids.iter().copied()));
    let mut deleted = Vec::new();
    let mut alive = Vec::new();
    for life in &lives {
        let id = life.engram.0;
        assert_eq!(life.born, expected.engram_creation_times[&id]);
        let died = life.death.map(|death| death.step);
        assert_eq!(died.as_ref(), expected.engram_deletion_times.get(&id));
        assert_eq!(life.duration, expected.engram_durations[&id]);
        assert_eq!(life.last_step().unwrap(), expected.engram_lastest_alive_timestep[&id]);
        if let Some(died) = died {
            deleted.push((died, id))
        } else {
            alive.push(id)
        }

        let told = row.inspect(life.engram).unwrap();
        let latest = &expected.latest_engram_infos[&id];
        let rest = (latest.id, latest.lifespan, latest.age, latest.fire_count);
        same_engram(told.states.last().unwrap(), &latest.kind, rest);
        let firings = seen_by_the_package(row, &told.firings);
        let inspected = &expected.inspect[&id];
        assert_eq!(firings, inspected.firings);
        assert!(firings.iter().map(|firing| firing.0).eq(inspected.firing_times.iter().copied()));
        let known = expected.engram_firings.get(&id).cloned().unwrap_or_default();
        assert_eq!(firings, known);
        let times = expected.engram_firing_times.get(&id).cloned().unwrap_or_default();
        assert_eq!(times, inspected.firing_times);
        let count = expected.engram_fire_counts.get(&id).copied().unwrap_or(0);
        assert_eq!(firings.len(), count);
        let dates = (inspected.creation_timestep, inspected.deletion_timestep, inspected.duration);
        assert_eq!(dates, (life.born, died, life.duration));
        assert_eq!(told.states.len(), inspected.summaries);
    }
    deleted.sort();
    assert!(deleted.iter().map(|&(_, id)| id).eq(expected.deleted_engram_ids.iter().copied()));
    assert_eq!(alive, expected.alive_engram_ids);
    let now = row.now();
    assert!(now.engrams().iter().map(|e| e.id.0).eq(alive));
}

/// Resets, gains on the device and on the host, several adds per step.
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

/// A history that is taken ends where the next one begins.
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

fn lived() -> History {
    let story = story();
    let mut memory = Memoria::<Flex>::new(story.config).unwrap();
    story.tell_to(&mut memory, 0..30, &Default::default());
    memory.record_history(true);
    story.tell_to(&mut memory, 30..60, &Default::default());
    memory.history().unwrap()
}

#[test]
fn a_file_holds_a_history() {
    let (history, folder) = (lived(), tempfile::tempdir().unwrap());
    let path = folder.path().join("user.history");
    history.save(&path).unwrap();
    let loaded = History::load(&path).unwrap();
    for (a, b) in loaded.rows().zip(history.rows()) {
        assert!(a.events().eq(b.events()));
        assert_eq!(a.now().edges(), b.now().edges());
        assert_eq!(a.lives(), b.lives());
    }
    assert_eq!(fs::read(&path).unwrap(), history.to_bytes());
    let two = [history.to_bytes(), history.to_bytes()].concat();
    let mut reader = &two[..];
    for _ in 0..2 {
        assert_eq!(History::read(&mut reader).unwrap().to_bytes(), history.to_bytes());
    }
    assert!(reader.is_empty());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    let missing = folder.path().join("nowhere").join("history");
    for error in [history.save(&missing).unwrap_err(), History::load(&missing).unwrap_err()] {
        assert!(error.to_string().contains(&missing.display().to_string()), "{error}");
        assert!(matches!(error, MemoriaError::Io { .. }));
    }
}

#[test]
fn a_history_as_json_lines() {
    let (history, folder) = (lived(), tempfile::tempdir().unwrap());
    let path = folder.path().join("history.jsonl");
    history.save_json_lines(&path).unwrap();
    let mut lines = Vec::new();
    for line in fs::read_to_string(&path).unwrap().lines() {
        let row = serde_json::from_str::<Value>(line).unwrap()["row"].as_u64().unwrap();
        lines.push((row, serde_json::from_str::<HistoryEvent>(line).unwrap()));
    }
    let expected = (0..).zip(history.rows());
    let expected = expected.flat_map(|(row, of_row)| of_row.events().map(move |e| (row, e)));
    assert!(lines.into_iter().eq(expected));
}

/// The file of each version of the format, beside what it tells.
#[rstest]
fn what_an_earlier_version_wrote_is_read(#[files("tests/data/histories/*.history")] path: PathBuf) {
    let history = History::load(&path).unwrap();
    let mut lines = Vec::new();
    history.write_json_lines(&mut lines).unwrap();
    let expected = fs::read_to_string(path.with_extension("jsonl")).unwrap();
    let values = |lines: &str| {
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(values(&String::from_utf8(lines).unwrap()), values(&expected));
    let steps = history.row(2).unwrap().steps();
    assert!(steps.start == 12 && steps.end >= 23, "{steps:?}");
    assert!(!history.row(2).unwrap().now().edges().is_empty());
}

#[test]
fn what_is_not_a_whole_history_is_refused() {
    let bytes = lived().to_bytes();
    for len in 0..bytes.len() {
        let error = History::from_bytes(&bytes[..len]).unwrap_err();
        let is_told = match error {
            MemoriaError::UnknownFormat { .. } => len < 8,
            MemoriaError::Damaged { .. } => len >= 8,
            _ => false,
        };
        assert!(is_told, "{len}: {error}");
    }
    let longer = [&bytes[..], b"!"].concat();
    let error = History::from_bytes(&longer).unwrap_err().to_string();
    assert!(error.ends_with("it goes on after its end"), "{error}");
    for bit in 0..8 * bytes.len() {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(History::from_bytes(&changed).is_err(), "bit {bit}");
    }
    let error = History::from_bytes(b"something else").unwrap_err().to_string();
    assert_eq!(error, "this is no history of a memory: it begins with somethin");
    let mut newer = bytes.clone();
    newer[8] = 9;
    let error = History::from_bytes(&newer).unwrap_err().to_string();
    assert_eq!(error, "this history is of version 9, this library reads versions up to 2");
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

/// A writer that fails is told of, and nothing panics.
#[test]
fn a_full_disk_is_an_error() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::Error::other("full"));
            }
            let written = bytes.len().min(self.0);
            self.0 -= written;
            Ok(written)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let history = lived();
    for room in 0..history.to_bytes().len() {
        assert!(matches!(history.write(Full(room)), Err(MemoriaError::Io { .. })));
    }
    assert!(history.write(Full(history.to_bytes().len())).is_ok());
    assert!(matches!(history.write_json_lines(Full(1000)), Err(MemoriaError::Io { .. })));
}
