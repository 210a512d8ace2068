use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::ContextName;
use crate::{TaskError, config::MemoryConfig, error::at_least};

/// Which model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// The crate's own transformer, for all tasks.
    Decoder,
    /// BERT, which tells the class of a segment from its first place: for `classify`.
    Bert,
    /// RoBERTa, as BERT.
    Roberta,
    /// GPT-2, for all tasks.
    Gpt2,
}

impl ModelKind {
    /// As it is called in configurations.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Whether it tells the classes of segments, and nothing else.
    pub fn is_encoder(self) -> bool {
        matches!(self, Self::Bert | Self::Roberta)
    }
}

/// The model: table `model`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Which model.
    pub kind: ModelKind,
    /// Of BERT, RoBERTa and GPT-2, the folder of a checkpoint that it begins with, as Hugging Face has them: `config.json`,
    /// weights and `tokenizer.json`. Its sizes are the checkpoint's then: of the options below, `dropout` counts, and of an
    /// encoder `blocks_above`. It is read again where a training goes on and where the model is tested.
    pub weights: Option<PathBuf>,
    /// Width of hidden states.
    pub width: usize,
    /// Heads of every attention; divides the width.
    pub heads: usize,
    /// Width between the linear layers of a block; four times the width if not given.
    pub feedforward: Option<usize>,
    /// Blocks below the memory; a GPT-2 attends to memories in all its blocks, those below and those above.
    pub blocks_below: usize,
    /// Blocks above the memory; those of a checkpoint that are not above are below.
    pub blocks_above: usize,
    /// Of a decoder, whether a place sees nothing that comes after it, in its segment too; of a GPT-2 it does not.
    pub causal: bool,
    /// Of a decoder and a GPT-2, whether the output has the weights of the embeddings.
    pub tied: bool,
    /// Of BERT, RoBERTa and GPT-2 that begin with no checkpoint, standard deviation of the weights as they begin. The usual
    /// 0.02 is too small for narrow models that are trained a short time.
    pub initializer_range: f64,
    /// Of a decoder, standard deviation of tokens' embeddings as they begin. Burn's own, 1, cost language models much.
    pub embedding_deviation: f64,
    /// Of a decoder, standard deviation of places' embeddings as they begin.
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

    /// Checks that the memory has nothing that the model cannot have.
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

    /// Refuses a context that the model cannot have.
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
        // Hidden states as memories ask by a query of their own.
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

    /// All blocks.
    pub(super) fn blocks(&self) -> usize {
        self.blocks_below + self.blocks_above
    }
}
