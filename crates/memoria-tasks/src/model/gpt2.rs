use std::path::Path;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use memoria_models::{Gpt2Config, Gpt2LmHead, LoadReport, MemoryConfig as Gpt2Memory};

use super::{
    ContextMemory, ContextMemoryConfig, ContextModel, ContextName, ModelConfig, ModelSpec,
    drawing::{draw, drawing},
    spec::has_config,
};
use crate::{
    TaskError,
    training::{Batch, SegmentModel},
};

/// A GPT-2 with a [context](ContextName) of earlier segments; every block attends to it.
///
/// The model is that of [`memoria_models`]. As always in a GPT-2, memories are made of the previous segment.
#[derive(Module, Debug)]
pub struct LanguageModel {
    model: Gpt2LmHead,
    #[module(skip)]
    memory: Option<ContextMemoryConfig>,
    /// Number of the task's tokens; a checkpoint may have more.
    #[module(skip)]
    vocabulary: usize,
}

impl ModelSpec {
    /// Initializes a [`LanguageModel`], the same for the same seed, as [`decoder`](Self::decoder) does. With a
    /// checkpoint it also reports what was loaded.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`TaskError::Option`] if the checkpoint's sizes do not fit the task;
    /// [`TaskError::Missing`] or [`TaskError::Model`] if the checkpoint is missing or cannot be read.
    pub(super) fn gpt2(
        &self,
        device: &Device,
    ) -> Result<(LanguageModel, Option<LoadReport>), TaskError> {
        self.check()?;
        let vocabulary = self.sizes.vocabulary;
        let _alone = drawing();
        device.seed(self.seed);
        let (model, report) = match &self.model.weights {
            None => (self.untrained_gpt2().init(device)?, None),
            Some(folder) => {
                let config = self.gpt2_of_checkpoint(folder)?;
                self.check_sizes(vocabulary, config.vocab_size, config.n_positions)?;
                let loaded = config.load(folder, device)?;
                (loaded.model, Some(loaded.report))
            }
        };
        let memory = self.context.memory(&self.memory, self.seed);
        let model = LanguageModel { model, memory, vocabulary };
        draw(&model);
        Ok((model, report))
    }

    /// Returns a GPT-2 configuration with the configured sizes.
    fn untrained_gpt2(&self) -> Gpt2Config {
        let ModelConfig { width, heads, feedforward, tied, dropout, initializer_range, .. } =
            self.model;
        let (vocabulary, longest) = (self.sizes.vocabulary, self.sizes.segment_length);
        let config = Gpt2Config::new(vocabulary, longest, width, self.model.blocks(), heads);
        Gpt2Config {
            n_inner: feedforward,
            initializer_range,
            tie_word_embeddings: Some(tied),
            memory: self.gpt2_memory(),
            ..config.with_dropout(dropout)
        }
    }

    /// Returns a GPT-2 configuration with a checkpoint's sizes and the configured memory.
    fn gpt2_of_checkpoint(&self, folder: &Path) -> Result<Gpt2Config, TaskError> {
        has_config(folder)?;
        let config = Gpt2Config::from_pretrained(folder)?.with_dropout(self.model.dropout);
        Ok(Gpt2Config { memory: self.gpt2_memory(), ..config })
    }

    /// Returns the memory of the context, if there is one.
    fn gpt2_memory(&self) -> Option<Gpt2Memory> {
        let state = self.context.memory(&self.memory, self.seed)?.state;
        let memories = Some(self.memory.memories).filter(|&memories| memories > 0);
        let memory = match (self.context, memories) {
            (ContextName::Paper, None) => Gpt2Memory::without_abstractor(state.memoria),
            (ContextName::Paper, Some(memories)) => Gpt2Memory::new(memories, state.memoria),
            _ => Gpt2Memory::causal(self.sizes.segment_length, state.memoria)
                .with_num_memories(memories)
                .with_num_queries(self.memory.queries),
        };
        Some(memory.with_bptt(state.bptt))
    }
}

impl SegmentModel for LanguageModel {
    type Memory = ContextMemory;

    fn memory(&self) -> Result<ContextMemory, TaskError> {
        Ok(ContextMemory::new(self.memory.as_ref())?)
    }

    fn logits(&self, batch: &Batch, memory: &mut ContextMemory) -> Result<Tensor<2>, TaskError> {
        let logits = memory.read_batch(batch, batch.tokens.clone(), |input, memory| {
            let output = self.model.forward(input, memory)?;
            Ok((output.logits, output.recall))
        })?;
        let [segments, length, tokens] = logits.dims();
        let logits = logits.reshape([segments * length, tokens]).select(0, batch.asked.clone());
        Ok(logits.narrow(1, 0, self.vocabulary))
    }
}

impl ContextModel for LanguageModel {
    fn memory_config(&self) -> Option<&ContextMemoryConfig> {
        self.memory.as_ref()
    }
}

#[cfg(test)]
mod tests;
