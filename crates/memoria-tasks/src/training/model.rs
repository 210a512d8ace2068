use std::fmt::{Debug, Display};

use burn::{
    backend::Dispatch,
    module::{Module, ModuleDisplay},
    tensor::{Device, Tensor},
};
use memoria_core::{Restore, SnapshotInfo};
use memoria_nn::MemoriaState;

use super::{Batch, StepRows};
use crate::{
    TaskError,
    model::{ContextMemory, ContextMemoryConfig, ContextModel, Decoder, rotate},
};

/// A model that can be trained with a memory by this crate.
///
/// A model of one's own needs no more than this: an empty memory, and logits where a batch asks for them. The memory of
/// a `MemoriaLayer` is a [`MemoriaState`]; `examples/train.rs` is a whole program.
pub trait SegmentModel: Module + ModuleDisplay + Display + 'static {
    /// What it carries from segment to segment.
    type Memory: CarriedMemory;

    /// An empty memory for it.
    ///
    /// # Errors
    ///
    /// If its configuration is not valid.
    fn memory(&self) -> Result<Self::Memory, TaskError>;

    /// Logits `[asked, vocabulary]` at the places of a batch that are asked for; the memory goes on.
    ///
    /// # Errors
    ///
    /// What the memory refuses.
    fn logits(&self, batch: &Batch, memory: &mut Self::Memory) -> Result<Tensor<2>, TaskError>;

    /// As [`logits`](Self::logits), with a loss `[1]` by which the model learns what to be reminded of, if it has one:
    /// [`TrainingConfig::contrast`](crate::config::TrainingConfig::contrast) times it is added to the loss.
    ///
    /// # Errors
    ///
    /// As [`logits`](Self::logits).
    fn logits_and_contrast(
        &self,
        batch: &Batch,
        memory: &mut Self::Memory,
    ) -> Result<(Tensor<2>, Option<Tensor<1>>), TaskError> {
        Ok((self.logits(batch, memory)?, None))
    }

    /// As [`logits`](Self::logits), but the memory stays as it is: for a segment that is not whole yet. By
    /// default with a copy of the memory.
    ///
    /// # Errors
    ///
    /// As [`logits`](Self::logits).
    fn peek(&self, batch: &Batch, memory: &mut Self::Memory) -> Result<Tensor<2>, TaskError> {
        self.logits(batch, &mut memory.clone())
    }
}

/// A memory that goes on from step to step.
pub trait CarriedMemory: Clone + Debug + Send + 'static {
    /// Forgets how it was computed: called after each `backward`.
    fn detach(&mut self);

    /// What a checkpoint keeps of it; nothing if there is nothing to keep.
    ///
    /// # Errors
    ///
    /// If it cannot be told.
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>, TaskError>;

    /// From what a checkpoint kept, on a device without autodiff: all rows, or some of as many as a step has.
    ///
    /// # Errors
    ///
    /// If it is damaged, or of another number of rows than a step has.
    fn restore(
        snapshot: &[u8],
        rows: Option<&StepRows>,
        device: &Device,
    ) -> Result<Self, TaskError>;

    /// Appends the rows of another memory; both were restored. A checkpoint keeps one memory, whatever the number
    /// of devices.
    ///
    /// # Errors
    ///
    /// What the memory refuses.
    fn merge(&mut self, other: Self) -> Result<(), TaskError>;

    /// A copy in which every row's part is given to the row before it, and the first one's to the last: a control, by
    /// which what a memory knows of its own document is told from what it knows of any.
    ///
    /// # Errors
    ///
    /// What the memory refuses.
    fn rotated(&self) -> Result<Self, TaskError>;
}

impl SegmentModel for Decoder {
    type Memory = ContextMemory;

    fn memory(&self) -> Result<ContextMemory, TaskError> {
        Decoder::memory(self)
    }

    fn logits(&self, batch: &Batch, memory: &mut ContextMemory) -> Result<Tensor<2>, TaskError> {
        Decoder::logits(self, batch, memory)
    }

    fn logits_and_contrast(
        &self,
        batch: &Batch,
        memory: &mut ContextMemory,
    ) -> Result<(Tensor<2>, Option<Tensor<1>>), TaskError> {
        Decoder::logits_and_contrast(self, batch, memory)
    }

    fn peek(&self, batch: &Batch, memory: &mut ContextMemory) -> Result<Tensor<2>, TaskError> {
        Decoder::peek(self, batch, memory)
    }
}

impl ContextModel for Decoder {
    fn memory_config(&self) -> Option<&ContextMemoryConfig> {
        Decoder::memory_config(self)
    }
}

impl CarriedMemory for MemoriaState {
    fn detach(&mut self) {
        MemoriaState::detach(self);
    }

    /// The memory's own snapshot.
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>, TaskError> {
        Ok(Some(MemoriaState::snapshot(self)?.to_bytes()?))
    }

    fn restore(
        snapshot: &[u8],
        rows: Option<&StepRows>,
        device: &Device,
    ) -> Result<Self, TaskError> {
        let mut restore = Restore::<Dispatch>::new(device.as_dispatch());
        if let Some(StepRows { range, of }) = rows {
            let kept = SnapshotInfo::read(snapshot)?.rows;
            if kept != *of {
                let expected = format!("{kept}, as the memory that is gone on with has them");
                return Err(TaskError::option("rows of a step", expected, of));
            }
            if range.len() < kept {
                restore = restore.rows(&range.clone().collect::<Vec<_>>());
            }
        }
        Ok(Self::try_from(restore.read_bytes(snapshot)?)?)
    }

    fn merge(&mut self, mut other: Self) -> Result<(), TaskError> {
        Ok(MemoriaState::merge(self, &mut other)?)
    }

    fn rotated(&self) -> Result<Self, TaskError> {
        let mut copy = self.clone();
        rotate(&mut copy)?;
        Ok(copy)
    }
}

impl CarriedMemory for ContextMemory {
    fn detach(&mut self) {
        ContextMemory::detach(self);
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>, TaskError> {
        self.memory().map_or(Ok(None), CarriedMemory::snapshot)
    }

    fn restore(
        snapshot: &[u8],
        rows: Option<&StepRows>,
        device: &Device,
    ) -> Result<Self, TaskError> {
        Ok(Self::of(MemoriaState::restore(snapshot, rows, device)?))
    }

    /// Memories alone: checkpoints have no stores and no caches.
    fn merge(&mut self, mut other: Self) -> Result<(), TaskError> {
        match (self.memory(), other.memory()) {
            (Some(memory), Some(other)) => Ok(memory.merge(other)?),
            _ => Ok(()),
        }
    }

    fn rotated(&self) -> Result<Self, TaskError> {
        Ok(ContextMemory::rotated(self)?)
    }
}
