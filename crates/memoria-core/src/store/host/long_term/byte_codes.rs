//! Vectors in one or two bytes per number, with lower and upper bounds of their distances from a query.
//!
//! A vector v is coded relative to a centre c as v − c = s · a + r, with whole numbers a from −127 to 127 or of 15
//! bits, and a query q as q − c = t · b + p, with whole numbers b of 15 bits. Then
//!
//! ‖v − q‖² = ‖v − c‖² + ‖q − c‖² − 2 s t ⟨a, b⟩ − 2 s ⟨a, p⟩ − 2 ⟨r, q − c⟩,
//!
//! where all terms are known except the last two. The Cauchy–Schwarz inequality bounds these by 2 (‖v − c‖ + ‖r‖) ‖p‖
//! and 2 ‖r‖ ‖q − c‖: the norms of the rounding residues are kept.

use core::fmt::Debug;

use wide::{f32x4, i16x8, i32x4, u8x16};

use crate::store::number::Wide;

/// Vectors compared side by side.
pub(super) const ABREAST: usize = 4;
/// Codes of a vector are padded to a multiple of this.
pub(super) const BLOCK: usize = 16;
/// Dimensions above this have no codes: sums of products would need more than 32 bits.
pub(super) const MOST_DIMENSIONS: usize = 1 << 22;
/// The largest code of one byte.
const LARGEST: f64 = 127.0;
/// The approximate norm of a vector's codes of two bytes.
const NORM: f64 = 32_000.0;
/// The largest norm of a query's codes.
const QUERY_NORM: f64 = 32_000.0;
/// Squared norms above this are too large for single precision, where they are added and multiplied.
const LARGEST_SQUARED_NORM: f64 = 1e36;
/// Numbers below this count as zero: their squares may be too small for single precision.
const SMALLEST: f64 = 1e-30;
/// An upper bound of what numbers too small for single precision change in a squared distance.
pub(super) const UNDERFLOW: f64 = 1e-36;

/// Properties of a vector besides its codes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Coded {
    /// ‖v − c‖².
    squared_norm: f32,
    /// s.
    scale: f32,
    /// ‖r‖ or slightly more; infinite if nothing is known of the vector.
    rounded: f32,
}

impl Coded {
    /// The lower and the upper bound of ‖v − c‖.
    pub(super) fn distance(&self) -> [f32; 2] {
        if self.rounded == f32::INFINITY {
            return [0.0, f32::INFINITY];
        }
        let norm = f64::from(self.squared_norm).sqrt();
        [(norm * (1.0 - 1e-6)) as f32, upwards(norm)]
    }
}

/// The largest relative rounding error of a sum of squares of `dim` numbers in single precision: numbers are added up
/// in sixteen sums, and every addition is off by at most 2⁻²⁴. With a margin for a few more operations.
pub(super) fn rounding(dim: usize) -> f64 {
    (dim as f64 / 16.0 + 32.0) * f64::from(f32::EPSILON)
}

/// The same for as many vectors as are compared abreast.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CodedAbreast {
    squared_norms: [f32; ABREAST],
    scales: [f32; ABREAST],
    rounded: [f32; ABREAST],
}

impl CodedAbreast {
    pub(super) fn get(&self, lane: usize) -> Coded {
        let [squared_norm, scale, rounded] =
            [self.squared_norms, self.scales, self.rounded].map(|numbers| numbers[lane]);
        Coded { squared_norm, scale, rounded }
    }

    pub(super) fn set(&mut self, lane: usize, coded: Coded) {
        self.squared_norms[lane] = coded.squared_norm;
        self.scales[lane] = coded.scale;
        self.rounded[lane] = coded.rounded;
    }
}

/// Bounds of the squared distances computed from the vectors themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranges {
    pub(super) least: f32x4,
    pub(super) most: f32x4,
}

/// The type of a code.
pub(super) trait Code: Copy + Default + Debug {
    /// This is added to stored codes.
    const OFFSET: i32;

    /// s, for a vector of this norm and this largest number.
    fn scale(norm: f64, largest: f64) -> f64;

    /// The code of a whole number and its value; of a number that is too large, those of the largest possible one.
    fn of(whole: f64) -> (Self, f64);

    /// Partial sums of the products of a block.
    fn products(codes: &[Self; BLOCK], query: &[i16; BLOCK]) -> i32x4;
}

impl Code for u8 {
    const OFFSET: i32 = 128;

