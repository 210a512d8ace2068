//! The size of a model, computed before it is made.

use burn::{
    backend::Dispatch,
    tensor::{DType, Device},
};
use memoria_core::available_memory_of;

use crate::ModelError;

/// Parameters, of which there can be more than fit into any memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(u128);

impl Size {
    /// Their number.
    pub(crate) fn params(self) -> u128 {
        self.0
    }

    /// A table or matrix.
    pub(crate) fn matrix(rows: usize, columns: usize) -> Self {
        Self(rows as u128 * columns as u128)
    }

    /// A linear layer with its bias.
    pub(crate) fn linear(d_input: usize, d_output: usize) -> Self {
        Self((d_input as u128 + 1) * d_output as u128)
    }

    /// A layer norm.
    pub(crate) fn norm(d_model: usize) -> Self {
        Self::matrix(2, d_model)
    }

    pub(crate) fn sum(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().fold(0, |sum, part| sum.saturating_add(part.0)))
    }

    pub(crate) fn times(self, count: usize) -> Self {
        Self(self.0.saturating_mul(count as u128))
    }

    /// These, if `is_there`.
    pub(crate) fn when(self, is_there: bool) -> Self {
        if is_there { self } else { Self(0) }
    }

    /// Refuses a model that cannot fit into memory. On devices that compute on the host, the limit is the memory
    /// available at present; on others, the address space. Each of its `layers` also takes `bytes_per_layer` of the
    /// host's memory.
    ///
    /// # Errors
    ///
    /// [`ModelError::OutOfMemory`].
    pub(crate) fn check(
        self,
        layers: usize,
        bytes_per_layer: usize,
        device: &Device,
    ) -> Result<(), ModelError> {
        let bytes_per_number = DType::from(device.settings().float_dtype).size() as u128;
        let layers = layers as u128 * bytes_per_layer as u128;
        let requested = self.0.saturating_mul(bytes_per_number).saturating_add(layers);
        let requested = u64::try_from(requested).unwrap_or(u64::MAX);
        let most = isize::MAX as u64;
        let refuse = |available| Err(ModelError::OutOfMemory { requested, available });
        if requested > most {
            return refuse(most);
        }
        match available_memory_of::<Dispatch>(device.as_dispatch()) {
            Some(available) if requested > available => refuse(available),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use memoria_core::MemoriaConfig;
    use rstest::rstest;

    use super::*;
    use crate::{EncoderConfig, EncoderKind, Gpt2Config, MemoryConfig};

    fn memories() -> [Option<MemoryConfig>; 7] {
        let memoria = MemoriaConfig::new(3, 8, 4, 3.0, 3);
        let causal = MemoryConfig::causal(7, memoria);
        [
            None,
            Some(MemoryConfig::new(5, memoria)),
            Some(MemoryConfig::without_abstractor(memoria)),
            Some(MemoryConfig::bidirectional(5, memoria)),
            Some(causal.clone().with_num_queries(2)),
            Some(causal.clone().with_num_memories(None)),
            Some(causal.with_num_memories(None).with_num_queries(0).with_norm(false)),
        ]
    }

    #[rstest]
    fn a_gpt2_is_as_large_as_told(
        #[values(0, 1, 2, 3, 4, 5, 6)] memory: usize,
        #[values(None, Some(true), Some(false))] tied: Option<bool>,
        #[values(None, Some(7))] n_inner: Option<usize>,
    ) {
        let config = Gpt2Config {
            n_inner,
            tie_word_embeddings: tied,
            memory: memories()[memory].clone(),
            ..Gpt2Config::new(11, 9, 6, 3, 2)
        };
        let device = Device::flex();
        let params = config.init(&device).unwrap().num_params();
        assert_eq!(config.size(true), Size(params as u128));
        let params = config.init_model(&device).unwrap().num_params();
        assert_eq!(config.size(false), Size(params as u128));
    }

    #[rstest]
    fn an_encoder_is_as_large_as_told(
        #[values(EncoderKind::Bert, EncoderKind::Roberta)] kind: EncoderKind,
        #[values(0, 1, 2, 3, 4, 5, 6)] memory: usize,
        #[values(None, Some(6), Some(10))] embedding_size: Option<usize>,
        #[values(0, 1, 2)] memory_layer_index: usize,
    ) {
        let config = EncoderConfig {
            embedding_size,
            memory: memories()[memory].clone(),
            memory_layer_index,
            ..EncoderConfig::new(kind, 11, 6, 4, 2, 13, 9).with_num_labels(3)
        };
        let device = Device::flex();
        let params = config.init(&device).unwrap().num_params();
        assert_eq!(config.size(true), Size(params as u128));
        let params = config.init_model(&device).unwrap().num_params();
        assert_eq!(config.size(false), Size(params as u128));
    }
}
