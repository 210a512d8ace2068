use serde::{Deserialize, Serialize};

use crate::MemoriaError;

/// How alike a working memory and an engram are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correlation {
    /// −‖w − e‖², as in version 1.1.0 of the Python package.
    #[default]
    NegSquaredL2,
    /// exp(−‖w − e‖²), the paper's. Ranked through its logarithm, so that distant engrams neither
    /// underflow nor tie.
    Gaussian,
}

/// Sizes and habits of a [`Memoria`](crate::Memoria).
///
/// The names are the Python package's; the symbols in brackets the paper's.
///
/// ```
/// use memoria_core::{Correlation, MemoriaConfig};
///
/// let config = MemoriaConfig::new(50, 400, 10, 9.0, 50).with_correlation(Correlation::Gaussian);
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoriaConfig {
    /// Short-term engrams reminded per step (Nˢᵗᵐ_rem).
    pub num_reminded_stm: usize,
    /// Short-term engrams a row keeps; older ones become long-term.
    pub stm_capacity: usize,
    /// Steps of the walk through long-term memory (N_depth).
    pub ltm_search_depth: usize,
    /// Lifespan of a new engram in steps; above 0 and finite.
    pub initial_lifespan: f32,
    /// Long-term engrams reminded per step, at most (Nˡᵗᵐ_rem).
    pub num_final_ltms: usize,
    /// How scores are computed.
    #[serde(default)]
    pub correlation: Correlation,
    /// Extra long-term engrams, drawn uniformly without replacement, that the walk starts from.
    #[serde(default)]
    pub ltm_exploration: usize,
    /// Seed of [`ltm_exploration`](Self::ltm_exploration)'s draws. The same seed gives the same
    /// memories on every backend.
    #[serde(default)]
    pub seed: u64,
}

impl MemoriaConfig {
    /// A configuration with [`Correlation::NegSquaredL2`] and no exploration.
    pub fn new(
        num_reminded_stm: usize,
        stm_capacity: usize,
        ltm_search_depth: usize,
        initial_lifespan: f32,
        num_final_ltms: usize,
    ) -> Self {
        Self {
            num_reminded_stm,
            stm_capacity,
            ltm_search_depth,
            initial_lifespan,
            num_final_ltms,
            correlation: Correlation::default(),
            ltm_exploration: 0,
            seed: 0,
        }
    }

    /// Sets the [correlation](Self::correlation).
    pub fn with_correlation(mut self, correlation: Correlation) -> Self {
        self.correlation = correlation;
        self
    }

    /// Sets [`ltm_exploration`](Self::ltm_exploration) and the [`seed`](Self::seed) it draws from.
    pub fn with_ltm_exploration(mut self, ltm_exploration: usize, seed: u64) -> Self {
        self.ltm_exploration = ltm_exploration;
        self.seed = seed;
        self
    }

    /// Checks that every value is in its range.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`] if [`initial_lifespan`](Self::initial_lifespan) is not above 0
    /// and finite.
    pub fn validate(&self) -> Result<(), MemoriaError> {
        if !(self.initial_lifespan.is_finite() && self.initial_lifespan > 0.0) {
            return Err(MemoriaError::InvalidConfig {
                field: "initial_lifespan",
                expected: "a finite number of steps above 0",
                got: self.initial_lifespan.to_string(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    fn a_lifespan_out_of_range_is_refused(
        #[values(0.0, -1.0, f32::NAN, f32::INFINITY)] lifespan: f32,
    ) {
        let error = MemoriaConfig::new(1, 1, 1, lifespan, 1).validate().unwrap_err();
        assert!(matches!(error, MemoriaError::InvalidConfig { field: "initial_lifespan", .. }));
    }

    #[test]
    fn counts_may_be_zero() {
        assert!(MemoriaConfig::new(0, 0, 0, f32::MIN_POSITIVE, 0).validate().is_ok());
    }

    #[test]
    fn serde_round_trip_and_defaults() {
        let config = MemoriaConfig::new(4, 16, 5, 3.0, 4).with_ltm_exploration(2, 7);
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<MemoriaConfig>(&text).unwrap(), config);
        let short = r#"{"num_reminded_stm":4,"stm_capacity":16,"ltm_search_depth":5,
            "initial_lifespan":3,"num_final_ltms":4}"#;
        let parsed: MemoriaConfig = serde_json::from_str(short).unwrap();
        assert_eq!(parsed, MemoriaConfig::new(4, 16, 5, 3.0, 4));
        assert!(
            serde_json::from_str::<MemoriaConfig>(&short.replace("stm_cap", "smt_cap")).is_err()
        );
    }
}
