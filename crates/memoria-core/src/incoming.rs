use burn::backend::{Backend, DType, TensorData, tensor::FloatTensor};

use crate::{MemoriaError, id::Slot, pool::Pool, row::Row};

/// Working memories that have slots in the pool but were not looked at yet: whether they are finite is
/// known only to the device until it is next read.
#[derive(Clone, Debug)]
pub(crate) struct Incoming<B: Backend> {
    /// Their slots, row by row. A row that was reset since has none, and an absent one never had.
    pub(crate) rows: Vec<Vec<Slot>>,
    /// Rows that were given nothing.
    pub(crate) absent: Vec<usize>,
    /// How many every row was given that was not absent, and numbers in any case.
    pub(crate) count: usize,
    /// What the pool wants to be read of them; gone once it is being read, so that whoever reads it is
    /// its only owner and need not copy it.
    pub(crate) to_read: Option<FloatTensor<B>>,
}

impl<B: Backend> Incoming<B> {
    /// Writes what has been read if the pool waits for it, and refuses vectors that are not finite, or
    /// whose distances would not be. Those are written, too: nobody looks at their slots.
    pub(crate) fn write(
        &self,
        pool: &mut Pool<B>,
        read: &TensorData,
        may_share: bool,
    ) -> Result<(), MemoriaError> {
        let limit = squared_norm_limit(pool.dtype());
        match pool.write_read(self.slots(), read, limit, may_share) {
            Some(true) => Ok(()),
            _ => self.check(pool, read),
        }
    }

    /// Refuses vectors that are not finite, or whose distances would not be.
    fn check(&self, pool: &Pool<B>, read: &TensorData) -> Result<(), MemoriaError> {
        let still_there = |row: usize| !self.rows[row].is_empty();
        check_squared_norms(&pool.squared_norms(read), self.rows.len(), pool.dtype(), still_there)
    }

    /// The slot of every vector, in their order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Option<Slot>> {
        self.rows.iter().flat_map(|row| (0..self.count).map(|place| row.get(place).copied()))
    }

    /// Uses up the identities that a row was given, unless it was given none.
    pub(crate) fn skip_ids(&self, row: &mut Row, index: usize) {
        if !self.absent.contains(&index) {
            row.skip_ids(self.count);
        }
    }

    /// Whether all rows were reset since.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.iter().all(Vec::is_empty)
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

/// Refuses vectors, of which each of `rows` has equally many, that are not finite, or whose distances
/// would not be.
pub(crate) fn check_squared_norms(
    squared_norms: &[f64],
    rows: usize,
    dtype: DType,
    matters: impl Fn(usize) -> bool,
) -> Result<(), MemoriaError> {
    let limit = squared_norm_limit(dtype);
    for (row, norms) in squared_norms.chunks(squared_norms.len() / rows).enumerate() {
        if !matters(row) {
            continue;
        }
        // NaN is in no range.
        if let Some(position) = norms.iter().position(|norm| !(0.0..limit).contains(norm)) {
            let squared_norm = norms[position];
            return Err(MemoriaError::NonFiniteData { row, position, squared_norm });
        }
    }
    Ok(())
}

/// Squared norms that are not below this are refused: a squared distance is at most four times the
/// larger squared norm.
fn squared_norm_limit(dtype: DType) -> f64 {
    largest_finite(dtype) / 8.0
}
