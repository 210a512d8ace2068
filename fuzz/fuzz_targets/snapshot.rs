//! Bytes as a snapshot, and as the contents of one with the right checksums.
//!
//! Refused without a panic, or taken for exactly what they say and a memory that goes on.

#![no_main]

#[path = "../../tests/support/sealed.rs"]
#[allow(dead_code)]
mod sealed;
mod support;

use libfuzzer_sys::fuzz_target;
use memoria::{Restore, SnapshotInfo, Storage};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    let is_sealed = choice & 1 == 0;
    let bytes = if is_sealed { data.to_vec() } else { sealed::seal(data) };
    let storage = if choice & 2 == 0 { Storage::Host } else { Storage::Device };
    let _ = SnapshotInfo::read(&bytes[..]);
    let restore = Restore::new(&Default::default()).storage(storage);
    let _ = restore.clone().rows(&[0]).read(&bytes[..]);
    let Ok(restored) = restore.read(&bytes[..]) else { return };
    let mut memory = restored.memory;
    memory.verify().unwrap();
    if storage == restored.info.storage {
        let mut again = memory.snapshot().unwrap();
        for (name, value) in &restored.info.attributes {
            again = again.attribute(name, value.clone());
        }
        let again = again.to_bytes().unwrap();
        assert!(bytes.starts_with(&again), "taken for something else");
    }
    let Some(dim) = restored.info.dim.filter(|&dim| dim * memory.batch() < 1 << 12) else { return };
    support::go_on(&mut memory, dim);
    let mut first = memory.split(&[0]).unwrap();
    memory.merge(&mut first).unwrap();
    support::go_on(&mut memory, dim);
});
