use burn::{
    tensor::{
        Device,
        distributed::{DistributedConfig, ReduceOperation},
    },
    train::{ExecutionStrategy, MultiDeviceOptim},
};

use crate::TaskError;

/// The place of the optimizer in a training on several devices. Each device has a copy of the model and computes the
/// gradients of its rows; their sum is the gradient of the whole step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceStrategy {
    /// On the first device; all gradients are sent to it.
    #[default]
    First,
    /// The optimizer of each parameter is on one of the devices.
    Sharded,
    /// On every device; the devices sum the gradients among themselves. Of Burn's backends only CUDA supports this,
    /// between GPUs of one machine. If a device fails, Burn does not end the training: the other devices wait.
    Ddp,
}

impl DeviceStrategy {
    /// Returns Burn's strategy.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] if the devices do not support it.
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
                // Each device's loss is its share of the whole step's loss.
                let config = DistributedConfig { all_reduce_op: ReduceOperation::Sum };
                ExecutionStrategy::ddp(devices, config)
            }
        })
    }
}

/// Whether devices of this kind can sum tensors among themselves.
#[cfg(feature = "cuda")]
fn adds_up(device: &Device) -> bool {
    use burn::backend::{CubeDevice, DispatchDevice};

    let device = device.clone().inner();
    matches!(device.as_dispatch(), DispatchDevice::Cube(CubeDevice::Cuda(_)))
}

/// Whether devices of this kind can sum tensors among themselves.
#[cfg(not(feature = "cuda"))]
fn adds_up(_device: &Device) -> bool {
    false
}
