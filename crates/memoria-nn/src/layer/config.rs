use burn::{
    config::Config,
    module::Param,
    nn::LayerNormConfig,
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};

use super::MemoriaLayer;
use crate::{Abstractor, AbstractorConfig, MemoryAttentionConfig, init_nearness, score_scale};

/// The positions of a document that a position of a [`MemoriaLayer`] sees, besides the reminded engrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// All of its own segment, later ones, too: memories are made of the present segment.
    Bidirectional,
    /// Earlier segments only: memories are made of the previous segment.
    Causal,
}

/// Configuration of a [`MemoriaLayer`]: [`bidirectional`](Self::bidirectional) for encoders,
/// [`causal`](Self::causal) for decoders.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Device;
/// use memoria_nn::MemoriaLayerConfig;
///
/// let device = Device::flex();
/// let encoders = MemoriaLayerConfig::bidirectional(64, 4, 8).init(&device);
/// let decoders = MemoriaLayerConfig::causal(64, 4, 128).with_num_memories(Some(16)).init(&device);
/// assert!(decoders.is_causal && !encoders.is_causal);
/// # }
/// ```
///
/// `paper()` has 0 queries, no scores in the logits, no places, and false for every `bool`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MemoriaLayerConfig {
    /// What a position may see.
    pub sight: Sight,
    /// Size of the hidden states.
    pub d_model: usize,
    /// Heads of the memory attention; divides `d_model`.
    pub n_heads: usize,
    /// Memories made of each segment; `None` for the hidden states themselves, as many as the segment has.
    /// Default of `causal`: 8
    pub num_memories: Option<usize>,
    /// Queries made of each segment. Engrams are compared with them; they are not stored. With 0, engrams are compared
    /// with the working memories, as in the paper. Several act as a union if the memory's
    /// [correlation](memoria_core::Correlation) is Gaussian or its [pooling](memoria_core::Pooling) is max; otherwise
    /// only their mean counts. Default: 1
    pub num_queries: usize,
    /// Whether the score by which an engram was chosen is added to its logits, so that the choice is learned.
    /// Default: true
    pub score_in_logits: bool,
    /// Factor of that score; 1 / (2 √`d_model`) if not given.
    pub score_scale: Option<f64>,
    /// Size between the abstractor's two last linear layers; 4 · `d_model` if not given.
    pub d_ff: Option<usize>,
    /// Dropout rate of the attention weights. Default: 0.1
    pub dropout: f64,
    /// The epsilon value for layer normalization. Default: 1e-5
    pub layer_norm_eps: f64,
    /// Whether memories are divided by the root mean square of their numbers. Default: true of `causal`, false of
    /// `bidirectional`
    pub equal_length: bool,
    /// Whether hidden states pass through a layer norm before memories and queries are made of them. Default: true
    /// of `causal`, false of `bidirectional`
    pub norm: bool,
    /// The longest segment with learned places, or none. Learned are the places that memories and queries are made of
    /// and, in a causal layer, how near a working memory is to a place of the segment that attends to it. Default:
    /// `longest` of `causal`, none of `bidirectional`
    pub max_places: Option<usize>,
    /// Whether a position may attend to nothing: see [`MemoryAttentionConfig::sink`]. Default: true of `causal`, false
    /// of `bidirectional`
    pub sink: bool,
    /// Whether reminded memories have an attention of their own. Its output starts as zeros. Default: true of
    /// `causal`, false of `bidirectional`
    pub own_attention: bool,
    /// How many of the newest reminded memories are distinguished by their order, or none. For each head and place in
    /// this order a bias on the scores is learned, in units of 16. It starts as zero. For facts that are repeated and
    /// change: without it, nothing shows which of two engrams is newer. Default: none
    #[serde(default)]
    pub recency: Option<usize>,
}

impl Config for MemoriaLayerConfig {}

impl MemoriaLayerConfig {
    /// A layer for encoders: memories are made of the segment that attends to them, so that every position
    /// sees all others. **Not for decoders.**
    ///
    /// With learned recall: one query, and scores in the logits.
    pub fn bidirectional(d_model: usize, n_heads: usize, num_memories: usize) -> Self {
        Self {
            sight: Sight::Bidirectional,
            d_model,
            n_heads,
            num_memories: Some(num_memories),
            num_queries: 1,
            score_in_logits: true,
            score_scale: None,
            d_ff: None,
            dropout: 0.1,
            layer_norm_eps: 1e-5,
            equal_length: false,
            norm: false,
            max_places: None,
            sink: false,
            own_attention: false,
            recency: None,
        }
    }

    /// A layer for decoders: memories are made of the previous segment, which the [`MemoriaState`] keeps. The present
    /// segment does not affect which engrams are reminded. `longest` is the longest segment with learned places. Longer
    /// segments are allowed; their farther places count as the farthest.
    ///
    /// With learned recall as [`bidirectional`](Self::bidirectional), 8 memories, places, a norm before and
    /// memories of equal length, a sink, and an attention of their own for reminded memories.
    ///
    /// [`MemoriaState`]: crate::MemoriaState
    pub fn causal(d_model: usize, n_heads: usize, longest: usize) -> Self {
        Self {
            sight: Sight::Causal,
            equal_length: true,
            norm: true,
            max_places: Some(longest),
            sink: true,
            own_attention: true,
            ..Self::bidirectional(d_model, n_heads, 8)
        }
    }

