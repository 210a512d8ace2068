//! From attention weights to lifespan gains.

use burn::tensor::{Bool, Tensor, TensorData};
use memoria_core::{LifespanGain, MemoriaError, check_device, check_dtype, check_sizes};

use super::MemoriaState;
use crate::{Recall, precision::accumulated};

/// What errors call it.
const PADDING: &str = "padding of the queries";

impl MemoriaState {
    /// Extends the lifespans of the reminded engrams by their attention weights, and ends the step.
    ///
    /// `weights` are attention weights over the reminded memories before dropout, each
    /// `[batch, heads, queries, k]`, one tensor per layer that attended; none if nothing was reminded
    /// or no layer attended. An engram gains as [`gains`](Self::gains) says. No device round trip of its
    /// own.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::WrongDimension`], [`MemoriaError::EmptyDimension`], [`MemoriaError::WrongDType`] or
    /// [`MemoriaError::WrongDevice`] for weights that do not fit the recall or each other; as
    /// [`Memoria::adjust`](memoria_core::Memoria::adjust).
    pub fn reinforce(
        &mut self,
        recall: &Recall,
        weights: impl IntoIterator<Item = Tensor<4>>,
    ) -> Result<(), MemoriaError> {
        self.reinforce_except(recall, weights, None)
    }

    /// As [`reinforce`](Self::reinforce), but the attention of padding does not count. A query is padding where
    /// `padding` `[batch, queries]`, if given, is true.
    ///
    /// # Errors
    ///
    /// As [`reinforce`](Self::reinforce), and [`MemoriaError::WrongDimension`] or
    /// [`MemoriaError::WrongDevice`] for padding that does not fit the weights or, if there are none, the rows.
    pub fn reinforce_except(
        &mut self,
        recall: &Recall,
        weights: impl IntoIterator<Item = Tensor<4>>,
        padding: Option<&Tensor<2, Bool>>,
    ) -> Result<(), MemoriaError> {
        let gains = self.gains_except(recall, weights, padding)?;
        self.adjust(recall, gains)
    }

    /// The lifespan gains `[batch, k]` of reminded memories, for attention weights as in
    /// [`reinforce`](Self::reinforce); `None` if there are no weights.
    ///
    /// An engram gains its weight, averaged over layers, heads and queries, times the number of engrams
    /// its row was reminded of, times α: over a row the gains sum to α × (number reminded), or to less if
    /// queries attended to [nothing](crate::MemoryAttentionConfig::sink). They are computed in single precision, or in
    /// double precision if the weights are.
    ///
    /// # Errors
    ///
    /// As [`reinforce`](Self::reinforce) for the weights.
    pub fn gains(
        &self,
        recall: &Recall,
        weights: impl IntoIterator<Item = Tensor<4>>,
    ) -> Result<Option<Tensor<2>>, MemoriaError> {
        self.gains_except(recall, weights, None)
    }

    /// As [`gains`](Self::gains), averaged over queries that are no padding: where `padding`
    /// `[batch, queries]`, if given, is false.
    ///
    /// # Errors
    ///
    /// As [`reinforce_except`](Self::reinforce_except) for weights and padding.
    pub fn gains_except(
        &self,
        recall: &Recall,
        weights: impl IntoIterator<Item = Tensor<4>>,
        padding: Option<&Tensor<2, Bool>>,
    ) -> Result<Option<Tensor<2>>, MemoriaError> {
        let padding = padding.map(|padding| padding.clone().inner());
        if let Some(padding) = &padding {
            check_sizes(PADDING, [("batch", recall.ids.batch(), padding.dims()[0])])?;
        }
        let (mut total, mut first, mut layers) = (None::<Tensor<2>>, None, 0);
        for weights in weights {
            let weights = weights.inner();
            check_weights(recall, &weights, first.as_ref())?;
            let mean = match &padding {
                None => mean_of_all(accumulated(weights.clone())),
                Some(padding) => {
                    check_padding(padding, &weights)?;
                    mean_except(accumulated(weights.clone()), padding.clone())
                }
            };
            first.get_or_insert(weights);
            total = Some(match total {
                None => mean,
                Some(total) => total + mean,
            });
            layers += 1;
        }
        let Some(total) = total else { return Ok(None) };
        let scale = self.lifespan_extend_scale / layers as f32;
        let batch = total.dims()[0];
        let per_row = (0..batch).map(|row| recall.ids(row).len() as f32 * scale).collect();
        let per_row = TensorData::new::<f32, _>(per_row, [batch, 1]);
        let per_row = Tensor::<2>::from_data(per_row, (&total.device(), total.dtype()));
        Ok(Some(total * per_row))
    }

