use burn::{
    config::Config,
    module::{Initializer, Module},
    nn::{Dropout, Linear, LinearConfig},
    tensor::{Bool, Device, Tensor, assert_shape},
};

use crate::{
    attend::{ScoreMask, attend},
    dropout::init_dropout,
    identity::pass_on,
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
}

/// Multi-head attention from hidden states to memories.
///
/// Unlike Burn's own attention modules it returns the weights before dropout, which lifespans are made
/// of, and a row whose memories are all padding has a weighted sum of zero.
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
}

/// Input of [`MemoryAttention::forward`].
#[derive(Clone, Debug)]
pub struct MemoryAttentionInput {
    /// `[batch, seq, d_model]`.
    pub hidden: Tensor<3>,
    /// `[batch, memories, d_model]`.
    pub memories: Tensor<3>,
    /// `[batch, memories]`, true for padding.
    pub mask_pad: Option<Tensor<2, Bool>>,
}

/// Output of [`MemoryAttention::forward`].
#[derive(Clone, Debug)]
pub struct MemoryAttentionOutput {
    /// `[batch, seq, d_model]`.
    pub context: Tensor<3>,
    /// Before dropout, `[batch, n_heads, seq, memories]`: they sum to 1 over the memories, or to 0 in a
    /// row whose memories are all padding.
    pub weights: Tensor<4>,
}

impl MemoryAttentionConfig {
    /// Initializes a [`MemoryAttention`].
    ///
    /// # Panics
    ///
    /// If `n_heads` does not divide `d_model`.
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
        MemoryAttention {
            query: compared(),
            key: compared(),
            value: linear(),
            output: linear(),
            dropout: init_dropout(self.dropout),
            n_heads: self.n_heads,
        }
    }
}

impl MemoryAttentionInput {
    /// Attends from `hidden` `[batch, seq, d_model]` to `memories` `[batch, memories, d_model]`.
    pub fn new(hidden: Tensor<3>, memories: Tensor<3>) -> Self {
        Self { hidden, memories, mask_pad: None }
    }

    /// Leaves out memories where `mask_pad` `[batch, memories]` is true.
    pub fn mask_pad(mut self, mask_pad: Tensor<2, Bool>) -> Self {
        self.mask_pad = Some(mask_pad);
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
        let MemoryAttentionInput { hidden, memories, mask_pad } = input;
        let [batch, _, d_model] = hidden.dims();
        assert_shape!(memories, [batch, _, d_model]);
        let query = self.query.forward(hidden);
        let key = self.key.forward(memories.clone());
        let value = self.value.forward(memories);
        let attended = attend_to_memories(query, key, value, mask_pad, self.n_heads, &self.dropout);
        MemoryAttentionOutput { context: self.output.forward(attended.context), ..attended }
    }

    /// What attending to memories of which all are padding comes to, `[batch, seq, d_model]`: the output
    /// layer's bias.
    ///
    /// # Panics
    ///
    /// If the hidden states are not of size `d_model`.
    pub fn forward_nothing(&self, hidden: &Tensor<3>) -> Tensor<3> {
        self.output.forward(hidden.zeros_like())
    }
}

/// Multi-head attention to memories with queries `[batch, seq, d_model]`, keys and values
/// `[batch, memories, d_model]` that were already made: for models whose projections are not those of a
/// [`MemoryAttention`].
///
/// `mask_pad` `[batch, memories]` is true for padding. The context is not yet projected.
///
/// # Panics
///
/// If the shapes do not fit or `n_heads` does not divide `d_model`.
pub fn attend_to_memories(
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    mask_pad: Option<Tensor<2, Bool>>,
    n_heads: usize,
    dropout: &Dropout,
) -> MemoryAttentionOutput {
    let [batch, seq, d_model] = query.dims();
    let heads = |x: Tensor<3>| {
        let [batch, count, d_model] = x.dims();
        x.reshape([batch, count, n_heads, d_model / n_heads]).swap_dims(1, 2)
    };
    let scale = ((d_model / n_heads) as f64).sqrt();
    let query = heads(query.div_scalar(scale));
    let scores = query.matmul(heads(key).swap_dims(2, 3));
    let mask = mask_pad.map_or(ScoreMask::None, |mask| {
        let [_, memories] = mask.dims();
        ScoreMask::MayLeaveNone(mask.reshape([batch, 1, 1, memories]))
    });
    let (context, weights) = attend(scores, heads(value), mask, dropout);
    let context = context.swap_dims(1, 2).reshape([batch, seq, d_model]);
    MemoryAttentionOutput { context, weights }
}
