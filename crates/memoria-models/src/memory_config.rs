mod file;

use burn::tensor::Device;
use memoria_core::{MemoriaConfig, MemoriaError};
use memoria_nn::{
    Abstractor, AbstractorConfig, MemoriaLayerConfig, MemoriaStateConfig, score_scale,
};

use crate::{ModelMemory, size::Size};

/// Settings of a model's memory: how many memories are made of a segment, how they are stored, and how they are
/// learned.
///
/// [`new`](Self::new) is the paper's memory. [`causal`](Self::causal), for a GPT-2, and
/// [`bidirectional`](Self::bidirectional), for encoders, learn what to be reminded of, as
/// [`MemoriaLayer`](memoria_nn::MemoriaLayer) does. Its page describes what is learned, the costs and the choices.
///
/// ```
/// use memoria_core::MemoriaConfig;
/// use memoria_models::{Gpt2Config, MemoryConfig};
///
/// let paper = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3)).with_bptt(2);
/// let config = Gpt2Config::new(101, 32, 32, 2, 4).with_memory(paper);
/// assert!(config.validate().is_ok());
/// let learned = MemoryConfig::causal(32, MemoriaConfig::small()).with_num_memories(Some(4));
/// assert!(config.with_memory(learned).validate().is_ok());
/// ```
///
/// # What is learned, and what it costs
///
/// With learned recall the abstractor also makes queries. The reminded engrams of a segment are scored once. All layers
/// that attend to them add the scores to their logits. In a GPT-2, queries and memories are made of the previous
/// segment's final hidden states. In an encoder, they are made of the present segment's hidden states after
/// [`memory_layer_index`](crate::EncoderConfig::memory_layer_index). The search, the connections and the lifespans are
/// not learned. Learned recall costs k · d multiplications for each row, query and segment, and the search.
///
/// Remind of few engrams: if all are reminded, no choice is learned, and a single one has no gradient. Search by
/// [`Nearest`](memoria_core::LongTermSearch::Nearest), as [`MemoriaConfig::small`] does. Set a lifespan of at least
/// half the segments of a document. Train in windows of more than one segment: sum the losses of, for example,
/// [`bptt`](Self::bptt) segments, call `backward`, then [`ModelMemory::detach`]. The page of
/// [`MemoriaLayer`](memoria_nn::MemoriaLayer) has the reasons and figures.
///
/// # In `config.json`
///
/// All names of fields begin with `memoria_`, those of the Python package and those of this crate. An absent field of
/// the package has the value of its experiments, where sizes for GPT-2 differ from those for encoders. Any other
/// absent field means the paper's memory.
///
/// | field | value | absent | is |
/// |---|---|---|---|
/// | `memoria_num_memories` | count or null, which 0 says in GPT-2, too | 50 in GPT-2, 64 in encoders | [`num_memories`](Self::num_memories) |
/// | `memoria_num_reminded_stm` | count | 50, 64 | [`num_reminded_stm`](MemoriaConfig::num_reminded_stm) |
/// | `memoria_num_reminded_ltm` | count | 50, 64 | [`num_final_ltms`](MemoriaConfig::num_final_ltms) |
/// | `memoria_stm_capacity` | count | 400, 128 | [`stm_capacity`](MemoriaConfig::stm_capacity) |
/// | `memoria_ltm_search_depth` | count | 10 | [`ltm_search_depth`](MemoriaConfig::ltm_search_depth) |
/// | `memoria_initial_lifespan` | steps | 9, 12 | [`initial_lifespan`](MemoriaConfig::initial_lifespan) |
/// | `memoria_lifespan_extend_scale` | steps | 8 | [`lifespan_extend_scale`](Self::lifespan_extend_scale) |
/// | *of our own, the memory:* | | | |
/// | `memoria_correlation` | `neg_squared_l2`, `gaussian` | `neg_squared_l2` | [`correlation`](MemoriaConfig::correlation) |
/// | `memoria_pooling` | `mean`, `max` | `mean` | [`pooling`](MemoriaConfig::pooling) |
/// | `memoria_short_term_search` | `nearest`, `newest`, `random`, `none` | `nearest` | [`short_term_search`](MemoriaConfig::short_term_search) |
/// | `memoria_long_term_search` | `walk`, `nearest`, `walk_and_nearest`, `random`, `none` | `walk` | [`long_term_search`](MemoriaConfig::long_term_search) |
/// | `memoria_long_term_probes` | count | 0 | [`long_term_probes`](MemoriaConfig::long_term_probes) |
/// | `memoria_wiring` | `co_firing`, `random` | `co_firing` | [`wiring`](MemoriaConfig::wiring) |
/// | `memoria_ltm_exploration` | count | 0 | [`ltm_exploration`](MemoriaConfig::ltm_exploration) |
/// | `memoria_seed` | number | 0 | [`seed`](MemoriaConfig::seed) |
/// | *learned recall:* | | | |
/// | `memoria_num_queries` | count | 0 | [`num_queries`](Self::num_queries) |
/// | `memoria_score_in_logits` | true, false | false | [`score_in_logits`](Self::score_in_logits) |
/// | `memoria_equal_length` | true, false | false | [`equal_length`](Self::equal_length) |
/// | `memoria_norm` | true, false | false | [`norm`](Self::norm) |
/// | `memoria_max_places` | count or null | null | [`max_places`](Self::max_places) |
/// | `memoria_sink` | true, false | false | [`sink`](Self::sink) |
/// | `memoria_own_attention` | true, false | false | [`own_attention`](Self::own_attention) |
/// | *training:* | | | |
/// | `memoria_bptt` | segments | 0 | [`bptt`](Self::bptt) |
/// | `memoria_remembers_padding` | true, false | false; true in `memoria_bert` and `memoria_roberta` | [`remembers_padding`](Self::remembers_padding) |
///
/// A checkpoint contains the parameters of learned recall beside the package's. If it lacks them, a model with learned
/// recall still loads it. These parameters then stay as initialized and are reported as missing.
///
/// | parameter | shape | of | GPT-2: `transformer.` | encoders: `bert.encoder.`, `roberta.encoder.` |
/// |---|---|---|---|---|
/// | queries | `[1, num_queries, d]` | `num_queries` | `abs.recall_embeddings` | `abstractor.recall_embeddings` |
/// | norm | `[d]`, `[d]` | `norm` | `abs.norm.{weight, bias}` | `abstractor.norm.{weight, bias}` |
/// | places that memories and queries are made of | `[num_memories + num_queries, max_places]` | `max_places` | `abs.places` | `abstractor.places` |
/// | nearness of working memories | `[heads, max_places, num_memories]` | `max_places` | `h.N.memory_attention.nearness` | – |
/// | sink | `[d]` | `sink` | `h.N.memory_attention.sink` | `layer.N.memory_attention.self.sink` |
/// | attention to the reminded | as `memory_attention` | `own_attention` | `h.N.memory_attention_reminded.…` | `layer.N.memory_attention_reminded.…` |
///
/// Without `num_memories` the abstractor makes queries alone, with its `query_embeddings`. Nearness then depends on
/// the distance from the end of the previous segment, `[heads, max_places, max_places]`.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryConfig {
    /// Memories made of each segment. `None`, null in the file, for a model with its hidden states as memories: every
    /// hidden state of a segment, except those of padding, is a working memory.
    pub num_memories: Option<usize>,
    /// The memory itself.
    pub memoria: MemoriaConfig,
    /// α: the lifespan in steps that a reminded engram gains for an average share of attention. Default: 8
    pub lifespan_extend_scale: f32,
    /// Segments for which an engram is tracked after it was made, and whether GPT-2's working memories carry
    /// gradients into the segment before; 0 for none, as in the package.
    ///
    /// It bounds one hop, not the chain of hops. The hidden states of a segment have attended to memories of earlier
    /// segments. So a loss reaches back to the last [`ModelMemory::detach`], for every value above 0.
    pub bptt: usize,
    /// Whether padding is treated as any other position, as in the Python package: memories are made of it, and its
    /// attention counts for lifespans. A row of padding alone takes no part in a step in either case. Default: false.
    /// For a `memoria_bert` or `memoria_roberta` without the field in its file, true: the package trained it.
    pub remembers_padding: bool,
    /// Queries made of each segment. Engrams are compared with them; they are not stored. At first they attend to all
    /// positions alike. With 0, engrams are compared with the working memories, as in the paper. Several act as a union
    /// if the memory's correlation is Gaussian or its pooling is max; otherwise only their mean counts.
    pub num_queries: usize,
    /// Whether the score by which an engram was chosen is added to its logits in every layer that attends to
    /// it, times [`score_scale`](memoria_nn::score_scale), so that the choice is learned.
    pub score_in_logits: bool,
    /// Whether memories are divided by the root mean square of their numbers before they are stored.
    pub equal_length: bool,
    /// Whether hidden states pass through a layer norm before memories and queries are made of them.
    pub norm: bool,
    /// The longest segment with learned places, or none. Learned are the places that memories and queries are made of
    /// and, in each block of a GPT-2, how near a working memory is to a place of the segment that attends to it.
    /// Farther places count as the farthest. An encoder without abstractor does not use places.
    pub max_places: Option<usize>,
    /// Whether a position may attend to nothing: see [`sink`](memoria_nn::MemoryAttentionConfig::sink).
    pub sink: bool,
    /// Whether reminded memories have an attention of their own. Its output starts as zeros.
    pub own_attention: bool,
}