    /// The paper's layer with the same sight and sizes: working memories are the query, and the choice is not learned.
    /// The paper has no hidden states as memories. If `num_memories` is `None`, it becomes 8.
    pub fn paper(self) -> Self {
        let num_memories = self.num_memories.unwrap_or(8);
        let plain = Self::bidirectional(self.d_model, self.n_heads, num_memories);
        Self {
            sight: self.sight,
            num_queries: 0,
            score_in_logits: false,
            d_ff: self.d_ff,
            dropout: self.dropout,
            layer_norm_eps: self.layer_norm_eps,
            ..plain
        }
    }

    /// Initializes a [`MemoriaLayer`].
    ///
    /// # Panics
    ///
    /// If `n_heads` does not divide `d_model`, if the dropout is not within 0 and 1, if `num_memories`, `max_places` or
    /// `recency` is 0, or if hidden states are to be memories and there is no query.
    pub fn init(&self, device: &Device) -> MemoriaLayer {
        assert!(self.max_places != Some(0), "max_places must be at least 1, or none, got 0");
        assert!(self.recency != Some(0), "recency must be at least 1, or none, got 0");
        let norm =
            || LayerNormConfig::new(self.d_model).with_epsilon(self.layer_norm_eps).init(device);
        let attention = MemoryAttentionConfig::new(self.d_model, self.n_heads)
            .with_dropout(self.dropout)
            .with_sink(self.sink);
        let scale = self.score_scale.unwrap_or_else(|| score_scale(self.d_model));
        MemoriaLayer {
            abstractor: self.abstractor(device),
            attention: attention.init(device),
            attention_reminded: self
                .own_attention
                .then(|| attention.with_zero_output(true).init(device)),
            norm_working: norm(),
            norm_reminded: norm(),
            nearness: self.nearness(device),
            recency: self.recency.map(|told_apart| {
                Param::from_tensor(Tensor::zeros([self.n_heads, told_apart], device))
            }),
            is_causal: self.sight == Sight::Causal,
            keeps_hidden: self.num_memories.is_none(),
            equal_length: self.equal_length,
            score_scale: if self.score_in_logits { scale } else { 0.0 },
        }
    }

    /// Makes memories and queries or, if memories are the hidden states, queries alone.
    fn abstractor(&self, device: &Device) -> Abstractor {
        let config = AbstractorConfig::new(self.d_model, self.num_memories.unwrap_or(0))
            .with_num_queries(self.num_queries)
            .with_d_ff(self.d_ff)
            .with_norm(self.norm)
            .with_layer_norm_eps(self.layer_norm_eps)
            .with_max_places(self.max_places);
        if self.num_memories.is_some() {
            return config.with_equal_length(self.equal_length).init(device);
        }
        config.init_queries(device)
    }

    /// By head, place and memory or, if memories are the hidden states, their distance from the end.
    fn nearness(&self, device: &Device) -> Option<Param<Tensor<3>>> {
        let longest = self.max_places.filter(|_| self.sight == Sight::Causal)?;
        Some(init_nearness(self.n_heads, self.num_memories, longest, device))
    }
}

macro_rules! builders {
    ($($(#[$docs:meta])* $name:ident: $field:ident, $type:ty;)*) => {
        impl MemoriaLayerConfig {
            $(
                $(#[$docs])*
                pub fn $name(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

builders! {
    /// Sets [`num_memories`](Self::num_memories).
    with_num_memories: num_memories, Option<usize>;
    /// Sets [`num_queries`](Self::num_queries).
    with_num_queries: num_queries, usize;
    /// Sets [`score_in_logits`](Self::score_in_logits).
    with_score_in_logits: score_in_logits, bool;
    /// Sets [`score_scale`](Self::score_scale).
    with_score_scale: score_scale, Option<f64>;
    /// Sets [`d_ff`](Self::d_ff).
    with_d_ff: d_ff, Option<usize>;
    /// Sets the rate of [`dropout`](Self::dropout). Default: 0.1
    with_dropout: dropout, f64;
    /// Sets [`layer_norm_eps`](Self::layer_norm_eps). Default: 1e-5
    with_layer_norm_eps: layer_norm_eps, f64;
    /// Sets [`equal_length`](Self::equal_length).
    with_equal_length: equal_length, bool;
    /// Sets [`norm`](Self::norm).
    with_norm: norm, bool;
    /// Sets [`max_places`](Self::max_places).
    with_max_places: max_places, Option<usize>;
    /// Sets [`sink`](Self::sink).
    with_sink: sink, bool;
    /// Sets [`own_attention`](Self::own_attention).
    with_own_attention: own_attention, bool;
    /// Sets [`recency`](Self::recency).
    with_recency: recency, Option<usize>;
}
