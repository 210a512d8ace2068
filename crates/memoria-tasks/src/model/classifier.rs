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

/// A BERT or RoBERTa that tells the class of each segment, with a [context](ContextName) of earlier ones.
///
/// It is that of [`memoria_models`]. What is asked of a segment it tells from the segment's first place, wherever in the
/// segment it is asked.
#[derive(Module, Debug)]
pub struct Classifier {
    model: SequenceClassifier,
    #[module(skip)]
    memory: Option<ContextMemoryConfig>,
    /// Tokens of the task that come before those of the model: the classes.
    #[module(skip)]
    first_token: i64,
    /// The model's own token of padding.
    #[module(skip)]
    padding: i64,
}

impl ModelSpec {
    /// Initializes a [`Classifier`], and says what was loaded of its checkpoint, if it has one: for a seed always the same, as
    /// [`decoder`](Self::decoder). With [weights](super::ModelConfig::weights), with those of the checkpoint, and a head of its
    /// own.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`TaskError::Option`] if the task or the checkpoint's sizes do not fit; what the checkpoint
    /// cannot be read for.
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

    /// An encoder of the configuration's sizes.
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
        // None of the task's words is padding.
        let config = EncoderConfig { pad_token_id: -1, initializer_range, ..config };
        let config = config.with_num_labels(classes).with_dropout(dropout);
        match self.encoder_memory() {
            Some(memory) => config.with_memory(memory, self.model.blocks_below - 1),
            None => config,
        }
    }

    /// An encoder of a checkpoint's sizes, with the memory that the configuration tells.
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

    /// The memory of the context, if there is one.
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
    /// The model's own tokens `[segments, rows, length]` of a batch.
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

    /// Logits `[asked, classes]`, those of a segment wherever in it something is asked.
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
