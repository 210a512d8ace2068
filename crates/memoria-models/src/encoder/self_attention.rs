use burn::{
    module::Module,
    nn::{Dropout, Linear},
    tensor::{Device, Tensor},
};
use memoria_nn::{ScoreMask, init_dropout};

use super::EncoderConfig;
use crate::{
    attention::{attend, merge_heads, split_heads},
    init::Normal,
};

/// Self-attention of an [`EncoderLayer`](super::EncoderLayer), in both directions.
///
/// Unlike in Burn's `MultiHeadAttention`, a query that may attend to padding only has a weighted sum of
/// zero.
#[derive(Module, Debug)]
pub struct SelfAttention {
    /// Hidden states to queries.
    pub query: Linear,
    /// Hidden states to keys.
    pub key: Linear,
    /// Hidden states to values.
    pub value: Linear,
    /// Weighted sums to hidden states.
    pub output: Linear,
    /// Dropout of the weights.
    pub dropout: Dropout,
    /// Number of heads.
    pub n_heads: usize,
}

impl SelfAttention {
    pub(crate) fn new(config: &EncoderConfig, device: &Device) -> Self {
        let d_model = config.hidden_size;
        let linear = || Normal::new(config.initializer_range).linear(d_model, d_model, device);
        Self {
            query: linear(),
            key: linear(),
            value: linear(),
            output: linear(),
            dropout: init_dropout(config.attention_probs_dropout_prob),
            n_heads: config.num_attention_heads,
        }
    }

    pub(crate) fn forward(&self, hidden: Tensor<3>, mask: &ScoreMask) -> Tensor<3> {
        let d_model = hidden.dims()[2];
        let part = |linear: &Linear| split_heads(linear.forward(hidden.clone()), self.n_heads);
        let (query, key, value) = (part(&self.query), part(&self.key), part(&self.value));
        let scale = 1.0 / ((d_model / self.n_heads) as f64).sqrt();
        let attended = attend(query, key, value, mask, scale, &self.dropout);
        self.output.forward(merge_heads(attended))
    }
}
