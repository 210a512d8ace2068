//! Vectors in one tensor on the device.

use burn::backend::{
    Backend, DType, FloatDType, IntDType, Shape, Slice, TensorData, TensorMetadata,
    get_or_init_device_settings,
    tensor::{Device, FloatTensor, IndexingUpdateOp, IntTensor},
};

use super::{scoring::Metric, vector_bytes};
use crate::{Pooling, id::Slot};

/// A slot that stays zero: padding is gathered from it.
pub(super) const PADDING: Slot = Slot(0);
/// The first tensor has room for this many vectors, if they take no more than that many bytes.
const INITIAL_SLOTS: usize = 64;
const INITIAL_BYTES: usize = 1 << 16;
/// Numbers that scores are computed from at once, or one vector if that is larger. A device must have room for this
/// many, and for some more tensors of this size.
const SCORED_AT_ONCE: usize = 1 << 24;

/// One tensor `[slots, dim]`.
#[derive(Clone, Debug)]
pub(super) struct DeviceVectors<B: Backend> {
    /// Exists as soon as there are slots. Taken out only during a write, so that it is written in place.
    vectors: Option<FloatTensor<B>>,
    slots: usize,
    dim: usize,
    dtype: DType,
    device: Device<B>,
}

impl<B: Backend> DeviceVectors<B> {
    pub(super) fn new(dim: usize, dtype: DType, device: Device<B>) -> Self {
        Self { vectors: None, slots: 0, dim, dtype, device }
    }

    /// Slots that there is room for after [`reserve`](Self::reserve).
    pub(super) fn slots_for(&self, slots: usize) -> usize {
        if slots <= self.slots {
            return self.slots;
        }
        let initial = INITIAL_SLOTS.min(INITIAL_BYTES / vector_bytes(self.dim, self.dtype));
        slots.next_power_of_two().max(initial)
    }

    /// Makes room for this many slots in all. If it grows, it at least doubles, and copies all vectors on the device.
    pub(super) fn reserve(&mut self, slots: usize) {
        self.reserve_exact(self.slots_for(slots));
    }

    /// Makes room for this many slots in all and no more.
    pub(super) fn reserve_exact(&mut self, slots: usize) {
        if slots <= self.slots {
            return;
        }
        let shape = Shape::new([slots, self.dim]);
        let zeros = B::float_zeros(shape, &self.device, self.dtype.into());
        let place = [Slice::from(0..self.slots), Slice::from(0..self.dim)];
        self.vectors = Some(match self.vectors.take() {
            Some(vectors) => B::float_slice_assign(zeros, &place, vectors),
            None => zeros,
        });
        self.slots = slots;
    }

    /// Writes vectors `[slots, dim]`.
    pub(super) fn write(&mut self, slots: &[Slot], vectors: FloatTensor<B>) {
        let indices = self.indices(slots);
        let store = self.vectors.take().expect("the store is there between writes");
        let written = B::float_select_assign(store, 0, indices, vectors, IndexingUpdateOp::Assign);
        self.vectors = Some(written);
    }

    /// Vectors `[slots, dim]`; at least one.
    pub(super) fn select(&self, slots: impl Iterator<Item = Slot>) -> FloatTensor<B> {
        let slots: Vec<Slot> = slots.collect();
        let vectors = self.vectors.clone().expect("the store is there between writes");
        B::float_select(vectors, 0, self.indices(&slots))
    }

    /// Scores of `candidates` against the vectors `working` `[n, dim]`, `[candidates]`. Many candidates are scored in
    /// parts, all of the same shape.
    pub(super) fn scores(
        &self,
        working: FloatTensor<B>,
        candidates: &[Slot],
        metric: Metric,
        at_once: usize,
    ) -> FloatTensor<B> {
        if candidates.len() <= at_once {
            return self.scores_of_part(working, candidates, metric);
        }
        let part = |part: &[Slot]| {
            let mut slots = part.to_vec();
            slots.resize(at_once, PADDING);
            self.scores_of_part(working.clone(), &slots, metric)
        };
        let scores = B::float_cat(candidates.chunks(at_once).map(part).collect(), 0);
        B::float_slice(scores, &[Slice::from(0..candidates.len())])
    }

