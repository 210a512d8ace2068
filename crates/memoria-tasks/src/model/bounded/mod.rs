//! Stores of a bounded size, which forget by other rules than lifespans: for comparison. All else is the layer's own:
//! what is made of a segment, the learned query, its score in the attention's logits.

mod store;
#[cfg(test)]
mod tests;

use burn::tensor::Tensor;
use memoria_core::{Correlation, Pooling};
use memoria_nn::{MemoriaLayer, MemoriaStateConfig, MemoryAttentionInput, recall_scores};

use super::{context::Segment, contrast::Asking};
pub(super) use store::BoundedStore;

/// What is forgotten where a store is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// What was made first.
    Fifo,
    /// What was not reminded for the longest time; of equal ones the older.
    Lru,
    /// Any, drawn evenly.
    Random,
}

/// A store of a bounded size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundedConfig {
    /// What is forgotten.
    pub eviction: Eviction,
    /// Vectors of a row at most.
    pub capacity: usize,
    /// Vectors that a row is reminded of: the nearest of all.
    pub reminded: usize,
    /// Segments that gradients flow back through what is reminded.
    pub window: usize,
    /// How queries and vectors are compared.
    pub correlation: Correlation,
    /// See [`correlation`](Self::correlation).
    pub pooling: Pooling,
    /// Of what is drawn.
    pub seed: u64,
}

impl BoundedConfig {
    /// As a memory is configured, but for what is forgotten: reminded of as many in all.
    pub fn new(eviction: Eviction, capacity: usize, memory: &MemoriaStateConfig) -> Self {
        let MemoriaStateConfig { memoria, bptt, .. } = memory;
        Self {
            eviction,
            capacity,
            reminded: memoria.num_reminded_stm + memoria.num_final_ltms,
            window: *bptt,
            correlation: memoria.correlation,
            pooling: memoria.pooling,
            seed: memoria.seed,
        }
    }
}

/// One segment through a bidirectional layer, with a store in place of its memory; of a layer with a query, with both
/// that and the memories; and how many vectors a row was reminded of, on average, rounded.
pub(super) fn forward(
    layer: &MemoriaLayer,
    segment: Segment,
    store: &mut BoundedStore,
    remembers: bool,
) -> (Tensor<3>, Option<Asking>, usize) {
    let Segment { hidden, mask_pad } = segment;
    let made = layer.abstractor.forward(hidden.clone(), mask_pad);
    let asking = made
        .queries
        .clone()
        .map(|query| Asking { queries: vec![query], memories: store.tracked(&made.memories) });
    let query = made.queries.unwrap_or_else(|| made.memories.clone());
    let normed = layer.norm_working.forward(hidden.clone());
    let working = MemoryAttentionInput::new(normed, made.memories.clone());
    let mut hidden = hidden + layer.attention.forward(working).context;
    let attention = layer.attention_reminded.as_ref().unwrap_or(&layer.attention);
    let mut count = 0;
    match store.remind(&query) {
        None => hidden = hidden.clone() + attention.forward_nothing(&hidden),
        Some(reminded) => {
            let normed = layer.norm_reminded.forward(hidden.clone());
            let mask = reminded.mask_pad;
            let [rows, k] = mask.dims();
            count = (reminded.count + rows / 2) / rows;
            let mut input =
                MemoryAttentionInput::new(normed, reminded.data.clone()).mask_pad(mask.clone());
            if layer.score_scale != 0.0 {
                let (correlation, pooling) = store.metric();
                let scores = recall_scores(query, reminded.data, Some(mask), correlation, pooling);
                input = input.bias((scores * layer.score_scale).reshape([rows, 1, 1, k]));
            }
            hidden = hidden + attention.forward(input).context;
        }
    }
    if remembers {
        store.keep(made.memories);
    }
    (hidden, asking, count)
}
