//! Checks before anything is done.

use burn::backend::{Backend, DType, TensorMetadata, tensor::FloatTensor};

use super::Memoria;
use crate::{
    LifespanGain, MemoriaError, Recall,
    search::Lane,
    step::Absent,
    store::{available_memory, check_sizes},
};

/// More bytes than this are compared with the available memory.
const LOOKED_AT_ABOVE: u64 = 1 << 26;

impl<B: Backend> Memoria<B> {
    /// Refuses working memories that [`add_working_memory`](Self::add_working_memory) would refuse.
    #[doc(hidden)]
    pub fn check_working(&self, data: &FloatTensor<B>) -> Result<(), MemoriaError> {
        self.check_data("working memory", data).map(|_| ())
    }

    /// The dimensions of working memories, if they fit this memory.
    pub(super) fn check_data(
        &self,
        tensor: &'static str,
        data: &FloatTensor<B>,
    ) -> Result<[usize; 3], MemoriaError> {
        let shape = data.shape();
        let &[batch, count, dim] = shape.as_slice() else {
            let (expected, got) = ("[batch, n, hidden_dim]", shape.to_vec());
            return Err(MemoriaError::WrongRank { tensor, expected, got });
        };
        for (dimension, size) in [("batch", batch), ("hidden", dim)] {
            if size == 0 {
                let got = shape.to_vec();
                return Err(MemoriaError::EmptyDimension { tensor, dimension, got });
            }
        }
        if let Some(store) = &self.store {
            let sizes = [("batch", self.lanes.len(), batch), ("hidden", store.dim, dim)];
            check_sizes(tensor, sizes)?;
            self.check_like_memory(tensor, data)?;
        }
        self.check_batch(batch)?;
        Ok([batch, count, dim])
    }

    /// Refuses more engrams than some row that is not absent has identities for.
    pub(super) fn check_ids(&self, count: usize, absent: &Absent) -> Result<(), MemoriaError> {
        let waiting: u64 = self.incoming.iter().map(|incoming| incoming.count as u64).sum();
        let requested = waiting.saturating_add(count as u64);
        for (row, left) in self.lanes.iter().map(|lane| lane.row.ids_left()).enumerate() {
            if requested > left && !absent.contains(row) {
                return Err(MemoriaError::IdsExhausted { row, left, requested });
            }
        }
        Ok(())
    }

    /// Refuses more rows than fit in memory, before they are used.
    pub(super) fn check_batch(&self, batch: usize) -> Result<(), MemoriaError> {
        check_new_rows(batch.saturating_sub(self.lanes.len()))
    }

    /// Refuses a tensor of another float type or on another device, if those are fixed.
    pub(super) fn check_like_memory(
        &self,
        tensor: &'static str,
        data: &FloatTensor<B>,
    ) -> Result<(), MemoriaError> {
        let Some(store) = &self.store else { return Ok(()) };
        store.check_dtype(tensor, data.dtype())?;
        store.check_device(tensor, &data.device())
    }

    /// Refuses a row that does not exist.
    pub(super) fn check_row(&self, got: usize) -> Result<(), MemoriaError> {
        let rows = self.lanes.len();
        if got < rows { Ok(()) } else { Err(MemoriaError::RowOutOfRange { got, rows }) }
    }

    pub(super) fn check_gain(
        &self,
        reminded: &Recall<B>,
        gain: &LifespanGain<B>,
    ) -> Result<(), MemoriaError> {
        match gain {
            LifespanGain::Zero => Ok(()),
            LifespanGain::Host(rows) => check_host_gain(reminded, rows),
            LifespanGain::Device(gains) => {
                let tensor = "lifespan gains";
                let shape = gains.shape();
                let &[batch, width] = shape.as_slice() else {
                    let (expected, got) = ("[batch, reminded]", shape.to_vec());
                    return Err(MemoriaError::WrongRank { tensor, expected, got });
                };
                let sizes =
                    [("batch", reminded.batch(), batch), ("reminded", reminded.width(), width)];
                check_sizes(tensor, sizes)?;
                self.store.iter().try_for_each(|s| s.check_device(tensor, &gains.device()))
            }
        }
    }
}

fn check_host_gain<B: Backend>(
    reminded: &Recall<B>,
    rows: &[Vec<f32>],
) -> Result<(), MemoriaError> {
    if rows.len() != reminded.batch() {
        let (what, expected, got) = ("rows".into(), reminded.batch(), rows.len());
        return Err(MemoriaError::WrongGainCount { what, expected, got });
    }
    for (row, gains) in rows.iter().enumerate() {
        let ids = reminded.ids(row);
        if gains.len() != ids.len() {
            let what = format!("values in row {row}");
            let (expected, got) = (ids.len(), gains.len());
            return Err(MemoriaError::WrongGainCount { what, expected, got });
        }
        if let Some(place) = gains.iter().position(|gain| !gain.is_finite()) {
            let (engram, got) = (ids[place], f64::from(gains[place]));
            return Err(MemoriaError::NonFiniteGain { row, engram, got });
        }
    }
    Ok(())
}

/// Refuses more rows than fit in memory, which they take even if they are empty.
pub(crate) fn check_new_rows(count: usize) -> Result<(), MemoriaError> {
    check_available((count as u64).saturating_mul(size_of::<Lane>() as u64))
}

/// Refuses a query `[batch, n, hidden_dim]` that is larger than the available memory. A tensor that is a view of few
/// numbers may have any size, but all of its numbers are used.
pub(super) fn check_query_size(dims: [usize; 3], dtype: DType) -> Result<(), MemoriaError> {
    let bytes = |bytes: u64, size: usize| bytes.saturating_mul(size as u64);
    check_available(dims.into_iter().fold(dtype.size() as u64, bytes))
}

fn check_available(requested: u64) -> Result<(), MemoriaError> {
    if requested > LOOKED_AT_ABOVE
        && let Some(available) = available_memory()
        && requested > available
    {
        return Err(MemoriaError::OutOfMemory { requested, available });
    }
    Ok(())
}
