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
/// Your own model needs only two things: an empty memory, and logits at the places with questions. The memory of a
/// `MemoriaLayer` is a [`MemoriaState`]; `examples/train.rs` is a complete program.
pub trait SegmentModel: Module + ModuleDisplay + Display + 'static {
    /// The state that it carries from segment to segment.
    type Memory: CarriedMemory;

    /// Returns an empty memory for it.
    ///
    /// # Errors
    ///
    /// If its configuration is not valid.
    fn memory(&self) -> Result<Self::Memory, TaskError>;

    /// Computes logits `[asked, vocabulary]` at the places with questions of a batch, and updates the memory.
    ///
    /// # Errors
    ///
    /// Errors of the memory.
    fn logits(&self, batch: &Batch, memory: &mut Self::Memory) -> Result<Tensor<2>, TaskError>;

    /// As [`logits`](Self::logits), with a loss `[1]` that teaches the model what to be reminded of, if it has one.
    /// Training adds this loss times [`TrainingConfig::contrast`](crate::config::TrainingConfig::contrast).
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

    /// As [`logits`](Self::logits), but leaves the memory unchanged: for an incomplete segment. By default it uses a
    /// copy of the memory.
    ///
    /// # Errors
    ///
    /// As [`logits`](Self::logits).
    fn peek(&self, batch: &Batch, memory: &mut Self::Memory) -> Result<Tensor<2>, TaskError> {
        self.logits(batch, &mut memory.clone())
    }
}

/// A memory that is kept from step to step.
pub trait CarriedMemory: Clone + Debug + Send + 'static {
    /// Detaches the memory from the graph; called after each `backward`.
    fn detach(&mut self);

    /// Returns the content for a checkpoint; `None` if there is nothing to save.
    ///
    /// # Errors
    ///
    /// If the content cannot be read.
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>, TaskError>;

    /// Restores a checkpoint's content on a device without autodiff: all rows, or `rows` of a step.
    ///
    /// # Errors
    ///
    /// If the content is damaged, or has another number of rows than a step.
    fn restore(
        snapshot: &[u8],
        rows: Option<&StepRows>,
        device: &Device,
    ) -> Result<Self, TaskError>;

    /// Appends the rows of another memory; both are restored ones. A checkpoint contains one memory for any number of
    /// devices.
    ///
    /// # Errors
    ///
    /// Errors of the memory.
    fn merge(&mut self, other: Self) -> Result<(), TaskError>;

    /// Returns a copy in which every row's part moves to the previous row, and the first row's part to the last row.
    /// This is a control: it separates what a memory keeps of its own document from what it keeps of any document.
    ///
    /// # Errors
    ///
    /// Errors of the memory.
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

    /// Returns the memory's own snapshot.
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

    /// Merges memories only: checkpoints contain no stores and no caches.
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
