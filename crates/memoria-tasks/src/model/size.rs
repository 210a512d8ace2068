use burn::{backend::Dispatch, tensor::Device};
use memoria_core::available_memory_of;
use memoria_models::ModelError;

use super::{ModelKind, ModelSpec};
use crate::TaskError;

impl ModelSpec {
    /// Approximate number of parameters of a decoder: tables, blocks, the abstractor and the memory attention.
    fn numbers(&self) -> u128 {
        let [width, vocabulary, length] =
            [self.model.width, self.sizes.vocabulary, self.sizes.segment_length].map(|n| n as u128);
        let feedforward = self.model.feedforward.map_or(4 * width, |size| size as u128);
        let blocks = self.model.blocks_below as u128 + self.model.blocks_above as u128;
        let tables = (if self.model.tied { 1 } else { 2 }) * vocabulary + length;
        let block = 4 * width + 2 * feedforward;
        let made = (self.memory.memories + self.memory.queries) as u128;
        let memory = 8 * width + made + self.memory.recency as u128;
        width * (tables + blocks * block + memory) + length * made
    }

    /// Refuses a decoder that does not fit into memory, on devices that compute on the host.
    ///
    /// # Errors
    ///
    /// [`TaskError::Model`].
    pub(crate) fn check_memory_for(&self, device: &Device) -> Result<(), TaskError> {
        if self.model.kind != ModelKind::Decoder {
            return Ok(());
        }
        let Some(available) = available_memory_of::<Dispatch>(device.as_dispatch()) else {
            return Ok(());
        };
        let requested = self.numbers().saturating_mul(size_of::<f32>() as u128);
        let requested = u64::try_from(requested).unwrap_or(u64::MAX);
        match requested > available {
            true => Err(ModelError::OutOfMemory { requested, available }.into()),
            false => Ok(()),
        }
    }
}
