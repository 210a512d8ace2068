//! Growth within the available memory.

use burn::backend::Backend;

use super::{DeviceVectors, VectorStore, Vectors, available_memory, host::for_any, vector_bytes};
use crate::MemoriaError;

/// Growth is compared with the available memory whenever it passes a multiple of this.
const LOOKED_AT_EVERY: usize = 1 << 26;

impl<B: Backend> VectorStore<B> {
    /// Makes room for `count` more slots if there is memory for them; `grow` does so on a device.
    pub(super) fn make_room(
        &mut self,
        count: usize,
        grow: impl FnOnce(&mut DeviceVectors<B>, usize),
    ) -> Result<(), MemoriaError> {
        let needed = self.slots.needed(count)?;
        self.check_memory(needed)?;
        match &mut self.vectors {
            Vectors::Device(vectors) => grow(vectors, needed),
            Vectors::Host(vectors) => for_any!(vectors, vectors => vectors.reserve(needed)?),
        }
        Ok(())
    }

    /// Refuses to grow to this many slots if there is no memory for them.
    fn check_memory(&self, slots: usize) -> Result<(), MemoriaError> {
        let held = self.bytes();
        let (slots, is_here) = match &self.vectors {
            Vectors::Host(_) => (slots, true),
            Vectors::Device(vectors) => (vectors.slots_for(slots), self.computes_here),
        };
        let requested = slots.saturating_mul(vector_bytes(self.dim, self.dtype));
        if requested <= held {
            return Ok(());
        }
        let requested = requested as u64;
        let refuse = |available| Err(MemoriaError::OutOfMemory { requested, available });
        if let Some(limit) = self.limit.filter(|&limit| requested > limit) {
            return refuse(limit);
        }
        let steps = |bytes| bytes / LOOKED_AT_EVERY;
        if is_here && steps(requested as usize) > steps(held) {
            // A tensor is copied when it grows: the old one stays until then.
            let kept = if self.is_on_host() { held as u64 } else { 0 };
            if let Some(free) = available_memory()
                && requested > free.saturating_add(kept)
            {
                return refuse(free + kept);
            }
        }
        Ok(())
    }
}