impl MemoryConfig {
    /// The paper's: memories per segment, and the memory they are kept in.
    pub fn new(num_memories: usize, memoria: MemoriaConfig) -> Self {
        Self { num_memories: Some(num_memories), ..Self::without_abstractor(memoria) }
    }

    /// The memory of a model with its hidden states as working memories: as many as a segment has tokens. The Python
    /// package's models for synthetic tasks have such a memory.
    pub fn without_abstractor(memoria: MemoriaConfig) -> Self {
        Self {
            num_memories: None,
            memoria,
            lifespan_extend_scale: 8.0,
            bptt: 0,
            remembers_padding: false,
            num_queries: 0,
            score_in_logits: false,
            equal_length: false,
            norm: false,
            max_places: None,
            sink: false,
            own_attention: false,
        }
    }

    /// A memory with learned recall for a GPT-2: with the defaults of
    /// [`MemoriaLayerConfig::causal`](memoria_nn::MemoriaLayerConfig::causal), 8 memories a segment, and a
    /// `bptt` of 8. `longest` is the longest segment with places that are learned:
    /// [`n_positions`](crate::Gpt2Config::n_positions), if there is no reason for fewer.
    pub fn causal(longest: usize, memoria: MemoriaConfig) -> Self {
        Self::learned(MemoriaLayerConfig::causal(1, 1, longest), memoria)
    }

