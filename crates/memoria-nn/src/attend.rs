//! From scores to weighted sums.

use burn::{
    nn::Dropout,
    tensor::{Bool, Tensor, activation::softmax},
};

use crate::dropout::apply_dropout;

/// Scores of what is masked, before the softmax. Representable in half precision.
const MASKED: f64 = -1.0e4;

/// Which scores do not count. Masks are true there and are expanded to the scores' shape.
#[derive(Clone, Debug, Default)]
pub enum ScoreMask {
    /// All count.
    #[default]
    None,
    /// Each query has some left.
    LeavesSome(Tensor<4, Bool>),
    /// A query may have none left; its weighted sum is zero.
    MayLeaveNone(Tensor<4, Bool>),
}

/// Weighted sums `[batch, heads, queries, d]` of `value` `[batch, heads, keys, d]`, and their weights
/// before dropout: the softmax of `scores` `[batch, heads, queries, keys]` over the keys.
///
/// # Panics
///
/// If the shapes do not fit.
pub fn attend(
    scores: Tensor<4>,
    value: Tensor<4>,
    mask: ScoreMask,
    dropout: &Dropout,
) -> (Tensor<4>, Tensor<4>) {
    let shape = scores.dims();
    let weights = match mask {
        ScoreMask::None => softmax(scores, 3),
        ScoreMask::LeavesSome(mask) => softmax(scores.mask_fill(mask.expand(shape), MASKED), 3),
        ScoreMask::MayLeaveNone(mask) => {
            let mask = mask.expand(shape);
            // The second fill is for queries with none left, whose softmax is uniform.
            softmax(scores.mask_fill(mask.clone(), MASKED), 3).mask_fill(mask, 0.0)
        }
    };
    (apply_dropout(dropout, weights.clone()).matmul(value), weights)
}
