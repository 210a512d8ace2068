//! What the integration tests share.

#[allow(dead_code, reason = "not every test needs snapshots by hand")]
pub(crate) mod checksummed;
#[allow(dead_code, reason = "not every test needs all of a story")]
pub(crate) mod story;

use burn::tensor::Device;

/// The devices that every guarantee is tested on, with the names of their backends.
///
/// A CUDA device only where the feature is on, which means that one is at hand.
pub(crate) fn devices() -> Vec<(&'static str, Device)> {
    #[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
    let ndarray = Device::ndarray();
    vec![
        ("flex", Device::flex()),
        ("ndarray", ndarray),
        #[cfg(feature = "wgpu")]
        ("wgpu", Device::wgpu(burn::tensor::DeviceKind::Cpu)),
        #[cfg(feature = "cuda")]
        ("cuda", Device::cuda(0)),
    ]
}