    /// A memory with learned recall for an encoder: with the defaults of
    /// [`MemoriaLayerConfig::bidirectional`](memoria_nn::MemoriaLayerConfig::bidirectional), and a `bptt`
    /// of 8.
    pub fn bidirectional(num_memories: usize, memoria: MemoriaConfig) -> Self {
        Self::learned(MemoriaLayerConfig::bidirectional(1, 1, num_memories), memoria)
    }

    fn learned(layer: MemoriaLayerConfig, memoria: MemoriaConfig) -> Self {
        let state = MemoriaStateConfig::new(memoria);
        Self {
            num_memories: layer.num_memories,
            memoria,
            lifespan_extend_scale: state.lifespan_extend_scale,
            bptt: state.bptt,
            remembers_padding: false,
            num_queries: layer.num_queries,
            score_in_logits: layer.score_in_logits,
            equal_length: layer.equal_length,
            norm: layer.norm,
            max_places: layer.max_places,
            sink: layer.sink,
            own_attention: layer.own_attention,
        }
    }

    /// The meaning of absent fields in a GPT-2.
    pub(crate) fn of_gpt2() -> Self {
        Self::new(50, MemoriaConfig::paper_wikitext103())
    }

    /// The meaning of absent fields in an encoder.
    pub(crate) fn of_encoder() -> Self {
        Self::new(64, MemoriaConfig::new(64, 128, 10, 12.0, 64))
    }

