//! The fuzz targets in short: their bodies are run on their seeds and on thousands of changed seeds, the same ones in
//! every run.

mod mutations;

use std::{
    fs,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use memoria_testing::fuzz;
use mutations::Mutations;
use tempfile::NamedTempFile;

/// Returns the seeds of a target, ordered by their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Runs a target's body, and keeps the input if it panics. Returns whether the input was accepted.
fn run_body(target: &str, input: &[u8], body: impl Fn(&[u8]) -> bool) -> bool {
    let result = catch_unwind(AssertUnwindSafe(|| body(input)));
    result.unwrap_or_else(|_| {
        let mut file = NamedTempFile::with_prefix(format!("memoria-fuzzed-{target}-")).unwrap();
        file.write_all(input).unwrap();
        let (_, path) = file.keep().unwrap();
        panic!("`{target}` fails; its input is {}", path.display());
    })
}

/// Checks that all seeds are accepted, and at least 1 % of the changed inputs.
fn holds(
    target: &str,
    changed: usize,
    body: impl Fn(&[u8]) -> bool,
    mut change: impl FnMut(&mut Mutations) -> Vec<u8>,
) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty());
    for seed in &seeds {
        assert!(run_body(target, seed, &body), "a seed is refused");
    }
    let mut mutations = Mutations::new(17, seeds);
    let taken = (0..changed).filter(|_| run_body(target, &change(&mut mutations), &body)).count();
    println!("{target}: {taken} of {changed} taken");
    assert!((changed / 100..changed).contains(&taken), "{taken} of {changed} are taken");
}

fn bytes(mutations: &mut Mutations) -> Vec<u8> {
    mutations.bytes()
}

fn json(mutations: &mut Mutations) -> Vec<u8> {
    mutations.json().into_bytes()
}

fn text(input: &[u8]) -> &str {
    str::from_utf8(input).unwrap()
}

#[test]
fn snapshots() {
    holds("snapshot", 20_000, fuzz::snapshot::run, bytes);
}

#[test]
fn histories() {
    holds("history", 60_000, fuzz::history::run, bytes);
}

#[test]
fn traces() {
    holds("trace", 20_000, |input| fuzz::trace::run(text(input)), json);
}

#[test]
fn configurations() {
    holds("config", 20_000, |input| fuzz::config::run(text(input)), json);
}

#[test]
fn model_configurations() {
    holds("model_config", 10_000, |input| fuzz::model_config::run(text(input)), json);
}
