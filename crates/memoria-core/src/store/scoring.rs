//! How alike engrams and working memories are.

use burn::backend::{Backend, Slice, TensorData, tensor::FloatTensor};

use super::{Codes, VectorStore, Vectors, host::HostQuery};
use crate::{Correlation, EngramId, id::Slot};

/// What candidates are compared with.
#[derive(Clone, Debug)]
pub(crate) enum Query<B: Backend> {
    /// Vectors `[n, dim]`.
    Device(FloatTensor<B>),
    Host(HostQuery),
}

impl<B: Backend> VectorStore<B> {
    /// The query for `count` vectors, at least one, whose slots are told by their numbers.
    pub(crate) fn query(
        &self,
        count: usize,
        slot: impl Fn(usize) -> Slot,
        correlation: Correlation,
    ) -> Query<B> {
        match &self.vectors {
            Vectors::Device(vectors) => {
                Query::Device(vectors.select((0..count).map(|index| Some(slot(index)))))
            }
            Vectors::Host(vectors) => Query::Host(vectors.query(count, slot, correlation)),
        }
    }

    /// The query for some of the vectors `[n, dim]`, which on the host have been read.
    pub(crate) fn query_of(
        &self,
        vectors: &FloatTensor<B>,
        read: Option<&TensorData>,
        range: core::ops::Range<usize>,
        correlation: Correlation,
    ) -> Query<B> {
        match (&self.vectors, read) {
            (Vectors::Host(host), Some(read)) => {
                Query::Host(host.query_of(read, range, correlation))
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
        correlation: Correlation,
    ) -> FloatTensor<B> {
        match (&self.vectors, query) {
            (Vectors::Device(vectors), Query::Device(working)) => {
                vectors.scores(working.clone(), candidates, correlation)
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
            (Vectors::Host(vectors), Query::Host(query)) => {
                vectors.scores(query, candidates, may_share, scores);
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
            (Vectors::Host(vectors), Query::Host(query)) => {
                vectors.deciding_scores(query, of, members, codes, may_share, scores);
            }
            _ => unreachable!("a query is made by the store that answers it, on the host"),
        }
    }
}
