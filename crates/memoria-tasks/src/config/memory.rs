use memoria_core::{Correlation, LongTermSearch, MemoriaConfig, Pooling, ShortTermSearch, Wiring};
use memoria_nn::MemoriaStateConfig;
use serde::{Deserialize, Serialize};

use crate::model::Wanted;

/// The memory: table `memory`. By default one that learns what to be reminded of, by exact search over all engrams, and
/// forgets nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// Memories made of a segment; 0 for its hidden states themselves, in a causal model. A decoder with the paper's
    /// memory has 8 then.
    pub memories: usize,
    /// Whether memories and queries learn which places of a segment they are made of, each memory beginning with places of
    /// its own; a causal model's always do.
    pub places: bool,
    /// Short-term engrams reminded per segment.
    pub num_reminded_stm: usize,
    /// Short-term engrams kept.
    pub stm_capacity: usize,
    /// Steps of the walk through long-term memory.
    pub ltm_search_depth: usize,
    /// Long-term engrams reminded per segment, at most.
    pub num_final_ltms: usize,
    /// Long-term engrams drawn as further starts of the walk.
    pub ltm_exploration: usize,
    /// Lifespan of a new engram, in segments.
    pub initial_lifespan: f32,
    /// α: segments of life that an engram gains by an average share of attention.
    pub lifespan_extend_scale: f32,
    /// Queries made of a segment, which are compared and not stored; 0 for the working memories.
    pub queries: usize,
    /// How many times a segment is reminded and reads, each time with what it read before: 2 where an answer needs two facts.
    /// Only what is attended to the first time lives longer. 1 in causal models, in stores of bounded size, in the
    /// paper's memory, and where the model is no decoder.
    pub reads: usize,
    /// Which memories of a segment that told an answer a question learns to find, by `training.contrast`: any of them, or
    /// each, where an answer is kept in several.
    pub wanted: Wanted,
    /// What the scores of reminded engrams are multiplied with in the attention's logits; 1 / (2 √width) if not given.
    pub score_scale: Option<f64>,
    /// How many of the newest reminded engrams are told apart by their order, for what is told of again; 0 for none. Not in
    /// stores of bounded size.
    pub recency: usize,
    /// Whether memories are divided by the root mean square of their numbers; a causal model's always are.
    pub equal_length: bool,
    /// How queries and engrams are compared.
    pub correlation: CorrelationName,
    /// How a score is made of several queries' correlations.
    pub pooling: Pooling,
    /// Which short-term engrams are reminded.
    pub short_term_search: ShortTermSearch,
    /// Which long-term engrams are reminded.
    pub long_term_search: LongTermSearch,
    /// Cells of similar long-term engrams that a search looks at once there are some thousands of them; 0 for all
    /// engrams. What is in other cells may be missed.
    pub long_term_probes: usize,
    /// Which engrams are connected.
    pub wiring: Wiring,
    /// Engrams of a row that a store of bounded size keeps, in the contexts `fifo`, `lru` and `random-eviction`: to be
    /// set to what the memory that it is compared with holds.
    pub capacity: usize,
    /// Segments that gradients flow back through memories.
    pub gradient_window: usize,
}

/// A correlation by a short name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrelationName {
    /// Negative squared distance.
    L2,
    /// The paper's exp(−d²).
    Gaussian,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            memories: 2,
            places: false,
            num_reminded_stm: 0,
            stm_capacity: 0,
            ltm_search_depth: 0,
            num_final_ltms: 4,
            ltm_exploration: 0,
            initial_lifespan: 1e9,
            lifespan_extend_scale: 8.0,
            queries: 1,
            reads: 1,
            wanted: Wanted::default(),
            score_scale: None,
            recency: 0,
            equal_length: true,
            correlation: CorrelationName::L2,
            pooling: Pooling::default(),
            short_term_search: ShortTermSearch::default(),
            long_term_search: LongTermSearch::Nearest,
            long_term_probes: 0,
            wiring: Wiring::default(),
            capacity: 64,
            gradient_window: 8,
        }
    }
}

impl MemoryConfig {
    /// The memory's own configuration; the seed is that of its exploration.
    pub fn state(&self, seed: u64) -> MemoriaStateConfig {
        let correlation = match self.correlation {
            CorrelationName::L2 => Correlation::NegSquaredL2,
            CorrelationName::Gaussian => Correlation::Gaussian,
        };
        let memoria = MemoriaConfig::new(
            self.num_reminded_stm,
            self.stm_capacity,
            self.ltm_search_depth,
            self.initial_lifespan,
            self.num_final_ltms,
        )
        .with_correlation(correlation)
        .with_pooling(self.pooling)
        .with_short_term_search(self.short_term_search)
        .with_long_term_search(self.long_term_search)
        .with_long_term_probes(self.long_term_probes)
        .with_wiring(self.wiring)
        .with_ltm_exploration(self.ltm_exploration, seed);
        MemoriaStateConfig::new(memoria)
            .with_lifespan_extend_scale(self.lifespan_extend_scale)
            .with_bptt(self.gradient_window)
    }
}
