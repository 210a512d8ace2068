use burn::tensor::Tensor;
use memoria_core::{MemoriaError, check_device, check_dtype, check_sizes};

/// Refuses the token embedding `[vocab_size, d_model]` of a model that hidden states
/// `[batch, seq, d_model]` cannot be a segment of.
///
/// # Errors
///
/// [`MemoriaError::WrongDimension`], [`MemoriaError::WrongDType`] and [`MemoriaError::WrongDevice`].
pub(super) fn check_model(hidden: &Tensor<3>, embedding: &Tensor<2>) -> Result<(), MemoriaError> {
    let tensor = "the model";
    check_sizes(tensor, [("hidden states of", hidden.dims()[2], embedding.dims()[1])])?;
    check_dtype(tensor, hidden.dtype(), embedding.dtype())?;
    check_device(tensor, &hidden.device().inner(), &embedding.device().inner())
}
