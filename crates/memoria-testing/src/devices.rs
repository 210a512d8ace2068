//! The devices that tests compute on.

use burn::tensor::Device;

/// Returns the devices on which every guarantee is tested, with the names of their backends.
///
/// A CUDA device is included only if its feature is enabled, which requires such a device.
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
