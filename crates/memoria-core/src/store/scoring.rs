//! How alike engrams and working memories are.

use burn::backend::{Backend, Slice, TensorData, tensor::FloatTensor};

use super::{
    CellLimits, Cells, LongTermCodes, LongTermList, Pruned, QuantizedVectors, VectorStore, Vectors,
    host::HostQuery,
};
use crate::{Correlation, EngramId, Pooling, id::Slot};

/// How scores are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) correlation: Correlation,
    pub(crate) pooling: Pooling,
}

impl Metric {
    /// Whether the mean of a query's vectors ranks as all of them do.
    pub(super) fn ranks_by_mean(self) -> bool {
        self.correlation == Correlation::NegSquaredL2 && self.pooling == Pooling::Mean
    }
}

/// What candidates are compared with, and how: made by the store that answers it.
#[derive(Clone, Debug)]
pub(crate) struct Query<B: Backend>(QueryVectors<B>);

#[derive(Clone, Debug)]
enum QueryVectors<B: Backend> {
    /// Vectors `[n, dim]`.
    Device(FloatTensor<B>, Metric),
    Host(HostQuery),
}

impl<B: Backend> VectorStore<B> {
    /// The query for `count` vectors, at least one; `slot` gives the slot of each by its index.
    pub(crate) fn query(
        &self,
        count: usize,
        slot: impl Fn(usize) -> Slot,
        metric: Metric,
    ) -> Query<B> {
        Query(match &self.vectors {
            Vectors::Device(vectors) => {
                let vectors = vectors.select((0..count).map(|index| Some(slot(index))));
                QueryVectors::Device(vectors, metric)
            }
            Vectors::Host(vectors) => QueryVectors::Host(vectors.query(count, slot, metric)),
        })
    }

    /// The query for some of the vectors `[n, dim]`, which on the host have been read.
    pub(crate) fn query_of(
        &self,
        vectors: &FloatTensor<B>,
        read: Option<&TensorData>,
        range: core::ops::Range<usize>,
        metric: Metric,
    ) -> Query<B> {
        Query(match (&self.vectors, read) {
            (Vectors::Host(host), Some(read)) => {
                QueryVectors::Host(host.query_of(read, range, metric))
            }
            _ => {
                let place = [Slice::from(range), Slice::from(0..self.dim)];
                QueryVectors::Device(B::float_slice(vectors.clone(), &place), metric)
            }
        })
    }

    /// Scores of `candidates`, on the device that the store is on; higher is more alike, and only the order
    /// within one call means something. A score depends on nothing but the query and the candidate. There
    /// must be candidates.
    pub(crate) fn scores(&self, query: &Query<B>, candidates: &[Slot]) -> FloatTensor<B> {
        match (&self.vectors, &query.0) {
            (Vectors::Device(vectors), QueryVectors::Device(query, metric)) => {
                let at_once = vectors.scored_at_once(query);
                vectors.scores(query.clone(), candidates, *metric, at_once)
            }
            _ => unreachable!("a query is made by the store that answers it, on the device"),
        }
    }

    /// As [`scores`](Self::scores), of a store on the host; the scores take the place of what is in
    /// `scores`. Several threads of the host take part only if they `may_share` the work.
    pub(crate) fn host_scores(
        &self,
        query: &Query<B>,
        candidates: &[Slot],
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        let (vectors, query) = self.on_host(query);
        scores.clear();
        vectors.scores(query, candidates, may_share, scores);
    }

    /// Tells which candidates are among the `k` with the highest scores, fewer than there are, as far as the
    /// quantized vectors of the row tell; the scores of the others are computed.
    ///
    /// `members` are the engrams with quantized vectors that are worth keeping, in order of id: the candidates,
    /// and then others. Costs a look at the candidates' codes, and at the vectors of those that are undecided or
    /// new.
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
        let of = (candidates, k);
        vectors.prune_and_rescore(query, of, members, quantized, may_share, pruned);
    }

    /// Positions of a row's list of long-term engrams, ascending: the `k` with the highest scores, and of
    /// engrams with equal ones those with the smallest ids, are among them, with few others.
    ///
    /// Costs a look at every code, and making those of the engrams that are new in the list.
    pub(crate) fn long_term_candidates(
        &self,
        query: &Query<B>,
        list: &LongTermList<'_, impl Fn(usize) -> Slot + Sync>,
        k: usize,
        codes: &mut LongTermCodes,
        may_share: bool,
    ) -> Vec<u32> {
        let (vectors, query) = self.on_host(query);
        vectors.long_term_candidates(query, list, k, codes, may_share)
    }

    /// As [`long_term_candidates`](Self::long_term_candidates), but only among the vectors of the cells nearest to
    /// the query, so many as the second number of `of` tells, and those in no cell; `slot` tells slots by position.
    ///
    /// Costs a look at the centres of all cells and at every code of those cells.
    pub(crate) fn cell_candidates(
        &self,
        query: &Query<B>,
        cells: &mut Cells,
        slot: impl Fn(usize) -> Slot,
        of: (usize, usize),
        may_share: bool,
    ) -> Vec<u32> {
        let (vectors, query) = self.on_host(query);
        vectors.cell_candidates(query, cells, slot, of, may_share)
    }

    /// The cells of a row's long-term vectors, brought up to date; none of few vectors, or on a device.
    pub(crate) fn follow_cells(
        &self,
        cells: Option<Box<Cells>>,
        list: &LongTermList<'_, impl Fn(usize) -> Slot + Sync>,
        limits: CellLimits,
        may_share: bool,
    ) -> Option<Box<Cells>> {
        match &self.vectors {
            Vectors::Host(vectors) => vectors.follow_cells(cells, list, limits, may_share),
            Vectors::Device(_) => None,
        }
    }

    fn on_host<'a>(&'a self, query: &'a Query<B>) -> (&'a super::HostVectors, &'a HostQuery) {
        match (&self.vectors, &query.0) {
            (Vectors::Host(vectors), QueryVectors::Host(query)) => (vectors, query),
            _ => unreachable!("a query is made by the store that answers it, on the host"),
        }
    }
}
