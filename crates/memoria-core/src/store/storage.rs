use burn::backend::{Backend, tensor::Device};
use serde::{Deserialize, Serialize};

/// Where the vectors of a memory are kept.
///
/// A memory does the same either way, except for the rounding of scores and, on the host, for engrams that
/// [cells](crate::MemoriaConfig::long_term_probes) miss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// On the host for backends that compute there (flex and ndarray), else on the device.
    #[default]
    Auto,
    /// With the tensors, in one tensor that doubles as it grows. Scores are tensor operations.
    Device,
    /// In the host's memory, in pieces, which never move. Scores are computed by the host's threads.
    ///
    /// A device sends new working memories to the host and gets the reminded engrams back: one round trip per step. So
    /// a GPU can have more engrams than fit into its own memory.
    Host,
}

impl Storage {
    /// Whether the vectors of a memory on this device are kept on the host.
    pub(crate) fn is_host<B: Backend>(self, device: &Device<B>) -> bool {
        match self {
            Self::Auto => computes_on_host::<B>(device),
            Self::Device => false,
            Self::Host => true,
        }
    }
}

/// Whether tensors on this device lie in the host's memory: flex's and ndarray's do, also under autodiff.
///
/// A backend is recognized by its name: Burn's `Backend` does not report where its tensors lie, and the types of its
/// devices are hidden behind `Dispatch`, under features that a program may not have enabled. An unknown name counts as
/// a separate device, which is slower for a host and never wrong.
pub fn computes_on_host<B: Backend>(device: &Device<B>) -> bool {
    // Names of wrapping backends contain the wrapped one: `dispatch<autodiff<flex>>`.
    let name = B::name(device);
    let innermost = name.rsplit('<').next().unwrap_or(&name).trim_end_matches('>');
    matches!(innermost, "flex" | "ndarray")
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::backend::{Dispatch, Flex};

    #[test]
    fn hosts_are_known_by_name() {
        assert!(computes_on_host::<Flex>(&Default::default()));
        let device = burn::tensor::Device::flex();
        assert!(computes_on_host::<Dispatch>(device.as_dispatch()));
        assert!(computes_on_host::<Dispatch>(device.autodiff().as_dispatch()));
        assert!(Storage::Auto.is_host::<Flex>(&Default::default()));
        assert!(!Storage::Device.is_host::<Flex>(&Default::default()));
    }
}
