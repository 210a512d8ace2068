//! What is on disk is always the old snapshot or the new one, whole: when the program is killed, when the
//! disk is full, when the folder cannot be written to.
//!
//! The tests run themselves once more as another program, to be killed or limited.

#![cfg(unix)]

use std::{
    env, fs,
    io::{BufRead, BufReader, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use memoria::{LifespanGain, Memoria, MemoriaConfig, MemoriaError, Restore};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How often a program is killed; another number may be asked for.
const KILLED: u32 = 40;
const KILLED_BY_REQUEST: &str = "MEMORIA_KILLED";
/// The file that the other program is to save to.
const FILE: &str = "MEMORIA_SAVED_FILE";

/// A memory of some hundred kilobytes that depends on `seed` alone.
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

/// A folder of this test's own, with the snapshot of one memory in it.
fn folder(name: &str) -> (PathBuf, PathBuf) {
    let folder = env::temp_dir().join(format!("memoria-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("alice.memoria");
    memory(0).save(&file).unwrap();
    (folder, file)
}

/// One of this file's tests as another program, to be started by `sh` after some commands.
fn other(test: &str, file: &Path, before: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg("-c").arg(format!("{before} exec \"$0\" \"$@\"")).arg(env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(FILE, file);
    command
}

fn entries(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    fs::read_dir(folder).unwrap().map(|entry| name(entry.unwrap())).collect()
}

/// Saves two memories in turns until it is killed.
#[test]
#[ignore = "only to be killed"]
fn save_until_killed() {
    let Some(file) = env::var_os(FILE) else { return };
    let mut memories = [memory(0), memory(1)];
    println!("ready");
    for turn in 1.. {
        memories[turn % 2].save(&file).unwrap();
    }
}

/// Waits until the other program saves.
fn wait_until_ready(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("ready")));
}

#[test]
fn who_is_killed_while_saving_leaves_the_old_or_the_new() {
    let asked = env::var(KILLED_BY_REQUEST).map(|times| times.parse().unwrap());
    let times: u32 = asked.unwrap_or(KILLED);
    let (folder, file) = folder("killed");
    let expected = [bytes(0), bytes(1)];
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(std::process::id()));
    let (mut found, mut interrupted) = ([0, 0], 0);
    for _ in 0..times {
        let mut child =
            other("save_until_killed", &file, "").stdout(Stdio::piped()).spawn().unwrap();
        wait_until_ready(&mut child);
        thread::sleep(Duration::from_micros(rng.random_range(0..60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let saved = fs::read(&file).unwrap();
        match expected.iter().position(|expected| *expected == saved) {
            Some(which) => found[which] += 1,
            None => panic!("{} bytes that are neither memory", saved.len()),
        }
        Restore::<Flex>::new(&Default::default()).load(&file).unwrap();
        for left in entries(&folder).into_iter().filter(|name| name.ends_with(".tmp")) {
            interrupted += 1;
            fs::remove_file(folder.join(left)).unwrap();
        }
    }
    println!("killed {times} times, {interrupted} in the middle of a file; {found:?} were there");
    assert!(interrupted > 0, "nobody was killed while writing");
    assert_eq!(entries(&folder), ["alice.memoria"]);
    fs::remove_dir_all(folder).unwrap();
}

/// Fails to save, and tells how.
#[test]
#[ignore = "only under limits"]
fn save_under_limits() {
    let Some(file) = env::var_os(FILE) else { return };
    match memory(1).save(&file) {
        Err(MemoriaError::Io { what, source }) => println!("refused: {what}: {source}"),
        other => println!("not refused: {other:?}"),
    }
}

fn refused_under(limits: &str, folder: &Path, file: &Path, because: &str) {
    let output = other("save_under_limits", file, limits).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("refused: ") && !text.contains("not refused"), "{output:?}");
    assert!(text.contains(because), "{text}");
    assert!(fs::read(file).unwrap() == bytes(0), "the old one is gone");
    assert_eq!(entries(folder), ["alice.memoria"], "something is left");
}

#[test]
fn a_file_that_may_not_grow_leaves_the_old_one() {
    let (folder, file) = folder("limited");
    // Blocks of 1024 bytes; whoever passes the limit is not killed but told.
    refused_under("trap '' XFSZ; ulimit -f 100;", &folder, &file, "File too large");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_folder_that_may_not_be_written_to_leaves_the_old_one() {
    let (folder, file) = folder("read-only");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    // Permissions do not bind root as long as it has this capability.
    let is_bound = fs::write(folder.join("probe"), "").is_err();
    let without = "exec setpriv --bounding-set=-dac_override,-dac_read_search \
        --inh-caps=-dac_override,-dac_read_search \"$0\" \"$@\";";
    let limits = if is_bound { "" } else { without };
    if !is_bound {
        fs::remove_file(folder.join("probe")).unwrap();
    }
    if is_bound || Command::new("setpriv").arg("--version").output().is_ok() {
        refused_under(limits, &folder, &file, "Permission denied");
    } else {
        println!("not tested: root, and no setpriv to give up what root may do");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn paths_that_cannot_be_saved_to_are_refused() {
    let (folder, file) = folder("paths");
    let refused = |path: &Path| match memory(1).save(path) {
        Err(MemoriaError::Io { what, .. }) => assert!(what.contains("saving a snapshot"), "{what}"),
        other => panic!("{}: {other:?}", path.display()),
    };
    refused(&folder.join("missing").join("alice.memoria"));
    refused(&file.join("alice.memoria"));
    refused(&folder.join(".."));
    let inside = folder.join("folder");
    fs::create_dir(&inside).unwrap();
    refused(&inside);
    fs::remove_dir(&inside).unwrap();
    assert_eq!(entries(&folder), ["alice.memoria"]);
    assert!(fs::read(&file).unwrap() == bytes(0));
    fs::remove_dir_all(folder).unwrap();
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
    let (folder, file) = folder("private");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    memory(1).save(&file).unwrap();
    let mut loaded = Memoria::<Flex>::load(&file, &Default::default()).unwrap();
    assert!(loaded.snapshot().unwrap().to_bytes().unwrap() == bytes(1));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read(&file).unwrap() == bytes(1));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_no_file_is_not_loaded() {
    let device = Default::default();
    let (folder, _) = folder("no-file");
    let refused = |path: &Path| Restore::<Flex>::new(&device).load(path).err().unwrap();
    assert!(matches!(refused(&folder.join("bob.memoria")), MemoriaError::Io { .. }));
    assert!(matches!(refused(&folder), MemoriaError::Io { .. }));
    let text = folder.join("text");
    fs::write(&text, "no snapshot").unwrap();
    assert!(matches!(refused(&text), MemoriaError::UnknownFormat { .. }));
    fs::write(&text, "").unwrap();
    assert!(matches!(refused(&text), MemoriaError::UnknownFormat { .. }));
    fs::remove_dir_all(folder).unwrap();
}