    /// Gives reminded memories the lifespan gains `[batch, k]`, and ends the step: the second half of
    /// [`reinforce`](Self::reinforce), for models that compute the gains piece by piece.
    ///
    /// # Errors
    ///
    /// As [`Memoria::adjust`](memoria_core::Memoria::adjust).
    pub fn adjust(
        &mut self,
        recall: &Recall,
        gains: Option<Tensor<2>>,
    ) -> Result<(), MemoriaError> {
        let gains = match gains {
            None => LifespanGain::Zero,
            Some(gains) => LifespanGain::Device(gains.inner().into_dispatch()),
        };
        self.memory.adjust(&recall.ids, gains)
    }

    /// As [`adjust`](Self::adjust), for gains that a layer or model computes and no user gives: a row with gains that
    /// are not finite is given none of this segment, the others theirs, and the step has ended.
    ///
    /// # Errors
    ///
    /// As [`adjust`](Self::adjust); [`MemoriaError::NonFiniteAttention`] on a host at once, on a device when the
    /// memory is next read.
    pub fn adjust_forgiving(
        &mut self,
        recall: &Recall,
        gains: Option<Tensor<2>>,
    ) -> Result<(), MemoriaError> {
        let Some(gains) = gains else { return self.adjust(recall, None) };
        let gains = gains.inner();
        let is_bad = self.is_on_host(&gains) && !is_finite(gains.clone())?;
        self.memory.adjust_forgiving(&recall.ids, gains.into_dispatch())?;
        if is_bad {
            // The other rows get their gains. The error names the row.
            self.memory.state()?;
        }
        Ok(())
    }
}

/// Whether all numbers of a tensor on a host are finite.
fn is_finite(numbers: Tensor<2>) -> Result<bool, MemoriaError> {
    let data = numbers.try_into_data();
    let data = data.map_err(|error| MemoriaError::Device(Box::new(error)))?;
    Ok(data.iter::<f32>().all(f32::is_finite))
}

/// Weights `[batch, k]` as means over heads and queries of `[batch, heads, queries, k]`.
fn mean_of_all(weights: Tensor<4>) -> Tensor<2> {
    let [batch, heads, queries, width] = weights.dims();
    weights.reshape([batch, heads * queries, width]).mean_dim(1).reshape([batch, width])
}

/// As [`mean_of_all`], without queries where `padding` `[batch, queries]` is true; zeros where all are.
fn mean_except(weights: Tensor<4>, padding: Tensor<2, Bool>) -> Tensor<2> {
    let [batch, _, queries, width] = weights.dims();
    let device = weights.device();
    let read = Tensor::<2>::ones([batch, queries], (&device, weights.dtype()));
    let counts = read.mask_fill(padding.clone(), 0.0).sum_dim(1).clamp_min(1.0);
    let by_query = weights.mean_dim(1).reshape([batch, queries, width]);
    let padding = padding.unsqueeze_dim::<3>(2).expand([batch, queries, width]);
    by_query.mask_fill(padding, 0.0).sum_dim(1).reshape([batch, width]) / counts
}

/// Refuses attention weights that do not fit what was recalled, or the first layer's.
fn check_weights(
    recall: &Recall,
    weights: &Tensor<4>,
    first: Option<&Tensor<4>>,
) -> Result<(), MemoriaError> {
    let tensor = "attention weights";
    let [batch, heads, queries, width] = weights.dims();
    let fixed = [("batch", recall.ids.batch(), batch), ("reminded", recall.ids.width(), width)];
    check_sizes(tensor, fixed)?;
    for (dimension, size) in [("heads", heads), ("queries", queries)] {
        if size == 0 {
            let got = weights.dims().to_vec();
            return Err(MemoriaError::EmptyDimension { tensor, dimension, got });
        }
    }
    let Some(first) = first else { return Ok(()) };
    check_device(tensor, &first.device(), &weights.device())?;
    check_dtype(tensor, first.dtype(), weights.dtype())
}

/// Refuses padding that is not of the queries of attention weights.
fn check_padding(padding: &Tensor<2, Bool>, weights: &Tensor<4>) -> Result<(), MemoriaError> {
    let ([_, _, queries, _], [_, got]) = (weights.dims(), padding.dims());
    check_sizes(PADDING, [("queries", queries, got)])?;
    check_device(PADDING, &weights.device(), &padding.device())
}
