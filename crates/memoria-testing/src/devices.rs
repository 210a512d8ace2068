//! The devices that tests compute on.

use burn::tensor::Device;

/// The devices that every guarantee is tested on, with the names of their backends.
///
/// A CUDA device only where the feature is on, which means that one is at hand.
pub fn devices() -> Vec<(&'static str, Device)> {
    vec![
        ("flex", Device::flex()),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
        ("ndarray", Device::ndarray()),
        #[cfg(feature = "wgpu")]
        ("wgpu", Device::wgpu(burn::tensor::DeviceKind::Cpu)),
        #[cfg(feature = "cuda")]
        ("cuda", Device::cuda(0)),
    ]
}
