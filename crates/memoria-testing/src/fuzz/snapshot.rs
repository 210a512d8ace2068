//! Bytes as a snapshot, and as the contents of one with correct checksums.
//!
//! They are refused without a panic, or accepted exactly as they are and give a memory that continues.

use memoria::{Restore, SnapshotInfo, Storage};

use super::go_on::go_on;
use crate::checksummed;

/// Runs the target on an input. In the first byte, the lowest bit chooses whether the rest is contents, the second bit
/// the place of the vectors, and the third bit the version of the contents. Returns whether it was accepted.
pub fn run(data: &[u8]) -> bool {
    let Some((&choice, data)) = data.split_first() else { return false };
    let version = if choice & 4 == 0 { 1 } else { 2 };
    let is_whole = choice & 1 == 0;
    let bytes = if is_whole { data.to_vec() } else { checksummed::snapshot_of(version, data) };
    let storage = if choice & 2 == 0 { Storage::Host } else { Storage::Device };
    let _ = SnapshotInfo::read(&bytes[..]);
    let restore = Restore::new(&Default::default()).storage(storage);
    let _ = restore.clone().rows(&[0]).read(&bytes[..]);
    let Ok(restored) = restore.clone().read(&bytes[..]) else { return false };
    let mut memory = restored.memory;
    memory.verify().unwrap();
    let mut as_told = restore.storage(restored.info.storage).read(&bytes[..]).unwrap().memory;
    let mut again = as_told.snapshot().unwrap();
    for (name, value) in &restored.info.attributes {
        again = again.attribute(name, value.clone());
    }
    let again = again.to_bytes().unwrap();
    let again = match checksummed::version(&bytes) {
        1 => checksummed::as_version_1(&again),
        _ => again,
    };
    assert!(bytes.starts_with(&again), "taken for something else");
    let is_small = |dim: &usize| *dim < 1 << 12 && dim * memory.batch() < 1 << 12;
    if let Some(dim) = restored.info.dim.filter(is_small) {
        go_on(&mut memory, dim);
        let mut first = memory.split(&[0]).unwrap();
        memory.merge(&mut first).unwrap();
        go_on(&mut memory, dim);
    }
    true
}
