use burn::tensor::{Bool, Tensor};
use memoria_core::MemoriaError;

/// The rows that are nothing but padding, where `mask_pad` `[batch, seq]` is true for it, in ascending
/// order. They take no part in a step: see [`MemoriaState::recall_without`](crate::MemoriaState::recall_without).
///
/// Costs one device round trip.
///
/// # Errors
///
/// [`MemoriaError::Device`].
pub fn rows_of_padding(mask_pad: &Tensor<2, Bool>) -> Result<Vec<usize>, MemoriaError> {
    let [batch, seq] = mask_pad.dims();
    let mask = mask_pad.clone().try_into_data();
    let mask = mask.map_err(|error| MemoriaError::Device(Box::new(error)))?;
    let mask: Vec<bool> = mask.iter().collect();
    let is_padding = |&row: &usize| mask[row * seq..][..seq].iter().all(|&padding| padding);
    Ok((0..batch).filter(is_padding).collect())
}
