use burn::{
    tensor::{
        Device,
        distributed::{DistributedConfig, ReduceOperation},
    },
    train::{ExecutionStrategy, MultiDeviceOptim},
};

use crate::TaskError;

/// Where the optimizer of a training on several devices is. Each device has a copy of the model and computes the
/// gradients of its rows; their sum is that of the whole step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceStrategy {
    /// On the first device, to which all gradients go.
    #[default]
    First,
    /// Each parameter's on one of the devices.
    Sharded,
    /// On every device; they add up the gradients among themselves. Of Burn's backends only CUDA can, between GPUs
    /// of one machine. Burn does not end a training in which one of its devices fails: the others wait.
    Ddp,
}

impl DeviceStrategy {
    /// As Burn has it.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] if the devices cannot do it.
    pub(super) fn on(self, devices: &[Device]) -> Result<ExecutionStrategy, TaskError> {
        let devices = devices.to_vec();
        Ok(match self {
            Self::First => ExecutionStrategy::multi(devices, MultiDeviceOptim::OptimMainDevice),
            Self::Sharded => ExecutionStrategy::multi(devices, MultiDeviceOptim::OptimSharded),
            Self::Ddp => {
                if let Some(device) = devices.iter().find(|device| !adds_up(device)) {
                    let got = format!("{device:?}");
                    return Err(TaskError::option("devices of the strategy Ddp", "CUDA", got));
                }
                // In a step that asks for it, each device's loss is its share of the whole.
                let config = DistributedConfig { all_reduce_op: ReduceOperation::Sum };
                ExecutionStrategy::ddp(devices, config)
            }
        })
    }
}

/// Whether devices like this one can add up tensors among themselves.
#[cfg(feature = "cuda")]
fn adds_up(device: &Device) -> bool {
    use burn::backend::{CubeDevice, DispatchDevice};

    let device = device.clone().inner();
    matches!(device.as_dispatch(), DispatchDevice::Cube(CubeDevice::Cuda(_)))
}

/// Whether devices like this one can add up tensors among themselves.
#[cfg(not(feature = "cuda"))]
fn adds_up(_device: &Device) -> bool {
    false
}
