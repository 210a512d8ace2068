use burn::backend::{Backend, DType, TensorData, tensor::FloatTensor};

use super::Absent;
use crate::{MemoriaError, id::Slot, row::Row, store::VectorStore};

/// Working memories that have slots in the store but were not looked at yet: whether they are finite is
/// known only to the device until it is next read.
#[derive(Clone, Debug)]
pub(crate) struct Incoming<B: Backend> {
    /// Their slots, row by row, as many for each.
    pub(crate) slots: Vec<Slot>,
    /// Whether a row still has its slots: not if it was reset since, or absent.
    has_slots: Vec<bool>,
    /// Rows that were given nothing.
    absent: Absent,
    /// How many every row was given that was not absent, and numbers in any case.
    pub(crate) count: usize,
    /// What the store wants to be read of them; gone once it is being read, so that the reader is its
    /// only owner and need not copy it.
    pub(crate) to_read: Option<FloatTensor<B>>,
}

impl<B: Backend> Incoming<B> {
    /// `count` for each row, at least one, some of which are absent: their slots are to be
    /// [emptied](Self::empty).
    pub(crate) fn new(
        slots: Vec<Slot>,
        count: usize,
        absent: Absent,
        to_read: FloatTensor<B>,
    ) -> Self {
        let has_slots = vec![true; slots.len() / count];
        Self { slots, has_slots, absent, count, to_read: Some(to_read) }
    }

    /// Number of rows.
    pub(crate) fn batch(&self) -> usize {
        self.has_slots.len()
    }

    /// Whether there are as many slots as its rows had, and something to read.
    pub(crate) fn is_whole(&self) -> bool {
        self.slots.len() == self.batch() * self.count && self.to_read.is_some()
    }

    /// The slots of a row: `count` or none.
    pub(crate) fn of_row(&self, row: usize) -> &[Slot] {
        if self.has_slots[row] { &self.slots[row * self.count..][..self.count] } else { &[] }
    }

    /// The slots of all rows.
    pub(crate) fn held(&self) -> impl Iterator<Item = Slot> {
        (0..self.batch()).flat_map(|row| self.of_row(row)).copied()
    }

    /// Takes the slots of a row, if it still has them.
    pub(crate) fn empty(&mut self, row: usize) -> Vec<Slot> {
        let slots = self.of_row(row).to_vec();
        self.has_slots[row] = false;
        slots
    }

    /// Writes what has been read if the store waits for it, and refuses vectors that are not finite, or
    /// that would have distances that are not. Those are written, too: their slots are not read.
    pub(crate) fn write(
        &self,
        store: &mut VectorStore<B>,
        read: &TensorData,
        may_share: bool,
    ) -> Result<(), MemoriaError> {
        let limit = squared_norm_limit(store.dtype);
        let slots = self.slots.iter().enumerate();
        let slots = slots.map(|(at, &slot)| self.has_slots[at / self.count].then_some(slot));
        match store.write_read(slots, read, limit, may_share) {
            Some(true) => Ok(()),
            _ => {
                let (norms, rows) = (store.squared_norms(read), self.batch());
                let still_there = |row: usize| self.has_slots[row];
                let refused = |row, position, squared_norm| MemoriaError::NonFiniteData {
                    row,
                    position,
                    squared_norm,
                };
                check_squared_norms(&norms, rows, store.dtype, still_there, refused)
            }
        }
    }

    /// Uses up the identities that a row was given, unless it was given none.
    pub(crate) fn skip_ids(&self, row: &mut Row, index: usize) {
        if !self.absent.contains(index) {
            row.skip_ids(self.count);
        }
    }

    /// Whether all rows were reset since.
    pub(crate) fn is_empty(&self) -> bool {
        self.has_slots.iter().all(|has_slots| !has_slots)
    }
}

/// Below this are the squared norms of all vectors in a memory, however they are added up: a little above
/// what is [admitted](check_squared_norms).
pub(crate) fn largest_squared_norm(dtype: DType) -> f64 {
    largest_finite(dtype) / 7.0
}

/// The largest number that scores of this float type are computed with.
fn largest_finite(dtype: DType) -> f64 {
    if dtype == DType::F64 { f64::MAX } else { f64::from(f32::MAX) }
}

/// Refuses vectors that are not finite, or that would have distances that are not, of rows that matter. Each of `rows`
/// has equally many vectors. The error is made of the row, the position in it and the squared norm.
pub(crate) fn check_squared_norms(
    squared_norms: &[f64],
    rows: usize,
    dtype: DType,
    matters: impl Fn(usize) -> bool,
    refused: impl FnOnce(usize, usize, f64) -> MemoriaError,
) -> Result<(), MemoriaError> {
    let limit = squared_norm_limit(dtype);
    for (row, norms) in squared_norms.chunks(squared_norms.len() / rows).enumerate() {
        if !matters(row) {
            continue;
        }
        // NaN is in no range.
        if let Some(position) = norms.iter().position(|norm| !(0.0..limit).contains(norm)) {
            return Err(refused(row, position, norms[position]));
        }
    }
    Ok(())
}

/// As [`check_squared_norms`], of the hidden states of a segment, of which each of `rows` has as many. What is
/// padding has a squared norm of 0.
#[doc(hidden)]
pub fn check_hidden_norms(
    squared_norms: &[f64],
    rows: usize,
    dtype: DType,
) -> Result<(), MemoriaError> {
    if squared_norms.is_empty() {
        return Ok(());
    }
    let refused =
        |row, place, squared_norm| MemoriaError::NonFiniteHidden { row, place, squared_norm };
    check_squared_norms(squared_norms, rows, dtype, |_| true, refused)
}

/// Squared norms that are not below this are refused: a squared distance is at most four times the
/// larger squared norm.
fn squared_norm_limit(dtype: DType) -> f64 {
    largest_finite(dtype) / 8.0
}