    #[inline(always)]
    fn scale(_: f64, largest: f64) -> f64 {
        largest / LARGEST
    }

    #[inline(always)]
    fn of(whole: f64) -> (Self, f64) {
        let whole = whole.clamp(-LARGEST, LARGEST);
        ((whole as i32 + Self::OFFSET) as u8, whole)
    }

    #[inline(always)]
    fn products(codes: &[Self; BLOCK], query: &[i16; BLOCK]) -> i32x4 {
        let codes = u8x16::from(*codes);
        let query = query.as_chunks::<8>().0;
        i16x8::from_u8x16_low(codes).dot(i16x8::from(query[0]))
            + i16x8::from_u8x16_high(codes).dot(i16x8::from(query[1]))
    }
}

/// More precise, and compared faster while the cache holds them.
impl Code for i16 {
    const OFFSET: i32 = 0;

    #[inline(always)]
    fn scale(norm: f64, _: f64) -> f64 {
        norm / NORM
    }

    /// By the scale, no number is larger than `NORM`.
    #[inline(always)]
    fn of(whole: f64) -> (Self, f64) {
        (whole as i16, whole)
    }

    #[inline(always)]
    fn products(codes: &[Self; BLOCK], query: &[i16; BLOCK]) -> i32x4 {
        let (codes, query) = (codes.as_chunks::<8>().0, query.as_chunks::<8>().0);
        i16x8::from(codes[0]).dot(i16x8::from(query[0]))
            + i16x8::from(codes[1]).dot(i16x8::from(query[1]))
    }
}

/// Codes one vector; `codes` has room for it padded.
pub(super) fn encode<W: Wide, C: Code>(vector: &[W], centre: &[f32], codes: &mut [C]) -> Coded {
    let differences = || {
        let pairs = vector.iter().zip(centre);
        pairs.map(|(&number, &centre)| number.into() - f64::from(centre))
    };
    let (squared_norm, largest) = differences()
        .fold((0.0, 0.0), |(sum, largest): (f64, f64), x| (sum + x * x, largest.max(x.abs())));
    codes.fill(C::of(0.0).0);
    if squared_norm > LARGEST_SQUARED_NORM || squared_norm.is_nan() {
        return Coded { rounded: f32::INFINITY, ..Coded::default() };
    }
    let squared = squared_norm as f32;
    if largest < SMALLEST {
        let rounded = upwards(squared_norm.sqrt());
        return Coded { squared_norm: squared, scale: 0.0, rounded };
    }
    let scale = C::scale(squared_norm.sqrt(), largest) as f32;
    let factor = 1.0 / f64::from(scale);
    let mut rest = 0.0;
    for (code, x) in codes.iter_mut().zip(differences()) {
        let whole;
        (*code, whole) = C::of(nearest_whole(x * factor));
        let left = x - whole * f64::from(scale);
        rest += left * left;
    }
    Coded { squared_norm: squared, scale, rounded: upwards(rest.sqrt()) }
}

/// The nearest whole number to a number far below 2⁵¹. Without SSE4.1 the standard library's function is a call for
/// each.
fn nearest_whole(number: f64) -> f64 {
    /// Numbers between this and its next power of two differ by 1.
    const WHOLE: f64 = 1.5 * (1u64 << 52) as f64;
    (number + WHOLE) - WHOLE
}

/// Converts to single precision, and to no less.
fn upwards(number: f64) -> f32 {
    (number * (1.0 + 1e-6) + UNDERFLOW) as f32
}

/// A vector of a query, coded relative to the same centre as the vectors it is compared with.
#[derive(Clone, Debug, Default)]
pub(super) struct CodedQuery {
    codes: Vec<i16>,
    /// The sum of the codes.
    sum: i32,
    /// ‖q − c‖²; `None` if it cannot be used.
    squared_norm: Option<f32>,
    /// 2 t.
    scale: f32,
    /// Error bounds of a distance: per unit of ‖r‖, per unit of ‖v − c‖², and constant.
    of_rounded: f32,
    of_squared_norm: f32,
    constant: f32,
}

