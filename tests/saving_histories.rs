//! The file on disk is always the complete old history or the complete new one, in both formats: if the program is
//! killed, if the disk is full, and if the folder is read-only.
//!
//! The tests run themselves again as another program, which is killed or limited.

#![cfg(unix)]

use std::{fs, io::ErrorKind, os::unix::fs::PermissionsExt, path::Path};

use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use memoria::{
    LifespanGain, Memoria, MemoriaConfig, MemoriaError,
    history::{History, HistoryEvent},
};
use memoria_testing::saving::{self, Folder};

/// Returns a history of more than a hundred kilobytes that depends on `seed` only.
fn history(seed: usize) -> History {
    lived(seed, 400)
}

/// Returns a shorter history, since its JSON Lines are longer.
fn short_history(seed: usize) -> History {
    lived(seed, 60)
}

fn lived(seed: usize, steps: usize) -> History {
    let config = MemoriaConfig::new(16, 64, 4, 9.0, 16);
    let mut memory = Memoria::<Flex>::new(config).unwrap().with_history();
    for step in 0..steps {
        let numbers = (0..2 * 16 * 4).map(|i| ((i * (seed + 3) + step) as f32).sin()).collect();
        let data = TensorData::new::<f32, _>(numbers, [2, 16, 4]);
        memory.add_working_memory(Flex::float_from_data(data, &Default::default())).unwrap();
        let reminded = memory.remind().unwrap();
        let gains = [0, 1].map(|row| vec![1.25; reminded.ids(row).len()]);
        memory.adjust(&reminded, LifespanGain::Host(gains.to_vec())).unwrap();
    }
    memory.history().unwrap()
}

fn lines(history: &History) -> Vec<u8> {
    let mut lines = Vec::new();
    history.write_json_lines(&mut lines).unwrap();
    lines
}

/// Returns a folder of this test, with one history in it.
fn folder() -> Folder {
    let folder = Folder::new("alice.history");
    history(0).save(&folder.file).unwrap();
    folder
}

fn folder_with_lines() -> Folder {
    let folder = Folder::new("alice.jsonl");
    short_history(0).save_json_lines(&folder.file).unwrap();
    folder
}

#[test]
#[ignore = "only to be killed"]
fn save_until_killed() {
    let [zero, one] = [history(0), history(1)];
    let save = |history: &History, file: &Path| history.save(file).unwrap();
    saving::until_killed([&|file| save(&zero, file), &|file| save(&one, file)]);
}

#[test]
#[ignore = "only to be killed"]
fn save_lines_until_killed() {
    let [zero, one] = [short_history(0), short_history(1)];
    let save = |history: &History, file: &Path| history.save_json_lines(file).unwrap();
    saving::until_killed([&|file| save(&zero, file), &|file| save(&one, file)]);
}

#[test]
fn a_program_killed_while_saving_leaves_the_old_or_the_new() {
    let folder = folder();
    let expected = [0, 1].map(|seed| history(seed).to_bytes());
    assert!(expected.iter().all(|bytes| bytes.len() > 100 << 10), "{}", expected[0].len());
    folder.kill_while_saving("save_until_killed", &expected);
    History::load(&folder.file).unwrap();
}

#[test]
fn a_program_killed_while_saving_lines_leaves_the_old_or_the_new() {
    let folder = folder_with_lines();
    folder.kill_while_saving(
        "save_lines_until_killed",
        &[0, 1].map(|seed| lines(&short_history(seed))),
    );
    for line in fs::read_to_string(&folder.file).unwrap().lines() {
        serde_json::from_str::<HistoryEvent>(line).unwrap();
    }
}

#[test]
#[ignore = "only under limits"]
fn save_under_limits() {
    saving::under_limits(|file| history(1).save(file));
}

#[test]
#[ignore = "only under limits"]
fn save_lines_under_limits() {
    saving::under_limits(|file| short_history(1).save_json_lines(file));
}

#[test]
fn a_file_that_may_not_grow_leaves_the_old_one() {
    folder().refuses_to_grow("save_under_limits");
    folder_with_lines().refuses_to_grow("save_lines_under_limits");
}

#[test]
fn a_folder_that_may_not_be_written_to_leaves_the_old_one() {
    folder().refuses_when_read_only("save_under_limits");
    folder_with_lines().refuses_when_read_only("save_lines_under_limits");
}

#[test]
fn paths_that_cannot_be_saved_to_are_refused() {
    let folder = folder();
    let refused = |saved| match saved {
        Err(MemoriaError::Io { what, .. }) => assert!(what.contains("saving a history"), "{what}"),
        other => panic!("{other:?}"),
    };
    let history = history(1);
    for path in
        [folder.path.join("missing").join("a"), folder.file.join("a"), folder.path.join("..")]
    {
        refused(history.save(&path));
        refused(history.save_json_lines(&path));
    }
    assert!(folder.has_only_the_file());
}

#[test]
fn a_writer_that_is_full_gives_an_error() {
    let history = history(0);
    if let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") {
        for written in [history.write(&full), history.write_json_lines(&full)] {
            match written {
                Err(MemoriaError::Io { source, .. }) => {
                    let kind = source.downcast::<std::io::Error>().unwrap().kind();
                    assert_eq!(kind, ErrorKind::StorageFull);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    let mut small = [0; 1000];
    assert!(matches!(history.write(&mut small[..]), Err(MemoriaError::Io { .. })));
    assert!(matches!(history.write_json_lines(&mut small[..]), Err(MemoriaError::Io { .. })));
}

#[test]
fn permissions_of_the_old_file_are_kept() {
    let folder = folder();
    fs::set_permissions(&folder.file, fs::Permissions::from_mode(0o600)).unwrap();
    history(1).save(&folder.file).unwrap();
    assert_eq!(fs::metadata(&folder.file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(History::load(&folder.file).unwrap().to_bytes() == history(1).to_bytes());
}
