//! The one place where a memory waits for a device.

use burn::backend::{
    Backend, TensorData, TensorPrimitive, ops::TransactionPrimitive, read_sync, tensor::FloatTensor,
};

#[cfg(test)]
use super::failing;
use crate::MemoriaError;

/// Waits for the device and reads tensors to the host: the only place where a memory does so. It does not wait if they
/// `are_here` already.
pub(crate) fn read<B: Backend>(
    tensors: Vec<FloatTensor<B>>,
    are_here: bool,
) -> Result<Vec<TensorData>, MemoriaError> {
    #[cfg(test)]
    failing::check()?;
    let failed = |error| MemoriaError::Device(Box::new(error));
    if are_here {
        let each = tensors.into_iter().map(|tensor| read_sync(B::float_into_data(tensor)));
        return each.collect::<Result<_, _>>().map_err(failed);
    }
    let mut transaction = TransactionPrimitive::<B>::new(vec![], vec![], vec![], vec![]);
    for tensor in tensors {
        transaction.register_float(TensorPrimitive::Float(tensor));
    }
    read_sync(transaction.execute_async()).map_err(failed)
}
