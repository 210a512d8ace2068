//! The score by which engrams are chosen, computed again with a gradient.

use burn::tensor::{Bool, Tensor, assert_shape};
use memoria_core::{Correlation, Pooling};

use crate::precision::{accumulated, lowest};

/// Factor of the scores before they are added to logits, 1 / (2 √`d_model`). It is not learned.
pub fn score_scale(d_model: usize) -> f64 {
    0.5 / (d_model as f64).sqrt()
}

/// The scores `[batch, k]` of engrams `[batch, k, d_model]` for a query `[batch, q, d_model]`, minus the best score of
/// the row: 0 for the best one, below 0 for the others. Padding, where `mask_pad` `[batch, k]` is true, has 0 and
/// takes no part.
///
/// The memory chooses by the same scores, but a choice has no gradient. Added to the logits of the attention
/// to what was chosen, they have one: to the query, and to the engrams as far as they are tracked. What all
/// engrams of a row have in common cancels there, or, where one may attend to nothing, would only say how
/// far away the row is as a whole; so it is left out. A row with one engram has no gradient.
///
/// Computed in single precision at least, from differences to the mean of the query, so that vectors that
/// are long and close to each other keep their distances. Costs batch · k · q · d_model multiplications.
///
/// # Panics
///
/// If the shapes do not fit, or the query has no vectors.
pub fn recall_scores(
    query: Tensor<3>,
    engrams: Tensor<3>,
    mask_pad: Option<Tensor<2, Bool>>,
    correlation: Correlation,
    pooling: Pooling,
) -> Tensor<2> {
    assert!(query.dims()[1] > 0, "a query must have at least one vector, got {:?}", query.dims());
    scores_for(Query { vectors: query, mask_pad: None }, engrams, mask_pad, (correlation, pooling))
}

/// What engrams are compared with.
pub(crate) struct Query {
    /// `[batch, q, d_model]`.
    pub(crate) vectors: Tensor<3>,
    /// `[batch, q]`, true for what is no part of it.
    pub(crate) mask_pad: Option<Tensor<2, Bool>>,
}

/// As [`recall_scores`], for a query that may have padding.
pub(crate) fn scores_for(
    query: Query,
    engrams: Tensor<3>,
    mask_pad: Option<Tensor<2, Bool>>,
    (correlation, pooling): (Correlation, Pooling),
) -> Tensor<2> {
    let [batch, k, d_model] = engrams.dims();
    assert_shape!(query.vectors, [batch, _, d_model]);
    let engrams = accumulated(engrams);
    let query = Query { vectors: accumulated(query.vectors), ..query };
    let centre = query.mean().detach();
    let engrams = engrams - centre.clone();
    let query = Query { vectors: query.vectors - centre, ..query };
    let scores = match (pooling, correlation) {
        // The mean of the distances is the distance to the mean, up to a constant.
        (Pooling::Mean, Correlation::NegSquaredL2) => nearness(query.mean(), engrams),
        (Pooling::Mean, Correlation::Gaussian) => log_mean_exp(query.nearness(engrams)),
        (Pooling::Max, _) => query.nearness(engrams).max_dim(2),
    };
    let scores = scores.reshape([batch, k]);
    let Some(mask) = mask_pad else {
        let best = scores.clone().max_dim(1);
        return scores - best;
    };
    assert_shape!(mask, [batch, k]);
    let best = scores.clone().mask_fill(mask.clone(), lowest(scores.dtype())).max_dim(1);
    // In a row of padding alone the lowest is the best, and would be subtracted from.
    scores.mask_fill(mask.clone(), 0.0).sub(best.expand([batch, k]).mask_fill(mask, 0.0))
}

impl Query {
    /// The mean of its vectors, `[batch, 1, d_model]`; of none zeros.
    fn mean(&self) -> Tensor<3> {
        let Some(mask) = &self.mask_pad else { return self.vectors.clone().mean_dim(1) };
        let shape @ [batch, count, _] = self.vectors.dims();
        let mask = mask.clone().reshape([batch, count, 1]);
        let known = mask.clone().bool_not().float().cast(self.vectors.dtype());
        let sum = self.vectors.clone().mask_fill(mask.expand(shape), 0.0).sum_dim(1);
        sum / known.sum_dim(1).clamp_min(1.0)
    }

    /// −‖q − e‖² of engrams `[batch, k, d_model]`, `[batch, k, q]`; of padding the lowest there is.
    fn nearness(&self, engrams: Tensor<3>) -> Tensor<3> {
        let nearness = nearness(self.vectors.clone(), engrams);
        let Some(mask) = &self.mask_pad else { return nearness };
        let shape @ [batch, _, count] = nearness.dims();
        let lowest = lowest(nearness.dtype());
        nearness.mask_fill(mask.clone().reshape([batch, 1, count]).expand(shape), lowest)
    }
}

/// −‖q − e‖², `[batch, k, q]`.
fn nearness(query: Tensor<3>, engrams: Tensor<3>) -> Tensor<3> {
    let products = engrams.clone().matmul(query.clone().swap_dims(1, 2)) * 2.0;
    products - engrams.square().sum_dim(2) - query.square().sum_dim(2).swap_dims(1, 2)
}

/// log(mean(exp)) over the last dimension, `[batch, k, 1]`.
fn log_mean_exp(logs: Tensor<3>) -> Tensor<3> {
    let count = logs.dims()[2] as f64;
    let largest = logs.clone().max_dim(2).detach();
    (logs - largest.clone()).exp().sum_dim(2).log() + largest - count.ln()
}
