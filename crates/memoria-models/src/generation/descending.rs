//! Tokens by their logits, sorted as far as they are looked at.

use std::cmp::Ordering;

/// Tokens that are sorted before the first one is looked at.
const FIRST: usize = 64;

/// Tokens by their logits, the highest first, and of equal ones the smaller token.
///
/// Most draws need few tokens of a vocabulary: sorting all of it costs more than the rest of a draw. Looking
/// at the first k of n costs O(n + k log k) comparisons, and O(n log n) at most.
#[derive(Debug)]
pub(super) struct Descending<'a> {
    logits: &'a [f32],
    tokens: Vec<usize>,
    /// So many at the beginning of `tokens` are the first ones, in order.
    sorted: usize,
}

impl<'a> Descending<'a> {
    /// The tokens with the highest logits, `at_most` so many.
    pub(super) fn new(logits: &'a [f32], at_most: usize) -> Self {
        let mut tokens: Vec<usize> = (0..logits.len()).collect();
        if at_most < tokens.len() {
            tokens.select_nth_unstable_by(at_most.saturating_sub(1), |&a, &b| order(logits, a, b));
            tokens.truncate(at_most);
        }
        Self { logits, tokens, sorted: 0 }
    }

    /// The logits of all of them, in no order.
    pub(super) fn logits(&self) -> impl Iterator<Item = f32> {
        self.tokens.iter().map(|&token| self.logits[token])
    }

    /// The token of a rank, counted from 0; `None` if there are not so many.
    pub(super) fn get(&mut self, rank: usize) -> Option<usize> {
        while self.sorted <= rank && self.sorted < self.tokens.len() {
            let logits = self.logits;
            let rest = &mut self.tokens[self.sorted..];
            let count = rest.len().min(FIRST.max(3 * self.sorted));
            if count < rest.len() {
                rest.select_nth_unstable_by(count - 1, |&a, &b| order(logits, a, b));
            }
            rest[..count].sort_unstable_by(|&a, &b| order(logits, a, b));
            self.sorted += count;
        }
        self.tokens.get(rank).copied()
    }

    /// Drops all but the first `len` tokens, which were looked at.
    pub(super) fn truncate(&mut self, len: usize) {
        debug_assert!(len <= self.sorted);
        self.tokens.truncate(len);
    }
}

fn order(logits: &[f32], a: usize, b: usize) -> Ordering {
    logits[b].total_cmp(&logits[a]).then(a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn the_order_is_that_of_sorting_all(
        #[values(1, 2, FIRST, FIRST + 1, 5000)] len: usize,
        #[values(1, 7, FIRST + 3, usize::MAX)] at_most: usize,
    ) {
        // Some of them are equal.
        let logits: Vec<f32> = (0..len).map(|token| ((token * 7919) % 997) as f32).collect();
        let mut expected: Vec<usize> = (0..len).collect();
        expected.sort_by(|&a, &b| order(&logits, a, b));
        expected.truncate(at_most);
        let mut tokens = Descending::new(&logits, at_most);
        assert_eq!(tokens.logits().count(), expected.len());
        let got: Vec<usize> = (0..).map_while(|rank| tokens.get(rank)).collect();
        assert_eq!(got, expected);
    }
}
