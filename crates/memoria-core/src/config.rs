mod presets;

use serde::{Deserialize, Serialize};

use crate::{MemoriaError, store::Metric};

/// How the similarity of an engram and a vector of the query is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correlation {
    /// −‖w − e‖², as in version 1.1.0 of the Python package.
    #[default]
    NegSquaredL2,
    /// exp(−‖w − e‖²), as in the paper. Ranked by its logarithm, so that distant engrams neither underflow nor tie.
    Gaussian,
}

/// How the `num_reminded_stm` short-term engrams that a row is reminded of are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShortTermSearch {
    /// Those with the highest scores, as in the paper. Costs a comparison with every short-term vector.
    #[default]
    Nearest,
    /// The youngest: a first-in, first-out memory. Reads no vector.
    Newest,
    /// Those drawn uniformly, without replacement, from the [seed](MemoriaConfig::seed). Reads no vector.
    Random,
    /// None. A walk then starts only from [exploration](MemoriaConfig::ltm_exploration).
    None,
}

/// How the long-term engrams that a row is reminded of, at most `num_final_ltms`, are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LongTermSearch {
    /// Those with the highest scores among the engrams that a walk along the strongest connections visits, as in the
    /// paper. Costs a lookup of connections and a comparison with the vector for every visited engram.
    #[default]
    Walk,
    /// Those with the highest scores of all, without the graph. Exact, unless
    /// [`long_term_probes`](MemoriaConfig::long_term_probes) is above 0. Costs a comparison with every long-term vector
    /// of the row.
    Nearest,
    /// Half of them, rounded up, are chosen as by [`Walk`](Self::Walk), the others as by [`Nearest`](Self::Nearest)
    /// among the engrams not chosen yet. If the walk finds less than its half, `Nearest` fills the rest. Costs both.
    WalkAndNearest,
    /// Those drawn uniformly, without replacement, from the [seed](MemoriaConfig::seed). Reads no vector.
    Random,
    /// None. Nothing is searched.
    None,
}

/// Which engrams a remind connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wiring {
    /// Those that fire together, as in the paper.
    #[default]
    CoFiring,
    /// The working ones and, in place of every reminded one, a random engram of its kind: as many connections, without
    /// information. A control to measure the value of the graph. A history contains the engrams that fired, not those
    /// connected at random.
    Random,
}

/// How an engram's correlations with several vectors of a query become one score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean, as in the paper: close to all of them.
    #[default]
    Mean,
    /// The largest: close to any of them.
    Max,
}

/// Settings of a [`Memoria`](crate::Memoria).
///
/// The names are the Python package's, the symbols in brackets the paper's. Start with [`small`](Self::small) or
/// [`base`](Self::base) for a model that learns what to be reminded of, or with the paper's values for a task
/// ([`paper_wikitext103`](Self::paper_wikitext103), …). Then change single fields:
///
/// ```
/// use memoria_core::{Correlation, MemoriaConfig};
///
/// let config = MemoriaConfig::small().with_num_reminded_stm(2).with_initial_lifespan(500.0);
/// assert!(config.validate().is_ok());
/// let paper = MemoriaConfig::paper_enwik8().with_correlation(Correlation::Gaussian);
/// assert!(paper.validate().is_ok());
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
    /// How the similarity of an engram and a vector of the query is computed.
    #[serde(default)]
    pub correlation: Correlation,
    /// Extra long-term engrams, drawn uniformly without replacement, that a walk starts from.
    #[serde(default)]
    pub ltm_exploration: usize,
    /// Seed of all draws. Each kind of draw and each remind of a row has its own stream. The same seed gives the same
    /// memories on every backend, in every batch.
    #[serde(default)]
    pub seed: u64,
    /// How short-term engrams are chosen.
    #[serde(default)]
    pub short_term_search: ShortTermSearch,
    /// How long-term engrams are chosen.
    #[serde(default)]
    pub long_term_search: LongTermSearch,
    /// How many cells of similar vectors a search by [`LongTermSearch::Nearest`] or [`LongTermSearch::WalkAndNearest`]
    /// reads. With 0 it reads all vectors, and the result is exact. On a device it always reads all vectors.
    ///
    /// Above 0, a row has cells from 8,192 long-term engrams on. A search then compares the query with the centres of
    /// all cells, and with the vectors of this many cells, the nearest ones. A new engram is compared with codes of the
    /// centres of all cells. An engram near the border of a cell may be missed. How many are missed depends on the
    /// vectors: `cargo bench --bench scale -- --searches cells` measures it.
    ///
    /// A cell has up to about 1,024 vectors. Cells are split as the memory grows and dissolved as it forgets. The cell
    /// of a vector depends only on what happened in the row, and is part of a snapshot: a restored memory finds what
    /// the saved one would have found. [`set_long_term_probes`](crate::Memoria::set_long_term_probes) changes the
    /// number of cells that are read.
    #[serde(default)]
    pub long_term_probes: usize,
    /// Which engrams are connected.
    #[serde(default)]
    pub wiring: Wiring,
    /// How an engram's correlations with several vectors of a query become one score.
    #[serde(default)]
    pub pooling: Pooling,
}

