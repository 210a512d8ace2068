//! A history gives the same results as the Python package's `HistoryManager`, field by field.

use std::{collections::BTreeMap, fs, path::PathBuf};

use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use memoria::{
    Engram, EngramId, EngramKind, LifespanGain, Memoria, MemoriaConfig,
    history::{Edge, Firing, History, RowHistory},
};
use rstest::rstest;
use serde::{Deserialize, de::IgnoredAny};

/// The package's results, as recorded by `tests/data/histories/make.py`.
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
    /// The engrams that were reminded, with their gains.
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

/// Runs our memory with the package's inputs. It must be reminded of the same engrams.
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

/// Returns our firings without those that the package does not record: in the step of birth and in the step of death.
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
    // The package does not record an engram that dies in its first step.
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