impl CodedQuery {
    /// Codes a vector of a query, and replaces the one before.
    pub(super) fn encode<W: Wide>(&mut self, query: &[W], centre: &[f32]) {
        let dim = query.len() as f64;
        let differences =
            || query.iter().zip(centre).map(|(&number, &centre)| number.into() - f64::from(centre));
        let squared_norm: f64 = differences().map(|x| x * x).sum();
        let norm = squared_norm.sqrt();
        self.squared_norm = (squared_norm <= LARGEST_SQUARED_NORM).then_some(squared_norm as f32);
        self.codes.clear();
        self.codes.resize(query.len().next_multiple_of(BLOCK), 0);
        let (mut sum, mut rest) = (0, squared_norm);
        self.scale = 0.0;
        if norm > SMALLEST && self.squared_norm.is_some() {
            // No partial sum of products is above the product of the norms, which is below 2³¹.
            let largest = 0.9 * 2f64.powi(31) / (255.0 * dim.sqrt()) - dim.sqrt();
            let factor = QUERY_NORM.min(largest) / norm;
            rest = 0.0;
            for (code, x) in self.codes.iter_mut().zip(differences()) {
                let whole = nearest_whole(x * factor);
                let left = x - whole / factor;
                rest += left * left;
                *code = whole as i16;
                sum += i32::from(*code);
            }
            self.scale = (2.0 / factor) as f32;
        }
        self.sum = sum;
        let rest = rest.sqrt() * (1.0 + 1e-6);
        // ‖v − q‖² ≤ 2 (‖v − c‖² + ‖q − c‖²).
        let of_sums = 4.0 * rounding(query.len());
        self.of_rounded =
            (2.0 * (norm + rest) * (1.0 + 1e-6) + f64::from(f32::MIN_POSITIVE)) as f32;
        // 2 ‖v − c‖ ‖p‖ ≤ ‖p‖ (‖v − c‖² / ‖q − c‖ + ‖q − c‖).
        let (relative, absolute) = if norm > 0.0 { (rest / norm, rest * norm) } else { (0.0, 0.0) };
        self.of_squared_norm = (relative + of_sums) as f32;
        self.constant = (absolute + of_sums * squared_norm + UNDERFLOW) as f32;
    }

    /// Bounds the distances of vectors from the query, with their codes one after the other. Calls `each` with the
    /// index of the first vector of those abreast, and with their ranges.
    #[inline]
    pub(super) fn ranges<C: Code>(
        &self,
        codes: &[C],
        coded: &[CodedAbreast],
        mut each: impl FnMut(usize, Ranges),
    ) {
        let Some(squared_norm) = self.squared_norm else {
            let (least, most) = (f32x4::splat(f32::NEG_INFINITY), f32x4::splat(f32::INFINITY));
            return (0..coded.len()).for_each(|at| each(ABREAST * at, Ranges { least, most }));
        };
        let near = f32x4::splat(squared_norm - self.constant);
        let far = f32x4::splat(squared_norm + self.constant);
        let [scale, of_rounded, of_squared_norm] =
            [self.scale, self.of_rounded, self.of_squared_norm].map(f32x4::splat);
        let too_large = i32x4::splat(self.sum * C::OFFSET);
        let codes = codes.chunks_exact(ABREAST * self.codes.len());
        for (at, (coded, codes)) in coded.iter().zip(codes).enumerate() {
            let sums = f32x4::from_i32x4(dots(codes, &self.codes) - too_large);
            let squared_norms = f32x4::from(coded.squared_norms);
            let distances = squared_norms - sums * f32x4::from(coded.scales) * scale;
            let error = f32x4::from(coded.rounded) * of_rounded + squared_norms * of_squared_norm;
            let (least, most) = (distances - error + near, distances + error + far);
            each(ABREAST * at, Ranges { least, most });
        }
    }
}

/// Sums of products of the codes of vectors abreast, one after the other, and a query's.
#[inline]
fn dots<C: Code>(codes: &[C], query: &[i16]) -> i32x4 {
    let query = query.as_chunks::<BLOCK>().0;
    let codes = codes.as_chunks::<BLOCK>().0;
    let (first, second) = codes.split_at(2 * query.len());
    let ((a, b), (c, d)) = (first.split_at(query.len()), second.split_at(query.len()));
    let mut sums = [i32x4::ZERO; ABREAST];
    for (query, ((a, b), (c, d))) in query.iter().zip(a.iter().zip(b).zip(c.iter().zip(d))) {
        for (sum, codes) in sums.iter_mut().zip([a, b, c, d]) {
            *sum += C::products(codes, query);
        }
    }
    let [a, b, c, d] = i32x4::transpose(sums);
    (a + b) + (c + d)
}
