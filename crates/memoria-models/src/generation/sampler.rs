//! The choice of a token by its logit.

use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::{GenerationConfig, descending::Descending};
use crate::ModelError;

/// Chooses the tokens of one row, by temperature, top-k, top-p and seed of a [`GenerationConfig`]: what
/// [`Gpt2LmHead::generate`](crate::Gpt2LmHead::generate) draws with, for models of one's own.
///
/// ```
/// use memoria_models::{GenerationConfig, Sampler};
///
/// # fn main() -> Result<(), memoria_models::ModelError> {
/// let config = GenerationConfig::new(1).with_temperature(0.8).with_top_k(2).with_seed(7);
/// let mut sampler = Sampler::new(&config, 0);
/// assert_ne!(sampler.choose(&[0.1, 2.5, 2.0])?, 0);
/// # Ok(()) } main().unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    row: usize,
    temperature: f64,
    top_k: usize,
    top_p: f64,
    rng: ChaCha8Rng,
}

impl Sampler {
    /// For a row of a batch; every row draws from a stream of its own. The configuration should be
    /// [valid](GenerationConfig::validate).
    pub fn new(config: &GenerationConfig, row: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rng.set_stream(row as u64);
        Self {
            row,
            temperature: config.temperature,
            top_k: config.top_k.unwrap_or(usize::MAX),
            top_p: config.top_p,
            rng,
        }
    }

    /// A token, by the logits of all of them. Costs the sorting of those that are drawn among.
    ///
    /// # Errors
    ///
    /// [`ModelError::InvalidLogit`] for a logit that is not a number or infinitely high, and if all are
    /// infinitely low.
    pub fn choose(&mut self, logits: &[f32]) -> Result<usize, ModelError> {
        let best = self.best(logits)?;
        if self.temperature == 0.0 {
            return Ok(best);
        }
        let (mut tokens, total) = self.candidates(logits, logits[best]);
        let mut left = self.rng.random::<f64>() * total;
        let mut chosen = best;
        for rank in 0.. {
            // If some is left after the last one, rounding has left it.
            let Some(token) = tokens.get(rank) else { break };
            chosen = token;
            left -= self.share(logits[token], logits[best]);
            if left < 0.0 {
                break;
            }
        }
        Ok(chosen)
    }

    /// The token with the highest logit, of equal ones the smallest.
    fn best(&self, logits: &[f32]) -> Result<usize, ModelError> {
        let refused = |token: usize| {
            let got = logits.get(token).copied().unwrap_or(f32::NAN);
            ModelError::InvalidLogit { row: self.row, token, got }
        };
        let mut best = 0;
        for (token, &logit) in logits.iter().enumerate() {
            if logit.is_nan() || logit == f32::INFINITY {
                return Err(refused(token));
            }
            if logit > logits[best] {
                best = token;
            }
        }
        match logits.get(best) {
            Some(&logit) if logit > f32::NEG_INFINITY => Ok(best),
            _ => Err(refused(best)),
        }
    }

