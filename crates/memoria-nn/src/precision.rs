//! What a float type can tell.

use burn::tensor::{DType, Tensor};

/// The lowest number of a float type.
pub(crate) fn lowest(dtype: DType) -> f64 {
    dtype.finfo().map_or(f64::from(f32::MIN), |info| info.min)
}

/// Numbers in the type that sums of them are made in. Those in half precision stop growing early: of
/// weights of 1 at 256 in bf16.
pub fn accumulated<const D: usize>(numbers: Tensor<D>) -> Tensor<D> {
    match numbers.dtype() {
        DType::F64 | DType::F32 => numbers,
        _ => numbers.cast(DType::F32),
    }
}
