//! What a training goes on from: the model, the optimizer, and the memory.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use burn::{
    backend::Dispatch,
    store::ModuleRecord,
    tensor::Device,
    train::checkpoint::{Checkpointer, CheckpointerError, FileCheckpointer},
};
use memoria::{
    MemoriaError, Restore,
    nn::{MemoriaState, MemoriaStateConfig},
};

/// The memory that a model is trained with, and what it was at the end of each epoch.
///
/// It lives as long as the training: every batch of documents begins with a reset, after which
/// identities and counters go on.
#[derive(Clone, Debug)]
pub(crate) struct TrainingMemory(Arc<Mutex<Lived>>);

#[derive(Debug)]
struct Lived {
    state: MemoriaState,
    epoch_steps: usize,
    steps: usize,
    /// Snapshots that are still to be written, by epoch.
    snapshots: BTreeMap<usize, Vec<u8>>,
}

impl TrainingMemory {
    pub(crate) fn new(
        config: &MemoriaStateConfig,
        epoch_steps: usize,
    ) -> Result<Self, MemoriaError> {
        let (state, steps, snapshots) = (config.init()?, 0, BTreeMap::new());
        Ok(Self(Arc::new(Mutex::new(Lived { state, epoch_steps, steps, snapshots }))))
    }

    /// Does one training step with the memory, emptied before.
    pub(crate) fn train<R>(&self, step: impl FnOnce(&mut MemoriaState) -> R) -> R {
        let lived = &mut *self.lock();
        lived.state.reset();
        let result = step(&mut lived.state);
        lived.state.detach();
        lived.steps += 1;
        if lived.steps.is_multiple_of(lived.epoch_steps) {
            // Burn writes checkpoints while the next epoch runs: this one must not be in them.
            let epoch = lived.steps / lived.epoch_steps;
            let snapshot = lived.state.snapshot().and_then(|snapshot| snapshot.to_bytes());
            lived.snapshots.insert(epoch, snapshot.expect("every step is adjusted"));
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Lived> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the memory beside the model, as `memory-N.memoria`.
pub(crate) struct ModelAndMemory {
    model: FileCheckpointer,
    folder: PathBuf,
    memory: TrainingMemory,
    device: Device,
}

impl ModelAndMemory {
    pub(crate) fn new(folder: &Path, memory: TrainingMemory, device: Device) -> Self {
        let model = FileCheckpointer::new(folder, "model");
        Self { model, folder: folder.to_owned(), memory, device }
    }

    fn path(&self, epoch: usize) -> PathBuf {
        memory_file(&self.folder, epoch)
    }
}

/// Where the memory of an epoch is kept.
pub(crate) fn memory_file(folder: &Path, epoch: usize) -> PathBuf {
    folder.join(format!("memory-{epoch}.memoria"))
}

impl Checkpointer<ModuleRecord> for ModelAndMemory {
    fn save(&self, epoch: usize, record: ModuleRecord) -> Result<(), CheckpointerError> {
        let snapshot = self.memory.lock().snapshots.remove(&epoch);
        let saved = match snapshot {
            Some(bytes) => {
                let restore = Restore::<Dispatch>::new(self.device.as_dispatch());
                let restored = restore.read_bytes(&bytes).and_then(MemoriaState::try_from);
                restored.and_then(|mut state| state.save(self.path(epoch)))
            }
            // The epoch was cut short.
            None => self.memory.lock().state.save(self.path(epoch)),
        };
        saved.map_err(failed)?;
        self.model.save(epoch, record)
    }

    fn delete(&self, epoch: usize) -> Result<(), CheckpointerError> {
        let path = self.path(epoch);
        if path.exists() {
            std::fs::remove_file(path).map_err(CheckpointerError::IOError)?;
        }
        Checkpointer::<ModuleRecord>::delete(&self.model, epoch)
    }

    fn restore(&self, epoch: usize) -> Result<ModuleRecord, CheckpointerError> {
        let state = MemoriaState::load(self.path(epoch), &self.device).map_err(failed)?;
        let lived = &mut *self.memory.lock();
        lived.state = state;
        lived.steps = epoch * lived.epoch_steps;
        self.model.restore(epoch)
    }
}

fn failed(error: MemoriaError) -> CheckpointerError {
    CheckpointerError::Unknown(format!("memory: {error}"))
}