    /// The tokens to draw among, the best first, and the sum of their shares, which need not be 1.
    fn candidates<'a>(&self, logits: &'a [f32], highest: f32) -> (Descending<'a>, f64) {
        let mut tokens = Descending::new(logits, self.top_k);
        let total: f64 = tokens.logits().map(|logit| self.share(logit, highest)).sum();
        if self.top_p == 1.0 {
            return (tokens, total);
        }
        let (mut count, mut sum) = (0, 0.0);
        while sum < self.top_p * total
            && let Some(token) = tokens.get(count)
        {
            sum += self.share(logits[token], highest);
            count += 1;
        }
        tokens.truncate(count);
        (tokens, sum)
    }

    /// How probable a token is, beside one with the highest logit, which has 1.
    fn share(&self, logit: f32, highest: f32) -> f64 {
        ((f64::from(logit) - f64::from(highest)) / self.temperature).exp()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// What transformers' logits processors come to.
    #[derive(Deserialize)]
    struct Distribution {
        logits: Vec<f32>,
        temperature: f64,
        top_k: Option<usize>,
        top_p: f64,
        probabilities: Vec<f64>,
    }

    #[derive(Deserialize)]
    struct Expected {
        distributions: Vec<Distribution>,
    }

    fn sampler(config: &GenerationConfig) -> Sampler {
        Sampler::new(config, 0)
    }

    #[test]
    fn tokens_have_the_probabilities_that_transformers_gives_them() {
        let expected = include_str!("../../tests/data/generation.json");
        let Expected { distributions } = serde_json::from_str(expected).unwrap();
        assert_eq!(distributions.len(), 10);
        for expected in distributions {
            let config = GenerationConfig {
                temperature: expected.temperature,
                top_k: expected.top_k,
                top_p: expected.top_p,
                ..GenerationConfig::default()
            };
            let sampler = sampler(&config);
            let best = sampler.best(&expected.logits).unwrap();
            let highest = expected.logits[best];
            let (mut tokens, total) = sampler.candidates(&expected.logits, highest);
            let mut probabilities = vec![0.0; expected.logits.len()];
            for token in (0..).map_while(|rank| tokens.get(rank)) {
                probabilities[token] = sampler.share(expected.logits[token], highest) / total;
            }
            for (got, expected) in probabilities.iter().zip(&expected.probabilities) {
                assert!(
                    (got - expected).abs() < 1e-6,
                    "{got} instead of {expected} with {config:?}"
                );
            }
        }
    }

    #[test]
    fn draws_are_as_frequent_as_probable() {
        let config = GenerationConfig::new(1).with_temperature(1.0).with_top_k(3).with_seed(3);
        let mut sampler = sampler(&config);
        let logits = [1.0f32, 5.0, 3.0, 2.0, 4.0].map(|share: f32| share.ln());
        let mut drawn = [0; 5];
        for _ in 0..12_000 {
            drawn[sampler.choose(&logits).unwrap()] += 1;
        }
        for (drawn, expected) in drawn.into_iter().zip([0, 5_000, 3_000, 0, 4_000]) {
            assert!(i32::abs(drawn - expected) < 200, "{drawn} instead of {expected}");
        }
    }

    #[test]
    fn the_same_seed_and_row_draw_the_same() {
        let logits: Vec<f32> = (0..50).map(|token| (token as f32).sin()).collect();
        let draws = |seed, row| {
            let config = GenerationConfig::new(1).with_temperature(1.0).with_seed(seed);
            let mut sampler = Sampler::new(&config, row);
            (0..20).map(|_| sampler.choose(&logits).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1, 0), draws(1, 0));
        assert_ne!(draws(1, 0), draws(1, 1));
        assert_ne!(draws(1, 0), draws(2, 0));
    }

    #[test]
    fn of_equal_logits_the_smaller_token_is_the_best() {
        let mut greedy = sampler(&GenerationConfig::new(1));
        assert_eq!(greedy.choose(&[0.0, 2.0, 1.0, 2.0]).unwrap(), 1);
        let config = GenerationConfig::new(1).with_temperature(1.0).with_top_k(1);
        assert_eq!(sampler(&config).choose(&[0.0, 2.0, 1.0, 2.0]).unwrap(), 1);
    }

    #[test]
    fn extreme_logits_and_temperatures_overflow_nothing() {
        let logits = [f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::MAX / 2.0];
        for temperature in [0.0, f64::MIN_POSITIVE, 1e-300, 1.0] {
            let config = GenerationConfig::new(1).with_temperature(temperature).with_top_p(0.9);
            assert_eq!(sampler(&config).choose(&logits).unwrap(), 1, "{temperature}");
        }
        let config = GenerationConfig::new(1).with_temperature(f64::MAX);
        let mut hot = sampler(&config);
        for _ in 0..100 {
            assert_ne!(hot.choose(&logits).unwrap(), 0);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let mut greedy = Sampler::new(&GenerationConfig::new(1), 3);
        for (logits, at) in
            [([0.0, f32::NAN, 1.0], 1), ([0.0, 1.0, f32::INFINITY], 2), ([f32::NEG_INFINITY; 3], 0)]
        {
            let error = greedy.choose(&logits).unwrap_err();
            let is_it =
                matches!(error, ModelError::InvalidLogit { row: 3, token, .. } if token == at);
            assert!(is_it, "{error}");
        }
    }
}
