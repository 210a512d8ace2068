//! A snapshot is refused after any change. The memory allocated for it is limited by its size.
//!
//! One test, so that no memory of another test is measured.

use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use memoria::{Attachment, LifespanGain, Memoria, MemoriaConfig, MemoriaError, Restore, Storage};
use memoria_testing::{
    checksummed::{Contents, as_version_1, contents, number, snapshot_of, version},
    story::{Size, Story},
};
use peak_alloc::PeakAlloc;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Number of changed snapshots, each with another change.
const CHANGED: u64 = 10_000;

/// Maximum allocation of a restore in bytes, for any input. Each engram and each member of a firing needs some
/// bookkeeping, and has at least a few bytes in a snapshot.
fn allowance(len: usize) -> usize {
    32 * len + (64 << 10)
}

fn restore(bytes: &[u8], storage: Storage) -> Result<Memoria<Flex>, MemoriaError> {
    let restore = Restore::<Flex>::new(&Default::default()).storage(storage);
    Ok(restore.read_bytes(bytes)?.memory)
}

/// Restores a memory from bytes, and from a stream of unknown length. Returns the result and the peak of allocated
/// memory.
fn measured(bytes: &[u8], storage: Storage) -> (Result<Memoria<Flex>, MemoriaError>, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let streamed = Restore::<Flex>::new(&Default::default()).storage(storage).read(bytes);
    let is_taken = streamed.is_ok();
    drop(streamed);
    let result = restore(bytes, storage);
    // A stream may be followed by other data.
    assert!(is_taken || result.is_err());
    (result, MEMORY.peak_usage() - before)
}

/// Returns snapshots of different memories: young, old, empty, with a long firing log and with none.
fn snapshots() -> Vec<Vec<u8>> {
    let mut snapshots = vec![Contents::default().snapshot()];
    let mut empty = Memoria::<Flex>::new(MemoriaConfig::new(1, 2, 3, 4.0, 5)).unwrap();
    snapshots.push(empty.snapshot().unwrap().to_bytes().unwrap());
    snapshots.push(Contents { version: 1, ..Contents::default() }.snapshot());
    for (seed, (rows, dim, steps, width)) in
        [(1, 1, 3, 2), (3, 8, 12, 4), (2, 3, 60, 3), (1, 64, 30, 16)].into_iter().enumerate()
    {
        let config = MemoriaConfig::new(5, 12, 4, 6.0, 6).with_ltm_exploration(1, 3);
        let story = Story::random(seed as u64, Size { rows, dim, steps, width }, config);
        let mut memory = Memoria::<Flex>::new(config).unwrap();
        story.tell_to(&mut memory, 0..steps, &Default::default());
        let mut save = |memory: &mut Memoria<Flex>| {
            let snapshot = memory.snapshot().unwrap().attribute("user", format!("user {seed}"));
            snapshots.push(snapshot.to_bytes().unwrap());
            snapshots.last().unwrap().clone()
        };
        let plain = save(&mut memory);
        // Some rows also have a tensor, and the last one has bytes.
        let numbers = (0..rows * 6).map(|i| i as f32).collect();
        let data = TensorData::new::<f32, _>(numbers, [rows, 3, 2]);
        let data = Flex::float_from_data(data, &Default::default());
        memory.attach_rows("hidden", data, if rows > 2 { &[1] } else { &[] }).unwrap();
        memory.attach(rows - 1, "topic", Attachment::Bytes((*b"birds").into())).unwrap();
        save(&mut memory);
        snapshots.push(as_version_1(&plain));
    }
    snapshots
}

/// Changes a bit, a byte or several bytes, cuts the end off, or removes, repeats or copies some bytes.
fn change(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    let at = rng.random_range(0..bytes.len());
    let len = rng.random_range(1..=(bytes.len() - at).min(40));
    match rng.random_range(0..8) {
        0 | 1 => changed[at] ^= 1 << rng.random_range(0..8),
        2 => changed[at] = rng.random(),
        3 => changed[at..at + len].fill_with(|| rng.random()),
        4 => changed.truncate(at),
        5 => drop(changed.drain(at..at + len)),
        6 => drop(changed.splice(at..at, bytes[at..at + len].to_vec())),
        _ => {
            let to = rng.random_range(0..=bytes.len() - len);
            changed.copy_within(at..at + len, to);
        }
    }
    changed
}