    /// An empty memory.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`].
    pub fn init(&self) -> Result<ModelMemory, MemoriaError> {
        let config = MemoriaStateConfig::new(self.memoria)
            .with_lifespan_extend_scale(self.lifespan_extend_scale)
            .with_bptt(self.bptt);
        Ok(ModelMemory::new(config.init()?))
    }

    /// Whether something makes memories or queries.
    pub(crate) fn has_abstractor(&self) -> bool {
        self.num_memories.is_some() || self.num_queries > 0
    }

    /// What makes memories and queries for a model of this width, if anything does.
    pub(crate) fn abstractor(
        &self,
        [d_model, d_ff]: [usize; 2],
        layer_norm_eps: f64,
        device: &Device,
    ) -> Option<Abstractor> {
        let config = AbstractorConfig::new(d_model, self.num_memories.unwrap_or(0))
            .with_d_ff(Some(d_ff))
            .with_num_queries(self.num_queries)
            .with_norm(self.norm)
            .with_layer_norm_eps(layer_norm_eps)
            .with_equal_length(self.equal_length)
            .with_max_places(self.max_places);
        match self.num_memories {
            Some(_) => Some(config.init(device)),
            None => self.has_abstractor().then(|| config.init_queries(device)),
        }
    }

    /// What scores are multiplied with before they are added to logits; 0 if they are not.
    pub(crate) fn score_scale(&self, d_model: usize) -> f64 {
        if self.score_in_logits { score_scale(d_model) } else { 0.0 }
    }

    /// Parameters of the [abstractor](Self::abstractor).
    pub(crate) fn size_of_abstractor(&self, [d_model, d_ff]: [usize; 2]) -> Size {
        let made = self.num_memories.unwrap_or(0).saturating_add(self.num_queries);
        Size::sum([
            Size::matrix(made, d_model),
            Size::linear(d_model, d_model).times(2),
            Size::linear(d_model, d_ff),
            Size::linear(d_ff, d_model),
            Size::norm(d_model).when(self.norm),
            Size::matrix(made, self.max_places.unwrap_or(0)),
        ])
        .when(self.has_abstractor())
    }

    /// Parameters of one layer's attention to memories, where a plain one has so many.
    pub(crate) fn size_of_attention(&self, d_model: usize, plain: Size) -> Size {
        let attention = Size::sum([plain, Size::matrix(1, d_model).when(self.sink)]);
        attention.times(if self.own_attention { 2 } else { 1 })
    }

    /// Parameters of what a block of a GPT-2 learns about places.
    pub(crate) fn size_of_nearness(&self, n_heads: usize) -> Size {
        let longest = self.max_places.unwrap_or(0);
        Size::matrix(longest, self.num_memories.unwrap_or(longest)).times(n_heads)
    }
}

macro_rules! builders {
    ($($name:ident: $field:ident, $type:ty;)*) => {
        impl MemoryConfig {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                pub fn $name(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

builders! {
    with_num_memories: num_memories, Option<usize>;
    with_lifespan_extend_scale: lifespan_extend_scale, f32;
    with_bptt: bptt, usize;
    with_remembers_padding: remembers_padding, bool;
    with_num_queries: num_queries, usize;
    with_score_in_logits: score_in_logits, bool;
    with_equal_length: equal_length, bool;
    with_norm: norm, bool;
    with_max_places: max_places, Option<usize>;
    with_sink: sink, bool;
    with_own_attention: own_attention, bool;
}
