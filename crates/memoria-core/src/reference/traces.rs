//! The recorded traces, and how those of the searches were recorded.
//!
//! A trace contains a configuration, and for every step the added vectors, the query, the gains and the expected
//! results. Those with names that begin with `search-` come from the slow reference:
//!
//! ```sh
//! cargo test --release --workspace --lib -- --ignored write_the_traces
//! ```

use std::{fs, path::PathBuf};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::ReferenceRow;
use crate::{
    Correlation, EngramId, EngramKind, LongTermSearch as L, MemoriaConfig, Pooling,
    ShortTermSearch as S, Stages, Wiring,
};

/// No choice in a recorded trace is closer than this, relative to the largest distance involved.
const MARGIN: f64 = 2e-4;
const DIM: usize = 6;

/// Vectors of every row.
type Batch = Vec<Vec<Vec<f32>>>;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/traces")
}

/// Runs the inputs of a trace and adds the expected results; `None` if a choice is too close.
fn recorded(mut trace: Value, margin: f64) -> Option<Value> {
    let config: MemoriaConfig = serde_json::from_value(trace["config"].clone()).unwrap();
    let batch = trace["batch"].as_u64().unwrap() as usize;
    let row = ReferenceRow { margin, ..ReferenceRow::new(config) };
    let mut rows = vec![row; batch];
    for step in trace["steps"].as_array_mut().unwrap() {
        let working: Batch = serde_json::from_value(step["working_memory"].clone()).unwrap();
        let query: Option<Batch> = serde_json::from_value(step["query"].clone()).unwrap();
        let resets: Option<Vec<usize>> =
            serde_json::from_value(step["reset_rows"].clone()).unwrap();
        let gains: Vec<Vec<f32>> = serde_json::from_value(step["gain"].clone()).unwrap();
        resets.into_iter().flatten().for_each(|row| rows[row].reset());
        let mut expect = Vec::new();
        for (index, (row, vectors)) in rows.iter_mut().zip(working).enumerate() {
            row.add(vectors);
            let query = query.as_ref().map(|query| &query[index][..]);
            let stages = row.remind(query)?.stages;
            let gain = |id: &EngramId| gains[index][id.0 as usize];
            let gains: Vec<f32> = stages.reminded.iter().map(gain).collect();
            row.adjust(&gains);
            expect.push(picture(row, &stages));
        }
        step["expect"] = Value::from(expect);
    }
    trace["cofire"] = rows.iter().map(cofire).collect();
    Some(trace)
}

fn picture(row: &ReferenceRow, stages: &Stages) -> Value {
    let mut picture = serde_json::to_value(stages).unwrap();
    let letter = |kind| if kind == EngramKind::LongTerm { 'L' } else { 'S' };
    let ids = row.engram_ids();
    let fired: Vec<u32> = ids.iter().map(|&id| row.cofire_count(id, id)).collect();
    let pairs = ids.iter().flat_map(|&i| ids.iter().map(move |&j| (i, j)));
    let sum: u64 = pairs.map(|(i, j)| u64::from(row.cofire_count(i, j))).sum();
    picture["alive"] = json!(ids);
    picture["kind"] = row.engrams.iter().map(|e| letter(e.kind)).collect::<String>().into();
    picture["lifespan"] = row.engrams.iter().map(|engram| engram.lifespan).collect();
    picture["age"] = row.engrams.iter().map(|engram| engram.age).collect();
    picture["fire_count"] = json!(fired);
    picture["cofire_sum"] = sum.into();
    picture
}

/// Pairs that fired together, with their counts.
fn cofire(row: &ReferenceRow) -> Value {
    let ids = || row.engrams.iter().map(|engram| engram.id);
    let pairs = ids().flat_map(|i| ids().filter(move |&j| i <= j).map(move |j| (i, j)));
    let counts = pairs.map(|(i, j)| (i, j, row.cofire_count(i, j)));
    counts.filter(|&(.., count)| count > 0).map(|pair| json!(pair)).collect()
}

