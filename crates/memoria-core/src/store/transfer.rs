//! Vectors that move into the store and out of it.

use burn::backend::{
    Backend, DType, Shape, TensorData, TensorMetadata,
    tensor::{Device, FloatTensor},
};

use super::{VectorStore, Vectors, device::PADDING, host::HostVectors, read, squared_norms};
use crate::{MemoriaError, id::Slot};

impl<B: Backend> VectorStore<B> {
    /// Writes new vectors `[…, dim]`, one for each slot, if they are kept on the device. Returns what has to be read of
    /// them: their squared norms, or for a store on the host the vectors, still to be [written](Self::write_read).
    pub(crate) fn write(&mut self, slots: &[Slot], vectors: FloatTensor<B>) -> FloatTensor<B> {
        match &mut self.vectors {
            Vectors::Host(_) => vectors,
            Vectors::Device(store) => {
                let vectors = B::float_reshape(vectors, Shape::new([slots.len(), self.dim]));
                store.write(slots, vectors.clone());
                squared_norms::<B>(vectors)
            }
        }
    }

    /// Squared norms from the result of [`write`](Self::write) once it is read.
    pub(crate) fn squared_norms(&self, read: &TensorData) -> Vec<f64> {
        match &self.vectors {
            Vectors::Host(vectors) => vectors.squared_norms(read),
            Vectors::Device(_) => read.iter::<f64>().collect(),
        }
    }

    /// Writes vectors that have been read, if they are not written yet. Returns whether the squared norms of the
    /// written ones are below `limit`, if it computed them.
    pub(crate) fn write_read(
        &mut self,
        slots: impl Iterator<Item = Option<Slot>>,
        read: &TensorData,
        limit: f64,
        may_share: bool,
    ) -> Option<bool> {
        match &mut self.vectors {
            Vectors::Host(vectors) => Some(vectors.write(slots, read, limit, may_share)),
            Vectors::Device(_) => None,
        }
    }

    /// Vectors as `[slots / width, width, dim]`, zeros where there is no slot; at least one.
    pub(crate) fn gather(
        &self,
        slots: &[Option<Slot>],
        width: usize,
        may_share: bool,
    ) -> FloatTensor<B> {
        let shape = Shape::new([slots.len() / width, width, self.dim]);
        self.vectors_in(slots, shape, may_share)
    }

    /// Vectors `[slots, dim]`; at least one.
    pub(crate) fn select(&self, slots: &[Slot]) -> FloatTensor<B> {
        let shape = Shape::new([slots.len(), self.dim]);
        self.vectors_in(&all_there(slots), shape, false)
    }

    /// Vectors `[slots, dim]` on the host; at least one. Waits for the device if they are kept there.
    pub(crate) fn vectors(&self, slots: &[Slot]) -> Result<TensorData, MemoriaError> {
        match &self.vectors {
            Vectors::Host(vectors) => {
                let shape = Shape::new([slots.len(), self.dim]);
                Ok(vectors.gather(&all_there(slots), shape, false))
            }
            Vectors::Device(_) => {
                let mut read = read::<B>(vec![self.select(slots)], self.computes_here)?;
                Ok(read.swap_remove(0))
            }
        }
    }

    /// Writes vectors `[slots, dim]` from the host.
    pub(crate) fn put(&mut self, slots: &[Slot], data: TensorData) {
        match &mut self.vectors {
            Vectors::Host(vectors) => {
                // They were in a memory before, so their norms are in range.
                let slots = slots.iter().map(|&slot| Some(slot));
                vectors.write(slots, &data, f64::INFINITY, false);
            }
            Vectors::Device(vectors) => {
                vectors.write(slots, tensor::<B>(data, self.dtype, &self.device));
            }
        }
    }

    /// Squared norms of vectors `[n, dim]`, computed by the host.
    pub(crate) fn host_squared_norms(&self, data: &TensorData) -> Vec<f64> {
        match &self.vectors {
            Vectors::Host(vectors) if data.dtype() == self.dtype => vectors.squared_norms(data),
            _ => HostVectors::new(self.dim, data.dtype()).squared_norms(data),
        }
    }

    /// Copies vectors into slots of a store that is [alike](Self::check_alike), on the device if both are
    /// there.
    pub(crate) fn copy(
        &self,
        slots: &[Slot],
        to: &mut Self,
        new: &[Slot],
    ) -> Result<(), MemoriaError> {
        match (&self.vectors, &mut to.vectors) {
            (Vectors::Device(from), Vectors::Device(to)) => {
                to.write(new, from.select(slots.iter().copied()));
            }
            _ => to.put(new, self.vectors(slots)?),
        }
        Ok(())
    }

    fn vectors_in(&self, slots: &[Option<Slot>], shape: Shape, may_share: bool) -> FloatTensor<B> {
        match &self.vectors {
            Vectors::Device(vectors) => {
                let slots = slots.iter().map(|slot| slot.unwrap_or(PADDING));
                B::float_reshape(vectors.select(slots), shape)
            }
            Vectors::Host(vectors) => {
                let data = vectors.gather(slots, shape, may_share);
                tensor::<B>(data, self.dtype, &self.device)
            }
        }
    }
}

/// A tensor of this float type, which not every device creates directly.
fn tensor<B: Backend>(data: TensorData, dtype: DType, device: &Device<B>) -> FloatTensor<B> {
    let tensor = B::float_from_data(data, device);
    if tensor.dtype() == dtype { tensor } else { B::float_cast(tensor, dtype.into()) }
}

/// The slots; none of them is padding.
fn all_there(slots: &[Slot]) -> Vec<Option<Slot>> {
    slots.iter().map(|&slot| Some(slot)).collect()
}
