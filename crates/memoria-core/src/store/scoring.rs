//! How alike engrams and working memories are.

use burn::backend::{Backend, Slice, TensorData, tensor::FloatTensor};

use super::{Codes, VectorStore, Vectors, host::HostQuery};
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

/// What candidates are compared with.
#[derive(Clone, Debug)]
pub(crate) enum Query<B: Backend> {
    /// Vectors `[n, dim]`.
    Device(FloatTensor<B>),
    Host(HostQuery, Pooling),
}

impl<B: Backend> VectorStore<B> {
    /// The query for `count` vectors, at least one, whose slots are told by their numbers.
    pub(crate) fn query(
        &self,
        count: usize,
        slot: impl Fn(usize) -> Slot,
        metric: Metric,
    ) -> Query<B> {
        match &self.vectors {
            Vectors::Device(vectors) => {
                Query::Device(vectors.select((0..count).map(|index| Some(slot(index)))))
            }
            Vectors::Host(vectors) => {
                Query::Host(vectors.query(count, slot, metric), metric.pooling)
            }
        }
    }

    /// The query for some of the vectors `[n, dim]`, which on the host have been read.
    pub(crate) fn query_of(
        &self,
        vectors: &FloatTensor<B>,
        read: Option<&TensorData>,
        range: core::ops::Range<usize>,
        metric: Metric,
    ) -> Query<B> {
        match (&self.vectors, read) {
            (Vectors::Host(host), Some(read)) => {
                Query::Host(host.query_of(read, range, metric), metric.pooling)
            }
            _ => {
                let place = [Slice::from(range), Slice::from(0..self.dim)];
                Query::Device(B::float_slice(vectors.clone(), &place))
            }
        }
    }

    /// Scores of `candidates`, on the device that the store is on; higher is more alike, and only the order
    /// within one call means something. A score depends on nothing but the query and the candidate. There
    /// must be candidates.
    pub(crate) fn scores(
        &self,
        query: &Query<B>,
        candidates: &[Slot],
        metric: Metric,
    ) -> FloatTensor<B> {
        match (&self.vectors, query) {
            (Vectors::Device(vectors), Query::Device(working)) => {
                vectors.scores(working.clone(), candidates, metric)
            }
            _ => unreachable!("a query is made by the store that answers it, on the device"),
        }
    }

    /// As [`scores`](Self::scores), of a store on the host; the scores take the place of what is in
    /// `scores`. Several threads of the host take part only if they `may_share` the work.
    pub(crate) fn scores_here(
        &self,
        query: &Query<B>,
        candidates: &[Slot],
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        scores.clear();
        match (&self.vectors, query) {
            (Vectors::Host(vectors), Query::Host(query, pooling)) => {
                vectors.scores(query, *pooling, candidates, may_share, scores);
            }
            _ => unreachable!("a query is made by the store that answers it, on the host"),
        }
    }

    /// As [`scores_here`](Self::scores_here), of candidates of which the `k` best are to be chosen; there
    /// are more. Those who certainly are among them may have infinite scores, and those who certainly are
    /// not NaN.
    ///
    /// `codes` are the row's, and `members` those whom it pays to keep codes of, in order of id: the
    /// candidates, and then others.
    pub(crate) fn deciding_scores_here(
        &self,
        query: &Query<B>,
        of: (&[Slot], usize),
        members: impl Iterator<Item = (EngramId, Slot)>,
        codes: &mut Codes,
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        scores.clear();
        match (&self.vectors, query) {
            (Vectors::Host(vectors), Query::Host(query, pooling)) => {
                vectors.deciding_scores((query, *pooling), of, members, codes, may_share, scores);
            }
            _ => unreachable!("a query is made by the store that answers it, on the host"),
        }
    }
}
