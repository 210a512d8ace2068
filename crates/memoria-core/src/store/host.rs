//! Vectors in the host's memory.

mod codes;
mod vectors;

use burn::{
    backend::{DType, Shape, TensorData},
    tensor::{bf16, f16},
};

use super::{number::Number, scoring::Metric};
use crate::{EngramId, MemoriaError, Pooling, id::Slot};
pub(crate) use codes::{Codes, are_worth_coding};
use vectors::Vectors;

/// Vectors of one float type, by slot.
#[derive(Clone, Debug)]
pub(super) enum HostVectors {
    F16(Vectors<f16>),
    BF16(Vectors<bf16>),
    F32(Vectors<f32>),
    F64(Vectors<f64>),
}

/// Does the same for vectors of every float type.
macro_rules! for_any {
    ($any:expr, $vectors:ident => $result:expr) => {
        match $any {
            HostVectors::F16($vectors) => $result,
            HostVectors::BF16($vectors) => $result,
            HostVectors::F32($vectors) => $result,
            HostVectors::F64($vectors) => $result,
        }
    };
}

/// What candidates are compared with, in the precision they are compared in: one vector if their mean
/// [ranks as all of them do](Metric::ranks_by_mean), else all of them, one after the other.
#[derive(Clone, Debug)]
pub(crate) enum HostQuery {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl HostQuery {
    /// How many numbers it has.
    fn len(&self) -> usize {
        match self {
            Self::Single(numbers) => numbers.len(),
            Self::Double(numbers) => numbers.len(),
        }
    }

    /// Bytes set aside.
    fn bytes(&self) -> usize {
        match self {
            Self::Single(numbers) => numbers.capacity() * size_of::<f32>(),
            Self::Double(numbers) => numbers.capacity() * size_of::<f64>(),
        }
    }
}

impl HostVectors {
    pub(super) fn new(dim: usize, dtype: DType) -> Self {
        match dtype {
            DType::F16 => Self::F16(Vectors::new(dim)),
            DType::BF16 => Self::BF16(Vectors::new(dim)),
            DType::F64 => Self::F64(Vectors::new(dim)),
            _ => Self::F32(Vectors::new(dim)),
        }
    }

    /// Sets memory aside for so many slots in all.
    pub(super) fn reserve(&mut self, slots: usize) -> Result<(), MemoriaError> {
        for_any!(self, vectors => vectors.reserve(slots))
    }

    /// Squared norms of vectors, one after the other in `data`.
    pub(super) fn squared_norms(&self, data: &TensorData) -> Vec<f64> {
        for_any!(self, vectors => vectors.squared_norms(&numbers_of(data)))
    }

    /// Writes vectors, one after the other in `data`; those without a slot are passed over. Returns
    /// whether the squared norms of all that were written are below `limit`.
    pub(super) fn write(
        &mut self,
        slots: impl Iterator<Item = Option<Slot>>,
        data: &TensorData,
        limit: f64,
        may_share: bool,
    ) -> bool {
        for_any!(self, vectors => vectors.write(slots, &numbers_of(data), limit, may_share))
    }

    /// The query for `count` vectors whose slots are told by their numbers.
    pub(super) fn query(
        &self,
        count: usize,
        slot: impl Fn(usize) -> Slot,
        metric: Metric,
    ) -> HostQuery {
        for_any!(self, vectors => {
            vectors.query(count, |index| vectors.get(slot(index)), metric)
        })
    }

    /// The query for vectors one after the other in `data`, of which `range` are meant.
    pub(super) fn query_of(
        &self,
        data: &TensorData,
        range: core::ops::Range<usize>,
        metric: Metric,
    ) -> HostQuery {
        for_any!(self, vectors => {
            let (numbers, dim) = (numbers_of(data), vectors.dim);
            let vector = |index| &numbers[(range.start + index) * dim..][..dim];
            vectors.query(range.len(), vector, metric)
        })
    }

    /// Appends the scores of candidates to `scores`.
    pub(super) fn scores(
        &self,
        query: &HostQuery,
        pooling: Pooling,
        candidates: &[Slot],
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        for_any!(self, vectors => vectors.scores(query, pooling, candidates, may_share, scores));
    }

    /// As [`scores`](Self::scores), of candidates of which the `k` best are to be chosen; there are more.
    /// Those who certainly are among them may have infinite scores, and those who certainly are not NaN.
    ///
    /// `members` are those whose codes are worth keeping, in order of id: the candidates, and then others.
    pub(super) fn deciding_scores(
        &self,
        (query, pooling): (&HostQuery, Pooling),
        (candidates, k): (&[Slot], usize),
        members: impl Iterator<Item = (EngramId, Slot)>,
        codes: &mut Codes,
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        for_any!(self, vectors => {
            if query.len() == vectors.dim && codes::pay(candidates.len(), k) {
                codes.keep(vectors, query, members);
                codes.scores(vectors, query, (candidates, k), may_share, scores);
            } else {
                vectors.scores(query, pooling, candidates, may_share, scores);
            }
        })
    }

    /// Vectors one after the other, zeros where there is no slot, in a tensor of this shape.
    pub(super) fn gather(
        &self,
        slots: &[Option<Slot>],
        shape: Shape,
        may_share: bool,
    ) -> TensorData {
        for_any!(self, vectors => TensorData::new(vectors.gather(slots, may_share), shape))
    }

    /// Bytes set aside.
    pub(super) fn bytes(&self) -> usize {
        for_any!(self, vectors => vectors.bytes())
    }

    /// Bytes that so many slots would take.
    pub(super) fn bytes_of(&self, slots: usize) -> usize {
        for_any!(self, vectors => vectors.bytes_of(slots))
    }
}

/// The numbers of `data` in the type that is stored, converted only if they have another.
fn numbers_of<N: Number>(data: &TensorData) -> std::borrow::Cow<'_, [N]> {
    match data.as_slice::<N>() {
        Ok(numbers) => numbers.into(),
        Err(_) => data.iter::<N>().collect(),
    }
}
