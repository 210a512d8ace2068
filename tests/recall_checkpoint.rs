//! A training of the example goes on with the memory it had at the end of an epoch.

#[path = "../examples/recall/checkpoint.rs"]
mod checkpoint;

use burn::{
    module::Module,
    nn::LinearConfig,
    store::ModuleRecord,
    tensor::{Device, Tensor},
    train::checkpoint::Checkpointer,
};
use checkpoint::{ModelAndMemory, TrainingMemory, memory_file};
use memoria::{
    MemoriaConfig, SnapshotInfo,
    nn::{MemoriaState, MemoriaStateConfig},
};

fn config() -> MemoriaStateConfig {
    MemoriaStateConfig::new(MemoriaConfig::new(2, 4, 2, 3.0, 2)).with_bptt(1)
}

/// A document of two segments.
fn document(memory: &mut MemoriaState) {
    for _ in 0..2 {
        let recall = memory.recall(Tensor::ones([2, 2, 4], &Device::flex())).unwrap();
        memory.reinforce(&recall, None).unwrap();
    }
}

fn next_id(memory: &mut MemoriaState) -> u64 {
    let state = memory.state().unwrap();
    let newest = state.row(0).unwrap().engrams().last();
    newest.map_or(0, |engram| engram.id.0 + 1)
}

#[test]
fn the_memory_is_restored_with_the_model() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let record = || -> ModuleRecord { LinearConfig::new(2, 2).init(&device).into_record() };
    let memory = TrainingMemory::new(&config(), 2).unwrap();
    let checkpointer = ModelAndMemory::new(folder, memory.clone(), device.clone());
    // One epoch and a half; then the first is written.
    (0..3).for_each(|_| memory.train(document));
    checkpointer.save(1, record()).unwrap();
    // The second one ends early.
    checkpointer.save(2, record()).unwrap();
    assert_eq!(SnapshotInfo::load(memory_file(folder, 1)).unwrap().config, config().memoria);

    for (epoch, documents) in [(1, 2), (2, 3)] {
        let resumed = TrainingMemory::new(&config(), 2).unwrap();
        let checkpointer = ModelAndMemory::new(folder, resumed.clone(), device.clone());
        checkpointer.restore(epoch).unwrap();
        // A document leaves four new identities behind; a reset keeps them.
        resumed.train(|memory| {
            document(memory);
            assert_eq!(next_id(memory), 4 * (documents + 1));
        });
    }
    Checkpointer::<ModuleRecord>::delete(&checkpointer, 1).unwrap();
    assert!(!memory_file(folder, 1).exists() && memory_file(folder, 2).exists());
    assert!(checkpointer.restore(1).is_err());
}