/// Checks that a valid memory can take further steps.
fn go_on(memory: &mut Memoria<Flex>, dim: usize) {
    for step in 0..3 {
        let shape = [memory.batch(), 2, dim];
        let numbers = (0..shape.iter().product()).map(|i| ((i + step) as f32).sin()).collect();
        let data = TensorData::new::<f32, _>(numbers, shape);
        match memory.add_working_memory(Flex::float_from_data(data, &Default::default())) {
            Err(MemoriaError::IdsExhausted { .. }) => {}
            other => other.unwrap(),
        }
        let reminded = memory.remind().unwrap();
        memory.adjust(&reminded, LifespanGain::Zero).unwrap();
        memory.verify().unwrap();
    }
}

#[test]
fn changed_snapshots_are_refused_at_no_cost() {
    let snapshots = snapshots();
    for snapshot in &snapshots {
        for storage in [Storage::Host, Storage::Device] {
            let (restored, bytes) = measured(snapshot, storage);
            restored.unwrap();
            assert!(bytes <= allowance(snapshot.len()), "{bytes} bytes for {}", snapshot.len());
        }
    }

    // Every bit and every shorter length of the smaller ones.
    for snapshot in snapshots.iter().filter(|snapshot| snapshot.len() < 1000) {
        for bit in 0..8 * snapshot.len() {
            let mut flipped = snapshot.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            restore(&flipped, Storage::Host).unwrap_err();
        }
        for len in 0..snapshot.len() {
            restore(&snapshot[..len], Storage::Host).unwrap_err();
        }
    }

    // Changes that the checksum detects.
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut largest = 0.0f64;
    for round in 0..CHANGED {
        let snapshot = &snapshots[round as usize % snapshots.len()];
        let changed = change(snapshot, &mut rng);
        if changed == *snapshot {
            continue;
        }
        let storage = if round % 2 == 0 { Storage::Host } else { Storage::Device };
        let (result, bytes) = measured(&changed, storage);
        assert!(result.is_err(), "change {round} is not noticed");
        assert!(bytes <= allowance(changed.len()), "{round}: {bytes} for {}", changed.len());
        largest = largest.max(bytes as f64 / changed.len().max(1000) as f64);
    }
    println!("changed: {largest:.1} bytes set aside per byte at most");

    // Changes with a correct checksum: an accepted snapshot gives a valid memory, with exactly its contents.
    let (mut taken, mut largest) = (0, 0.0f64);
    for round in 0..CHANGED {
        let snapshot = &snapshots[round as usize % snapshots.len()];
        let version = version(snapshot);
        let forged = snapshot_of(version, &change(&contents(snapshot), &mut rng));
        let storage = if round % 2 == 0 { Storage::Host } else { Storage::Device };
        let (result, bytes) = measured(&forged, storage);
        assert!(bytes <= allowance(forged.len()), "{round}: {bytes} for {}", forged.len());
        largest = largest.max(bytes as f64 / forged.len().max(1000) as f64);
        let Ok(mut memory) = result else { continue };
        taken += 1;
        memory.verify().unwrap();
        let restored = Restore::<Flex>::new(&Default::default()).read_bytes(&forged).unwrap();
        let (mut memory_as_told, info) = (restored.memory, restored.info);
        let mut again = memory_as_told.snapshot().unwrap();
        for (name, value) in info.attributes {
            again = again.attribute(name, value);
        }
        let again = again.to_bytes().unwrap();
        let again = if version == 1 { as_version_1(&again) } else { again };
        assert!(again == forged, "{round}: taken for something else");
        if let Some(dim) = info.dim.filter(|&dim| dim < 1000) {
            go_on(&mut memory, dim);
        }
    }
    println!("forged: {taken} of {CHANGED} taken, {largest:.1} bytes per byte at most");
    assert!(taken > CHANGED / 100, "the forged ones are hardly looked at");

    promises_are_not_believed();
    empty_rows_take_what_is_said();
    no_second_copy_is_made();
}

