//! Snapshots of every earlier version stay readable. Newer ones are refused with their version.

use std::{fs, path::Path};

use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use memoria::{Attachment, Memoria, MemoriaError, Restore};
use memoria_testing::{replay, trace::Trace};

/// The format version that is written.
const VERSION: u32 = 2;
/// The trace with the first steps that give the memory in the files.
const TRACE: &str = "tests/data/traces/row-resets.json";
const STEPS: usize = 17;

fn file(version: u32) -> String {
    format!("tests/data/snapshots/version-{version}.memoria")
}

fn trace() -> Trace {
    Trace::read(Path::new(TRACE)).unwrap()
}

/// Returns the snapshot in the current version.
fn written() -> Vec<u8> {
    let (trace, device) = (trace(), Default::default());
    let mut memory = Memoria::<Flex>::new(trace.config).unwrap();
    replay::run_steps(&mut memory, &trace, 0..STEPS, &device).unwrap();
    memory.attach(1, "topic", Attachment::Bytes((*b"birds").into())).unwrap();
    let numbers = TensorData::new(
        (0..24).map(|i| i as f32 / 4.0).collect(),
        [memory.batch(), 24 / memory.batch()],
    );
    memory.attach_rows("hidden", Flex::float_from_data(numbers, &device), &[]).unwrap();
    let snapshot = memory.snapshot().unwrap().attribute("trace", TRACE);
    snapshot.to_bytes().unwrap()
}

/// Writes the file of a new version, once.
#[test]
#[ignore = "only when there is a new version"]
fn write_the_file_of_this_version() {
    let file = file(VERSION);
    assert!(!Path::new(&file).exists(), "{file} is there already");
    fs::write(file, written()).unwrap();
}

#[test]
fn every_version_is_read_and_goes_on() {
    let (trace, device) = (trace(), Default::default());
    let whole = replay::run::<Flex>(&trace, &device).unwrap();
    for version in 1..=VERSION {
        let restored = Restore::<Flex>::new(&device).load(file(version)).unwrap();
        assert_eq!(restored.info.attributes["trace"], TRACE.as_bytes());
        let mut memory = restored.memory;
        let names: Vec<&str> = memory.attachment_names(1).unwrap().collect();
        assert_eq!(names, if version == 1 { &[][..] } else { &["hidden", "topic"] });
        let rest =
            replay::run_steps(&mut memory, &trace, STEPS..trace.steps.len(), &device).unwrap();
        assert_eq!(rest, whole.steps[STEPS..], "version {version}");
        assert_eq!(replay::cofire_counts(&mut memory).unwrap(), whole.cofire, "version {version}");
    }
}

/// The written bytes change only with a new version.
#[test]
fn this_version_is_written_as_it_was() {
    assert!(written() == fs::read(file(VERSION)).unwrap());
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut newer = fs::read(file(VERSION)).unwrap();
    newer[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes());
    let error = Restore::<Flex>::new(&Default::default()).read_bytes(&newer).unwrap_err();
    assert!(matches!(error, MemoriaError::NewerVersion { found: 3, supported: 2, .. }));
    let text = "this snapshot is of version 3, this library reads versions up to 2: ";
    assert!(error.to_string().starts_with(text), "{error}");
}
