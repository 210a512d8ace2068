use burn::{
    module::Module,
    nn::{Dropout, Linear},
    tensor::{Device, Tensor},
};
use memoria_nn::{ScoreMask, apply_dropout, init_dropout};

use super::{Gpt2Config, cache::KeysAndValues};
use crate::{
    attention::{attend, merge_heads, split_heads},
    init::Normal,
};

/// Causal self-attention of a [`Gpt2Block`](super::Gpt2Block). Its fields have the names of checkpoints.
///
/// Unlike Burn's `MultiHeadAttention` it makes queries, keys and values by one layer, as checkpoints have
/// it, and a query that may attend to padding only has a weighted sum of zero.
#[derive(Module, Debug)]
pub struct Gpt2Attention {
    /// Hidden states to queries, keys and values.
    pub c_attn: Linear,
    /// Weighted sums to hidden states.
    pub c_proj: Linear,
    /// Dropout of the weights.
    pub attn_dropout: Dropout,
    /// Dropout of what is added to the hidden states.
    pub resid_dropout: Dropout,
    /// Number of heads.
    pub n_head: usize,
    /// What scores are multiplied with.
    pub scale: f64,
}

impl Gpt2Attention {
    pub(crate) fn new(config: &Gpt2Config, layer: usize, device: &Device) -> Self {
        let d_model = config.n_embd;
        let normal = Normal::new(config.initializer_range);
        let mut scale = 1.0;
        if config.scale_attn_weights {
            scale /= ((d_model / config.n_head) as f64).sqrt();
        }
        if config.scale_attn_by_inverse_layer_idx {
            scale /= (layer + 1) as f64;
        }
        Self {
            c_attn: normal.linear(d_model, 3 * d_model, device),
            c_proj: normal.residual(config.n_layer).linear(d_model, d_model, device),
            attn_dropout: init_dropout(config.attn_pdrop),
            resid_dropout: init_dropout(config.resid_pdrop),
            n_head: config.n_head,
            scale,
        }
    }

    /// What attention adds to the hidden states `[batch, seq, d_model]`.
    pub(crate) fn forward(
        &self,
        hidden: Tensor<3>,
        mask: &ScoreMask,
        cache: Option<&mut KeysAndValues>,
    ) -> Tensor<3> {
        let projected = self.c_attn.forward(hidden);
        let d_model = projected.dims()[2] / 3;
        let part =
            |index| split_heads(projected.clone().narrow(2, index * d_model, d_model), self.n_head);
        let (query, mut key, mut value) = (part(0), part(1), part(2));
        if let Some(cache) = cache {
            [key, value] = cache.extend(key, value);
        }
        let attended = attend(query, key, value, mask, self.scale, &self.attn_dropout);
        apply_dropout(&self.resid_dropout, self.c_proj.forward(merge_heads(attended)))
    }
}
