//! GPT-2's GELU, x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))).
//!
//! By (1 + tanh u) / 2 = σ(2 u) it is x · s(x), where s(x) = σ(x · (a + b x²)), which is cheaper.

use burn::{
    backend::Dispatch,
    tensor::{DType, Tensor, TensorData, activation::sigmoid},
};
use memoria_core::computes_on_host;
use rayon::prelude::*;
use wide::f32x8;

/// √(2/π).
const SQRT_2_OVER_PI: f64 = core::f64::consts::FRAC_2_SQRT_PI * core::f64::consts::FRAC_1_SQRT_2;
/// a and b of the module's description.
const SLOPE: f64 = 2.0 * SQRT_2_OVER_PI;
const CURVE: f64 = 0.044715 * SLOPE;

/// Numbers that are computed abreast.
const LANES: usize = 8;
/// Numbers that a thread takes at a time.
const CHUNK: usize = 1 << 14;
/// Where s(x) is 0 or 1 in single precision, and its slope 0.
const FLAT: f32 = 12.0;

/// Applies it to every element.
///
/// On flex and ndarray that is one pass of all cores. Burn's own operations would be a dozen passes of
/// one core in training.
pub(super) fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let device = x.device();
    if x.dtype() != DType::F32 || !computes_on_host::<Dispatch>(device.as_dispatch()) {
        // Where s(x) does not change, x may be too large to be squared.
        let near = x.clone().clamp(-FLAT, FLAT);
        let slope = near.clone() * near * CURVE + SLOPE;
        return sigmoid(slope * x.clone()) * x;
    }
    let shape = x.dims();
    let options = (&device, x.dtype());
    let tensor = |numbers: Vec<f32>| Tensor::from_data(TensorData::new(numbers, shape), options);
    let data = x.clone().into_data();
    let numbers = data.as_slice().expect("single precision");
    if device.is_autodiff() {
        let [slopes, rest] = tangents(numbers);
        x * tensor(slopes) + tensor(rest)
    } else {
        tensor(values(numbers))
    }
}

/// What becomes of each x.
fn values(x: &[f32]) -> Vec<f32> {
    let mut values = vec![0.0; x.len()];
    let chunks = values.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK));
    chunks.for_each(|(values, x)| {
        for (values, x) in values.chunks_mut(LANES).zip(x.chunks(LANES)) {
            let x = load(x);
            store(x * gate(x).s, values);
        }
    });
    values
}

/// The derivative at each x, and what x times it lacks to the value. With them the value is linear in x,
/// so that its gradient costs one product.
fn tangents(x: &[f32]) -> [Vec<f32>; 2] {
    let [mut slopes, mut rest] = [(); 2].map(|()| vec![0.0; x.len()]);
    let chunks = slopes.par_chunks_mut(CHUNK).zip(rest.par_chunks_mut(CHUNK));
    chunks.zip(x.par_chunks(CHUNK)).for_each(|((slopes, rest), x)| {
        let slopes = slopes.chunks_mut(LANES).zip(rest.chunks_mut(LANES));
        for ((slopes, rest), x) in slopes.zip(x.chunks(LANES)) {
            let x = load(x);
            let Gate { s, not_s } = gate(x);
            // x times the derivative of s. Where s does not change, x may be too large to be squared.
            let near = x.max(f32x8::splat(-FLAT)).min(f32x8::splat(FLAT));
            let bend = near * near * (3.0 * CURVE as f32) + SLOPE as f32;
            let turn = s * not_s * bend * near;
            store(s + turn, slopes);
            store(-near * turn, rest);
        }
    });
    [slopes, rest]
}

/// s(x), and 1 - s(x) without cancellation.
struct Gate {
    s: f32x8,
    not_s: f32x8,
}

fn gate(x: f32x8) -> Gate {
    let z = x * (x * x * CURVE as f32 + SLOPE as f32);
    let e = (-z).exp();
    let s = 1.0 / (1.0 + e);
    Gate { s, not_s: e.min(f32x8::splat(f32::MAX)) * s }
}

/// Up to eight numbers, and zeros after them.
fn load(numbers: &[f32]) -> f32x8 {
    let mut lanes = [0.0; LANES];
    lanes[..numbers.len()].copy_from_slice(numbers);
    f32x8::new(lanes)
}

