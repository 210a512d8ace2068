use burn::{
    config::Config,
    module::{Initializer, Module, Param},
    nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig},
    tensor::{Bool, Device, Tensor, activation::softmax, assert_shape},
};

use crate::{
    attend::softmax_or_none,
    identity::pass_on,
    places::{from_the_end, liking},
    precision::accumulated,
};

/// Configuration of an [`Abstractor`].
#[derive(Config, Debug)]
pub struct AbstractorConfig {
    /// Size of the hidden states and of the memories.
    pub d_model: usize,
    /// Memories made of each segment.
    pub num_memories: usize,
    /// Size between the two last linear layers; 4 · `d_model` if not given.
    pub d_ff: Option<usize>,
    /// Initializer of the queries. By default normal with a deviation of 2 / √`d_model`: their unscaled products with
    /// the keys then differ, but do not saturate the softmax.
    pub query_initializer: Option<Initializer>,
    /// Initializer of the linear layers. By default a memory starts as a weighted average of hidden
    /// states: the values start as the identity, and so do the two last layers together if `d_ff` is at least
    /// `d_model`; the keys start as Burn's linear layers do.
    pub initializer: Option<Initializer>,
    /// Queries made of each segment. Engrams are compared with them; they are not stored. At first they attend to all
    /// positions alike. Default: 0
    #[config(default = 0)]
    pub num_queries: usize,
    /// Whether hidden states pass through a layer norm before. Default: false
    #[config(default = false)]
    pub norm: bool,
    /// The epsilon value for layer normalization. Default: 1e-5
    #[config(default = 1e-5)]
    pub layer_norm_eps: f64,
    /// Whether memories are divided by the root mean square of their numbers, so that all have the same length.
    /// Default: false
    #[config(default = false)]
    pub equal_length: bool,
    /// The longest segment in which memories and queries learn a bias for places, or none. At first each memory prefers
    /// a distance from the end of the segment: the first memory prefers the last place, the last memory the first
    /// place, the others those between, spaced logarithmically. Queries start without preference. Places farther away
    /// count as the farthest one.
    pub max_places: Option<usize>,
}

/// Condenses the hidden states of a segment into a fixed number of memories and, if configured, into queries.
///
/// Learned vectors attend to the hidden states, without scaling; two linear layers without activation
/// between them follow: `output(feedforward(softmax(Q · key(x)ᵀ) · value(x)))`. This is the paper's abstractor
/// (section 3.3), and `Abstractor` of the Python package's experiments, with its parameter names. The paper has
/// no queries, no norm, no places and memories of any length.
///
/// Should be created with [`AbstractorConfig`].
#[derive(Module, Debug)]
pub struct Abstractor {
    /// Queries, `[1, num_memories, d_model]`.
    pub query_embeddings: Param<Tensor<3>>,
    /// Hidden states to keys, `d_model` to `d_model`.
    pub key_transform: Linear,
    /// Hidden states to values, `d_model` to `d_model`.
    pub value_transform: Linear,
    /// `d_model` to `d_ff`.
    pub feedforward: Linear,
    /// `d_ff` to `d_model`.
    pub output: Linear,
    /// Vectors that queries are made with, `[1, num_queries, d_model]`, if any.
    pub recall_embeddings: Option<Param<Tensor<3>>>,
    /// Before everything else, if any.
    pub norm: Option<LayerNorm>,
    /// Bias on the scores of the memories, then of the queries, by a position's distance from the end of the segment,
    /// `[num_memories + num_queries, max_places]`, if there is one.
    pub places: Option<Param<Tensor<2>>>,
    /// Whether memories are scaled to the same length.
    pub equal_length: bool,
}

/// Output of [`Abstractor::forward`].
#[derive(Clone, Debug)]
pub struct AbstractorOutput {
    /// `[batch, num_memories, d_model]`.
    pub memories: Tensor<3>,
    /// `[batch, num_queries, d_model]`, if there are any.
    pub queries: Option<Tensor<3>>,
}

