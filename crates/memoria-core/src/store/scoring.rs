//! The similarity of engrams and queries.

use burn::backend::{Backend, Slice, TensorData, tensor::FloatTensor};

use super::{
    VectorStore, Vectors,
    host::{HostQuery, for_any, numbers_of},
};
use crate::{Correlation, Pooling, id::Slot};

/// How scores are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) correlation: Correlation,
    pub(crate) pooling: Pooling,
}

impl Metric {
    /// Whether the mean of a query's vectors ranks candidates as all of them do.
    pub(super) fn ranks_by_mean(self) -> bool {
        self.correlation == Correlation::NegSquaredL2 && self.pooling == Pooling::Mean
    }
}

/// The query of a comparison, with its metric. The store that answers it makes it.
#[derive(Clone, Debug)]
pub(crate) enum Query<B: Backend> {
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
        match &self.vectors {
            Vectors::Device(vectors) => Query::Device(vectors.select((0..count).map(slot)), metric),
            Vectors::Host(vectors) => for_any!(vectors, vectors => {
                Query::Host(vectors.query(count, |index| vectors.get(slot(index)), metric))
            }),
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
            (Vectors::Host(vectors), Some(read)) => for_any!(vectors, vectors => {
                let numbers = numbers_of(read);
                let vector = |index| &numbers[(range.start + index) * self.dim..][..self.dim];
                Query::Host(vectors.query(range.len(), vector, metric))
            }),
            _ => {
                let place = [Slice::from(range), Slice::from(0..self.dim)];
                Query::Device(B::float_slice(vectors.clone(), &place), metric)
            }
        }
    }

    /// Scores of `candidates`, on the device of the store; higher is more similar, and only the order within one call
    /// has a meaning. A score depends only on the query and the candidate. There must be candidates.
    pub(crate) fn scores(&self, query: &Query<B>, candidates: &[Slot]) -> FloatTensor<B> {
        match (&self.vectors, query) {
            (Vectors::Device(vectors), Query::Device(query, metric)) => {
                let at_once = vectors.scored_at_once(query);
                vectors.scores(query.clone(), candidates, *metric, at_once)
            }
            _ => unreachable!("a query is made by the store that answers it, on the device"),
        }
    }
}
