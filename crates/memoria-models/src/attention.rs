//! Attention of tokens to tokens.

use burn::{
    nn::Dropout,
    tensor::{Bool, Tensor, activation::softmax},
};

/// Scores of what is masked, before the softmax. Representable in half precision.
const MASKED: f64 = -1.0e4;

/// Which tokens may not be attended to, made once for all layers of a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct TokenMask {
    /// Tokens to come, `[1, 1, queries, keys]`.
    future: Option<Tensor<4, Bool>>,
    /// Padding, `[batch, 1, 1, keys]`, with the future where there is one: `[batch, 1, queries, keys]`.
    padding: Option<Tensor<4, Bool>>,
}

impl TokenMask {
    /// Padding `[batch, keys]` only.
    pub(crate) fn padding(mask_pad: Option<Tensor<2, Bool>>) -> Self {
        let padding = mask_pad.map(|mask| {
            let [batch, keys] = mask.dims();
            mask.reshape([batch, 1, 1, keys])
        });
        Self { future: None, padding }
    }

    /// Padding `[batch, keys]`, and for each of the last `queries` tokens of all `keys` those that come
    /// after it.
    pub(crate) fn causal(
        mask_pad: Option<Tensor<2, Bool>>,
        [queries, keys]: [usize; 2],
        like: &Tensor<3>,
    ) -> Self {
        // One query at the end has nothing to come.
        let future = (queries > 1).then(|| {
            let offset = (keys - queries) as i64;
            let mask = Tensor::<2, Bool>::tril_mask([queries, keys], offset, &like.device());
            mask.reshape([1, 1, queries, keys])
        });
        let mask = Self::padding(mask_pad);
        match (future, mask.padding) {
            (Some(future), Some(padding)) => {
                let batch = padding.dims()[0];
                let shape = [batch, 1, queries, keys];
                let both = padding.expand(shape).bool_or(future.expand(shape));
                Self { future: None, padding: Some(both) }
            }
            (future, padding) => Self { future, padding },
        }
    }
}

/// softmax(q · kᵀ · scale) · v over the tokens that are not masked, `[batch, heads, queries, d]` from
/// queries `[batch, heads, queries, d]`, and keys and values `[batch, heads, keys, d]`.
///
/// A query that may attend to nothing has a weighted sum of zero.
pub(crate) fn attend(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    mask: &TokenMask,
    scale: f64,
    dropout: &Dropout,
) -> Tensor<4> {
    let scores = query.mul_scalar(scale).matmul(key.swap_dims(2, 3));
    let shape = scores.dims();
    let weights = match (&mask.future, &mask.padding) {
        (None, None) => softmax(scores, 3),
        (Some(future), None) => softmax(scores.mask_fill(future.clone().expand(shape), MASKED), 3),
        (_, Some(padding)) => {
            let padding = padding.clone().expand(shape);
            // The second fill is for queries with nothing to attend to, whose softmax is uniform.
            softmax(scores.mask_fill(padding.clone(), MASKED), 3).mask_fill(padding, 0.0)
        }
    };
    dropout.forward(weights).matmul(value)
}

/// `[batch, seq, heads · d]` to `[batch, heads, seq, d]`.
pub(crate) fn split_heads(x: Tensor<3>, n_heads: usize) -> Tensor<4> {
    let [batch, seq, d_model] = x.dims();
    x.reshape([batch, seq, n_heads, d_model / n_heads]).swap_dims(1, 2)
}

/// `[batch, heads, seq, d]` to `[batch, seq, heads · d]`.
pub(crate) fn merge_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, n_heads, seq, d_head] = x.dims();
    x.swap_dims(1, 2).reshape([batch, seq, n_heads * d_head])
}
