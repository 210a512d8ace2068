//! The snapshot of a model's memory is refused after any change. The memory that this needs is limited by the
//! snapshot's size.
//!
//! One test, so that no memory of another test is measured.

use burn::{backend::Dispatch, tensor::Device};
use memoria::{
    MemoriaError, Restore,
    models::{ModelError, ModelMemory},
};
use memoria_testing::{
    checksummed::{contents, snapshot_of},
    remembering::{Model, recorded, recorded_input},
};
use peak_alloc::PeakAlloc;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Distance between flipped bits, and between the lengths to which the snapshot is cut.
const APART: usize = 13;
/// Number of changed snapshots with correct checksums.
const FORGED: usize = 4_000;

/// Restores a memory. Returns the result and the peak of allocated memory.
fn measured(bytes: &[u8]) -> (Result<ModelMemory, MemoriaError>, usize) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let restore = Restore::<Dispatch>::new(Device::flex().as_dispatch());
    let result = restore.read_bytes(bytes).and_then(ModelMemory::try_from);
    let peak = MEMORY.peak_usage() - before;
    let allowed = 32 * bytes.len() + (64 << 10);
    assert!(peak <= allowed, "{peak} bytes were set aside for {}", bytes.len());
    (result, peak)
}

#[test]
fn changed_snapshots_are_refused_at_no_cost() {
    let device = Device::flex();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for name in ["gpt2-memoria", "bert-memoria"] {
        let model = Model::load(name, &device);
        let segments = recorded(name);
        let mut memory = model.memory.init().unwrap();
        for segment in &segments[..5] {
            model.read(&recorded_input(&model, segment), &mut memory).unwrap();
        }
        let snapshot = memory.snapshot().unwrap().to_bytes().unwrap();
        measured(&snapshot).0.unwrap();

        for bit in (0..8 * snapshot.len()).step_by(APART) {
            let mut flipped = snapshot.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            measured(&flipped).0.unwrap_err();
        }
        for len in (0..snapshot.len()).step_by(APART).chain([snapshot.len() - 1]) {
            measured(&snapshot[..len]).0.unwrap_err();
        }
        let longer = [&snapshot[..], &[0]].concat();
        measured(&longer).0.unwrap_err();

        // With correct checksums: it is refused, or accepted as it is. The model then continues or returns an
        // error.
        let (mut taken, mut largest) = (0, 0.0f64);
        for _ in 0..FORGED {
            let mut forged = contents(&snapshot);
            let at = rng.random_range(0..forged.len());
            match rng.random_range(0..4) {
                0 => forged[at] ^= 1 << rng.random_range(0..8),
                1 => forged[at] = rng.random(),
                2 => drop(forged.drain(at..(at + 40).min(forged.len()))),
                _ => drop(forged.splice(at..at, [rng.random()])),
            }
            let forged = snapshot_of(2, &forged);
            let (result, peak) = measured(&forged);
            largest = largest.max(peak as f64 / forged.len() as f64);
            let Ok(mut memory) = result else { continue };
            taken += 1;
            memory.memoria().verify().unwrap();
            match model.read(&recorded_input(&model, &segments[5]), &mut memory) {
                Ok(_) => memory.memoria().verify().unwrap(),
                Err(ModelError::Memory(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        println!("{name}: {taken} of {FORGED} forged ones taken, {largest:.1} bytes per byte");
        assert!(taken > FORGED / 10, "the forged ones are hardly looked at");
    }
}
