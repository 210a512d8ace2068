use std::sync::{Arc, OnceLock};

use burn::backend::{Backend, tensor::FloatTensor};

use crate::{
    EngramId,
    id::Member,
    search::{Found, SearchTrace, Stages},
    step::width,
};

/// The reminded engrams of a memory, row by row.
#[derive(Clone, Debug)]
pub struct Recall<B: Backend> {
    data: Option<FloatTensor<B>>,
    found: Arc<Vec<Found>>,
    pub(crate) ticket: Option<u64>,
    // The following fields are computed at their first use.
    ids: OnceLock<Vec<Vec<EngramId>>>,
    working: OnceLock<Vec<Vec<EngramId>>>,
    stages: OnceLock<Vec<Stages>>,
}

impl<B: Backend> Recall<B> {
    /// Makes a recall from what was found in every row and the vectors of all reminded engrams.
    pub(crate) fn new(
        found: Arc<Vec<Found>>,
        data: Option<FloatTensor<B>>,
        ticket: Option<u64>,
    ) -> Self {
        let (ids, working, stages) = Default::default();
        Self { data, found, ticket, ids, working, stages }
    }

    pub(crate) fn nothing(batch: usize) -> Self {
        Self::new(Arc::new(vec![Found::default(); batch]), None, None)
    }

    /// The vectors, `[batch, k, hidden_dim]`: row by row in order of id, then zeros up to the largest
    /// count `k` of any row. `None` if no row is reminded of anything.
    pub fn data(&self) -> Option<&FloatTensor<B>> {
        self.data.as_ref()
    }

    /// Takes the [vectors](Self::data) out.
    pub fn into_data(self) -> Option<FloatTensor<B>> {
        self.data
    }

    /// Number of rows.
    pub fn batch(&self) -> usize {
        self.found.len()
    }

    /// The largest number of reminded engrams of any row: the second dimension of [`data`](Self::data).
    pub fn width(&self) -> usize {
        width(&self.found)
    }

    /// The reminded engrams of a row, in the order of its vectors. The places after them are padding.
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn ids(&self, row: usize) -> &[EngramId] {
        &self.ids.get_or_init(|| self.ids_of(Found::reminded))[row]
    }

    /// The working engrams that a row had when it was reminded, oldest first; none for a
    /// [`peek`](crate::Memoria::peek).
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn working(&self, row: usize) -> &[EngramId] {
        // In a peek nothing fires.
        let fired: fn(&Found) -> &[Member] =
            if self.ticket.is_some() { Found::working } else { |_| &[] };
        &self.working.get_or_init(|| self.ids_of(fired))[row]
    }

    /// What each stage of the search found, row by row. Computed at the first call.
    pub fn stages(&self) -> &[Stages] {
        self.stages.get_or_init(|| self.found.iter().map(Found::stages).collect())
    }

    /// Why a row was reminded of its engrams; `None` if the search was not [traced](crate::Memoria::trace_searches), or
    /// the row is reminded of nothing.
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn trace(&self, row: usize) -> Option<&SearchTrace> {
        self.found[row].trace()
    }

    /// Which places of [`data`](Self::data) are padding, `batch × width`, row by row.
    pub fn padding(&self) -> Vec<bool> {
        let width = self.width();
        let counts = self.found.iter().map(|found| found.reminded().len());
        counts.flat_map(|count| (0..width).map(move |place| place >= count)).collect()
    }

    fn ids_of(&self, members: impl Fn(&Found) -> &[Member]) -> Vec<Vec<EngramId>> {
        let ids = |found| members(found).iter().map(|member| member.id).collect();
        self.found.iter().map(ids).collect()
    }
}
