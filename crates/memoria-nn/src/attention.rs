use burn::{
    config::Config,
    module::{Initializer, Module, Param},
    nn::{Dropout, Linear, LinearConfig},
    tensor::{Bool, Device, Tensor, assert_shape},
};

use crate::{
    attend::{ScoreMask, attend, attend_or_not},
    dropout::init_dropout,
    identity::pass_on,
    precision::lowest,
};

/// Configuration of a [`MemoryAttention`].
#[derive(Config, Debug)]
pub struct MemoryAttentionConfig {
    /// Size of hidden states and memories.
    pub d_model: usize,
    /// Number of heads; divides `d_model`.
    pub n_heads: usize,
    /// Dropout rate of the weights. Default: 0.1
    #[config(default = 0.1)]
    pub dropout: f64,
    /// Initializer of the linear layers. By default attention starts as a comparison of contents: the
    /// queries and keys as the identity, the values and the output as Burn's linear layers are.
    pub initializer: Option<Initializer>,
    /// Whether a position may attend to nothing: to a learned key, initialized to zeros, with a value of zero.
    /// Default: false
    #[config(default = false)]
    pub sink: bool,
    /// Whether the output starts as zeros, so that a model starts as it would be without memory. Default: false
    #[config(default = false)]
    pub zero_output: bool,
}

/// Multi-head attention from hidden states to memories.
///
/// Unlike Burn's own attention modules, it returns the weights before dropout, from which lifespan gains are
/// computed. If the memories of a row are all padding, its weighted sum is zero.
///
/// Should be created with [`MemoryAttentionConfig`].
#[derive(Module, Debug)]
pub struct MemoryAttention {
    /// Hidden states to queries.
    pub query: Linear,
    /// Memories to keys.
    pub key: Linear,
    /// Memories to values.
    pub value: Linear,
    /// Weighted sums to hidden states.
    pub output: Linear,
    /// Dropout of the weights.
    pub dropout: Dropout,
    /// Number of heads.
    pub n_heads: usize,
    /// Key of nothing, `[d_model]`, if a position may attend to nothing.
    pub sink: Option<Param<Tensor<1>>>,
}

/// Input of [`MemoryAttention::forward`].
#[derive(Clone, Debug)]
pub struct MemoryAttentionInput {
    /// `[batch, seq, d_model]`.
    pub hidden: Tensor<3>,
    /// `[batch, memories, d_model]`.
    pub memories: Tensor<3>,
    /// `[batch, memories]`, true for padding, which must be finite, too.
    pub mask_pad: Option<Tensor<2, Bool>>,
    /// What is added to the scaled scores: `[batch, n_heads, seq, memories]`, of which all but the last may
    /// be 1.
    pub bias: Option<Tensor<4>>,
}

/// Output of [`MemoryAttention::forward`].
#[derive(Clone, Debug)]
pub struct MemoryAttentionOutput {
    /// `[batch, seq, d_model]`.
    pub context: Tensor<3>,
    /// Before dropout, `[batch, n_heads, seq, memories]`. They sum to 1 over the memories, or to 0 in a row with
    /// memories that are all padding. With a sink, they sum to 1 minus its weight.
    pub weights: Tensor<4>,
}

impl MemoryAttentionConfig {
    /// Initializes a [`MemoryAttention`].
    ///
    /// # Panics
    ///
    /// If `n_heads` does not divide `d_model`, or the dropout is not within 0 and 1.
    pub fn init(&self, device: &Device) -> MemoryAttention {
        assert!(
            self.n_heads > 0 && self.d_model.is_multiple_of(self.n_heads),
            "n_heads must divide d_model, got {} heads for {}",
            self.n_heads,
            self.d_model
        );
        let linear = || {
            let config = LinearConfig::new(self.d_model, self.d_model);
            match &self.initializer {
                Some(initializer) => config.with_initializer(initializer.clone()),
                None => config,
            }
            .init(device)
        };
        let compared = || if self.initializer.is_none() { pass_on(linear()) } else { linear() };
        let (query, key, value, output) = (compared(), compared(), linear(), linear());
        MemoryAttention {
            query,
            key,
            value,
            output: if self.zero_output { zeros_like(&output) } else { output },
            dropout: init_dropout(self.dropout),
            n_heads: self.n_heads,
            sink: self.sink.then(|| Param::from_tensor(Tensor::zeros([self.d_model], device))),
        }
    }
}

/// A linear layer of zeros that is trained: mapped in place, its parameters would stay as they are.
fn zeros_like(linear: &Linear) -> Linear {
    Linear {
        weight: Param::from_tensor(linear.weight.val().zeros_like()),
        bias: linear.bias.as_ref().map(|bias| Param::from_tensor(bias.val().zeros_like())),
    }
}

impl MemoryAttentionInput {
    /// Attends from `hidden` `[batch, seq, d_model]` to `memories` `[batch, memories, d_model]`.
    pub fn new(hidden: Tensor<3>, memories: Tensor<3>) -> Self {
        Self { hidden, memories, mask_pad: None, bias: None }
    }