/// Documents that return to a few topics; some steps have a query that they do not add.
fn inputs(config: MemoriaConfig, seed: u64) -> Value {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (batch, steps) = (2, 24);
    // Numbers of few digits, which are written exactly.
    let mut near = |topic: usize| -> Vec<f32> {
        let number = |place: usize| {
            let centre = ((topic * 7 + place * 3) % 5) as f32 - 2.0;
            ((centre + rng.random_range(-0.7..0.7)) * 1000.0).round() / 1000.0
        };
        (0..DIM).map(number).collect()
    };
    let mut vectors = |topic: usize, count: usize| -> Batch {
        (0..batch).map(|row| (0..count).map(|_| near(topic + row)).collect()).collect()
    };
    let step = |step: usize| {
        let (width, topic) = (1 + step % 3, step * step % 4);
        let gain = |id: usize| ((id * 5 + step) % 4) as f32 * 0.75;
        let gains = vec![(0..60).map(gain).collect::<Vec<f32>>(); batch];
        let mut made = json!({ "working_memory": vectors(topic, width), "gain": gains });
        if step % 3 == 2 {
            made["query"] = json!(vectors(topic + 1, 1 + step % 2));
        }
        if step == 15 {
            made["reset_rows"] = json!([1]);
        }
        made
    };
    let steps: Value = (0..steps).map(step).collect();
    json!({ "config": config, "batch": batch, "dim": DIM, "steps": steps })
}

/// All searches, each in some trace.
fn configurations() -> [(&'static str, MemoriaConfig); 8] {
    let config = MemoriaConfig::new(3, 6, 3, 5.0, 4).with_ltm_exploration(1, 17);
    [
        ("newest-and-walk", config.with_short_term_search(S::Newest)),
        ("random-and-walk", config.with_short_term_search(S::Random)),
        ("nothing-and-walk", config.with_short_term_search(S::None)),
        ("nearest", config.with_long_term_search(L::Nearest)),
        ("walk-and-nearest", config.with_long_term_search(L::WalkAndNearest)),
        ("random", config.with_long_term_search(L::Random)),
        (
            "wired-at-random",
            config.with_wiring(Wiring::Random).with_long_term_search(L::WalkAndNearest),
        ),
        (
            "largest-gaussian",
            config
                .with_correlation(Correlation::Gaussian)
                .with_pooling(Pooling::Max)
                .with_long_term_search(L::WalkAndNearest),
        ),
    ]
}

#[test]
#[ignore = "writes the traces of the ways of searching, which then stay as they are"]
fn write_the_traces() {
    for (name, config) in configurations() {
        let traces = (0..).find_map(|seed| recorded(inputs(config, seed), MARGIN));
        let mut text = serde_json::to_string(&traces).unwrap();
        text.push('\n');
        fs::write(folder().join(format!("search-{name}.json")), text).unwrap();
    }
}

/// Equality, with numbers compared in single precision.
fn same(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().unwrap() as f32 == b.as_f64().unwrap() as f32
        }
        _ => got == expected,
    }
}

/// The slow reference gives the results of every trace, also of those that it did not write.
#[test]
fn the_reference_gives_what_the_traces_say() {
    let mut traces = 0;
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let trace: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let again = recorded(trace.clone(), 0.0).unwrap();
        let (steps, expected) = (again["steps"].as_array(), trace["steps"].as_array());
        for (index, (step, expected)) in steps.unwrap().iter().zip(expected.unwrap()).enumerate() {
            let (step, expected) = (&step["expect"], &expected["expect"]);
            assert!(same(step, expected), "{}, step {index}: {step}", path.display());
        }
        assert!(same(&again["cofire"], &trace["cofire"]), "{}", path.display());
        traces += 1;
    }
    assert!(traces >= configurations().len());
}