/// Saving and restoring need little more than the memory itself.
fn no_second_copy_is_made() {
    let config = MemoriaConfig::new(5, 12, 4, 6.0, 6);
    let mut memory = Memoria::<Flex>::new(config).unwrap();
    let data = TensorData::zeros::<f32, _>([2, 10_000, 512]);
    memory.add_working_memory(Flex::float_from_data(data, &Default::default())).unwrap();
    let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
    assert!(bytes.len() > 40_000_000);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    memory.snapshot().unwrap().write(std::io::sink()).unwrap();
    let saving = MEMORY.peak_usage() - before;
    assert!(saving < 4_000_000, "{saving} bytes while saving");
    for storage in [Storage::Host, Storage::Device] {
        let (restored, peak) = measured(&bytes, storage);
        let kept = restored.unwrap().memory_use();
        let restoring = peak as u64 - kept.vectors - kept.bookkeeping;
        println!("{storage:?}: {restoring} bytes beside the memory while restoring");
        // A tensor of unknown size grows, and is copied when it grows.
        let allowed = if storage == Storage::Host { 8_000_000 } else { 4 * bytes.len() as u64 };
        assert!(restoring < allowed, "{storage:?}: {restoring} bytes while restoring");
    }
}

/// Rows without engrams need the most memory compared with their size in a file.
fn empty_rows_take_what_is_said() {
    let rows = 20_000;
    let mut memory = Memoria::<Flex>::new(MemoriaConfig::new(5, 12, 4, 6.0, 6)).unwrap();
    let data = TensorData::zeros::<f32, _>([rows, 1, 2]);
    memory.add_working_memory(Flex::float_from_data(data, &Default::default())).unwrap();
    memory.reset();
    let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
    let (restored, peak) = measured(&bytes, Storage::Host);
    assert_eq!(restored.unwrap().batch(), rows);
    println!("{} bytes of {rows} empty rows set aside {peak}", bytes.len());
    assert!(peak <= allowance(bytes.len()) + 5_000 * rows, "{peak}");
}

/// Small files that announce large sizes.
fn promises_are_not_believed() {
    let most = u64::from(u32::MAX) >> 2;
    let mut promising = vec![
        Contents { counts: [most, 0, 0], ..Contents::default() },
        Contents { counts: [2, 2, most], ..Contents::default() },
        Contents { rows: u64::MAX >> 1, ..Contents::default() },
        Contents { dim: 1 << 59, ..Contents::default() },
        Contents { dim: 1 << 59, engrams_in_all: u64::MAX, ..Contents::default() },
        Contents { engrams_in_all: 1_000_000_000, ..Contents::default() },
    ];
    for members in [most, u64::MAX >> 1] {
        let firings = (most, vec![vec![members]]);
        promising.push(Contents { firings, ..Contents::default() });
        let (firings, ties) = ((0, vec![]), (members, vec![vec![0, members]]));
        promising.push(Contents { firings, ties, ..Contents::default() });
    }
    // Attached to the maximum number of rows; a tensor and bytes of 2⁶⁰.
    let mut attached = Contents::default();
    attached.attachments[0].1 = u64::MAX >> 1;
    promising.push(attached);
    for (kind, sizes) in [(vec![1, 2], vec![1 << 30, 1 << 28]), (vec![0], vec![1 << 60])] {
        let mut attached = Contents::default();
        let mut value = kind;
        sizes.into_iter().for_each(|size: u64| number(size, &mut value));
        attached.attachments[0].2[0].1 = value;
        promising.push(attached);
    }
    let mut all: Vec<Vec<u8>> = promising.iter().map(Contents::snapshot).collect();
    // An attribute of 2⁶² bytes, and a missing block of 2¹⁸.
    let mut bytes = Contents { version: 1, ..Contents::default() }.bytes();
    bytes.truncate(29);
    number(1 << 62, &mut bytes);
    all.push(snapshot_of(1, &bytes));
    let mut cut_off = Contents::default().snapshot();
    cut_off[12..16].copy_from_slice(&(1u32 << 18).to_le_bytes());
    all.push(cut_off);
    for (index, bytes) in all.iter().enumerate() {
        for storage in [Storage::Host, Storage::Device] {
            let (result, peak) = measured(bytes, storage);
            assert!(result.is_err(), "promise {index} is believed");
            assert!(peak <= allowance(bytes.len()), "promise {index}: {peak} for {}", bytes.len());
        }
    }
}