    /// How many candidates are compared with `working` `[n, dim]` at once.
    pub(super) fn scored_at_once(&self, working: &FloatTensor<B>) -> usize {
        let numbers_each = self.dim.saturating_add(working.shape()[0]);
        (SCORED_AT_ONCE / numbers_each).max(1)
    }

    /// Scores of a part of the candidates.
    ///
    /// The mean over w of −‖w − e‖² is −‖w̄ − e‖² plus a constant, so the candidates are read once. Otherwise the score
    /// is the log-sum-exp over w of −‖w − e‖², or their maximum, with everything measured from w̄ so that nothing
    /// cancels. Every operation has the shape of this one row, so its result does not depend on the row's neighbours.
    fn scores_of_part(
        &self,
        working: FloatTensor<B>,
        candidates: &[Slot],
        metric: Metric,
    ) -> FloatTensor<B> {
        let working = widen::<B>(working);
        let mean = B::float_mean_dim(working.clone(), 0);
        let vectors = self.select(candidates.iter().copied());
        let away = B::float_sub(widen::<B>(vectors), mean.clone());
        let distances = B::float_sum_dim(square::<B>(away.clone()), 1);
        let scores = if metric.ranks_by_mean() {
            B::float_neg(distances)
        } else {
            let working = B::float_sub(working, mean);
            let spread =
                B::float_swap_dims(B::float_sum_dim(square::<B>(working.clone()), 1), 0, 1);
            let products = B::float_matmul(away, B::float_swap_dims(working, 0, 1));
            let products = B::float_mul_scalar(products, 2.0.into());
            let logits = B::float_sub(B::float_sub(products, distances), spread);
            match metric.pooling {
                Pooling::Max => B::float_max_dim(logits, 1),
                Pooling::Mean => log_sum_exp::<B>(logits),
            }
        };
        B::float_reshape(scores, Shape::new([candidates.len()]))
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.saturating_mul(vector_bytes(self.dim, self.dtype))
    }

    fn indices(&self, slots: &[Slot]) -> IntTensor<B> {
        let shape = [slots.len()];
        // Backends index with different integer types; this is the default one of the device.
        let data = match get_or_init_device_settings::<B>(&self.device).int_dtype {
            IntDType::I64 => TensorData::new(slots.iter().map(|s| i64::from(s.0)).collect(), shape),
            _ => TensorData::new(slots.iter().map(|s| s.0 as i32).collect(), shape),
        };
        B::int_from_data(data, &self.device)
    }
}

/// Squared norms of vectors `[n, dim]`, `[n]`, in at least single precision.
pub(crate) fn squared_norms<B: Backend>(vectors: FloatTensor<B>) -> FloatTensor<B> {
    let count = vectors.shape()[0];
    let norms = B::float_sum_dim(square::<B>(widen::<B>(vectors)), 1);
    B::float_reshape(norms, Shape::new([count]))
}

/// Converts to at least single precision, in which scores are computed.
fn widen<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    match tensor.dtype() {
        DType::F64 | DType::F32 => tensor,
        _ => B::float_cast(tensor, FloatDType::F32),
    }
}

fn square<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    B::float_mul(tensor.clone(), tensor)
}

/// Over the last dimension of `[n, m]`, as `[n, 1]`.
fn log_sum_exp<B: Backend>(logits: FloatTensor<B>) -> FloatTensor<B> {
    let max = B::float_max_dim(logits.clone(), 1);
    let sum = B::float_sum_dim(B::float_exp(B::float_sub(logits, max.clone())), 1);
    B::float_add(B::float_log(sum), max)
}
