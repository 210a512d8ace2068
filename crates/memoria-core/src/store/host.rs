//! Vectors in the host's memory.

mod long_term;
mod quantized;
mod vectors;

use burn::{
    backend::{DType, Shape, TensorData},
    tensor::{bf16, f16},
};

use super::{number::Number, scoring::Metric};
use crate::{EngramId, MemoriaError, Pooling, id::Slot};
pub(crate) use long_term::{CellLimits, Cells, LongTermCodes, LongTermList};
pub(crate) use quantized::{Pruned, QuantizedVectors, are_worth_quantizing};
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

/// Vectors one after the other, in the precision that is computed in.
#[derive(Clone, Debug)]
pub(super) enum WideVectors {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl WideVectors {
    /// Bytes set aside.
    fn bytes(&self) -> usize {
        match self {
            Self::Single(numbers) => numbers.capacity() * size_of::<f32>(),
            Self::Double(numbers) => numbers.capacity() * size_of::<f64>(),
        }
    }
}

/// What candidates are compared with.
#[derive(Clone, Debug)]
pub(super) struct HostQuery {
    vectors: WideVectors,
    comparison: Comparison,
}

/// How scores are made of distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    /// The distance from the only vector, which may be the mean of several.
    Single,
    /// The distances from several vectors, pooled: by the least one, or by the logarithm of the sum of their
    /// exponentials.
    Several(Pooling),
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

    /// The query for `count` vectors; `slot` gives the slot of each by its index.
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
        candidates: &[Slot],
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        for_any!(self, vectors => vectors.scores(query, candidates, may_share, scores));
    }

    /// See [`VectorStore::prune_and_rescore`](super::VectorStore::prune_and_rescore); appends to `pruned`.
    pub(super) fn prune_and_rescore(
        &self,
        query: &HostQuery,
        (candidates, k): (&[Slot], usize),
        members: impl Iterator<Item = (EngramId, Slot)>,
        quantized: &mut QuantizedVectors,
        may_share: bool,
        pruned: &mut Pruned,
    ) {
        for_any!(self, vectors => {
            if query.comparison == Comparison::Single && quantized::pays(candidates.len(), k) {
                quantized.keep(vectors, query, members);
                quantized.prune_and_rescore(vectors, query, (candidates, k), may_share, pruned);
            } else {
                let mut scores = Vec::new();
                vectors.scores(query, candidates, may_share, &mut scores);
                pruned.undecided.extend((0..).zip(scores));
            }
        })
    }

    /// See [`VectorStore::long_term_candidates`](super::VectorStore::long_term_candidates).
    pub(super) fn long_term_candidates(
        &self,
        query: &HostQuery,
        list: &LongTermList<'_, impl Fn(usize) -> Slot + Sync>,
        k: usize,
        codes: &mut LongTermCodes,
        may_share: bool,
    ) -> Vec<u32> {
        for_any!(self, vectors => codes.candidates(vectors, query, list, k, may_share))
    }

    /// See [`VectorStore::cell_candidates`](super::VectorStore::cell_candidates).
    pub(super) fn cell_candidates(
        &self,
        query: &HostQuery,
        cells: &mut Cells,
        slot: impl Fn(usize) -> Slot,
        of: (usize, usize),
        may_share: bool,
    ) -> Vec<u32> {
        for_any!(self, vectors => cells.candidates(vectors, query, slot, of, may_share))
    }

    /// See [`VectorStore::follow_cells`](super::VectorStore::follow_cells).
    pub(super) fn follow_cells(
        &self,
        cells: Option<Box<Cells>>,
        list: &LongTermList<'_, impl Fn(usize) -> Slot + Sync>,
        limits: CellLimits,
        may_share: bool,
    ) -> Option<Box<Cells>> {
        for_any!(self, vectors => match cells {
            None => Cells::of(vectors, list, limits).map(Box::new),
            Some(mut cells) => cells.follow(vectors, &list.slot, limits, may_share).then_some(cells),
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
