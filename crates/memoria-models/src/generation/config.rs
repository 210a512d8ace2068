use serde::{Deserialize, Serialize};

use crate::{ModelError, fields::invalid};

/// How [`Gpt2LmHead::generate`](crate::Gpt2LmHead::generate) chooses tokens, and when it ends.
///
/// ```
/// use memoria_models::GenerationConfig;
///
/// let config = GenerationConfig::new(100).with_temperature(0.8).with_top_p(0.95).with_seed(7);
/// assert!(config.validate(50_257, 1024).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerationConfig {
    /// Tokens to generate per row, at most. Default: 20
    pub max_new_tokens: usize,
    /// Divisor of the logits before tokens are drawn; 0 to take the token with the highest logit (of equal ones, the
    /// smaller token). Default: 0
    pub temperature: f64,
    /// Draws only among this number of tokens, those with the highest logits. Default: all
    pub top_k: Option<usize>,
    /// Draws among the most probable tokens only: as few as have this probability together, after
    /// `top_k`. Default: 1, all
    pub top_p: f64,
    /// Seed of the draws. The same seed gives the same draws; each row has its own. Default: 0
    pub seed: u64,
    /// Tokens that end a row; they are part of it. Default: none
    pub stop_tokens: Vec<i64>,
    /// Tokens of a segment; the model's positions if not given. With a memory, use the length of the training.
    pub segment_len: Option<usize>,
    /// Whether keys and values of a segment's tokens are kept. Otherwise every token of the segment is
    /// read again for each new one: to compare with, at a cost. Default: true
    pub use_cache: bool,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            max_new_tokens: 20,
            temperature: 0.0,
            top_k: None,
            top_p: 1.0,
            seed: 0,
            stop_tokens: Vec::new(),
            segment_len: None,
            use_cache: true,
        }
    }
}

impl GenerationConfig {
    /// This number of tokens per row, each the one with the highest logit.
    pub fn new(max_new_tokens: usize) -> Self {
        Self { max_new_tokens, ..Self::default() }
    }

    /// Sets [`temperature`](Self::temperature).
    pub fn with_temperature(mut self, temperature: f64) -> Self {
        self.temperature = temperature;
        self
    }

    /// Sets [`top_k`](Self::top_k).
    pub fn with_top_k(mut self, top_k: usize) -> Self {
        self.top_k = Some(top_k);
        self
    }

    /// Sets [`top_p`](Self::top_p).
    pub fn with_top_p(mut self, top_p: f64) -> Self {
        self.top_p = top_p;
        self
    }

    /// Sets [`seed`](Self::seed).
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets [`stop_tokens`](Self::stop_tokens).
    pub fn with_stop_tokens(mut self, stop_tokens: impl IntoIterator<Item = i64>) -> Self {
        self.stop_tokens = stop_tokens.into_iter().collect();
        self
    }

    /// Sets [`segment_len`](Self::segment_len).
    pub fn with_segment_len(mut self, segment_len: usize) -> Self {
        self.segment_len = Some(segment_len);
        self
    }

    /// Sets [`use_cache`](Self::use_cache).
    pub fn with_use_cache(mut self, use_cache: bool) -> Self {
        self.use_cache = use_cache;
        self
    }

    /// Checks that every value is in its range, for a model of these sizes.
    ///
    /// # Errors
    ///
    /// [`ModelError::InvalidField`].
    pub fn validate(&self, vocab_size: usize, n_positions: usize) -> Result<(), ModelError> {
        if self.max_new_tokens == 0 {
            return Err(invalid("max_new_tokens", "above 0", self.max_new_tokens));
        }
        if !(self.temperature.is_finite() && self.temperature >= 0.0) {
            let expected = "0, which takes the best token, or a finite number above";
            return Err(invalid("temperature", expected, self.temperature));
        }
        if self.top_k == Some(0) {
            return Err(invalid("top_k", "above 0, or not given", 0));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(invalid("top_p", "above 0 and at most 1", self.top_p));
        }
        let in_vocabulary = |&token: &i64| usize::try_from(token).is_ok_and(|id| id < vocab_size);
        if let Some(&token) = self.stop_tokens.iter().find(|token| !in_vocabulary(token)) {
            let expected = format!("0 or more and below the vocabulary's size {vocab_size}");
            return Err(invalid("stop_tokens", expected, token));
        }
        match self.segment_len {
            Some(len) if len == 0 || len > n_positions => {
                let expected = format!("above 0 and at most the model's {n_positions} positions");
                Err(invalid("segment_len", expected, len))
            }
            _ => Ok(()),
        }
    }
}
