//! From scores to weighted sums.

use burn::{
    nn::Dropout,
    tensor::{Bool, Tensor, activation::softmax},
};

use crate::{dropout::apply_dropout, precision::lowest};

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
    let weights = match mask {
        ScoreMask::None => softmax(scores, 3),
        ScoreMask::LeavesSome(mask) => softmax(without(scores, mask), 3),
        ScoreMask::MayLeaveNone(mask) => softmax_or_none(scores, mask),
    };
    (apply_dropout(dropout, weights.clone()).matmul(value), weights)
}

/// As [`attend`], where a query may also attend to nothing, with the scores `[batch, heads, queries, 1]`. The
/// weights `[batch, heads, queries, keys]` sum to what nothing leaves.
pub(crate) fn attend_or_not(
    nothing: Tensor<4>,
    scores: Tensor<4>,
    value: Tensor<4>,
    mask: ScoreMask,
    dropout: &Dropout,
) -> (Tensor<4>, Tensor<4>) {
    let keys = scores.dims()[3];
    let scores = match mask {
        ScoreMask::None => scores,
        ScoreMask::LeavesSome(mask) | ScoreMask::MayLeaveNone(mask) => without(scores, mask),
    };
    let weights = softmax(Tensor::cat(vec![nothing, scores], 3), 3).narrow(3, 1, keys);
    (apply_dropout(dropout, weights.clone()).matmul(value), weights)
}

/// The softmax over the last dimension of scores that are not masked; zeros where all are. The mask is
/// expanded to the scores' shape.
pub(crate) fn softmax_or_none<const D: usize>(
    scores: Tensor<D>,
    mask: Tensor<D, Bool>,
) -> Tensor<D> {
    let mask = mask.expand(scores.dims());
    // The second fill is for those with none left: their softmax is uniform.
    softmax(without(scores, mask.clone()), D - 1).mask_fill(mask, 0.0)
}

/// Scores that are the lowest there are where they are masked, so that none is below. Infinite ones would
/// leave no number where all are masked.
fn without<const D: usize>(scores: Tensor<D>, mask: Tensor<D, Bool>) -> Tensor<D> {
    let (shape, lowest) = (scores.dims(), lowest(scores.dtype()));
    scores.mask_fill(mask.expand(shape), lowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::{
        nn::DropoutConfig,
        tensor::{DType, Device, TensorData},
    };
    use rstest::rstest;

    /// Scores as low as hidden states of a large norm have them.
    #[rstest]
    #[case(DType::F64, -1e200)]
    #[case(DType::F32, -1e30)]
    #[case(DType::BF16, -1e30)]
    #[case(DType::F16, -6e4)]
    fn what_is_masked_has_no_weight_however_low_the_others_score(
        #[case] dtype: DType,
        #[case] low: f64,
        #[values(false, true)] may_leave_none: bool,
    ) {
        let device = Device::flex();
        let scores = TensorData::from([[[[low, 0.0, low, 5.0]]]]);
        let scores = Tensor::<4>::from_data(scores, (&device, dtype));
        let mask = Tensor::<4, Bool>::from_data([[[[false, true, false, true]]]], &device);
        let mask = match may_leave_none {
            true => ScoreMask::MayLeaveNone(mask),
            false => ScoreMask::LeavesSome(mask),
        };
        let value = Tensor::<4>::ones([1, 1, 4, 2], (&device, dtype));
        let (sum, weights) = attend(scores, value, mask, &DropoutConfig::new(0.0).init());
        assert_eq!((sum.dtype(), weights.dtype()), (dtype, dtype));
        let weights: Vec<f32> = weights.into_data().iter().collect();
        assert_eq!(weights, [0.5, 0.0, 0.5, 0.0]);
    }

    #[rstest]
    fn where_all_is_masked_nothing_is_added(
        #[values(DType::F64, DType::F32, DType::BF16, DType::F16)] dtype: DType,
    ) {
        let device = Device::flex().autodiff();
        let scores = Tensor::<4>::full([1, 1, 2, 3], 2.0, (&device, dtype)).require_grad();
        let mask =
            Tensor::<4, Bool>::from_data([[[[true, true, true], [false, true, true]]]], &device);
        let value = Tensor::<4>::ones([1, 1, 3, 1], (&device, dtype));
        let mask = ScoreMask::MayLeaveNone(mask);
        let (sum, _) = attend(scores.clone(), value, mask, &DropoutConfig::new(0.0).init());
        assert_eq!(sum.clone().into_data().iter::<f32>().collect::<Vec<_>>(), [0.0, 1.0]);
        let gradient = scores.grad(&sum.sum().backward()).unwrap();
        assert!(gradient.into_data().iter::<f32>().all(|slope| slope == 0.0));
    }
}
