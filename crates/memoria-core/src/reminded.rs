use std::sync::OnceLock;

use burn::backend::{Backend, tensor::FloatTensor};
use serde::{Deserialize, Serialize};

use crate::{EngramId, id::Member, ragged::Ragged, search::Search};

/// How one row came to be reminded: every stage of the search, with ids in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recollection {
    /// Short-term engrams with the highest scores.
    pub reminded_stm: Vec<EngramId>,
    /// Long-term engrams that the walk started from.
    pub initial_ltm: Vec<EngramId>,
    /// Long-term engrams that the walk visited, the initial ones included.
    pub found_ltm: Vec<EngramId>,
    /// Of the visited ones those with the highest scores.
    pub reminded_ltm: Vec<EngramId>,
    /// Everything the row is reminded of.
    pub reminded: Vec<EngramId>,
}

/// What a memory is reminded of, row by row.
#[derive(Clone, Debug)]
pub struct Reminded<B: Backend> {
    data: Option<FloatTensor<B>>,
    searches: Vec<Search>,
    /// What each row is reminded of.
    ids: Ragged<EngramId>,
    working: Ragged<EngramId>,
    pub(crate) ticket: Option<u64>,
    /// Made when they are first asked for.
    recollections: OnceLock<Vec<Recollection>>,
}

impl<B: Backend> Reminded<B> {
    /// What was found in every row, with the working engrams that it was reminded with, and the vectors of
    /// all that it is reminded of.
    pub(crate) fn new(
        searches: Vec<Search>,
        working: Ragged<EngramId>,
        data: Option<FloatTensor<B>>,
        ticket: Option<u64>,
    ) -> Self {
        let reminded = |row: usize| searches[row].reminded().map(|member| member.id);
        let ids = Ragged::of(searches.len(), reminded);
        Self { data, searches, ids, working, ticket, recollections: OnceLock::new() }
    }

    pub(crate) fn nothing(batch: usize) -> Self {
        let nobody = Ragged::of(batch, |_| core::iter::empty());
        Self::new(vec![Search::default(); batch], nobody, None, None)
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
        self.searches.len()
    }

    /// The largest number of engrams that any row is reminded of: the second dimension of
    /// [`data`](Self::data).
    pub fn width(&self) -> usize {
        self.ids.width()
    }

    /// The reminded engrams of a row, in the order of its vectors. Places beyond are padding.
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn ids(&self, row: usize) -> &[EngramId] {
        self.ids.list(row)
    }

    /// The working engrams of a row that it was reminded with, oldest first; none for a
    /// [`peek`](crate::Memoria::peek).
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn working(&self, row: usize) -> &[EngramId] {
        self.working.list(row)
    }

    /// How the rows came to be reminded. Put together when it is first asked for.
    pub fn recollections(&self) -> &[Recollection] {
        self.recollections.get_or_init(|| self.searches.iter().map(Search::recollection).collect())
    }

    /// Which places of [`data`](Self::data) are padding, `batch × width`, row by row.
    pub fn padding(&self) -> Vec<bool> {
        let width = self.width();
        self.ids.iter().flat_map(|ids| (0..width).map(|place| place >= ids.len())).collect()
    }
}

/// The reminded engrams of an open step, as the memory keeps them until they are adjusted.
#[derive(Clone, Debug)]
pub(crate) struct OpenStep {
    pub(crate) ticket: u64,
    width: usize,
    pub(crate) rows: Vec<Vec<Member>>,
}

impl OpenStep {
    pub(crate) fn new(ticket: u64, rows: Vec<Vec<Member>>) -> Self {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        Self { ticket, width, rows }
    }

    /// The second dimension of its gains: what it was when the rows were reminded.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Drops a row that was reset.
    pub(crate) fn forget(&mut self, row: usize) {
        self.rows[row].clear();
    }
}