impl AbstractorConfig {
    /// Initializes an [`Abstractor`].
    ///
    /// # Panics
    ///
    /// If [`num_memories`](Self::num_memories) or [`max_places`](Self::max_places) is 0.
    pub fn init(&self, device: &Device) -> Abstractor {
        assert!(self.num_memories > 0, "num_memories must be at least 1, got 0");
        let d_model = self.d_model;
        let d_ff = self.d_ff.unwrap_or(4 * d_model);
        let linear = |d_input, d_output| {
            let config = LinearConfig::new(d_input, d_output);
            match &self.initializer {
                Some(initializer) => config.with_initializer(initializer.clone()),
                None => config,
            }
            .init(device)
        };
        let std = 2.0 / (d_model as f64).sqrt();
        let queries =
            self.query_initializer.clone().unwrap_or(Initializer::Normal { mean: 0.0, std });
        let mut abstractor = Abstractor {
            query_embeddings: queries.init([1, self.num_memories, d_model], device),
            key_transform: linear(d_model, d_model),
            value_transform: linear(d_model, d_model),
            feedforward: linear(d_model, d_ff),
            output: linear(d_ff, d_model),
            recall_embeddings: (self.num_queries > 0)
                .then(|| Param::from_tensor(Tensor::zeros([1, self.num_queries, d_model], device))),
            norm: self.norm.then(|| {
                LayerNormConfig::new(d_model).with_epsilon(self.layer_norm_eps).init(device)
            }),
            places: self
                .max_places
                .map(|longest| liking(self.num_memories, self.num_queries, longest, device)),
            equal_length: self.equal_length,
        };
        if self.initializer.is_none() {
            abstractor.value_transform = pass_on(abstractor.value_transform);
            abstractor.feedforward = pass_on(abstractor.feedforward);
            abstractor.output = pass_on(abstractor.output);
        }
        abstractor
    }

    /// Initializes an [`Abstractor`] that makes queries alone, [`num_queries`](Self::num_queries) of them, as
    /// its memories: for models with the hidden states as memories.
    ///
    /// # Panics
    ///
    /// If [`num_queries`](Self::num_queries) or [`max_places`](Self::max_places) is 0.
    pub fn init_queries(&self, device: &Device) -> Abstractor {
        let asked = self.num_queries;
        assert!(asked > 0, "num_queries must be at least 1 for queries alone, got 0");
        let config = Self {
            num_memories: asked,
            num_queries: 0,
            query_initializer: Some(Initializer::Zeros),
            equal_length: false,
            max_places: None,
            ..self.clone()
        };
        let places = self.max_places.map(|longest| liking(0, asked, longest, device));
        Abstractor { places, ..config.init(device) }
    }
}

impl Abstractor {
    /// Makes memories `[batch, num_memories, d_model]` of hidden states `[batch, seq, d_model]`, and queries.
    ///
    /// `mask_pad` `[batch, seq]`, if given, is true for positions that take no part. They must be finite, too. The
    /// output of a row of padding alone has no meaning. The attention costs
    /// batch · seq · (2 · d_model² + 2 · (num_memories + num_queries) · d_model) multiplications.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    pub fn forward(
        &self,
        hidden: Tensor<3>,
        mask_pad: Option<Tensor<2, Bool>>,
    ) -> AbstractorOutput {
        let vectors = self.query_embeddings.val();
        let [_, num_memories, d_model] = vectors.dims();
        let [batch, seq, _] = hidden.dims();
        assert_shape!(hidden, [_, _, d_model]);
        if let Some(mask) = &mask_pad {
            assert_shape!(mask, [batch, seq]);
        }
        let hidden = match &self.norm {
            Some(norm) => norm.forward(hidden),
            None => hidden,
        };
        let keys = self.key_transform.forward(hidden.clone());
        let values = self.value_transform.forward(hidden);
        // Memories and queries are made together. Otherwise a result that is not read would stay in the graph of its
        // parameters for as long as they live.
        let vectors = match &self.recall_embeddings {
            Some(queries) => Tensor::cat(vec![vectors, queries.val()], 1),
            None => vectors,
        };
        let count = vectors.dims()[1];
        let vectors = vectors.expand([batch, count, d_model]);
        let mut scores = vectors.matmul(keys.swap_dims(1, 2));
        if let Some(places) = &self.places {
            scores = scores + from_the_end(places.val(), seq, mask_pad.as_ref());
        }
        let weights = match mask_pad {
            None => softmax(scores, 2),
            Some(mask) => softmax_or_none(scores, mask.unsqueeze_dim::<3>(1)),
        };
        let made = self.output.forward(self.feedforward.forward(weights.matmul(values)));
        let (memories, queries) = match count - num_memories {
            0 => (made, None),
            asked => {
                let queries = made.clone().narrow(1, num_memories, asked);
                (made.narrow(1, 0, num_memories), Some(queries))
            }
        };
        let memories = if self.equal_length { equally_long(memories) } else { memories };
        AbstractorOutput { memories, queries }
    }
}

/// Vectors divided by the root mean square of their numbers. Squares are summed in single precision at
/// least; vectors near zero stay near zero.
pub(crate) fn equally_long(vectors: Tensor<3>) -> Tensor<3> {
    let dtype = vectors.dtype();
    let exact = accumulated(vectors);
    let length = exact.clone().square().mean_dim(2).add_scalar(1e-5).sqrt();
    (exact / length).cast(dtype)
}
