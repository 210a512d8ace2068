//! Squared distances estimated from codes, and the decisions that they allow.

use super::{NORM, SMALLEST_NORM};

/// A squared distance, and an upper bound of its difference from the one computed from the vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estimate {
    pub(super) distance: f64,
    pub(super) error: f64,
}

impl Estimate {
    /// The estimate for two vectors with these norms, in `dim` dimensions; `dot` is the product of their codes.
    pub(super) fn new(dim: usize, norms: [f64; 2], dot: i32) -> Self {
        let (product, both) = (norms[0] * norms[1], norms[0] + norms[1]);
        let squares = norms[0] * norms[0] + norms[1] * norms[1];
        let dim = dim as f64;
        // A code is off by at most half a unit, and by a hundredth of it for the precision of the computation.
        let of_codes = 0.51 * dim.sqrt() / NORM;
        // Numbers are added up in sixteen sums, and every addition is off by at most 2⁻²⁴: four times that, with a
        // margin for all other operations.
        let of_sums = (dim / 16.0 + 32.0) * f64::from(f32::EPSILON) * 2.0;
        Self {
            distance: squares - 2.0 * product * (f64::from(dot) / (NORM * NORM)),
            error: 2.0 * product * of_codes * (2.0 + of_codes)
                + of_sums * both * both
                + 2.0 * SMALLEST_NORM * both
                + f64::from(f32::MIN_POSITIVE),
        }
    }

    fn least(&self) -> f64 {
        self.distance - self.error
    }

    fn most(&self) -> f64 {
        self.distance + self.error
    }
}

/// Decides for every candidate whether it is among the `k` nearest, fewer than there are; `None` if that is undecided.
/// Costs the number of candidates; overwrites `order`.
pub(super) fn decide<'a>(
    estimates: &'a [Estimate],
    k: usize,
    order: &mut Vec<Estimate>,
) -> impl Iterator<Item = Option<bool>> + use<'a> {
    order.clear();
    order.extend_from_slice(estimates);
    order.select_nth_unstable_by(k, |a, b| a.distance.total_cmp(&b.distance));
    let (nearest, others) = order.split_at(k);
    // At least `k` are this near or nearer, and all but `k` are this far or farther.
    let near = nearest.iter().map(Estimate::most).fold(f64::NEG_INFINITY, f64::max);
    let far = others.iter().map(Estimate::least).fold(f64::INFINITY, f64::min);
    estimates.iter().map(move |estimate| {
        if estimate.least() > near { Some(false) } else { (estimate.most() < far).then_some(true) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::clear(&[(5.0, 0.1), (1.0, 0.1), (3.0, 0.1)], 1, "RCR")]
    #[case::close(&[(1.3, 0.2), (1.0, 0.2), (3.0, 0.2)], 1, "UUR")]
    #[case::close_within(&[(1.3, 0.2), (1.0, 0.2), (3.0, 0.2)], 2, "CCR")]
    #[case::equal(&[(1.0, 0.0), (1.0, 0.0), (3.0, 0.0)], 1, "UUR")]
    #[case::one_is_uncertain(&[(1.0, 0.1), (2.0, 0.1), (9.0, 7.5), (3.0, 0.1)], 2, "CUUR")]
    #[case::one_is_far_and_uncertain(&[(1.0, 0.1), (2.0, 0.1), (99.0, 9.0), (3.0, 0.1)], 2, "CCRR")]
    #[case::nothing_is_known(&[(1.0, f64::INFINITY), (2.0, f64::INFINITY)], 1, "UU")]
    #[case::no_number(&[(f64::NAN, 0.1), (1.0, 0.1), (3.0, 0.1)], 1, "UCR")]
    fn what_estimates_decide(
        #[case] estimates: &[(f64, f64)],
        #[case] k: usize,
        #[case] expected: &str,
    ) {
        let estimates: Vec<Estimate> =
            estimates.iter().map(|&(distance, error)| Estimate { distance, error }).collect();
        let letter = |is_chosen| match is_chosen {
            Some(true) => 'C',
            Some(false) => 'R',
            None => 'U',
        };
        let decided = decide(&estimates, k, &mut Vec::new()).map(letter);
        assert_eq!(decided.collect::<String>(), expected);
    }
}
