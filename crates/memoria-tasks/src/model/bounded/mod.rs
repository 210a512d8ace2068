//! Stores of bounded size, for comparison: they forget by other rules than lifespans. Everything else is the layer's
//! own: the memories of a segment, the learned query, its score in the attention's logits.

mod store;
#[cfg(test)]
mod tests;

use burn::tensor::Tensor;
use memoria_core::{Correlation, Pooling};
use memoria_nn::{MemoriaLayer, MemoriaStateConfig, MemoryAttentionInput, recall_scores};

use super::{context::Segment, contrast::Asking};
pub(super) use store::BoundedStore;

/// The vector that a full store forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// The oldest one.
    Fifo,
    /// The one that was not reminded for the longest time; of equal ones the older.
    Lru,
    /// Any, drawn uniformly.
    Random,
}

/// A store of bounded size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundedConfig {
    /// The vector that is forgotten.
    pub eviction: Eviction,
    /// Maximum number of vectors per row.
    pub capacity: usize,
    /// Number of reminded vectors per row: the nearest ones.
    pub reminded: usize,
    /// Number of segments that gradients flow back through reminded vectors.
    pub window: usize,
    /// How queries and vectors are compared.
    pub correlation: Correlation,
    /// How the correlations of several queries become one score.
    pub pooling: Pooling,
    /// Seed of the random draws.
    pub seed: u64,
}

impl BoundedConfig {
    /// Takes the options of a memory, except those of forgetting. It reminds of as many vectors in total.
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

/// Computes one segment with a bidirectional layer and a store in place of its memory. A layer with a query also
/// returns query and memories. Always returns the mean number of reminded vectors per row, rounded.
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
