use memoria_core::{Correlation, LongTermSearch, MemoriaConfig, Pooling, ShortTermSearch, Wiring};
use memoria_nn::MemoriaStateConfig;
use serde::{Deserialize, Serialize};

use crate::{TaskError, model::Wanted};

/// The memory: table `memory`. By default it learns what to be reminded of, searches all engrams exactly, and forgets
/// nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// Memories made of a segment. 0 stores the hidden states themselves, in a causal model; a decoder with the paper's
    /// memory then makes 8.
    pub memories: usize,
    /// Whether memories and queries learn which places of a segment they are made of. Each memory begins with its own
    /// places. Always true in a causal model.
    pub places: bool,
    /// Short-term engrams reminded per segment.
    pub num_reminded_stm: usize,
    /// Short-term engrams kept.
    pub stm_capacity: usize,
    /// Steps of the walk through long-term memory.
    pub ltm_search_depth: usize,
    /// Maximum number of long-term engrams reminded per segment.
    pub num_final_ltms: usize,
    /// Long-term engrams drawn at random as further starts of the walk.
    pub ltm_exploration: usize,
    /// Lifespan of a new engram, in segments.
    pub initial_lifespan: f32,
    /// α: segments added to the lifespan of an engram that gets an average share of attention.
    pub lifespan_extend_scale: f32,
    /// Queries made of a segment; they are compared and not stored. 0 uses the working memories as queries.
    pub queries: usize,
    /// Number of times that a segment is reminded and reads; each time it starts from the previous result. 2 where an
    /// answer needs two facts. Only engrams attended to the first time gain lifespan. Causal models, stores of bounded
    /// size and the paper's memory always use 1; models other than the decoder require 1.
    pub reads: usize,
    /// The target of `training.contrast`: a question learns to find any memory of the segment that told the answer, or
    /// each of them. Use each where an answer is stored in several memories.
    pub wanted: Wanted,
    /// Factor for the scores of reminded engrams in the attention's logits. By default 1 / (2 √width).
    pub score_scale: Option<f64>,
    /// Number of newest reminded engrams that the layer distinguishes by their order, for facts that are told again; 0
    /// for none. Not in stores of bounded size.
    pub recency: usize,
    /// Whether memories are divided by the root mean square of their components. Always true in a causal model.
    pub equal_length: bool,
    /// How queries and engrams are compared.
    pub correlation: CorrelationName,
    /// How the correlations of several queries become one score.
    pub pooling: Pooling,
    /// Which short-term engrams are reminded.
    pub short_term_search: ShortTermSearch,
    /// Which long-term engrams are reminded.
    pub long_term_search: LongTermSearch,
    /// Number of cells of similar long-term engrams that a search looks at, once a row has some thousands of engrams; 0
    /// looks at all engrams. Engrams in other cells may be missed.
    pub long_term_probes: usize,
    /// Which engrams are connected.
    pub wiring: Wiring,
    /// Engrams per row in a store of bounded size, for the contexts `fifo`, `lru` and `random-eviction`. Set it to the
    /// number that the compared memory holds.
    pub capacity: usize,
    /// Number of segments that gradients flow back through memories.
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
    /// Refuses searches that cannot find anything.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check_search(&self) -> Result<(), TaskError> {
        if self.num_reminded_stm > 0 && self.stm_capacity == 0 {
            let expected = format!(
                "above 0 where memory.num_reminded_stm is {}: there are no short-term engrams otherwise",
                self.num_reminded_stm
            );
            return Err(TaskError::option("memory.stm_capacity", expected, 0));
        }
        let walks =
            matches!(self.long_term_search, LongTermSearch::Walk | LongTermSearch::WalkAndNearest);
        if walks && self.num_final_ltms > 0 && self.num_reminded_stm + self.ltm_exploration == 0 {
            let expected = "above 0, or memory.ltm_exploration: a walk begins with such engrams";
            return Err(TaskError::option("memory.num_reminded_stm", expected, 0));
        }
        Ok(())
    }

    /// Returns the memory's own configuration. The seed is that of its exploration.
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
