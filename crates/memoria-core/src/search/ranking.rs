//! Choosing the best of many.

use crate::id::Member;

/// The rank of a score as a whole number: the higher the score, the smaller the rank.
fn rank(score: f64) -> u64 {
    // The bits of positive numbers rise with them, and those of negative ones fall. Adding 0.0 makes the
    // two zeros equal.
    let bits = (score + 0.0).to_bits();
    let is_negative = bits >> 63 == 1;
    if is_negative { bits } else { !bits ^ 1 << 63 }
}

/// Buffers to rank in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranking {
    members: Vec<Member>,
    ranks: Vec<u64>,
    order: Vec<u64>,
}

impl Ranking {
    /// The `k` candidates with the highest scores, in order of id; of equal scores those with the smaller ids.
    /// Candidates are in order of id. The cost is linear in their number.
    pub(crate) fn best(
        &mut self,
        candidates: impl Iterator<Item = (Member, f64)>,
        k: usize,
    ) -> &[Member] {
        let Self { members, ranks, order } = self;
        members.clear();
        ranks.clear();
        for (member, score) in candidates {
            members.push(member);
            ranks.push(rank(score));
        }
        if k == 0 {
            members.clear();
        } else if k < members.len() {
            order.clear();
            order.extend_from_slice(ranks);
            let (better, &mut last, _) = order.select_nth_unstable(k - 1);
            let mut equal = k - better.iter().filter(|&&rank| rank < last).count();
            let mut chosen = 0;
            for (at, &rank) in ranks.iter().enumerate() {
                let is_equal = rank == last && equal > 0;
                equal -= usize::from(is_equal);
                members[chosen] = members[at];
                chosen += usize::from(is_equal || rank < last);
            }
            members.truncate(chosen);
        }
        members
    }

    pub(crate) fn bytes(&self) -> usize {
        self.members.capacity() * size_of::<Member>()
            + (self.ranks.capacity() + self.order.capacity()) * size_of::<u64>()
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
        assert!(best.iter().map(|member| member.id.0).eq(expected.iter().copied()), "{best:?}");
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
            let got = ranking.best(candidates, k);
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
