//! Choosing the best of many.

use crate::id::Member;

/// What a candidate is ranked by, as one number: the smaller, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u128);

impl Rank {
    fn of(member: Member, score: f64) -> Self {
        // The bits of positive numbers rise with them, and those of negative ones fall. Adding 0.0 makes the
        // two zeros equal.
        let bits = (score + 0.0).to_bits();
        let is_negative = bits >> 63 == 1;
        let falling = if is_negative { bits } else { !bits ^ 1 << 63 };
        // Of equal scores the older engram wins.
        Self(u128::from(falling) << 64 | u128::from(member.id.0))
    }
}

/// A candidate with its rank.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranked {
    rank: Rank,
    pub(crate) member: Member,
}

/// Room to rank in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranking {
    ranked: Vec<Ranked>,
    order: Vec<Rank>,
}

impl Ranking {
    /// The `k` candidates with the highest scores; of equal ones those with the smaller ids. They come in
    /// the order they have. Costs the number of candidates.
    pub(crate) fn best(
        &mut self,
        candidates: impl Iterator<Item = (Member, f64)>,
        k: usize,
    ) -> &[Ranked] {
        let Self { ranked, order } = self;
        ranked.clear();
        ranked.extend(
            candidates.map(|(member, score)| Ranked { rank: Rank::of(member, score), member }),
        );
        if k == 0 {
            ranked.clear();
        } else if k < ranked.len() {
            order.clear();
            order.extend(ranked.iter().map(|ranked| ranked.rank));
            let (_, &mut last, _) = order.select_nth_unstable(k - 1);
            ranked.retain(|ranked| ranked.rank <= last);
        }
        ranked
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        self.ranked.capacity() * size_of::<Ranked>() + self.order.capacity() * size_of::<Rank>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EngramId, id::Entry};
    use proptest::prelude::*;
    use rstest::rstest;

    fn members(count: usize) -> Vec<Member> {
        (0..count as u32).map(|n| Member { id: EngramId(n.into()), entry: Entry(99 - n) }).collect()
    }

    #[rstest]
    #[case(&[1.0, 3.0, 2.0], 2, &[1, 2])]
    #[case(&[1.0, 1.0, 1.0, 1.0], 2, &[0, 1])]
    #[case(&[-1.0, f64::NEG_INFINITY, -2.0], 5, &[0, 1, 2])]
    #[case(&[-1.0, f64::NEG_INFINITY, -2.0], 2, &[0, 2])]
    #[case(&[0.0, -0.0, 1.0], 2, &[0, 2])]
    #[case(&[-0.0, 0.0, 1.0], 2, &[0, 2])]
    #[case(&[1.0], 0, &[])]
    fn best_and_then_oldest(#[case] scores: &[f64], #[case] k: usize, #[case] expected: &[u64]) {
        let candidates = members(scores.len()).into_iter().zip(scores.iter().copied());
        let mut ranking = Ranking::default();
        let best = ranking.best(candidates, k);
        let ids = best.iter().map(|ranked| ranked.member.id.0);
        assert!(ids.eq(expected.iter().copied()), "{best:?}");
    }

    proptest! {
        #[test]
        fn equals_sorting(
            scores in proptest::collection::vec(
                prop_oneof![-3i8..3, Just(0)].prop_map(|x| f64::from(x) / 2.0), 0..40),
            k in 0..40usize,
        ) {
            let members = members(scores.len());
            let candidates = members.iter().copied().zip(scores.iter().copied());
            let mut ranking = Ranking::default();
            let best = ranking.best(candidates, k).iter();
            let got: Vec<Member> = best.map(|ranked| ranked.member).collect();
            let mut sorted = members.clone();
            sorted.sort_by(|a, b| {
                let score = |member: &Member| scores[member.id.0 as usize];
                score(b).partial_cmp(&score(a)).unwrap()
            });
            sorted.truncate(k);
            sorted.sort();
            prop_assert_eq!(got, sorted);
        }
    }
}
