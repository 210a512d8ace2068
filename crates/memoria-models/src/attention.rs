//! Attention of tokens to tokens.

use burn::{
    nn::Dropout,
    tensor::{Bool, Tensor},
};
use memoria_nn::ScoreMask;

/// Padding `[batch, keys]` only.
pub(crate) fn padding_mask(mask_pad: Option<Tensor<2, Bool>>) -> ScoreMask {
    mask_pad.map_or(ScoreMask::None, |mask| {
        let [batch, keys] = mask.dims();
        ScoreMask::MayLeaveNone(mask.reshape([batch, 1, 1, keys]))
    })
}

/// Padding `[batch, keys]`, and for each of the last `queries` tokens of all `keys` those that come after
/// it. Made once for all layers of a segment.
pub(crate) fn causal_mask(
    mask_pad: Option<Tensor<2, Bool>>,
    [queries, keys]: [usize; 2],
    like: &Tensor<3>,
) -> ScoreMask {
    let padding = padding_mask(mask_pad);
    // A single query is the last token: no later token has to be masked.
    if queries == 1 {
        return padding;
    }
    let offset = (keys - queries) as i64;
    let future = Tensor::<2, Bool>::tril_mask([queries, keys], offset, &like.device())
        .reshape([1, 1, queries, keys]);
    match padding {
        ScoreMask::MayLeaveNone(padding) => {
            let shape = [padding.dims()[0], 1, queries, keys];
            ScoreMask::MayLeaveNone(padding.expand(shape).bool_or(future.expand(shape)))
        }
        // Each token may attend to itself.
        _ => ScoreMask::LeavesSome(future),
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
    mask: &ScoreMask,
    scale: f64,
    dropout: &Dropout,
) -> Tensor<4> {
    let scores = query.mul_scalar(scale).matmul(key.swap_dims(2, 3));
    memoria_nn::attend(scores, value, mask.clone(), dropout).0
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
