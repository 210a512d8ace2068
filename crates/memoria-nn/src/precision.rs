//! Ranges and conversions of float types.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{DType, Tensor},
};

/// The lowest number of a float type.
pub(crate) fn lowest(dtype: DType) -> f64 {
    dtype.finfo().map_or(f64::from(f32::MIN), |info| info.min)
}

/// Converts numbers to the type that they are summed in. Sums in half precision stop growing early: in bf16, a sum of
/// ones stops at 256.
pub fn accumulated<const D: usize>(numbers: Tensor<D>) -> Tensor<D> {
    match numbers.dtype() {
        DType::F64 | DType::F32 => numbers,
        _ => numbers.cast(DType::F32),
    }
}

/// A module with all float parameters in another float type: for inference in half precision.
///
/// Parameters keep their identities, so that a memory still fits its layer, and tracked ones stay tracked. Integers and
/// quantized parameters do not change. Use it with a new memory or one [loaded](crate::MemoriaState::load_as) in that
/// type.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{DType, Device, Tensor};
/// use memoria_core::MemoriaConfig;
/// use memoria_nn::{MemoriaLayerConfig, MemoriaStateConfig, cast};
///
/// # fn main() -> Result<(), memoria_core::MemoriaError> {
/// let device = Device::flex();
/// let layer = cast(MemoriaLayerConfig::causal(64, 4, 10).init(&device), DType::BF16);
/// let mut memory = MemoriaStateConfig::new(MemoriaConfig::small()).init()?;
/// let hidden = Tensor::<3>::ones([2, 10, 64], (&device, DType::BF16));
/// assert_eq!(layer.forward(hidden, &mut memory)?.hidden.dtype(), DType::BF16);
/// # Ok(()) } main().unwrap(); }
/// ```
///
/// # Panics
///
/// If it is no float type.
pub fn cast<M: Module>(module: M, dtype: DType) -> M {
    struct To(DType);
    impl ModuleMapper for To {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| {
                if !tensor.dtype().is_float() || tensor.dtype() == self.0 {
                    return tensor;
                }
                let is_tracked = tensor.is_require_grad();
                tensor.cast(self.0).detach().set_require_grad(is_tracked)
            })
        }
    }
    assert!(dtype.is_float(), "parameters are cast to a float type, got {dtype:?}");
    module.map(&mut To(dtype))
}
