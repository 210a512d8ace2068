//! The devices that an example can be told to run on.

use burn::tensor::Device;
use clap::ValueEnum;

/// A device by the name of its backend; which ones there are depends on the Cargo features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceChoice {
    /// Burn's own CPU backend.
    Flex,
    /// The older CPU backend.
    Ndarray,
    /// The first GPU through wgpu.
    #[cfg(feature = "wgpu")]
    Wgpu,
    /// A software GPU through wgpu, such as lavapipe.
    #[cfg(feature = "wgpu")]
    WgpuCpu,
    /// The first CUDA device.
    #[cfg(feature = "cuda")]
    Cuda,
}

impl DeviceChoice {
    /// Whether it computes in the host's memory.
    #[allow(dead_code, reason = "not every program asks")]
    pub(crate) fn is_host(self) -> bool {
        matches!(self, Self::Flex | Self::Ndarray)
    }

    pub(crate) fn device(self) -> Device {
        match self {
            Self::Flex => Device::flex(),
            #[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
            Self::Ndarray => Device::ndarray(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
            #[cfg(feature = "wgpu")]
            Self::WgpuCpu => Device::wgpu(burn::tensor::DeviceKind::Cpu),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(0),
        }
    }
}
