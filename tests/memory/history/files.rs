//! Histories in files: complete, as JSON Lines, of earlier versions, damaged, and without space to write.

use std::{fs, io::Write, path::PathBuf};

use burn::backend::Flex;
use memoria::{
    Memoria, MemoriaError,
    history::{History, HistoryEvent},
};
use rstest::rstest;
use serde_json::Value;

use super::story;

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

/// The file of each format version, compared with its expected contents.
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
    assert!(error.contains("it goes on after its end"), "{error}");
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
    let told = "this history is of version 9, this library reads versions up to 2: ";
    assert!(error.starts_with(told), "{error}");
}

/// A writer that fails is reported, and nothing panics.
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
