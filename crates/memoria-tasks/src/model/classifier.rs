use std::path::Path;

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor},
};
use memoria_models::{
    EncoderConfig, EncoderKind, LoadReport, MemoryConfig as EncoderMemory, ModelInput,
    SequenceClassifier,
};

use super::{
    ContextMemory, ContextMemoryConfig, ContextModel, ContextName, ModelConfig, ModelKind,
    drawing::{draw, drawing},
};
use crate::{
    TaskError,
    config::{MemoryConfig, Sizes},
    text::missing_checkpoint,
    training::{Batch, SegmentModel},
};

/// All that a [`Classifier`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassifierConfig {
    /// The encoder.
    pub model: ModelConfig,
    /// Its memory.
    pub memory: MemoryConfig,
    /// What it is given of that.
    pub context: ContextName,
    /// What the task has: classes, too.
    pub sizes: Sizes,
    /// The run's seed.
    pub seed: u64,
}

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

impl ClassifierConfig {
    /// Initializes a [`Classifier`]: for a seed always the same, as [`DecoderConfig::init`](super::DecoderConfig::init).
    /// With [weights](ModelConfig::weights), with those of the checkpoint, and a head of its own.
    ///
    /// # Errors
    ///
    /// As [`ModelConfig::check`] and [`check`](Self::check); [`TaskError::Option`] if the task or the checkpoint's sizes
    /// do not fit; what the checkpoint cannot be read for.
    pub fn init(&self, device: &Device) -> Result<Classifier, TaskError> {
        Ok(self.init_with_report(device)?.0)
    }

    /// [`init`](Self::init), and what was loaded of a checkpoint, if there is one.
    ///
    /// # Errors
    ///
    /// As [`init`](Self::init).
    pub fn init_with_report(
        &self,
        device: &Device,
    ) -> Result<(Classifier, Option<LoadReport>), TaskError> {
        self.model.check()?;
        Self::check(&self.model, &self.memory)?;
        Self::check_context(&self.model, self.context)?;
        let classes = self.sizes.classes.ok_or_else(|| {
            let expected = "decoder for a task that is not about classes";
            TaskError::option("model.kind", expected, self.model.kind.name())
        })?;
        let _alone = drawing();
        device.seed(self.seed);
        let (config, weights) = match &self.model.weights {
            None => (self.untrained(classes), None),
            Some(folder) => (self.of_checkpoint(folder, classes)?, Some(folder)),
        };
        let mut model = config.init(device)?;
        let mut report = None;
        if let Some(folder) = weights {
            let loaded = config.clone().load_model(folder, device)?;
            model.encoder = loaded.model;
            report = Some(loaded.report);
        }
        self.check_sizes(&config, model.encoder.max_tokens(), classes)?;
        let classifier = Classifier {
            model,
            memory: self.context.memory(&self.memory, self.seed),
            first_token: classes as i64,
            padding: config.pad_token_id.max(0),
        };
        draw(&classifier);
        Ok((classifier, report))
    }

