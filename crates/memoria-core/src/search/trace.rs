//! Why a row was reminded of its engrams.

use serde::{Deserialize, Serialize};

use super::{Found, Lane, SearchWorkspace};
use crate::{
    EngramId, LongTermSearch, MemoriaConfig, engram::weight, graph::Connection, id::Member,
};

/// How one row's search reached the reminded engrams.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchTrace {
    /// All reminded engrams, in order of id.
    pub reached: Vec<Reached>,
}

impl SearchTrace {
    /// How an engram was reached; `None` if the row was not reminded of it.
    pub fn of(&self, id: EngramId) -> Option<&Reached> {
        let place = self.reached.binary_search_by_key(&id, |reached| reached.id).ok()?;
        Some(&self.reached[place])
    }
}

/// How a search reached an engram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// The engram.
    pub id: EngramId,
    /// The score that it is ranked by: the higher, the more similar. Comparable only within one row of one recall. For
    /// the mean of [`NegSquaredL2`](crate::Correlation::NegSquaredL2) it is −‖w̄ − e‖² with the mean w̄ of the query.
    /// Otherwise it is the logarithm of the sum of exp(−‖w − e‖²) over the query's vectors w, or the largest −‖w − e‖².
    /// `None` only in a history that contains no score: a search computes every score.
    pub score: Option<f64>,
    /// Where in the search it was reached first.
    pub stage: SearchStage,
    /// The engram that it was reached from, and the weight of that connection at the time: how often both had fired
    /// together, divided by how often that engram had fired. If several reached it in the same step, the one with the
    /// smallest id.
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
    /// A walk reached it in this step, from 1 on.
    Walk {
        /// The step.
        step: usize,
    },
    /// A walk started from it because it was drawn.
    Explored,
    /// Chosen by its score among all long-term engrams, and reached by no walk.
    Nearest,
    /// Drawn at random.
    Random,
}

/// A walker's arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(super) connection: Connection,
    /// 0 where a walk starts.
    pub(super) step: usize,
}

/// Adds the trace to `found`. The workspace contains the scores.
pub(super) fn note(lane: &mut Lane, config: &MemoriaConfig, found: &mut Found) {
    let Lane { row, workspace: SearchWorkspace { scores, arrivals, .. } } = lane;
    // An engram is visited in one step only, but several may reach it there.
    arrivals.sort_unstable_by_key(|Arrival { connection, .. }| (connection.to, connection.from));
    arrivals.dedup_by_key(|arrival| arrival.connection.to);
    let reached = |(place, (&member, &score)): (usize, (&Member, &f64))| {
        let is_short_term = place >= found.reminded_ltm().len();
        let arrival = arrivals.binary_search_by_key(&member, |arrival| arrival.connection.to).ok();
        let was_visited = || found.visited().binary_search(&member).is_ok();
        let via = |Connection { from, count, .. }: Connection| {
            Some((from.id, weight(count, row.fire_count(from.entry))))
        };
        let (stage, via) = match (arrival.map(|at| arrivals[at]), config.long_term_search) {
            _ if is_short_term => (SearchStage::ShortTerm, None),
            (Some(Arrival { connection, step: 0 }), _) => (SearchStage::WalkStart, via(connection)),
            (Some(Arrival { connection, step }), _) => {
                (SearchStage::Walk { step }, via(connection))
            }
            (None, LongTermSearch::Random) => (SearchStage::Random, None),
            (None, _) if was_visited() => (SearchStage::Explored, None),
            (None, _) => (SearchStage::Nearest, None),
        };
        Reached { id: member.id, score: Some(score), stage, via }
    };
    let reached = found.reminded().iter().zip(&*scores).enumerate().map(reached).collect();
    found.trace = Some(SearchTrace { reached });
}
