use burn::{
    module::Module,
    tensor::{Bool, Device, Int, Tensor},
};
use clap::ValueEnum;
use memoria_core::{LongTermSearch, MemoriaConfig, MemoriaError, ShortTermSearch};
use memoria_models::{ModelError, ModelInput, ModelMemory};
use memoria_nn::{
    MemoriaLayer, MemoriaLayerConfig, MemoriaLayerInput, MemoriaState, MemoriaStateConfig, Recall,
};
use serde::{Deserialize, Serialize};

use super::{
    blocks::KeyCache,
    bounded::{self, BoundedConfig, BoundedStore, Eviction},
    contrast::Asking,
};
use crate::{TaskError, config::MemoryConfig, training::Batch};

/// What a model has of earlier segments.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ContextName {
    /// A Memoria memory that learns what to be reminded of: it has its own query, and the attention's logits include
    /// the scores of reminded engrams.
    Memoria,
    /// The paper's memory, with a gradient window. Working memories are the query, and the choice is not learned.
    Paper,
    /// As `memoria`, without a gradient window: reading a memory does not train its writer.
    NoWindow,
    /// Working memory only: nothing is reminded.
    WorkingOnly,
    /// A store of bounded size (`memory.capacity`) instead of the memory, otherwise as `memoria`. It forgets the oldest
    /// vector.
    Fifo,
    /// As `fifo`, but it forgets the vector that was not reminded for the longest time.
    Lru,
    /// As `fifo`, but it forgets a random vector, drawn uniformly. At each step the draw is the same in all documents
    /// of a run.
    RandomEviction,
    /// Nothing: the transformer alone.
    None,
    /// No memory; every block has the keys of the previous segment, as in Transformer-XL. Checkpoints contain no
    /// caches: a resumed text begins with an empty one.
    Cache,
    /// As `cache`, followed by a memory that learns what to be reminded of.
    CacheMemoria,
}

/// The part of a model, between its blocks, that carries state from segment to segment.
#[derive(Module, Debug)]
pub struct Context {
    memory: Option<MemoriaLayer>,
    /// Number of times that a segment is reminded.
    reads: usize,
}

/// Configuration of the memories of a [`Context`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContextMemoryConfig {
    /// The memory; for a store, the options that both share.
    pub state: MemoriaStateConfig,
    /// The store that replaces the memory, and its capacity in vectors, if there is one.
    pub store: Option<(Eviction, usize)>,
}

/// The state that a [`Context`] keeps of the segments so far; an explicit value, as a memory is.
#[derive(Clone, Debug)]
pub struct ContextMemory {
    kept: Kept,
    reminded: usize,
    /// Caches of the blocks below the memory and of those above.
    pub(super) caches: [KeyCache; 2],
}

#[derive(Clone, Debug)]
enum Kept {
    Nothing,
    Memory(Box<MemoriaState>),
    Store(Box<BoundedStore>),
}

impl From<MemoriaStateConfig> for ContextMemoryConfig {
    fn from(state: MemoriaStateConfig) -> Self {
        Self { state, store: None }
    }
}

/// Hidden states `[rows, length, width]`, and a mask of their padding `[rows, length]`.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) hidden: Tensor<3>,
    pub(super) mask_pad: Option<Tensor<2, Bool>>,
}

/// Whether the segment is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Remembers,
    Peeks,
}

impl ContextName {
    /// Returns its name in results and on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Returns the memory of this context, derived from the full one; `None` if it has none.
    pub fn memory(self, config: &MemoryConfig, seed: u64) -> Option<ContextMemoryConfig> {
        let state = config.state(seed);
        if let Some(eviction) = self.eviction() {
            return Some(ContextMemoryConfig { state, store: Some((eviction, config.capacity)) });
        }
        let state = match self {
            Self::Memoria | Self::Paper | Self::CacheMemoria => Some(state),
            Self::NoWindow => Some(state.with_bptt(0)),
            Self::WorkingOnly => {
                let memoria = MemoriaConfig {
                    short_term_search: ShortTermSearch::None,
                    long_term_search: LongTermSearch::None,
                    ..state.memoria
                };
                Some(MemoriaStateConfig { memoria, ..state })
            }
            Self::Fifo | Self::Lru | Self::RandomEviction | Self::None | Self::Cache => None,
        };
        state.map(ContextMemoryConfig::from)
    }

    /// Returns the eviction rule of the store that replaces the memory, if there is one.
    pub fn eviction(self) -> Option<Eviction> {
        match self {
            Self::Fifo => Some(Eviction::Fifo),
            Self::Lru => Some(Eviction::Lru),
            Self::RandomEviction => Some(Eviction::Random),
            _ => None,
        }
    }