impl MemoriaConfig {
    /// A configuration that searches as the paper does, with [`Correlation::NegSquaredL2`] and no
    /// exploration.
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
            short_term_search: ShortTermSearch::default(),
            long_term_search: LongTermSearch::default(),
            long_term_probes: 0,
            wiring: Wiring::default(),
            pooling: Pooling::default(),
        }
    }

    /// Sets [`ltm_exploration`](Self::ltm_exploration) and the [`seed`](Self::seed) it draws from.
    pub fn with_ltm_exploration(mut self, ltm_exploration: usize, seed: u64) -> Self {
        self.ltm_exploration = ltm_exploration;
        self.seed = seed;
        self
    }

    /// Whether rows with many long-term engrams keep their vectors in cells of similar ones.
    pub(crate) fn keeps_cells(&self) -> bool {
        let search = self.long_term_search;
        let is_nearest = matches!(search, LongTermSearch::Nearest | LongTermSearch::WalkAndNearest);
        is_nearest && self.long_term_probes > 0 && self.num_final_ltms > 0
    }

    /// How scores are computed.
    pub(crate) fn metric(&self) -> Metric {
        Metric { correlation: self.correlation, pooling: self.pooling }
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

/// Functions that set one field each.
macro_rules! setters {
    ($($(#[$doc:meta])* $setter:ident($field:ident = $value:ident: $type:ty);)*) => {
        impl MemoriaConfig {
            $($(#[$doc])*
            pub fn $setter(mut self, $value: $type) -> Self {
                self.$field = $value;
                self
            })*
        }
    };
}

setters! {
    /// Sets [how many short-term engrams](Self::num_reminded_stm) are reminded.
    with_num_reminded_stm(num_reminded_stm = num_reminded_stm: usize);
    /// Sets [how many short-term engrams](Self::stm_capacity) there are.
    with_stm_capacity(stm_capacity = stm_capacity: usize);
    /// Sets [how many steps a walk takes](Self::ltm_search_depth).
    with_ltm_search_depth(ltm_search_depth = ltm_search_depth: usize);
    /// Sets the [lifespan](Self::initial_lifespan) of new engrams, in steps.
    with_initial_lifespan(initial_lifespan = initial_lifespan: f32);
    /// Sets [how many long-term engrams](Self::num_final_ltms) are reminded.
    with_num_final_ltms(num_final_ltms = num_final_ltms: usize);
    /// Sets the [correlation](Self::correlation).
    with_correlation(correlation = correlation: Correlation);
    /// Sets the [seed](Self::seed) of all draws.
    with_seed(seed = seed: u64);
    /// Sets [how short-term engrams are chosen](Self::short_term_search).
    with_short_term_search(short_term_search = search: ShortTermSearch);
    /// Sets [how long-term engrams are chosen](Self::long_term_search).
    with_long_term_search(long_term_search = search: LongTermSearch);
    /// Sets [how many cells are read](Self::long_term_probes).
    with_long_term_probes(long_term_probes = probes: usize);
    /// Sets [which engrams are connected](Self::wiring).
    with_wiring(wiring = wiring: Wiring);
    /// Sets the [pooling](Self::pooling).
    with_pooling(pooling = pooling: Pooling);
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
        let config = MemoriaConfig::new(4, 16, 5, 3.0, 4)
            .with_ltm_exploration(2, 7)
            .with_short_term_search(ShortTermSearch::Newest)
            .with_long_term_search(LongTermSearch::WalkAndNearest)
            .with_long_term_probes(5)
            .with_wiring(Wiring::Random)
            .with_pooling(Pooling::Max);
        let text = serde_json::to_string(&config).unwrap();
        assert!(
            text.contains(
                r#""long_term_search":"walk_and_nearest","long_term_probes":5,"wiring":"random""#
            ),
            "{text}"
        );
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
