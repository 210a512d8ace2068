use burn::{
    module::Module,
    tensor::{Bool, Device, Tensor},
};
use clap::ValueEnum;
use memoria_core::{LongTermSearch, MemoriaConfig, MemoriaError, ShortTermSearch};
use memoria_nn::{
    MemoriaLayer, MemoriaLayerConfig, MemoriaLayerInput, MemoriaState, MemoriaStateConfig,
};
use serde::{Deserialize, Serialize};

use crate::config::MemoryConfig;

/// What a model knows of earlier segments.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ContextName {
    /// A Memoria memory that learns what to be reminded of: a query of its own, and the score of what is
    /// reminded in the attention's logits.
    Memoria,
    /// The paper's memory: working memories are the query, and nothing learns the choice. With a gradient
    /// window.
    Paper,
    /// As the first, without a gradient window: what wrote a memory is not trained by what reads it.
    NoWindow,
    /// Working memory only: nothing is reminded.
    WorkingOnly,
    /// Nothing: the transformer alone.
    None,
}

/// The part of a model that goes from segment to segment, between its blocks.
#[derive(Module, Debug)]
pub struct Context {
    memory: Option<MemoriaLayer>,
}

/// What a [`Context`] keeps of the segments up to now; an explicit value, as a memory is.
#[derive(Clone, Debug)]
pub struct ContextMemory {
    memory: Option<MemoriaState>,
    reminded: usize,
}

/// Hidden states `[rows, length, width]`, and which of them are padding `[rows, length]`.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) hidden: Tensor<3>,
    pub(super) mask_pad: Option<Tensor<2, Bool>>,
}

/// Whether what is read is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Remembers,
    Peeks,
}

impl ContextName {
    /// As it is called in results and on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// The memory of this context, from what the full one gets; `None` where there is none.
    pub fn memory(self, config: &MemoryConfig, seed: u64) -> Option<MemoriaStateConfig> {
        let state = config.state(seed);
        match self {
            Self::Memoria | Self::Paper => Some(state),
            Self::NoWindow => Some(state.with_bptt(0)),
            Self::WorkingOnly => {
                let memoria = MemoriaConfig {
                    short_term_search: ShortTermSearch::None,
                    long_term_search: LongTermSearch::None,
                    ..state.memoria
                };
                Some(MemoriaStateConfig { memoria, ..state })
            }
            Self::None => None,
        }
    }
}

impl Context {
    /// With a memory, if there is one.
    pub(super) fn new(memory: Option<MemoriaLayerConfig>, device: &Device) -> Self {
        Self { memory: memory.map(|config| config.init(device)) }
    }

    /// Whether segments have to go through it one after the other.
    pub(super) fn is_some(&self) -> bool {
        self.memory.is_some()
    }

    /// One segment through the memory; in the rows `begins` a document begins.
    pub(super) fn forward(
        &self,
        segment: Segment,
        begins: &[usize],
        look: Look,
        memory: &mut ContextMemory,
    ) -> Result<Tensor<3>, MemoriaError> {
        let (Some(layer), Some(state)) = (&self.memory, &mut memory.memory) else {
            return Ok(segment.hidden);
        };
        if state.batch() > 0 {
            state.reset_rows(begins)?;
        }
        let rows = segment.hidden.dims()[0];
        let mut input = MemoriaLayerInput::new(segment.hidden);
        input.mask_pad = segment.mask_pad;
        let output = match look {
            Look::Remembers => layer.forward(input, state)?,
            Look::Peeks => layer.forward_peek(input, state)?,
        };
        memory.reminded = reminded(&output.recall, rows);
        Ok(output.hidden)
    }
}

/// How many engrams a row was reminded of, on average, rounded.
fn reminded(recall: &memoria_nn::Recall, rows: usize) -> usize {
    let sum: usize = (0..rows).map(|row| recall.ids(row).len()).sum();
    (sum + rows / 2) / rows.max(1)
}

impl ContextMemory {
    /// Of nothing yet.
    ///
    /// # Errors
    ///
    /// As [`MemoriaStateConfig::init`].
    pub fn new(config: Option<&MemoriaStateConfig>) -> Result<Self, MemoriaError> {
        let memory = config.map(MemoriaStateConfig::init).transpose()?;
        Ok(Self { memory, reminded: 0 })
    }

    /// One that was restored.
    pub(crate) fn of(memory: MemoriaState) -> Self {
        Self { memory: Some(memory), reminded: 0 }
    }

    /// The memory, if there is one.
    pub fn memory(&mut self) -> Option<&mut MemoriaState> {
        self.memory.as_mut()
    }

    /// To be called after each `backward`.
    pub fn detach(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.detach();
        }
    }

    /// Engrams that a row holds, on average, rounded.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::state`].
    pub fn stored(&mut self) -> Result<usize, MemoriaError> {
        let Some(memory) = self.memory.as_mut().filter(|memory| memory.batch() > 0) else {
            return Ok(0);
        };
        let rows = memory.batch();
        let state = memory.state()?;
        let mut sum = 0;
        for row in 0..rows {
            sum += state.row(row)?.engrams().len();
        }
        Ok((sum + rows / 2) / rows)
    }

    /// Engrams that a row was reminded of in the last segment, on average, rounded.
    pub fn reminded(&self) -> usize {
        self.reminded
    }
}
