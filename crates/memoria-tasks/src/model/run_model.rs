use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use memoria_models::LoadReport;

use super::{
    Classifier, ContextMemory, ContextMemoryConfig, ContextModel, Decoder, LanguageModel,
    ModelKind, ModelSpec,
};
use crate::{
    TaskError,
    training::{Batch, SegmentModel},
};

/// The model of a run, of any [kind](ModelKind).
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant, reason = "a run has one of it")]
pub enum RunModel {
    /// This crate's own transformer.
    Decoder(Decoder),
    /// A BERT or RoBERTa.
    Classifier(Classifier),
    /// A GPT-2.
    Gpt2(LanguageModel),
}

impl ModelSpec {
    /// Initializes the model, the same for the same seed, as [`decoder`](Self::decoder) does. With a checkpoint it also
    /// reports what was loaded.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`TaskError::Option`] if the task does not fit the model or its checkpoint;
    /// [`TaskError::Missing`] or [`TaskError::Model`] if the checkpoint is missing or cannot be read.
    pub fn init(&self, device: &Device) -> Result<(RunModel, Option<LoadReport>), TaskError> {
        match self.model.kind {
            ModelKind::Decoder => Ok((RunModel::Decoder(self.decoder(device)?), None)),
            ModelKind::Bert | ModelKind::Roberta => {
                let (model, report) = self.classifier(device)?;
                Ok((RunModel::Classifier(model), report))
            }
            ModelKind::Gpt2 => {
                let (model, report) = self.gpt2(device)?;
                Ok((RunModel::Gpt2(model), report))
            }
        }
    }
}

impl RunModel {
    /// Whether every output depends only on its own and earlier places.
    pub fn is_causal(&self) -> bool {
        match self {
            Self::Decoder(model) => model.is_causal(),
            Self::Classifier(_) => false,
            Self::Gpt2(_) => true,
        }
    }
}

/// Makes the same call on each kind of model.
macro_rules! of_model {
    ($self:ident, $model:ident => $call:expr) => {
        match $self {
            RunModel::Decoder($model) => $call,
            RunModel::Classifier($model) => $call,
            RunModel::Gpt2($model) => $call,
        }
    };
}

impl SegmentModel for RunModel {
    type Memory = ContextMemory;

    fn memory(&self) -> Result<ContextMemory, TaskError> {
        of_model!(self, model => SegmentModel::memory(model))
    }

    fn logits(&self, batch: &Batch, memory: &mut ContextMemory) -> Result<Tensor<2>, TaskError> {
        of_model!(self, model => SegmentModel::logits(model, batch, memory))
    }

    fn logits_and_contrast(
        &self,
        batch: &Batch,
        memory: &mut ContextMemory,
    ) -> Result<(Tensor<2>, Option<Tensor<1>>), TaskError> {
        of_model!(self, model => SegmentModel::logits_and_contrast(model, batch, memory))
    }

    fn peek(&self, batch: &Batch, memory: &mut ContextMemory) -> Result<Tensor<2>, TaskError> {
        of_model!(self, model => SegmentModel::peek(model, batch, memory))
    }
}

impl ContextModel for RunModel {
    fn memory_config(&self) -> Option<&ContextMemoryConfig> {
        of_model!(self, model => ContextModel::memory_config(model))
    }
}
