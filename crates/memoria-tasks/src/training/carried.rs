//! The memory that a training keeps from step to step.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use burn::{
    store::ModuleRecord,
    tensor::Device,
    train::checkpoint::{Checkpointer, CheckpointerError, FileCheckpointer},
};

use super::{Batch, CarriedMemory, StepRows};
use crate::{TaskError, files};

/// Time that a checkpoint waits for devices that are still in the last step of an epoch.
const PATIENCE: Duration = Duration::from_secs(60);

/// A memory that is kept across steps, with its snapshots at the end of each epoch. With several devices each has its
/// own rows, which identify its memory.
#[derive(Clone, Debug)]
pub(super) struct Carried<M>(Arc<Shared<M>>);

#[derive(Debug)]
struct Shared<M> {
    lived: Mutex<Lived<M>>,
    /// Notified of each snapshot.
    told: Condvar,
}

#[derive(Debug)]
struct Lived<M> {
    /// Key: the first of the memory's rows.
    memories: BTreeMap<usize, Steps<M>>,
    epoch_steps: usize,
    /// Number of steps before the training was resumed.
    steps_before: usize,
    /// A checkpoint's snapshot of all rows, until all rows have begun.
    kept: Option<Arc<[u8]>>,
    /// Number of rows that have begun.
    begun: usize,
    /// Snapshots that are still to be written, by epoch.
    snapshots: BTreeMap<usize, Snapshots>,
}

/// The steps of some rows.
#[derive(Debug)]
struct Steps<M> {
    /// The memory before the next step; nothing during a step.
    before: Before<M>,
    count: usize,
}

#[derive(Debug)]
enum Before<M> {
    Nothing,
    Memory(M),
    /// A checkpoint's snapshot of all rows.
    Kept(Arc<[u8]>),
}

/// The memories at the end of an epoch.
#[derive(Debug)]
struct Snapshots {
    /// Key: the first of the memory's rows.
    parts: BTreeMap<usize, Option<Vec<u8>>>,
    /// Number of rows still missing.
    missing: usize,
}

impl<M> Lived<M> {
    fn new(epoch_steps: usize) -> Self {
        let (memories, snapshots) = (BTreeMap::new(), BTreeMap::new());
        Self { memories, epoch_steps, steps_before: 0, kept: None, begun: 0, snapshots }
    }

    /// Returns the memory before a step of some rows, and the epoch that the step ends, if it ends one.
    fn begin(&mut self, rows: &StepRows) -> (Before<M>, Option<usize>) {
        let steps = match self.memories.entry(rows.range.start) {
            Entry::Occupied(steps) => steps.into_mut(),
            Entry::Vacant(place) => {
                let before = self.kept.clone().map_or(Before::Nothing, Before::Kept);
                self.begun += rows.range.len();
                if self.begun >= rows.of {
                    self.kept = None;
                }
                place.insert(Steps { before, count: self.steps_before })
            }
        };
        steps.count += 1;
        let ends = self.epoch_steps > 0 && steps.count.is_multiple_of(self.epoch_steps);
        let before = std::mem::replace(&mut steps.before, Before::Nothing);
        (before, ends.then(|| steps.count / self.epoch_steps))
    }

    /// Adds the snapshot of some rows at the end of an epoch.
    fn end_epoch(&mut self, epoch: usize, rows: &StepRows, snapshot: Option<Vec<u8>>) {
        let new = || Snapshots { parts: BTreeMap::new(), missing: rows.of };
        let snapshots = self.snapshots.entry(epoch).or_insert_with(new);
        snapshots.parts.insert(rows.range.start, snapshot);
        snapshots.missing = snapshots.missing.saturating_sub(rows.range.len());
    }
}

impl<M: CarriedMemory> Carried<M> {
    /// Creates an empty one. `epoch_steps` is 0 for a memory that is never saved.
    pub(super) fn new(epoch_steps: usize) -> Self {
        let lived = Mutex::new(Lived::new(epoch_steps));
        Self(Arc::new(Shared { lived, told: Condvar::new() }))
    }

    /// Takes a step with the memory of a batch's rows, or with a new one if the batch needs no earlier memory. After an
    /// error there is no memory.
    pub(super) fn step<R>(
        &self,
        batch: &Batch,
        new: impl FnOnce() -> Result<M, TaskError>,
        step: impl FnOnce(&mut M) -> Result<R, TaskError>,
    ) -> Result<R, TaskError> {
        let rows = &batch.step_rows;
        let (before, ends) = self.lock().begin(rows);
        let mut memory = match before {
            _ if batch.begins_anew() => new()?,
            Before::Nothing => new()?,
            Before::Memory(memory) => memory,
            Before::Kept(snapshot) => {
                M::restore(&snapshot, Some(rows), &batch.tokens.device().inner())?
            }
        };
        let result = step(&mut memory)?;
        memory.detach();
        if let Some(epoch) = ends {
            // Burn writes checkpoints while the next epoch runs; its changes must not be in them.
            let snapshot = memory.snapshot()?;
            self.lock().end_epoch(epoch, rows, snapshot);
            self.0.told.notify_all();
        }
        if let Some(steps) = self.lock().memories.get_mut(&rows.range.start) {
            steps.before = Before::Memory(memory);
        }
        Ok(result)
    }