    /// Leaves out memories where `mask_pad` `[batch, memories]` is true, if there is one.
    pub fn mask_pad(mut self, mask_pad: impl Into<Option<Tensor<2, Bool>>>) -> Self {
        self.mask_pad = mask_pad.into();
        self
    }

    /// Adds `bias` to the scaled scores: `[batch, n_heads, seq, memories]`, of which all but the last may be
    /// 1.
    pub fn bias(mut self, bias: Tensor<4>) -> Self {
        self.bias = Some(bias);
        self
    }
}

impl MemoryAttention {
    /// Attends to memories.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    pub fn forward(&self, input: MemoryAttentionInput) -> MemoryAttentionOutput {
        let MemoryAttentionInput { hidden, memories, mask_pad, bias } = input;
        let [batch, _, d_model] = hidden.dims();
        assert_shape!(memories, [batch, _, d_model]);
        let projected = ProjectedMemories {
            query: self.query.forward(hidden),
            key: self.key.forward(memories.clone()),
            value: self.value.forward(memories),
            mask_pad,
            bias,
            sink: self.sink.as_ref().map(Param::val),
        };
        let attended = attend_to_memories(projected, self.n_heads, &self.dropout);
        MemoryAttentionOutput { context: self.output.forward(attended.context), ..attended }
    }

    /// The result of attending to memories that are all padding, `[batch, seq, d_model]`: the output layer's bias.
    ///
    /// # Panics
    ///
    /// If the hidden states are not of size `d_model`.
    pub fn forward_nothing(&self, hidden: &Tensor<3>) -> Tensor<3> {
        self.output.forward(hidden.zeros_like())
    }
}

/// Input of [`attend_to_memories`].
#[derive(Clone, Debug)]
pub struct ProjectedMemories {
    /// `[batch, seq, d_model]`.
    pub query: Tensor<3>,
    /// `[batch, memories, d_model]`.
    pub key: Tensor<3>,
    /// `[batch, memories, d_model]`.
    pub value: Tensor<3>,
    /// As [`MemoryAttentionInput::mask_pad`].
    pub mask_pad: Option<Tensor<2, Bool>>,
    /// As [`MemoryAttentionInput::bias`].
    pub bias: Option<Tensor<4>>,
    /// As [`MemoryAttention::sink`].
    pub sink: Option<Tensor<1>>,
}

impl ProjectedMemories {
    /// Attends with `query` `[batch, seq, d_model]` to `key` and `value` `[batch, memories, d_model]`.
    pub fn new(query: Tensor<3>, key: Tensor<3>, value: Tensor<3>) -> Self {
        Self { query, key, value, mask_pad: None, bias: None, sink: None }
    }

    /// Leaves out memories where `mask_pad` `[batch, memories]` is true, if there is one.
    pub fn mask_pad(mut self, mask_pad: Option<Tensor<2, Bool>>) -> Self {
        self.mask_pad = mask_pad;
        self
    }

    /// Adds a [bias](MemoryAttentionInput::bias) to the scaled scores, if there is one.
    pub fn bias(mut self, bias: Option<Tensor<4>>) -> Self {
        self.bias = bias;
        self
    }
}

/// Multi-head attention to memories with queries, keys and values that were already made: for models with
/// projections that are not those of a [`MemoryAttention`]. The context is not yet projected.
///
/// # Panics
///
/// If the shapes do not fit or `n_heads` does not divide `d_model`.
pub fn attend_to_memories(
    input: ProjectedMemories,
    n_heads: usize,
    dropout: &Dropout,
) -> MemoryAttentionOutput {
    let ProjectedMemories { query, key, value, mask_pad, bias, sink } = input;
    let [batch, seq, d_model] = query.dims();
    let heads = |x: Tensor<3>| {
        let [batch, count, d_model] = x.dims();
        x.reshape([batch, count, n_heads, d_model / n_heads]).swap_dims(1, 2)
    };
    let scale = ((d_model / n_heads) as f64).sqrt();
    let query = heads(query.div_scalar(scale));
    let mut scores = query.clone().matmul(heads(key).swap_dims(2, 3));
    if let Some(bias) = bias {
        // Half precision cannot represent the scores of distant memories.
        let bias = bias.clamp_min(0.5 * lowest(scores.dtype())).cast(scores.dtype());
        scores = scores + bias;
    }
    let mask = mask_pad.map_or(ScoreMask::None, |mask| {
        let [_, memories] = mask.dims();
        ScoreMask::MayLeaveNone(mask.reshape([batch, 1, 1, memories]))
    });
    let (context, weights) = match sink {
        None => attend(scores, heads(value), mask, dropout),
        Some(sink) => {
            let sink = sink.reshape([1, n_heads, d_model / n_heads, 1]);
            attend_or_not(query.matmul(sink), scores, heads(value), mask, dropout)
        }
    };
    let context = context.swap_dims(1, 2).reshape([batch, seq, d_model]);
    MemoryAttentionOutput { context, weights }
}
