use burn::{
    module::Module,
    tensor::{Bool, Device, Tensor, TensorData},
};
use clap::ValueEnum;
use memoria_core::{MemoriaConfig, MemoriaError};
use memoria_nn::{MemoriaLayer, MemoriaLayerConfig, MemoriaState, MemoriaStateConfig};
use serde::{Deserialize, Serialize};

use crate::config::MemoryConfig;

/// What a model knows of earlier segments.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ContextName {
    /// A Memoria memory: working, short-term and long-term, with a gradient window.
    Memoria,
    /// The same without a gradient window: what wrote a memory is not trained by what reads it.
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
    /// Whether a segment's memories are made of the one before it, so that no place sees what comes after it.
    causal: bool,
}

/// What a [`Context`] keeps of the segments up to now; an explicit value, as a memory is.
#[derive(Clone, Debug)]
pub struct ContextMemory {
    memory: Option<MemoriaState>,
    /// The previous segment, where memories are made of that.
    previous: Option<Segment>,
    reminded: usize,
}

/// Hidden states `[rows, length, width]`, and which of them are padding `[rows, length]`.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) hidden: Tensor<3>,
    pub(super) mask_pad: Option<Tensor<2, Bool>>,
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
            Self::Memoria => Some(state),
            Self::NoWindow => Some(state.with_bptt(0)),
            Self::WorkingOnly => {
                let memoria =
                    MemoriaConfig { num_reminded_stm: 0, num_final_ltms: 0, ..state.memoria };
                Some(MemoriaStateConfig { memoria, ..state })
            }
            Self::None => None,
        }
    }
}

impl Context {
    /// With a memory, if there is one.
    pub(super) fn new(memory: Option<MemoriaLayerConfig>, causal: bool, device: &Device) -> Self {
        Self { memory: memory.map(|config| config.init(device)), causal }
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
        memory: &mut ContextMemory,
    ) -> Result<Tensor<3>, MemoriaError> {
        let (Some(layer), Some(state)) = (&self.memory, &mut memory.memory) else {
            return Ok(segment.hidden);
        };
        if !self.causal {
            if state.batch() > 0 {
                state.reset_rows(begins)?;
            }
            let working = layer.abstractor.forward(segment.hidden.clone(), segment.mask_pad);
            let recall = state.recall(working)?;
            memory.reminded = reminded(&recall, segment.hidden.dims()[0]);
            let output = layer.attend(segment.hidden, recall);
            state.reinforce(&output.recall, output.weights)?;
            return Ok(output.hidden);
        }
        let hidden = segment.hidden.clone();
        let rows = hidden.dims()[0];
        let before = memory.previous.replace(segment).filter(|_| begins.len() < rows);
        let Some(before) = before else {
            // No row has a segment before this one.
            if state.batch() > 0 {
                state.reset_rows(begins)?;
            }
            return Ok(hidden);
        };
        let working = layer.abstractor.forward(before.hidden, before.mask_pad);
        let recall = state.recall_except(working, begins)?;
        memory.reminded = reminded(&recall, rows);
        let output = layer.attend(hidden.clone(), recall);
        state.reinforce(&output.recall, output.weights)?;
        if begins.is_empty() {
            return Ok(output.hidden);
        }
        // A document that begins sees nothing of the one before it.
        let first: Vec<bool> = (0..rows).map(|row| begins.contains(&row)).collect();
        let first = TensorData::new(first, [rows, 1, 1]);
        let first = Tensor::<3, Bool>::from_data(first, &hidden.device()).expand(hidden.dims());
        Ok(output.hidden.mask_where(first, hidden))
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
        Ok(Self { memory, previous: None, reminded: 0 })
    }

    /// One that was restored.
    pub(crate) fn of(memory: MemoriaState) -> Self {
        Self { memory: Some(memory), previous: None, reminded: 0 }
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
        if let Some(previous) = &mut self.previous {
            previous.hidden = previous.hidden.clone().detach();
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