    /// Checks that the memory has nothing that an encoder cannot have.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(model: &ModelConfig, memory: &MemoryConfig) -> Result<(), TaskError> {
        let with = format!("where model.kind is `{}`", model.kind.name());
        if memory.memories == 0 {
            return Err(TaskError::option("memory.memories", format!("at least 1 {with}"), 0));
        }
        if memory.recency > 0 {
            return Err(TaskError::option("memory.recency", format!("0 {with}"), memory.recency));
        }
        match memory.score_scale {
            None => Ok(()),
            Some(scale) => {
                let expected = format!("absent {with}, and so 1 / (2 √width)");
                Err(TaskError::option("memory.score_scale", expected, scale))
            }
        }
    }

    /// Refuses a context that an encoder cannot have.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check_context(model: &ModelConfig, context: ContextName) -> Result<(), TaskError> {
        if context.eviction().is_none() && !context.has_cache() {
            return Ok(());
        }
        let expected = format!(
            "one of memoria, paper, no-window, working-only, none where model.kind is `{}`",
            model.kind.name()
        );
        Err(TaskError::option("--contexts", expected, context.name()))
    }

    /// An encoder of the configuration's sizes.
    fn untrained(&self, classes: usize) -> EncoderConfig {
        let ModelConfig { width, heads, blocks_below, blocks_above, dropout, .. } = self.model;
        let config = EncoderConfig::new(
            self.kind(),
            self.sizes.vocabulary.saturating_sub(classes).max(1),
            width,
            blocks_below + blocks_above,
            heads,
            self.model.feedforward.unwrap_or(4 * width),
            self.sizes.segment_length,
        );
        // None of the task's words is padding.
        let config = EncoderConfig { pad_token_id: -1, ..config };
        let config = config.with_num_labels(classes).with_dropout(dropout);
        match self.encoder_memory() {
            Some(memory) => config.with_memory(memory, blocks_below - 1),
            None => config,
        }
    }

    /// An encoder of a checkpoint's sizes, with the memory that the configuration tells.
    fn of_checkpoint(&self, folder: &Path, classes: usize) -> Result<EncoderConfig, TaskError> {
        let mut config = encoder_config(self.kind(), folder)?;
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

    fn kind(&self) -> EncoderKind {
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
                .with_equal_length(self.memory.equal_length),
        };
        Some(memory.with_bptt(state.bptt))
    }

    /// Refuses a task with more tokens, or longer segments, than the model has.
    fn check_sizes(
        &self,
        config: &EncoderConfig,
        positions: usize,
        classes: usize,
    ) -> Result<(), TaskError> {
        let Sizes { vocabulary, segment_length, .. } = self.sizes;
        if segment_length > positions {
            let expected = format!("at most {positions}, for which the model has positions");
            return Err(TaskError::option("data.segment_length", expected, segment_length));
        }
        let tokens = vocabulary.saturating_sub(classes);
        if tokens > config.vocab_size {
            let expected = format!(
                "of at most {} tokens, as vocab_size of config.json beside it says: the two files are to be one \
                    model's",
                config.vocab_size
            );
            return Err(TaskError::option("tokenizer.json", expected, tokens));
        }
        Ok(())
    }
}

/// The configuration of a checkpoint.
fn encoder_config(kind: EncoderKind, folder: &Path) -> Result<EncoderConfig, TaskError> {
    let path = folder.join("config.json");
    if !path.is_file() {
        return Err(missing_checkpoint(path, ""));
    }
    Ok(EncoderConfig::from_pretrained_as(kind, folder)?)
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
        let [segments, rows, length] = batch.tokens.dims();
        let (tokens, padding) = (self.tokens(batch), batch.mask_pad.as_ref());
        // Segments share nothing but a memory.
        let at_once = if self.memory.is_some() { 1 } else { segments };
        let mut logits = Vec::with_capacity(segments / at_once.max(1));
        for first in (0..segments).step_by(at_once.max(1)) {
            let shape = [at_once * rows, length];
            let input = ModelInput {
                mask_pad: padding.map(|mask| mask.clone().narrow(0, first, at_once).reshape(shape)),
                ..ModelInput::new(tokens.clone().narrow(0, first, at_once).reshape(shape))
            };
            let begins = &batch.begins[first];
            let output = memory.of_model(begins, |memory| self.model.forward(&input, memory))??;
            memory.reminded_of(output.recall.as_ref(), rows);
            logits.push(output.logits);
        }
        let segments_asked = batch.asked.clone().div_scalar(length as i64);
        Ok(Tensor::cat(logits, 0).select(0, segments_asked))
    }
}

impl ContextModel for Classifier {
    fn memory_config(&self) -> Option<&ContextMemoryConfig> {
        self.memory.as_ref()
    }
}

#[cfg(test)]
mod tests;