    /// Whether engrams are reminded by a search.
    pub fn has_search(self) -> bool {
        matches!(self, Self::Memoria | Self::Paper | Self::NoWindow | Self::CacheMemoria)
    }

    /// Whether every block attends to the previous segment.
    pub fn has_cache(self) -> bool {
        matches!(self, Self::Cache | Self::CacheMemoria)
    }

    /// Whether anything comes from earlier segments.
    pub fn has_past(self) -> bool {
        self != Self::None
    }
}

impl Context {
    /// Creates a context, with a memory if there is one.
    pub(super) fn new(memory: Option<MemoriaLayerConfig>, reads: usize, device: &Device) -> Self {
        Self { memory: memory.map(|config| config.init(device)), reads }
    }

    /// Whether segments must be computed one after the other.
    pub(super) fn is_some(&self) -> bool {
        self.memory.is_some()
    }

    /// Computes one segment with the memory. In the rows `begins` a document begins. A layer with a query that makes
    /// memories of the same segment also returns both.
    pub(super) fn forward(
        &self,
        segment: Segment,
        begins: &[usize],
        look: Look,
        memory: &mut ContextMemory,
    ) -> Result<(Tensor<3>, Option<Asking>), MemoriaError> {
        let Some(layer) = &self.memory else { return Ok((segment.hidden, None)) };
        match &mut memory.kept {
            Kept::Nothing => Ok((segment.hidden, None)),
            Kept::Store(store) => {
                store.reset_rows(begins);
                let remembers = look == Look::Remembers;
                let (hidden, asking, reminded) = bounded::forward(layer, segment, store, remembers);
                memory.reminded = reminded;
                Ok((hidden, asking))
            }
            Kept::Memory(state) => {
                if state.batch() > 0 {
                    state.reset_rows(begins)?;
                }
                let rows = segment.hidden.dims()[0];
                let input = MemoriaLayerInput::new(segment.hidden).mask_pad(segment.mask_pad);
                let mask_pad = input.mask_pad.clone();
                let mut output = match look {
                    Look::Remembers => layer.forward(input, state)?,
                    Look::Peeks => layer.forward_peek(input, state)?,
                };
                memory.reminded = reminded(&output.recall, rows);
                let memories = output.recall.working.clone();
                let memories = if state.bptt() == 0 { memories.detach() } else { memories };
                let mut queries = vec![output.recall.query];
                for _ in 1..self.reads {
                    let again = MemoriaLayerInput::new(output.hidden).mask_pad(mask_pad.clone());
                    output = layer.forward_peek(again, state)?;
                    queries.push(output.recall.query);
                }
                let queries: Option<Vec<_>> = queries.into_iter().collect();
                let queries = queries.filter(|_| !layer.is_causal);
                Ok((output.hidden, queries.map(|queries| Asking { queries, memories })))
            }
        }
    }
}

/// Moves every row's part to the previous row, and the first row's part to the last row.
///
/// # Errors
///
/// As [`MemoriaState::split`].
pub(crate) fn rotate(memory: &mut MemoriaState) -> Result<(), MemoriaError> {
    if memory.batch() > 1 {
        let mut first = memory.split(&[0])?;
        memory.merge(&mut first)?;
    }
    Ok(())
}

/// Mean number of reminded engrams per row, rounded.
fn reminded(recall: &Recall, rows: usize) -> usize {
    let sum: usize = (0..rows).map(|row| recall.ids(row).len()).sum();
    (sum + rows / 2) / rows.max(1)
}

impl ContextMemory {
    /// Creates an empty one.
    ///
    /// # Errors
    ///
    /// As [`MemoriaStateConfig::init`].
    pub fn new(config: Option<&ContextMemoryConfig>) -> Result<Self, MemoriaError> {
        let kept = match config {
            None => Kept::Nothing,
            Some(ContextMemoryConfig { state, store: None }) => {
                Kept::Memory(Box::new(state.init()?))
            }
            Some(ContextMemoryConfig { state, store: Some((eviction, capacity)) }) => {
                let config = BoundedConfig::new(*eviction, *capacity, state);
                Kept::Store(Box::new(BoundedStore::new(config)))
            }
        };
        Ok(Self { kept, reminded: 0, caches: Default::default() })
    }

    /// Creates one from a restored memory. Its cache is empty until the next segment.
    pub(crate) fn of(memory: MemoriaState) -> Self {
        Self { kept: Kept::Memory(Box::new(memory)), reminded: 0, caches: Default::default() }
    }

