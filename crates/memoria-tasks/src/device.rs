use burn::tensor::Device;
use clap::ValueEnum;

/// A device, named by its backend. The Cargo features decide which ones are available.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceName {
    /// Burn's own CPU backend.
    #[cfg(feature = "flex")]
    Flex,
    /// The older CPU backend.
    #[cfg(feature = "ndarray")]
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

impl DeviceName {
    /// Whether the device computes in the host's memory.
    pub fn is_host(self) -> bool {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => true,
            #[cfg(feature = "ndarray")]
            Self::Ndarray => true,
            #[cfg(any(feature = "wgpu", feature = "cuda"))]
            _ => false,
        }
    }

    /// The device, without autodiff.
    pub fn device(self) -> Device {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Device::flex(),
            #[cfg(feature = "ndarray")]
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
