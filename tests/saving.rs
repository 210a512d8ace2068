//! The file on disk is always the complete old snapshot or the complete new one: if the program is killed, if the disk
//! is full, and if the folder is read-only.
//!
//! The tests run themselves again as another program, which is killed or limited.

#![cfg(unix)]

use std::{fs, io::ErrorKind, os::unix::fs::PermissionsExt, path::Path};

use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use memoria::{LifespanGain, Memoria, MemoriaConfig, MemoriaError, Restore};
use memoria_testing::saving::{self, Folder};

/// Returns a memory of some hundred kilobytes that depends on `seed` only.
fn memory(seed: usize) -> Memoria<Flex> {
    let mut memory = Memoria::new(MemoriaConfig::new(8, 64, 4, 9.0, 8)).unwrap();
    for step in 0..10 {
        let numbers = (0..2 * 32 * 256).map(|i| ((i * (seed + 3) + step) as f32).sin()).collect();
        let data = TensorData::new::<f32, _>(numbers, [2, 32, 256]);
        memory.add_working_memory(Flex::float_from_data(data, &Default::default())).unwrap();
        let reminded = memory.remind().unwrap();
        memory.adjust(&reminded, LifespanGain::Zero).unwrap();
    }
    memory
}

fn bytes(seed: usize) -> Vec<u8> {
    memory(seed).snapshot().unwrap().to_bytes().unwrap()
}

/// Returns a folder of this test, with the snapshot of one memory in it.
fn folder() -> Folder {
    let folder = Folder::new("alice.memoria");
    memory(0).save(&folder.file).unwrap();
    folder
}

#[test]
#[ignore = "only to be killed"]
fn save_until_killed() {
    let save = |seed| {
        let memory = std::cell::RefCell::new(memory(seed));
        move |file: &Path| memory.borrow_mut().save(file).unwrap()
    };
    saving::until_killed([&save(0), &save(1)]);
}

#[test]
fn a_program_killed_while_saving_leaves_the_old_or_the_new() {
    let folder = folder();
    let expected = [bytes(0), bytes(1)];
    folder.kill_while_saving("save_until_killed", &expected);
    Restore::<Flex>::new(&Default::default()).load(&folder.file).unwrap();
}

#[test]
#[ignore = "only under limits"]
fn save_under_limits() {
    saving::under_limits(|file| memory(1).save(file));
}

#[test]
fn a_file_that_may_not_grow_leaves_the_old_one() {
    folder().refuses_to_grow("save_under_limits");
}

#[test]
fn a_folder_that_may_not_be_written_to_leaves_the_old_one() {
    folder().refuses_when_read_only("save_under_limits");
}

#[test]
fn paths_that_cannot_be_saved_to_are_refused() {
    let folder = folder();
    let refused = |path: &Path| match memory(1).save(path) {
        Err(MemoriaError::Io { what, .. }) => assert!(what.contains("saving a snapshot"), "{what}"),
        other => panic!("{}: {other:?}", path.display()),
    };
    refused(&folder.path.join("missing").join("alice.memoria"));
    refused(&folder.file.join("alice.memoria"));
    refused(&folder.path.join(".."));
    let inside = folder.path.join("folder");
    fs::create_dir(&inside).unwrap();
    refused(&inside);
    fs::remove_dir(&inside).unwrap();
    assert!(folder.has_only_the_file());
    assert!(fs::read(&folder.file).unwrap() == bytes(0));
}

#[test]
fn a_writer_that_is_full_gives_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full {
        match memory(0).snapshot().unwrap().write(full) {
            Err(MemoriaError::Io { source, .. }) => {
                let source = source.downcast::<std::io::Error>().unwrap();
                assert_eq!(source.kind(), ErrorKind::StorageFull);
            }
            other => panic!("{other:?}"),
        }
    }
    let mut small = [0; 1000];
    assert!(matches!(
        memory(0).snapshot().unwrap().write(&mut small[..]),
        Err(MemoriaError::Io { .. })
    ));
}

#[test]
fn permissions_of_the_old_file_are_kept() {
    let folder = folder();
    let file = &folder.file;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    memory(1).save(file).unwrap();
    let mut loaded = Memoria::<Flex>::load(file, &Default::default()).unwrap();
    assert!(loaded.snapshot().unwrap().to_bytes().unwrap() == bytes(1));
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read(file).unwrap() == bytes(1));
}

#[test]
fn what_is_no_file_is_not_loaded() {
    let device = Default::default();
    let folder = folder();
    let refused = |path: &Path| Restore::<Flex>::new(&device).load(path).err().unwrap();
    assert!(matches!(refused(&folder.path.join("bob.memoria")), MemoriaError::Io { .. }));
    assert!(matches!(refused(&folder.path), MemoriaError::Io { .. }));
    let text = folder.path.join("text");
    fs::write(&text, "no snapshot").unwrap();
    assert!(matches!(refused(&text), MemoriaError::UnknownFormat { .. }));
    fs::write(&text, "").unwrap();
    assert!(matches!(refused(&text), MemoriaError::UnknownFormat { .. }));
}