    /// Returns one snapshot of all rows at the end of an epoch; `None` if there is none.
    fn snapshot(&self, epoch: usize, device: &Device) -> Result<Option<Vec<u8>>, TaskError> {
        let incomplete = |lived: &mut Lived<M>| {
            lived.snapshots.get(&epoch).is_some_and(|snapshots| snapshots.missing > 0)
        };
        let waited = self.0.told.wait_timeout_while(self.lock(), PATIENCE, incomplete);
        let (mut lived, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            let problem = "a device did not come to the end of the epoch";
            return Err(TaskError::Training(problem.into()));
        }
        let Some(snapshots) = lived.snapshots.remove(&epoch) else { return Ok(None) };
        drop(lived);
        let mut parts: Vec<Vec<u8>> = snapshots.parts.into_values().flatten().collect();
        if parts.len() < 2 {
            return Ok(parts.pop());
        }
        let mut memories = parts.iter().map(|part| M::restore(part, None, device));
        let Some(mut all) = memories.next().transpose()? else { return Ok(None) };
        memories.try_for_each(|memory| all.merge(memory?))?;
        all.snapshot()
    }

    /// Resumes after an epoch, with a snapshot of all rows.
    fn go_on(&self, epoch: usize, snapshot: Option<Vec<u8>>) {
        let lived = &mut *self.lock();
        let epoch_steps = lived.epoch_steps;
        let (steps_before, kept) = (epoch * epoch_steps, snapshot.map(Arc::from));
        *lived = Lived { steps_before, kept, ..Lived::new(epoch_steps) };
    }

    fn lock(&self) -> MutexGuard<'_, Lived<M>> {
        self.0.lived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Saves the memory of all rows beside the model, as `memory-N.memoria`, if there is one.
pub(super) struct ModelAndMemory<M> {
    model: FileCheckpointer,
    folder: PathBuf,
    memory: Carried<M>,
    device: Device,
}

impl<M: CarriedMemory> ModelAndMemory<M> {
    /// `device` is the device on which memories of several devices are merged.
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
        let failed = |error: TaskError| CheckpointerError::Unknown(error.to_string());
        if let Some(snapshot) = self.memory.snapshot(epoch, &self.device).map_err(failed)? {
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
        let path = self.path(epoch);
        let snapshot = path.exists().then(|| std::fs::read(&path)).transpose();
        self.memory.go_on(epoch, snapshot.map_err(CheckpointerError::IOError)?);
        self.model.restore(epoch)
    }
}

#[cfg(test)]
mod tests {
    use burn::{
        module::Module,
        nn::{Initializer, LinearConfig},
    };
    use memoria_core::SnapshotInfo;

    use super::*;
    use crate::{
        config::{MemoryConfig, Sizes},
        data::{DocumentId, Recall, Split, Task},
        model::{ContextMemory, ContextName, Decoder, ModelConfig, ModelSpec},
    };

    fn decoder() -> Decoder {
        let config = ModelSpec {
            model: ModelConfig { width: 8, ..ModelConfig::default() },
            memory: MemoryConfig::default(),
            context: ContextName::Memoria,
            sizes: Sizes { vocabulary: 600, segment_length: 8, classes: None },
            seed: 0,
        };
        config.decoder(&Device::flex()).unwrap()
    }

    /// Takes a step of one document. It continues with the memory unless `anew`. Returns the memory's next id.
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
        let record = || -> ModuleRecord {
            let zeros = LinearConfig::new(2, 2).with_initializer(Initializer::Zeros);
            zeros.init(&device).into_record()
        };
        let (decoder, carried) = (decoder(), Carried::new(2));
        let checkpointer = ModelAndMemory::new(folder, carried.clone(), &device);
        // One epoch and a half; then the first is saved.
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

    #[test]
    fn a_checkpoint_waits_for_all_rows() {
        let (decoder, carried) = (decoder(), Carried::<ContextMemory>::new(1));
        let document = Recall::default().document(DocumentId::new(Split::Train, 0, 0)).unwrap();
        let step = |row: usize| {
            let documents = [document.clone(), document.clone()];
            let batch = Batch::of_step(&documents, row..row + 1, &Device::flex());
            let new = || decoder.memory();
            carried.step(&batch, new, |memory| decoder.logits(&batch, memory).map(drop)).unwrap();
        };
        // The second row first; the rows of the snapshot are in order nevertheless.
        step(1);
        std::thread::scope(|scope| {
            let saved = scope.spawn(|| carried.snapshot(1, &Device::flex()).unwrap().unwrap());
            std::thread::sleep(Duration::from_millis(50));
            assert!(!saved.is_finished());
            step(0);
            let saved = saved.join().unwrap();
            assert_eq!(SnapshotInfo::read(&saved[..]).unwrap().rows, 2);
        });
    }
}
