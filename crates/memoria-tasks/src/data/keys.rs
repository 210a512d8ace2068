//! Keys of several tokens.

use rand::{Rng, RngExt, seq::index};

use crate::TaskError;

/// Converts a number into a key: `tokens` tokens below `symbols`.
pub(super) fn key(mut number: usize, symbols: usize, tokens: usize) -> Vec<u32> {
    let token = |_| {
        let token = number % symbols;
        number /= symbols;
        token as u32
    };
    (0..tokens).map(token).collect()
}

/// Number of different keys of `tokens` tokens.
pub(super) fn different(symbols: usize, tokens: usize) -> usize {
    symbols.saturating_pow(u32::try_from(tokens).unwrap_or(u32::MAX))
}

/// The keys of a document.
pub(super) struct Keys {
    /// Number of different tokens in keys.
    pub(super) symbols: usize,
    /// Tokens of a key.
    pub(super) tokens: usize,
    /// Share of documents with [close](Self::close) keys.
    pub(super) close: f64,
}

impl Keys {
    /// Draws numbers of different keys, in random order.
    ///
    /// # Errors
    ///
    /// If there are fewer keys; `option` names the option that gives more.
    pub(super) fn draw(
        &self,
        needed: usize,
        option: &str,
        rng: &mut impl Rng,
    ) -> Result<Vec<usize>, TaskError> {
        let there = different(self.symbols, self.tokens);
        if needed > there {
            let expected =
                format!("such that there are {needed} keys: a document tells of as many");
            return Err(TaskError::option(option, expected, format!("{there} keys")));
        }
        if self.close > 0.0 && rng.random_bool(self.close) {
            return Ok(self.close(needed, rng));
        }
        Ok(index::sample(rng, there, needed).into_vec())
    }

    /// Draws keys that are hard to distinguish. At each place they use the fewest tokens that allow twice as many keys,
    /// so many keys differ in one token only.
    fn close(&self, needed: usize, rng: &mut impl Rng) -> Vec<usize> {
        let enough = |&few: &usize| different(few, self.tokens) >= 2 * needed;
        let few = (1..self.symbols).find(enough).unwrap_or(self.symbols);
        let mut place = || index::sample(rng, self.symbols, few).into_vec();
        let places: Vec<Vec<usize>> = (0..self.tokens).map(|_| place()).collect();
        let number = |drawn: usize| {
            let chosen = key(drawn, few, self.tokens);
            let tokens = places.iter().zip(chosen).map(|(tokens, chosen)| tokens[chosen as usize]);
            tokens.rev().fold(0, |number, token| number * self.symbols + token)
        };
        let drawn = index::sample(rng, different(few, self.tokens), needed);
        drawn.into_iter().map(number).collect()
    }

    /// Checks the share of close keys.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub(super) fn check(&self) -> Result<(), TaskError> {
        if (0.0..=1.0).contains(&self.close) {
            return Ok(());
        }
        Err(TaskError::option("data.close_keys", "a share from 0 to 1", self.close))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn close_keys_are_different_and_of_few_tokens() {
        let keys = Keys { symbols: 61, tokens: 4, close: 1.0 };
        for (needed, few) in [(1, 2), (8, 2), (9, 3), (512, 6), (1_000, 7)] {
            let drawn = keys.draw(needed, "data.keys", &mut ChaCha8Rng::seed_from_u64(3)).unwrap();
            assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), needed);
            for place in 0..4 {
                let tokens: HashSet<u32> =
                    drawn.iter().map(|&number| key(number, 61, 4)[place]).collect();
                assert!(tokens.len() <= few && tokens.iter().all(|&token| token < 61));
            }
        }
    }

    #[test]
    fn where_all_keys_are_needed_they_are_all_drawn() {
        let keys = Keys { symbols: 3, tokens: 2, close: 1.0 };
        let mut drawn = keys.draw(9, "data.keys", &mut ChaCha8Rng::seed_from_u64(0)).unwrap();
        drawn.sort_unstable();
        assert_eq!(drawn, (0..9).collect::<Vec<_>>());
    }
}
