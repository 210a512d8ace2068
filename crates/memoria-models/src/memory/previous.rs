use burn::tensor::Tensor;
use memoria_core::MemoriaError;

/// Refuses the token embedding `[vocab_size, d_model]` of a model that hidden states
/// `[batch, seq, d_model]` cannot be a segment of.
///
/// # Errors
///
/// [`MemoriaError::WrongDimension`], [`MemoriaError::WrongDType`] and [`MemoriaError::WrongDevice`].
pub(super) fn check_model(hidden: &Tensor<3>, embedding: &Tensor<2>) -> Result<(), MemoriaError> {
    let tensor = "the model";
    let (expected, got) = (hidden.dims()[2], embedding.dims()[1]);
    if expected != got {
        let dimension = "hidden states of";
        return Err(MemoriaError::WrongDimension { tensor, dimension, expected, got });
    }
    let (expected, got) = (hidden.dtype(), embedding.dtype());
    if expected != got {
        return Err(MemoriaError::WrongDType { tensor, expected, got });
    }
    let (expected, got) = (hidden.device().inner(), embedding.device().inner());
    if expected != got {
        let (expected, got) = (format!("{expected:?}"), format!("{got:?}"));
        return Err(MemoriaError::WrongDevice { tensor, expected, got });
    }
    Ok(())
}
