//! The memory that a training carries from step to step.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use burn::{
    store::ModuleRecord,
    tensor::Device,
    train::checkpoint::{Checkpointer, CheckpointerError, FileCheckpointer},
};

use super::{Batch, CarriedMemory};
use crate::{TaskError, files};

/// A memory that outlives a step, and what it was at the end of each epoch.
#[derive(Clone, Debug)]
pub(super) struct Carried<M>(Arc<Mutex<Lived<M>>>);

#[derive(Debug)]
struct Lived<M> {
    memory: Option<M>,
    epoch_steps: usize,
    steps: usize,
    /// What is still to be written, by epoch.
    snapshots: BTreeMap<usize, Option<Vec<u8>>>,
}

impl<M: CarriedMemory> Carried<M> {
    /// `epoch_steps` is 0 for a memory that is never saved.
    pub(super) fn new(epoch_steps: usize) -> Self {
        let (memory, steps, snapshots) = (None, 0, BTreeMap::new());
        Self(Arc::new(Mutex::new(Lived { memory, epoch_steps, steps, snapshots })))
    }

    /// Takes a step with the memory, or with a new one where a batch needs nothing of before. After an error
    /// there is no memory.
    pub(super) fn step<R>(
        &self,
        batch: &Batch,
        new: impl FnOnce() -> Result<M, TaskError>,
        step: impl FnOnce(&mut M) -> Result<R, TaskError>,
    ) -> Result<R, TaskError> {
        let lived = &mut *self.lock();
        let mut memory = match lived.memory.take() {
            Some(memory) if !batch.begins_anew() => memory,
            _ => new()?,
        };
        let result = step(&mut memory)?;
        memory.detach();
        lived.steps += 1;
        if lived.epoch_steps > 0 && lived.steps.is_multiple_of(lived.epoch_steps) {
            // Burn writes checkpoints while the next epoch runs: that must not be in them.
            lived.snapshots.insert(lived.steps / lived.epoch_steps, memory.snapshot()?);
        }
        lived.memory = Some(memory);
        Ok(result)
    }

    fn lock(&self) -> MutexGuard<'_, Lived<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the memory beside the model, as `memory-N.memoria`, if there is one.
pub(super) struct ModelAndMemory<M> {
    model: FileCheckpointer,
    folder: PathBuf,
    memory: Carried<M>,
    device: Device,
}

impl<M: CarriedMemory> ModelAndMemory<M> {
    pub(super) fn new(folder: &Path, memory: Carried<M>, device: &Device) -> Self {
        let model = FileCheckpointer::new(folder, "model");
        Self { model, folder: folder.to_owned(), memory, device: device.clone().inner() }
    }

    fn path(&self, epoch: usize) -> PathBuf {
        self.folder.join(format!("memory-{epoch}.memoria"))
    }
}

impl<M: CarriedMemory> Checkpointer<ModuleRecord> for ModelAndMemory<M> {
    fn save(&self, epoch: usize, record: ModuleRecord) -> Result<(), CheckpointerError> {
        let snapshot = self.memory.lock().snapshots.remove(&epoch);
        if let Some(Some(snapshot)) = snapshot {
            files::write(&self.path(epoch), &snapshot).map_err(failed)?;
        }
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
        let lived = &mut *self.memory.lock();
        let path = self.path(epoch);
        lived.memory = None;
        if path.exists() {
            let snapshot = std::fs::read(&path).map_err(CheckpointerError::IOError)?;
            lived.memory = Some(M::restore(&snapshot, &self.device).map_err(failed)?);
        }
        lived.steps = epoch * lived.epoch_steps;
        self.model.restore(epoch)
    }
}

fn failed(error: TaskError) -> CheckpointerError {
    CheckpointerError::Unknown(error.to_string())
}

#[cfg(test)]
mod tests {
    use burn::{module::Module, nn::LinearConfig};

    use super::*;
    use crate::{
        config::MemoryConfig,
        data::{DocumentId, Recall, Split, Task},
        model::{ContextMemory, ContextName, Decoder, DecoderConfig, ModelConfig},
    };

    fn decoder() -> Decoder {
        let config = DecoderConfig {
            model: ModelConfig { width: 8, ..ModelConfig::default() },
            memory: MemoryConfig::default(),
            context: ContextName::Memoria,
            vocabulary: 600,
            segment_length: 8,
            seed: 0,
        };
        config.init(&Device::flex()).unwrap()
    }

    /// A step of one document, which goes on with the memory unless it is the first; the memory's next identity
    /// after it.
    fn step(carried: &Carried<ContextMemory>, decoder: &Decoder, anew: bool) -> u64 {
        let document = Recall::default().document(DocumentId::new(Split::Train, 0, 0)).unwrap();
        let mut batch = Batch::of_documents(&[document], &Device::flex());
        if !anew {
            batch.begins[0].clear();
        }
        carried
            .step(
                &batch,
                || decoder.memory(),
                |memory| {
                    decoder.logits(&batch, memory)?;
                    let state = memory.memory().unwrap().state()?;
                    Ok(state.row(0)?.engrams().last().unwrap().id.0 + 1)
                },
            )
            .unwrap()
    }

    #[test]
    fn a_memory_goes_on_unless_every_row_begins_anew() {
        let (decoder, carried) = (decoder(), Carried::new(0));
        let ids = [false, false, true, false].map(|anew| step(&carried, &decoder, anew));
        assert_eq!(ids, [16, 32, 16, 32]);
    }

    #[test]
    fn the_memory_is_restored_with_the_model() {
        let device = Device::flex();
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let record = || -> ModuleRecord { LinearConfig::new(2, 2).init(&device).into_record() };
        let (decoder, carried) = (decoder(), Carried::new(2));
        let checkpointer = ModelAndMemory::new(folder, carried.clone(), &device);
        // One epoch and a half; then the first is written.
        for _ in 0..3 {
            step(&carried, &decoder, false);
        }
        checkpointer.save(1, record()).unwrap();
        let resumed = Carried::new(2);
        ModelAndMemory::new(folder, resumed.clone(), &device).restore(1).unwrap();
        assert_eq!(step(&resumed, &decoder, false), 48);
        Checkpointer::<ModuleRecord>::delete(&checkpointer, 1).unwrap();
        assert!(checkpointer.restore(1).is_err());
    }
}