fn store(lanes: f32x8, numbers: &mut [f32]) {
    numbers.copy_from_slice(&lanes.to_array()[..numbers.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    const X: [f32; 16] = [
        -1e30, -30.0, -12.5, -11.0, -4.0, -1.5, -0.25, -1e-9, 0.0, 1e-9, 0.75, 2.0, 7.0, 12.5,
        30.0, 1e30,
    ];

    fn exactly(x: f64) -> [f64; 2] {
        let s = 1.0 / (1.0 + (-x * (SLOPE + CURVE * x * x)).exp());
        let turn = s * (1.0 - s) * (SLOPE + 3.0 * CURVE * x * x) * x;
        [x * s, s + if turn.is_nan() { 0.0 } else { turn }]
    }

    fn close(got: f32, expected: f64) -> bool {
        (f64::from(got) - expected).abs() <= 1e-6 * expected.abs().max(1.0)
    }

    /// Numbers beside each other fill the lanes and more than one thread's share.
    fn many() -> Vec<f32> {
        (0..3 * CHUNK + 5).map(|i| (i as f32 * 0.37).sin() * 9.0).chain(X).collect()
    }

    #[test]
    fn values_and_gradients_are_exact() {
        let x = many();
        let device = Device::flex().autodiff();
        let tensor = Tensor::<1>::from_data(&x[..], &device).require_grad();
        let values = gelu_tanh(tensor.clone());
        let gradient = tensor.grad(&values.clone().sum().backward()).unwrap();
        let [values, gradient] = [values.inner(), gradient].map(|t| t.into_data());
        let untracked = gelu_tanh(tensor.inner()).into_data();
        let all = values.iter::<f32>().zip(gradient.iter::<f32>()).zip(untracked.iter::<f32>());
        for (&x, ((value, slope), untracked)) in x.iter().zip(all) {
            let [expected, expected_slope] = exactly(f64::from(x));
            assert!(close(value, expected), "{x}: {value} for {expected}");
            assert!(close(untracked, expected), "{x}: {untracked} for {expected}");
            assert!(close(slope, expected_slope), "{x}: {slope} for {expected_slope}");
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        for device in [Device::flex(), Device::flex().autodiff()] {
            let x = Tensor::<1>::from_data([f32::NAN, f32::INFINITY, 1.0], &device);
            let got: Vec<f32> = gelu_tanh(x).into_data().iter().collect();
            assert!(got[0].is_nan() && got[1] == f32::INFINITY && close(got[2], exactly(1.0)[0]));
        }
    }

    #[test]
    fn half_precision_is_burns() {
        let x = Tensor::<1>::from_data([0.5f32, -2.0], &Device::flex()).cast(DType::F16);
        let got = gelu_tanh(x);
        assert_eq!(got.dtype(), DType::F16);
        let got: Vec<f32> = got.into_data().iter().collect();
        assert!((got[0] - 0.345_71).abs() < 1e-3 && (got[1] + 0.045_4).abs() < 1e-3, "{got:?}");
    }

    /// Numbers with squares that overflow.
    #[test]
    fn gradients_of_other_types_are_exact_however_large_x_is() {
        for (dtype, largest) in [(DType::F16, 6e4), (DType::BF16, 1e30), (DType::F64, 1e200)] {
            let device = Device::flex().autodiff();
            let x = [-largest, -300.0, -12.5, -1.5, 0.0, 2.0, 12.5, 300.0, largest];
            let tensor = Tensor::<1>::from_data(TensorData::from(x), (&device, dtype));
            let tensor = tensor.require_grad();
            let values = gelu_tanh(tensor.clone());
            let gradient = tensor.grad(&values.clone().sum().backward()).unwrap();
            let [values, gradient] = [values.inner(), gradient].map(|t| t.into_data());
            for ((&x, value), slope) in
                x.iter().zip(values.iter::<f64>()).zip(gradient.iter::<f64>())
            {
                let [expected, expected_slope] = exactly(x);
                let near = |got: f64, expected: f64| {
                    (got - expected).abs() <= 2e-2 * expected.abs().max(1.0)
                };
                assert!(near(value, expected), "{dtype:?}, {x}: {value} for {expected}");
                assert!(
                    near(slope, expected_slope),
                    "{dtype:?}, {x}: {slope} for {expected_slope}"
                );
            }
        }
    }
}
