use burn::backend::{Backend, tensor::FloatTensor};
use serde::{Deserialize, Serialize};

use crate::{EngramId, id::Member};

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
    pub(crate) data: Option<FloatTensor<B>>,
    pub(crate) rows: Vec<Recollection>,
    pub(crate) working: Vec<Vec<EngramId>>,
    pub(crate) ticket: Option<u64>,
}

impl<B: Backend> Reminded<B> {
    pub(crate) fn nothing(batch: usize) -> Self {
        Self {
            data: None,
            rows: vec![Recollection::default(); batch],
            working: vec![Vec::new(); batch],
            ticket: None,
        }
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
        self.rows.len()
    }

    /// The largest number of engrams that any row is reminded of: the second dimension of
    /// [`data`](Self::data).
    pub fn width(&self) -> usize {
        self.rows.iter().map(|row| row.reminded.len()).max().unwrap_or(0)
    }

    /// The reminded engrams of a row, in the order of its vectors. Places beyond are padding.
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn ids(&self, row: usize) -> &[EngramId] {
        &self.rows[row].reminded
    }

    /// The working engrams of a row that it was reminded with, oldest first; none for a
    /// [`peek`](crate::Memoria::peek).
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn working(&self, row: usize) -> &[EngramId] {
        &self.working[row]
    }

    /// How the rows came to be reminded.
    pub fn recollections(&self) -> &[Recollection] {
        &self.rows
    }

    /// Which places of [`data`](Self::data) are padding, `batch × width`, row by row.
    pub fn padding(&self) -> Vec<bool> {
        let width = self.width();
        let row = |r: &Recollection| {
            (0..width).map(|place| place >= r.reminded.len()).collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(row).collect()
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
