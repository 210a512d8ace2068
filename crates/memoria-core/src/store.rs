//! The data plane: the vectors of engrams, and the few operations that touch them.

mod available_memory;
mod device;
#[cfg(test)]
pub(crate) mod failing;
mod host;
mod number;
mod reading;
mod room;
mod scoring;
mod slots;
mod storage;
#[cfg(test)]
mod tests;
mod transfer;

use core::fmt::Debug;

use burn::backend::{Backend, DType, tensor::Device};

use crate::{MemoriaError, id::Slot};
pub(crate) use available_memory::available_memory;
pub use available_memory::available_memory_of;
use device::DeviceVectors;
pub(crate) use device::squared_norms;
pub(crate) use host::{
    CODED_ABOVE, CellLimits, Cells, LongTermIndex, LongTermList, Pruned, QuantizedVectors,
};
use host::{HostVectors, for_any};
pub(crate) use reading::read;
pub(crate) use scoring::{Metric, Query};
use slots::Slots;
pub use storage::{Storage, computes_on_host};

/// Bytes of vectors that are read, saved or moved at once.
const AT_ONCE: usize = 1 << 20;

/// The vectors of all rows. A slot is reused when its engram is gone.
#[derive(Clone, Debug)]
pub(crate) struct VectorStore<B: Backend> {
    vectors: Vectors<B>,
    pub(crate) slots: Slots,
    pub(crate) dim: usize,
    pub(crate) dtype: DType,
    /// The device of the tensors, wherever the vectors are kept.
    pub(crate) device: Device<B>,
    /// Whether tensors of the device lie in the host's memory.
    pub(crate) computes_here: bool,
    /// In bytes.
    limit: Option<u64>,
}

#[derive(Clone, Debug)]
enum Vectors<B: Backend> {
    Device(DeviceVectors<B>),
    Host(HostVectors),
}

impl<B: Backend> VectorStore<B> {
    pub(crate) fn new(
        dim: usize,
        dtype: DType,
        device: Device<B>,
        storage: Storage,
        limit: Option<u64>,
    ) -> Self {
        let vectors = if storage.is_host::<B>(&device) {
            Vectors::Host(HostVectors::new(dim, dtype))
        } else {
            Vectors::Device(DeviceVectors::new(dim, dtype, device.clone()))
        };
        let computes_here = computes_on_host::<B>(&device);
        Self { vectors, slots: Slots::default(), dim, dtype, device, computes_here, limit }
    }

    pub(crate) fn is_on_host(&self) -> bool {
        matches!(self.vectors, Vectors::Host(_))
    }

    /// Takes slots and makes room for their vectors. If there is no memory for them, nothing changes.
    pub(crate) fn take(&mut self, count: usize) -> Result<Vec<Slot>, MemoriaError> {
        self.make_room(count, DeviceVectors::reserve)?;
        Ok(self.slots.take(count))
    }

    /// Reserves memory for this many engrams in all, and on a device for no more.
    pub(crate) fn reserve(&mut self, engrams: usize) -> Result<(), MemoriaError> {
        self.make_room(engrams, DeviceVectors::reserve_exact)
    }

    /// An empty store for the same vectors.
    pub(crate) fn another(&self, storage: Storage, limit: Option<u64>) -> Self {
        Self::new(self.dim, self.dtype, self.device.clone(), storage, limit)
    }

    /// Refuses another store if this one could not hold its vectors.
    pub(crate) fn check_alike(&self, other: &Self) -> Result<(), MemoriaError> {
        let tensor = "a row from another memory";
        check_sizes(tensor, [("hidden", self.dim, other.dim)])?;
        self.check_dtype(tensor, other.dtype)?;
        self.check_device(tensor, &other.device)
    }

    /// Refuses another float type than that of the vectors.
    pub(crate) fn check_dtype(&self, tensor: &'static str, got: DType) -> Result<(), MemoriaError> {
        check_dtype(tensor, self.dtype, got)
    }

    /// Refuses another device.
    pub(crate) fn check_device(
        &self,
        tensor: &'static str,
        device: &Device<B>,
    ) -> Result<(), MemoriaError> {
        check_device(tensor, &self.device, device)
    }

    /// The number of slots in a piece of vectors that is worth handling at once.
    pub(crate) fn slots_at_once(&self) -> usize {
        (AT_ONCE / vector_bytes(self.dim, self.dtype)).max(1)
    }

    /// Bytes allocated for vectors.
    pub(crate) fn bytes(&self) -> usize {
        match &self.vectors {
            Vectors::Device(vectors) => vectors.bytes(),
            Vectors::Host(vectors) => for_any!(vectors, vectors => vectors.bytes()),
        }
    }
}

/// Bytes of a vector. A tensor that is a view of few numbers may have dimensions of any size. A size that cannot be
/// counted becomes the largest number, for which no memory suffices.
fn vector_bytes(dim: usize, dtype: DType) -> usize {
    dim.saturating_mul(dtype.size())
}

/// Refuses another float type than that expected.
#[doc(hidden)]
pub fn check_dtype(tensor: &'static str, expected: DType, got: DType) -> Result<(), MemoriaError> {
    match got == expected {
        true => Ok(()),
        false => Err(MemoriaError::WrongDType { tensor, expected, got }),
    }
}

/// Refuses another device than that expected.
#[doc(hidden)]
pub fn check_device<D: PartialEq + Debug>(
    tensor: &'static str,
    expected: &D,
    got: &D,
) -> Result<(), MemoriaError> {
    if got == expected {
        return Ok(());
    }
    let (expected, got) = (format!("{expected:?}"), format!("{got:?}"));
    Err(MemoriaError::WrongDevice { tensor, expected, got })
}

/// Refuses sizes of dimensions that are not as expected. Each comes with its name and the expected size.
#[doc(hidden)]
pub fn check_sizes<const N: usize>(
    tensor: &'static str,
    sizes: [(&'static str, usize, usize); N],
) -> Result<(), MemoriaError> {
    for (dimension, expected, got) in sizes {
        if expected != got {
            return Err(MemoriaError::WrongDimension { tensor, dimension, expected, got });
        }
    }
    Ok(())
}