    /// Returns a copy in which every row has the part of the next row, and the last row that of the first. This is a
    /// control: it separates what a memory keeps of its own document from what it keeps of any document.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::split`].
    pub fn rotated(&self) -> Result<Self, MemoriaError> {
        let mut copy = self.clone();
        copy.caches = copy.caches.each_ref().map(KeyCache::rotated);
        match &mut copy.kept {
            Kept::Memory(memory) => rotate(memory)?,
            Kept::Store(store) => store.rotate(),
            Kept::Nothing => {}
        }
        Ok(copy)
    }

    /// Returns the memory, if there is one. A store does not count.
    pub fn memory(&mut self) -> Option<&mut MemoriaState> {
        match &mut self.kept {
            Kept::Memory(memory) => Some(memory),
            Kept::Store(_) | Kept::Nothing => None,
        }
    }

    /// Passes the segments of a batch to a model of [`memoria_models`], with its own tokens `[segments, rows, length]`.
    /// With a memory they are passed one after the other, otherwise all at once, since they share nothing else. Returns
    /// the model's outputs `[segments · rows, …]`, segment after segment.
    pub(super) fn read_batch<const D: usize>(
        &mut self,
        batch: &Batch,
        tokens: Tensor<3, Int>,
        mut forward: impl FnMut(
            &ModelInput,
            Option<&mut ModelMemory>,
        ) -> Result<(Tensor<D>, Option<Recall>), ModelError>,
    ) -> Result<Tensor<D>, TaskError> {
        let [segments, rows, length] = tokens.dims();
        let at_once = if self.memory().is_some() { 1 } else { segments.max(1) };
        let mut outputs = Vec::with_capacity(segments / at_once);
        for first in (0..segments).step_by(at_once) {
            let shape = [at_once * rows, length];
            let mask_pad = batch.mask_pad.as_ref();
            let input = ModelInput {
                mask_pad: mask_pad
                    .map(|mask| mask.clone().narrow(0, first, at_once).reshape(shape)),
                ..ModelInput::new(tokens.clone().narrow(0, first, at_once).reshape(shape))
            };
            let begins = &batch.begins[first];
            let (output, recall) = self.of_model(begins, |memory| forward(&input, memory))??;
            self.reminded = recall.map_or(0, |recall| reminded(&recall, rows));
            outputs.push(output);
        }
        Ok(Tensor::cat(outputs, 0))
    }

    /// Passes the memory to a model of [`memoria_models`], after emptying the rows in which a document begins.
    fn of_model<T>(
        &mut self,
        begins: &[usize],
        read: impl FnOnce(Option<&mut ModelMemory>) -> T,
    ) -> Result<T, MemoriaError> {
        let Some(state) = self.memory() else { return Ok(read(None)) };
        if state.batch() > 0 {
            state.reset_rows(begins)?;
        }
        Ok(match std::mem::replace(&mut self.kept, Kept::Nothing) {
            Kept::Memory(state) => {
                let mut memory = ModelMemory::from(*state);
                let result = read(Some(&mut memory));
                self.kept = Kept::Memory(Box::new(memory.into()));
                result
            }
            kept => {
                self.kept = kept;
                read(None)
            }
        })
    }

    /// Ends the gradient window. Call it after each `backward`.
    pub fn detach(&mut self) {
        match &mut self.kept {
            Kept::Memory(memory) => memory.detach(),
            Kept::Store(store) => store.detach(),
            Kept::Nothing => {}
        }
    }

    /// Mean number of engrams per row, rounded.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::state`].
    pub fn stored(&mut self) -> Result<usize, MemoriaError> {
        let counts: Vec<usize> = match &mut self.kept {
            Kept::Nothing => Vec::new(),
            Kept::Store(store) => store.counts().collect(),
            Kept::Memory(memory) => {
                let rows = memory.batch();
                let state = memory.state()?;
                let count = |row| Ok(state.row(row)?.engrams().len());
                (0..rows).map(count).collect::<Result<_, MemoriaError>>()?
            }
        };
        let rows = counts.len().max(1);
        Ok((counts.iter().sum::<usize>() + rows / 2) / rows)
    }

    /// Bytes of the memory's vectors and bookkeeping; 0 for a store.
    pub fn bytes(&mut self) -> u64 {
        self.memory().map_or(0, |memory| {
            let used = memory.memoria().memory_use();
            used.vectors + used.bookkeeping
        })
    }

    /// Mean number of engrams per row that were reminded in the last segment, rounded.
    pub fn reminded(&self) -> usize {
        self.reminded
    }
}
