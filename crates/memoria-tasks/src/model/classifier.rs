use std::path::Path;

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use memoria_models::{
    EncoderConfig, EncoderKind, LoadReport, MemoryConfig as EncoderMemory, SequenceClassifier,
};

use super::{
    ContextMemory, ContextMemoryConfig, ContextModel, ContextName, ModelConfig, ModelKind,
    ModelSpec,
    drawing::{draw, drawing},
    spec::has_config,
};
use crate::{
    TaskError,
    training::{Batch, SegmentModel},
};

/// A BERT or RoBERTa that classifies each segment, with a [context](ContextName) of earlier ones.
///
/// The model is that of [`memoria_models`]. It answers a question from the segment's first place, wherever in the
/// segment the question is.
#[derive(Module, Debug)]
pub struct Classifier {
    model: SequenceClassifier,
    #[module(skip)]
    memory: Option<ContextMemoryConfig>,
    /// Number of the task's tokens before those of the model: the classes.
    #[module(skip)]
    first_token: i64,
    /// The model's own padding token.
    #[module(skip)]
    padding: i64,
}

impl ModelSpec {
    /// Initializes a [`Classifier`], the same for the same seed, as [`decoder`](Self::decoder) does. With
    /// [weights](super::ModelConfig::weights) it loads those of the checkpoint, with a new head, and reports what was
    /// loaded.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`TaskError::Option`] if the task or the checkpoint's sizes do not fit;
    /// [`TaskError::Missing`] or [`TaskError::Model`] if the checkpoint is missing or cannot be read.
    pub(super) fn classifier(
        &self,
        device: &Device,
    ) -> Result<(Classifier, Option<LoadReport>), TaskError> {
        self.check()?;
        let classes = self.sizes.classes.ok_or_else(|| {
            let expected = "decoder or gpt2 for a task that is not about classes";
            TaskError::option("model.kind", expected, self.model.kind.name())
        })?;
        let _alone = drawing();
        device.seed(self.seed);
        let (config, weights) = match &self.model.weights {
            None => (self.untrained_encoder(classes), None),
            Some(folder) => (self.encoder_of_checkpoint(folder, classes)?, Some(folder)),
        };
        let mut model = config.init(device)?;
        let mut report = None;
        if let Some(folder) = weights {
            let loaded = config.clone().load_model(folder, device)?;
            model.encoder = loaded.model;
            report = Some(loaded.report);
        }
        let tokens = self.sizes.vocabulary.saturating_sub(classes);
        self.check_sizes(tokens, config.vocab_size, model.encoder.max_tokens())?;
        let classifier = Classifier {
            model,
            memory: self.context.memory(&self.memory, self.seed),
            first_token: classes as i64,
            padding: config.pad_token_id.max(0),
        };
        draw(&classifier);
        Ok((classifier, report))
    }

    /// Returns an encoder configuration with the configured sizes.
    fn untrained_encoder(&self, classes: usize) -> EncoderConfig {
        let ModelConfig { width, heads, dropout, initializer_range, .. } = self.model;
        let config = EncoderConfig::new(
            self.encoder_kind(),
            self.sizes.vocabulary.saturating_sub(classes).max(1),
            width,
            self.model.blocks(),
            heads,
            self.model.feedforward.unwrap_or(4 * width),
            self.sizes.segment_length,
        );
        // No word of the task is padding.
        let config = EncoderConfig { pad_token_id: -1, initializer_range, ..config };
        let config = config.with_num_labels(classes).with_dropout(dropout);
        match self.encoder_memory() {
            Some(memory) => config.with_memory(memory, self.model.blocks_below - 1),
            None => config,
        }
    }

    /// Returns an encoder configuration with a checkpoint's sizes and the configured memory.
    fn encoder_of_checkpoint(
        &self,
        folder: &Path,
        classes: usize,
    ) -> Result<EncoderConfig, TaskError> {
        has_config(folder)?;
        let mut config = EncoderConfig::from_pretrained_as(self.encoder_kind(), folder)?;
        let layers = config.num_hidden_layers;
        let above = self.model.blocks_above;
        if config.memory.take().is_none() {
            if above >= layers {
                let expected = format!("below {layers}, the layers of {}", folder.display());
                return Err(TaskError::option("model.blocks_above", expected, above));
            }
            config.memory_layer_index = layers - 1 - above;
        }
        config.memory = self.encoder_memory();
        Ok(config.with_num_labels(classes).with_dropout(self.model.dropout))
    }

    fn encoder_kind(&self) -> EncoderKind {
        match self.model.kind {
            ModelKind::Roberta => EncoderKind::Roberta,
            _ => EncoderKind::Bert,
        }
    }

    /// Returns the memory of the context, if there is one.
    fn encoder_memory(&self) -> Option<EncoderMemory> {
        let state = self.context.memory(&self.memory, self.seed)?.state;
        let (memories, memoria) = (self.memory.memories, state.memoria);
        let memory = match self.context {
            ContextName::Paper => EncoderMemory::new(memories, memoria),
            _ => EncoderMemory::bidirectional(memories, memoria)
                .with_num_queries(self.memory.queries)
                .with_max_places(self.memory.places.then_some(self.sizes.segment_length))
                .with_equal_length(self.memory.equal_length),
        };
        Some(memory.with_bptt(state.bptt))
    }
}

impl Classifier {
    /// Returns a batch as the model's own tokens `[segments, rows, length]`.
    fn tokens(&self, batch: &Batch) -> Tensor<3, Int> {
        let tokens = batch.tokens.clone().sub_scalar(self.first_token).clamp_min(0);
        match &batch.mask_pad {
            Some(padding) if self.padding > 0 => tokens.mask_fill(padding.clone(), self.padding),
            _ => tokens,
        }
    }
}

impl SegmentModel for Classifier {
    type Memory = ContextMemory;

    fn memory(&self) -> Result<ContextMemory, TaskError> {
        Ok(ContextMemory::new(self.memory.as_ref())?)
    }

    /// Logits `[asked, classes]`. All questions of a segment get the segment's logits.
    fn logits(&self, batch: &Batch, memory: &mut ContextMemory) -> Result<Tensor<2>, TaskError> {
        let logits = memory.read_batch(batch, self.tokens(batch), |input, memory| {
            let output = self.model.forward(input, memory)?;
            Ok((output.logits, output.recall))
        })?;
        let [_, _, length] = batch.tokens.dims();
        let segments_asked = batch.asked.clone().div_scalar(length as i64);
        Ok(logits.select(0, segments_asked))
    }
}

impl ContextModel for Classifier {
    fn memory_config(&self) -> Option<&ContextMemoryConfig> {
        self.memory.as_ref()
    }
}

#[cfg(test)]
mod tests;
