use std::sync::{Arc, OnceLock};

use burn::backend::{Backend, tensor::FloatTensor};
use serde::{Deserialize, Serialize};

use crate::{EngramId, absent::Absent, id::Member, search::Search};

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
    searches: Arc<Vec<Search>>,
    pub(crate) ticket: Option<u64>,
    // What follows is made when it is first asked for.
    ids: OnceLock<Vec<Vec<EngramId>>>,
    working: OnceLock<Vec<Vec<EngramId>>>,
    recollections: OnceLock<Vec<Recollection>>,
}

impl<B: Backend> Reminded<B> {
    /// What was found in every row, and the vectors of all that it is reminded of.
    pub(crate) fn new(
        searches: Arc<Vec<Search>>,
        data: Option<FloatTensor<B>>,
        ticket: Option<u64>,
    ) -> Self {
        let (ids, working, recollections) = Default::default();
        Self { data, searches, ticket, ids, working, recollections }
    }

    pub(crate) fn nothing(batch: usize) -> Self {
        Self::new(Arc::new(vec![Search::default(); batch]), None, None)
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
        width(&self.searches)
    }

    /// The reminded engrams of a row, in the order of its vectors. Places beyond are padding.
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn ids(&self, row: usize) -> &[EngramId] {
        &self.ids.get_or_init(|| self.ids_of(Search::reminded))[row]
    }

    /// The working engrams of a row that it was reminded with, oldest first; none for a
    /// [`peek`](crate::Memoria::peek).
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn working(&self, row: usize) -> &[EngramId] {
        // Nobody fired in a step that was only looked at.
        let fired: fn(&Search) -> &[Member] =
            if self.ticket.is_some() { Search::working } else { |_| &[] };
        &self.working.get_or_init(|| self.ids_of(fired))[row]
    }

    /// How the rows came to be reminded. Put together when it is first asked for.
    pub fn recollections(&self) -> &[Recollection] {
        self.recollections.get_or_init(|| self.searches.iter().map(Search::recollection).collect())
    }

    /// Which places of [`data`](Self::data) are padding, `batch × width`, row by row.
    pub fn padding(&self) -> Vec<bool> {
        let width = self.width();
        let counts = self.searches.iter().map(|search| search.reminded().len());
        counts.flat_map(|count| (0..width).map(move |place| place >= count)).collect()
    }

    fn ids_of(&self, members: impl Fn(&Search) -> &[Member]) -> Vec<Vec<EngramId>> {
        let ids = |search| members(search).iter().map(|member| member.id).collect();
        self.searches.iter().map(ids).collect()
    }
}

/// The largest number of engrams that any row is reminded of.
pub(crate) fn width(searches: &[Search]) -> usize {
    searches.iter().map(|search| search.reminded().len()).max().unwrap_or(0)
}

/// What was found in an open step, as the memory keeps it until it is adjusted.
#[derive(Clone, Debug)]
pub(crate) struct OpenStep {
    pub(crate) ticket: u64,
    width: usize,
    pub(crate) searches: Arc<Vec<Search>>,
    absent: Absent,
}

impl OpenStep {
    pub(crate) fn new(ticket: u64, searches: Arc<Vec<Search>>, absent: Absent) -> Self {
        Self { ticket, width: width(&searches), searches, absent }
    }

    /// Whether a row takes no part.
    pub(crate) fn is_absent(&self, row: usize) -> bool {
        self.absent.contains(row)
    }

    /// The second dimension of its gains: what it was when the rows were reminded.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// What a row is reminded of.
    pub(crate) fn row(&self, row: usize) -> &[Member] {
        self.searches[row].reminded()
    }

    /// What the rows are reminded of.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &[Member]> {
        self.searches.iter().map(Search::reminded)
    }

    /// Is told of rows that came since, which are reminded of nothing.
    pub(crate) fn grow(&mut self, rows: usize) {
        if rows > self.searches.len() {
            Arc::make_mut(&mut self.searches).resize(rows, Search::default());
        }
    }

    /// Drops a row that was reset.
    pub(crate) fn forget(&mut self, row: usize) {
        Arc::make_mut(&mut self.searches)[row] = Search::default();
    }
}
