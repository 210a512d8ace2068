//! Vectors in the host's memory.

mod long_term;
mod quantized;
mod vectors;

use burn::{
    backend::{Backend, DType, Shape, TensorData},
    tensor::{bf16, f16},
};

use super::{Query, VectorStore, number::Number};
use crate::{EngramId, Pooling, id::Slot};
pub(crate) use long_term::{CellLimits, Cells, LongTermIndex, LongTermList};
use quantized::TIMES_THE_CHOSEN;
pub(crate) use quantized::{CODED_ABOVE, Pruned, QuantizedVectors};
use vectors::Vectors;

/// Vectors of one float type, by slot.
#[derive(Clone, Debug)]
pub(super) enum HostVectors {
    F16(Vectors<f16>),
    BF16(Vectors<bf16>),
    F32(Vectors<f32>),
    F64(Vectors<f64>),
}

/// Evaluates an expression for vectors of every float type.
macro_rules! for_any {
    ($any:expr, $vectors:ident => $result:expr) => {
        match $any {
            $crate::store::HostVectors::F16($vectors) => $result,
            $crate::store::HostVectors::BF16($vectors) => $result,
            $crate::store::HostVectors::F32($vectors) => $result,
            $crate::store::HostVectors::F64($vectors) => $result,
        }
    };
}
pub(super) use for_any;

/// Vectors one after the other, in the precision of the computation.
#[derive(Clone, Debug)]
pub(super) enum WideVectors {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl WideVectors {
    fn bytes(&self) -> usize {
        match self {
            Self::Single(numbers) => numbers.capacity() * size_of::<f32>(),
            Self::Double(numbers) => numbers.capacity() * size_of::<f64>(),
        }
    }
}

/// The query that candidates are compared with.
#[derive(Clone, Debug)]
pub(crate) struct HostQuery {
    vectors: WideVectors,
    comparison: Comparison,
}

/// How distances become scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    /// The distance from the only vector, which may be the mean of several.
    Single,
    /// The distances from several vectors, pooled: the smallest, or the logarithm of the sum of their exponentials.
    Several(Pooling),
}

/// The operations of [`Vectors`], for every float type. Given vectors lie one after the other in `data`.
impl HostVectors {
    pub(super) fn new(dim: usize, dtype: DType) -> Self {
        match dtype {
            DType::F16 => Self::F16(Vectors::new(dim)),
            DType::BF16 => Self::BF16(Vectors::new(dim)),
            DType::F64 => Self::F64(Vectors::new(dim)),
            _ => Self::F32(Vectors::new(dim)),
        }
    }

    pub(super) fn squared_norms(&self, data: &TensorData) -> Vec<f64> {
        for_any!(self, vectors => vectors.squared_norms(&numbers_of(data)))
    }

    pub(super) fn write(
        &mut self,
        slots: impl Iterator<Item = Option<Slot>>,
        data: &TensorData,
        limit: f64,
        may_share: bool,
    ) -> bool {
        for_any!(self, vectors => vectors.write(slots, &numbers_of(data), limit, may_share))
    }

    pub(super) fn gather(
        &self,
        slots: &[Option<Slot>],
        shape: Shape,
        may_share: bool,
    ) -> TensorData {
        for_any!(self, vectors => TensorData::new(vectors.gather(slots, may_share), shape))
    }
}

impl<B: Backend> VectorStore<B> {
    /// As [`scores`](Self::scores), for a store on the host; replaces the contents of `scores`. Several threads of the
    /// host work only if they `may_share` it.
    pub(crate) fn host_scores(
        &self,
        query: &Query<B>,
        candidates: &[Slot],
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        let (vectors, query) = self.on_host(query);
        scores.clear();
        for_any!(vectors, vectors => vectors.scores(query, candidates, may_share, scores));
    }

    /// Determines which candidates are among the `k` with the highest scores, fewer than there are, as far as the row's
    /// quantized vectors decide it. Computes the scores of the undecided ones.
    ///
    /// `members` are the engrams that should keep quantized vectors, in order of id: the candidates, and then
    /// others. Costs a comparison with the candidates' codes, and with the vectors of those that are undecided or new.
    pub(crate) fn prune_and_rescore(
        &self,
        query: &Query<B>,
        (candidates, k): (&[Slot], usize),
        members: impl Iterator<Item = (EngramId, Slot)>,
        quantized: &mut QuantizedVectors,
        may_share: bool,
        pruned: &mut Pruned,
    ) {
        let (vectors, query) = self.on_host(query);
        pruned.clear();
        for_any!(vectors, vectors => {
            let pays = candidates.len() >= TIMES_THE_CHOSEN.saturating_mul(k);
            if query.comparison == Comparison::Single && pays {
                quantized.keep(vectors, query, members);
                quantized.prune_and_rescore(vectors, query, (candidates, k), may_share, pruned);
            } else {
                let mut scores = Vec::new();
                vectors.scores(query, candidates, may_share, &mut scores);
                pruned.undecided.extend((0..).zip(scores));
            }
        })
    }

    /// Positions in a row's list of long-term engrams, ascending. They include the `of.0` with the highest scores, and
    /// of engrams with equal ones those with the smallest ids, with few others. If there are cells, only the engrams in
    /// the `of.1` cells nearest to the query and in no cell take part.
    ///
    /// Costs a comparison with every code, or with the centres of all cells and every code of those cells, and coding
    /// the engrams that are new in the list.
    pub(crate) fn long_term_candidates(
        &self,
        query: &Query<B>,
        list: &LongTermList<impl Fn(usize) -> Slot + Sync>,
        of: (usize, usize),
        index: &mut LongTermIndex,
        may_share: bool,
    ) -> Vec<u32> {
        let (vectors, query) = self.on_host(query);
        let LongTermIndex { codes, cells } = index;
        for_any!(vectors, vectors => match cells {
            None => codes.candidates(vectors, query, list, of.0, may_share),
            Some(cells) => {
                *codes = Default::default();
                cells.candidates(query, &|at| vectors.get((list.slot)(at)), of, may_share)
            }
        })
    }

    /// Updates the cells of a row's long-term vectors on the host; a row with few vectors has no cells.
    pub(crate) fn follow_cells(
        &self,
        index: &mut LongTermIndex,
        list: &LongTermList<impl Fn(usize) -> Slot + Sync>,
        limits: CellLimits,
        may_share: bool,
    ) {
        if let super::Vectors::Host(vectors) = &self.vectors {
            for_any!(vectors, vectors => {
                let vector = |at| vectors.get((list.slot)(at));
                index.cells = match index.cells.take() {
                    None => Cells::of(vectors.dim, list.len, &vector, limits).map(Box::new),
                    Some(mut cells) => cells.follow(&vector, limits, may_share).then_some(cells),
                };
            });
        }
    }

    fn on_host<'a>(&'a self, query: &'a Query<B>) -> (&'a HostVectors, &'a HostQuery) {
        match (&self.vectors, query) {
            (super::Vectors::Host(vectors), Query::Host(query)) => (vectors, query),
            _ => unreachable!("a query is made by the store that answers it, on the host"),
        }
    }
}

/// The numbers of `data` in the stored type, converted only if they have another one.
pub(super) fn numbers_of<N: Number>(data: &TensorData) -> std::borrow::Cow<'_, [N]> {
    match data.as_slice::<N>() {
        Ok(numbers) => numbers.into(),
        Err(_) => data.iter::<N>().collect(),
    }
}
