//! Choosing the best of many.

use core::cmp::Ordering;

use crate::id::Member;

/// A candidate with its score.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scored {
    pub(crate) member: Member,
    pub(crate) score: f64,
}

/// Keeps the `k` candidates with the highest scores; of equal ones those with the smaller ids. The
/// order of what is left is unspecified. Costs the number of candidates.
pub(crate) fn keep_best(candidates: &mut Vec<Scored>, k: usize) {
    if k == 0 {
        candidates.clear();
    } else if k < candidates.len() {
        candidates.select_nth_unstable_by(k - 1, best_first);
        candidates.truncate(k);
    }
}

fn best_first(a: &Scored, b: &Scored) -> Ordering {
    // Adding 0.0 makes the two zeros equal.
    (b.score + 0.0).total_cmp(&(a.score + 0.0)).then(a.member.cmp(&b.member))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EngramId, id::Entry};
    use rstest::rstest;

    #[rstest]
    #[case(&[1.0, 3.0, 2.0], 2, &[1, 2])]
    #[case(&[1.0, 1.0, 1.0, 1.0], 2, &[0, 1])]
    #[case(&[-1.0, f64::NEG_INFINITY, -2.0], 5, &[0, 1, 2])]
    #[case(&[0.0, -0.0, 1.0], 2, &[0, 2])]
    #[case(&[-0.0, 0.0, 1.0], 2, &[0, 2])]
    #[case(&[1.0], 0, &[])]
    fn best_and_then_oldest(#[case] scores: &[f64], #[case] k: usize, #[case] expected: &[u64]) {
        let mut candidates: Vec<_> = (0..)
            .zip(scores)
            .map(|(id, &score)| Scored {
                member: Member { id: EngramId(id), entry: Entry(0) },
                score,
            })
            .collect();
        keep_best(&mut candidates, k);
        let mut ids: Vec<u64> = candidates.iter().map(|c| c.member.id.0).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected);
    }
}
