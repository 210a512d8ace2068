use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::ContextName;
use crate::{TaskError, config::MemoryConfig, error::at_least};

/// The kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// This crate's own transformer, for all tasks.
    Decoder,
    /// BERT, which classifies a segment from its first place: for `classify`.
    Bert,
    /// RoBERTa, used as BERT.
    Roberta,
    /// GPT-2, for all tasks.
    Gpt2,
}

impl ModelKind {
    /// Returns its name in configurations.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether it only classifies segments.
    pub fn is_encoder(self) -> bool {
        matches!(self, Self::Bert | Self::Roberta)
    }
}

/// The model: table `model`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// The kind of model.
    pub kind: ModelKind,
    /// For BERT, RoBERTa and GPT-2: the folder of a checkpoint to begin with, in the format of Hugging Face:
    /// `config.json`, weights and `tokenizer.json`. The sizes are then the checkpoint's. Of the options below only
    /// `dropout` counts, and `blocks_above` for an encoder. The folder is read again when a training is resumed and
    /// when the model is tested.
    pub weights: Option<PathBuf>,
    /// Width of hidden states.
    pub width: usize,
    /// Heads of every attention; divides the width.
    pub heads: usize,
    /// Width between the linear layers of a block. By default four times the width.
    pub feedforward: Option<usize>,
    /// Blocks below the memory. A GPT-2 attends to memories in all its blocks, below and above.
    pub blocks_below: usize,
    /// Blocks above the memory. The other blocks of a checkpoint are below it.
    pub blocks_above: usize,
    /// For a decoder: whether a place sees no later place, also within its segment. A GPT-2 never does.
    pub causal: bool,
    /// For a decoder and a GPT-2: whether the output shares the weights of the embeddings.
    pub tied: bool,
    /// For BERT, RoBERTa and GPT-2 without a checkpoint: standard deviation of the initial weights. The usual 0.02 is
    /// too small for narrow models with a short training.
    pub initializer_range: f64,
    /// For a decoder: standard deviation of the initial token embeddings. Burn's default of 1 makes language models
    /// much worse.
    pub embedding_deviation: f64,
    /// For a decoder: standard deviation of the initial place embeddings.
    pub place_deviation: f64,
    /// Dropout rate.
    pub dropout: f64,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            kind: ModelKind::Decoder,
            weights: None,
            width: 64,
            heads: 2,
            feedforward: None,
            blocks_below: 1,
            blocks_above: 1,
            causal: false,
            tied: false,
            initializer_range: 0.02,
            embedding_deviation: 0.2,
            place_deviation: 0.2,
            dropout: 0.0,
        }
    }
}

impl ModelConfig {
    /// Checks the sizes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(&self) -> Result<(), TaskError> {
        at_least("model.width", self.width, 1)?;
        at_least("model.heads", self.heads, 1)?;
        at_least("model.feedforward", self.feedforward.unwrap_or(1), 1)?;
        if !self.width.is_multiple_of(self.heads) {
            let expected = format!("a divisor of model.width = {}", self.width);
            return Err(TaskError::option("model.heads", expected, self.heads));
        }
        for (name, got) in [
            ("model.initializer_range", self.initializer_range),
            ("model.embedding_deviation", self.embedding_deviation),
            ("model.place_deviation", self.place_deviation),
        ] {
            if !(got > 0.0 && got.is_finite()) {
                return Err(TaskError::option(name, "above 0", got));
            }
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(TaskError::option("model.dropout", "from 0 to below 1", self.dropout));
        }
        match self.kind {
            ModelKind::Decoder => self.check_decoder(),
            ModelKind::Bert | ModelKind::Roberta => self.check_encoder(),
            ModelKind::Gpt2 => self.check_gpt2(),
        }
    }

    /// Checks that the memory has no option that the model does not support.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check_memory(&self, memory: &MemoryConfig) -> Result<(), TaskError> {
        at_least("memory.reads", memory.reads, 1)?;
        if self.kind == ModelKind::Decoder {
            return self.check_memory_of_decoder(memory);
        }
        let with = self.with_kind();
        if memory.reads > 1 {
            return Err(TaskError::option("memory.reads", format!("1 {with}"), memory.reads));
        }
        if self.kind.is_encoder() && memory.memories == 0 {
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

    /// Refuses a context that the model does not support.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check_context(&self, context: ContextName) -> Result<(), TaskError> {
        let (is_store, is_decoder) =
            (context.eviction().is_some(), self.kind == ModelKind::Decoder);
        let expected = match is_decoder {
            true if is_store && self.causal => {
                "one of memoria, paper, no-window, working-only, none, cache, cache-memoria where model.causal is \
                    true"
                    .to_owned()
            }
            false if is_store || context.has_cache() => {
                format!("one of memoria, paper, no-window, working-only, none {}", self.with_kind())
            }
            _ => return Ok(()),
        };
        Err(TaskError::option("--contexts", expected, context.name()))
    }

    fn check_memory_of_decoder(&self, memory: &MemoryConfig) -> Result<(), TaskError> {
        if memory.memories > 0 {
            return Ok(());
        }
        // If hidden states are the memories, the query must be a separate one.
        at_least("memory.queries", memory.queries, 1)?;
        match self.causal {
            true => Ok(()),
            false => {
                let expected = "at least 1 where model.causal is false";
                Err(TaskError::option("memory.memories", expected, 0))
            }
        }
    }

    fn with_kind(&self) -> String {
        format!("where model.kind is `{}`", self.kind.name())
    }

    fn check_decoder(&self) -> Result<(), TaskError> {
        match &self.weights {
            None => Ok(()),
            Some(folder) => {
                let expected =
                    "absent, or model.kind `bert`, `roberta` or `gpt2`: a decoder begins without";
                Err(TaskError::option("model.weights", expected, folder.display()))
            }
        }
    }

    fn check_encoder(&self) -> Result<(), TaskError> {
        at_least("model.blocks_below", self.blocks_below, 1)?;
        at_least("model.blocks_above", self.blocks_above, 1)?;
        for (name, got) in [("model.causal", self.causal), ("model.tied", self.tied)] {
            if got {
                let expected = format!("false {}", self.with_kind());
                return Err(TaskError::option(name, expected, got));
            }
        }
        Ok(())
    }

    fn check_gpt2(&self) -> Result<(), TaskError> {
        at_least("model.blocks_below + model.blocks_above", self.blocks(), 1)?;
        if !self.causal {
            let expected = format!("true {}", self.with_kind());
            return Err(TaskError::option("model.causal", expected, false));
        }
        Ok(())
    }

    /// Number of all blocks.
    pub(super) fn blocks(&self) -> usize {
        self.blocks_below + self.blocks_above
    }
}
