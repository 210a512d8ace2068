//! Why a row was reminded of what it was reminded of.

use serde::{Deserialize, Serialize};

use crate::EngramId;

/// How one row's search came to what the row is reminded of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchTrace {
    /// Everything that the row is reminded of, in order of id.
    pub reached: Vec<Reached>,
}

/// How a search came to an engram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// The engram.
    pub id: EngramId,
    /// What it is ranked by, the higher the more alike; comparable within one row of one remind only. `None` if
    /// it was not compared.
    pub score: Option<f64>,
    /// Where in the search it was reached first.
    pub stage: SearchStage,
    /// The engram that it was reached from, and the weight of that connection at the time: how often both
    /// had fired together, by how often that one had fired.
    pub via: Option<(EngramId, f32)>,
}

/// Where in a search an engram was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchStage {
    /// Chosen among the short-term engrams.
    ShortTerm,
    /// A walk started from it, by its connection with a reminded short-term engram.
    WalkStart,
    /// A walk came to it in this step, from 1 on.
    Walk {
        /// Which step.
        step: usize,
    },
    /// A walk started from it because it was drawn.
    Explored,
    /// Chosen among all long-term engrams by its score, and by no walk.
    Nearest,
    /// Drawn.
    Random,
}
