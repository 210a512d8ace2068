//! The float types of vectors on the host.

use core::fmt::Debug;

use burn::{
    backend::Element,
    tensor::{bf16, f16},
};
use half::slice::HalfFloatSliceExt;
use wide::{f32x8, f64x4, i16x8};

use super::host::WideVectors;

/// Numbers added up side by side. Fixed, so that every machine rounds alike.
const LANES: usize = 16;
/// Numbers of a vector that are processed before the next vector.
const BLOCK: usize = 4 * LANES;
/// Vectors compared side by side, block by block, so that the waits for memory overlap.
pub(super) const ABREAST: usize = 4;

/// A stored float type.
pub(super) trait Number: Element + Default {
    /// The type of computations: at least single precision.
    type Wide: Wide;

    /// The vector in the type of computations, in the buffer if it has to be converted.
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

/// A float type of computations.
pub(super) trait Wide: Copy + Default + Debug + Send + Sync + Into<f64> {
    /// ‖v − query‖² of each vector, which does not depend on the others.
    fn squared_distances<const N: usize>(vectors: [&[Self]; N], query: &[Self]) -> [f64; N];

    /// Writes (v − centre) · factor of each number as whole numbers, and zeros beyond. There is room for eight at a
    /// time, and none of them needs more than 15 bits.
    fn encode(vector: &[Self], centre: &[Self], factor: f64, codes: &mut [i16]);

    fn from_f64(number: f64) -> Self;

    /// Vectors of these numbers.
    fn into_vectors(numbers: Vec<Self>) -> WideVectors;

    /// The numbers of vectors of this type.
    fn of_vectors(vectors: &WideVectors) -> &[Self];
}

macro_rules! impl_wide {
    ($number:ty, $block:ty, $width:literal, $vectors:ident) => {
        impl Wide for $number {
            #[inline]
            fn squared_distances<const N: usize>(
                vectors: [&[Self]; N],
                query: &[Self],
            ) -> [f64; N] {
                let (blocks, rest) = query.as_chunks::<BLOCK>();
                let of_vectors = vectors.map(|vector| &vector.as_chunks().0[..blocks.len()]);
                let mut sums = [[<$block>::ZERO; LANES / $width]; N];
                for (at, query) in blocks.iter().enumerate() {
                    for (sums, blocks) in sums.iter_mut().zip(of_vectors) {
                        *sums = add_squares(*sums, &blocks[at], query);
                    }
                }
                if !rest.is_empty() {
                    let padded = |vector: &[Self]| {
                        let mut padded = [0.0; BLOCK];
                        let rest = &vector[blocks.len() * BLOCK..];
                        padded[..rest.len()].copy_from_slice(rest);
                        padded
                    };
                    for (sums, vector) in sums.iter_mut().zip(vectors) {
                        *sums = add_squares(*sums, &padded(vector), &padded(query));
                    }
                }
                return sums.map(total);

                #[inline(always)]
                fn add_squares(
                    mut sums: [$block; LANES / $width],
                    vector: &[$number; BLOCK],
                    query: &[$number; BLOCK],
                ) -> [$block; LANES / $width] {
                    let chunks =
                        vector.as_chunks::<LANES>().0.iter().zip(query.as_chunks::<LANES>().0);
                    for (vector, query) in chunks {
                        let (vector, query) = (vector.as_chunks::<$width>().0, query.as_chunks().0);
                        for lane in 0..LANES / $width {
                            let difference =
                                <$block>::from(vector[lane]) - <$block>::from(query[lane]);
                            sums[lane] += difference * difference;
                        }
                    }
                    sums
                }

                #[inline(always)]
                fn total(sums: [$block; LANES / $width]) -> f64 {
                    let sum: [$number; $width] =
                        sums.into_iter().reduce(|a, b| a + b).unwrap_or_default().to_array();
                    let halves = |sum: &[$number]| -> $number {
                        match sum {
                            [a, b, c, d, e, f, g, h] => ((a + e) + (c + g)) + ((b + f) + (d + h)),
                            [a, b, c, d] => (a + c) + (b + d),
                            _ => sum.iter().sum(),
                        }
                    };
                    halves(&sum).into()
                }
            }

            fn encode(vector: &[Self], centre: &[Self], factor: f64, codes: &mut [i16]) {
                let factor = factor as $number;
                let code = |vector: &[Self; 8], centre: &[Self; 8]| {
                    let scaled = |at: usize| ((vector[at] - centre[at]) * factor) as f32;
                    let scaled = f32x8::from(core::array::from_fn::<f32, 8, _>(scaled));
                    i16x8::from_i32x8_saturate(scaled.fast_round_int()).to_array()
                };
                let (vectors, rest) = vector.as_chunks::<8>();
                let (centres, rest_of_centre) = centre.as_chunks::<8>();
                let (codes, _) = codes.as_chunks_mut::<8>();
                let mut codes = codes.iter_mut();
                // `codes` is last: the first iterator of a zip is advanced once more at the end.
                for ((vector, centre), codes) in vectors.iter().zip(centres).zip(&mut codes) {
                    *codes = code(vector, centre);
                }
                let mut padded = [[0.0; 8]; 2];
                padded[0][..rest.len()].copy_from_slice(rest);
                padded[1][..rest.len()].copy_from_slice(rest_of_centre);
                for codes in codes {
                    *codes = code(&padded[0], &padded[1]);
                    padded = [[0.0; 8]; 2];
                }
            }

            fn from_f64(number: f64) -> Self {
                number as $number
            }

            fn into_vectors(numbers: Vec<Self>) -> WideVectors {
                WideVectors::$vectors(numbers)
            }

            fn of_vectors(vectors: &WideVectors) -> &[Self] {
                match vectors {
                    WideVectors::$vectors(numbers) => numbers,
                    _ => unreachable!("a query is made by the store that answers it"),
                }
            }
        }
    };
}

impl_wide!(f32, f32x8, 8, Single);
impl_wide!(f64, f64x4, 4, Double);

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    fn distances_are_what_they_are(#[values(1, 15, 16, 17, 100, 768)] dim: usize) {
        let vector = |by: f32| (0..dim).map(|i| (i as f32 * by).cos()).collect::<Vec<f32>>();
        let (query, vectors) = (vector(1.0), [vector(0.7), vector(0.3), vector(1.1)]);
        let wide = |vector: &[f32]| vector.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let together = f32::squared_distances([0, 1, 2].map(|i| &vectors[i][..]), &query);
        for (vector, together) in vectors.iter().zip(together) {
            let exact: f64 =
                wide(vector).iter().zip(wide(&query)).map(|(a, b)| (a - b).powi(2)).sum();
            let [alone] = f32::squared_distances([vector], &query);
            assert!((alone - exact).abs() <= 1e-6 * exact, "{alone} != {exact}");
            assert_eq!(alone.to_bits(), together.to_bits(), "whatever it is computed with");
            let [double] = f64::squared_distances([&wide(vector)], &wide(&query));
            assert!((double - exact).abs() <= 1e-14 * exact, "{double} != {exact}");
        }
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
