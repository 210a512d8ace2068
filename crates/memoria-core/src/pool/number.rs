//! The float types that vectors on the host are made of.

use burn::{
    backend::Element,
    tensor::{bf16, f16},
};
use half::slice::HalfFloatSliceExt;

/// Numbers added up side by side. Fixed, so that every machine rounds alike.
const LANES: usize = 16;

/// A float type that is stored.
pub(super) trait Number: Element + Default {
    /// What is computed with: at least single precision.
    type Wide: Wide;

    /// The vector as it is computed with, in the buffer if it has to be converted.
    fn widen<'a>(vector: &'a [Self], buffer: &'a mut Vec<Self::Wide>) -> &'a [Self::Wide];
}

impl Number for f32 {
    type Wide = f32;

    fn widen<'a>(vector: &'a [f32], _: &'a mut Vec<f32>) -> &'a [f32] {
        vector
    }
}

impl Number for f64 {
    type Wide = f64;

    fn widen<'a>(vector: &'a [f64], _: &'a mut Vec<f64>) -> &'a [f64] {
        vector
    }
}

impl Number for f16 {
    type Wide = f32;

    fn widen<'a>(vector: &'a [f16], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        buffer.resize(vector.len(), 0.0);
        vector.convert_to_f32_slice(buffer);
        buffer
    }
}

impl Number for bf16 {
    type Wide = f32;

    fn widen<'a>(vector: &'a [bf16], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        buffer.resize(vector.len(), 0.0);
        vector.convert_to_f32_slice(buffer);
        buffer
    }
}

/// A float type that is computed with.
pub(super) trait Wide: Copy + Default + Send + Sync + Into<f64> {
    /// The square of the difference, added to a sum.
    fn add_square(sum: Self, a: Self, b: Self) -> Self;

    fn add(self, other: Self) -> Self;

    fn from_f64(number: f64) -> Self;
}

impl Wide for f32 {
    #[inline(always)]
    fn add_square(sum: f32, a: f32, b: f32) -> f32 {
        sum + (a - b) * (a - b)
    }

    #[inline(always)]
    fn add(self, other: f32) -> f32 {
        self + other
    }

    fn from_f64(number: f64) -> f32 {
        number as f32
    }
}

impl Wide for f64 {
    #[inline(always)]
    fn add_square(sum: f64, a: f64, b: f64) -> f64 {
        sum + (a - b) * (a - b)
    }

    #[inline(always)]
    fn add(self, other: f64) -> f64 {
        self + other
    }

    fn from_f64(number: f64) -> f64 {
        number
    }
}

/// ‖a − b‖².
#[inline(always)]
pub(super) fn squared_distance<W: Wide>(a: &[W], b: &[W]) -> W {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [W::default(); LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] = W::add_square(sums[lane], a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[lane] = W::add_square(sums[lane], a, b);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] = sums[lane].add(sums[lane + width]);
        }
        width /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    fn distances_are_what_they_are(#[values(1, 15, 16, 17, 100, 768)] dim: usize) {
        let a: Vec<f32> = (0..dim).map(|i| (i as f32).sin()).collect();
        let b: Vec<f32> = (0..dim).map(|i| (i as f32 * 0.7).cos()).collect();
        let exact: f64 =
            a.iter().zip(&b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
        assert!((f64::from(squared_distance(&a, &b)) - exact).abs() < 1e-6 * exact);
    }

    #[test]
    fn half_precision_is_widened_exactly() {
        let numbers = [0.5, -1.25, 3.0, 0.0];
        let half = numbers.map(f16::from_f32);
        let brain = numbers.map(bf16::from_f32);
        assert_eq!(f16::widen(&half, &mut Vec::new()), numbers);
        assert_eq!(bf16::widen(&brain, &mut Vec::new()), numbers);
    }
}
