//! How a row is searched: from a query to the engrams that the row is reminded of.
//!
//! A [`Search`] goes through stages. A stage may *ask* for the scores of some candidates; it is *answered* with
//! them, or with nothing if it did not ask. Where scores come from, and when, is not the search's concern: on
//! the host they are there at once, on a device the stages of all rows are read together.
//!
//! | stage | candidates | asks | chooses |
//! |---|---|---|---|
//! | [`short_term`] | the row's short-term engrams | by `Nearest`, if there are more than wanted | the reminded short-term ones |
//! | [`long_term`] | what a [`walk`] from those visited, or all long-term engrams | if there are more than wanted and they are not drawn | the reminded long-term ones |
//! | [`trace`] | everything that was chosen | if the search is traced | nothing; notes the scores |
//!
//! A new way of searching is a variant of [`ShortTermSearch`](crate::ShortTermSearch) or
//! [`LongTermSearch`](crate::LongTermSearch), its arms in the file of its stage, and the same once more in the slow
//! reference.

mod candidates;
pub(crate) mod draw;
mod found;
mod lane;
mod long_term;
pub(crate) mod ranking;
mod short_term;
mod trace;
mod walk;
mod workspace;

pub(crate) use candidates::Candidates;
pub(crate) use found::Found;
pub use found::Stages;
pub(crate) use lane::Lane;
pub use trace::{Reached, SearchStage, SearchTrace};
pub(crate) use workspace::SearchWorkspace;

use crate::MemoriaConfig;

/// The search of one row on its way.
#[derive(Debug)]
pub(crate) struct Search {
    stage: Stage,
    /// What the stage asks.
    pub(crate) ask: Option<Ask>,
    pub(crate) answer: Answer,
    is_traced: bool,
    pub(crate) found: Found,
}

/// The stage that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    ShortTerm,
    LongTerm,
    Trace,
    Done,
}

/// A question for the scores of the workspace's candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Of short-term engrams, of which so many are to be chosen: the others' scores need only be lower.
    ShortTerm(usize),
    /// Of the candidates.
    Candidates,
    /// Of so many long-term engrams with the highest scores, and of what a walk visited: these are to be listed
    /// as candidates, with others or without.
    Nearest(usize),
}

/// What the workspace tells of the candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing: it was not asked.
    Nothing,
    /// Their scores.
    Scores,
    /// Which are certainly chosen, and the scores of those that may be.
    Pruned,
}

impl Search {
    /// Lists the short-term engrams that are candidates. If an adjustment of the row `is_due`, those that it
    /// will have after it; some of them may die in it.
    pub(crate) fn begin(
        lane: &mut Lane,
        config: &MemoriaConfig,
        is_traced: bool,
        is_due: bool,
    ) -> Self {
        let ask = short_term::list(lane, config, is_due);
        let (stage, answer, found) = (Stage::ShortTerm, Answer::Nothing, Found::default());
        Self { stage, ask, answer, is_traced, found }
    }

    /// Goes through the next stage, with the answer to what it asked. Whether everything is found then.
    pub(crate) fn go_on(&mut self, lane: &mut Lane, config: &MemoriaConfig) -> bool {
        let Self { stage, ask, answer, is_traced, found } = self;
        let answer = core::mem::replace(answer, Answer::Nothing);
        (*stage, *ask) = match *stage {
            Stage::ShortTerm => {
                short_term::choose(lane, answer, config);
                (Stage::LongTerm, long_term::find(lane, config, *is_traced, found))
            }
            Stage::LongTerm => {
                long_term::choose(lane, answer, config, found);
                found.conclude(&lane.workspace.chosen, lane.row.working());
                if *is_traced && !found.reminded().is_empty() {
                    let reminded = found.reminded().iter().copied();
                    lane.workspace.candidates.list(&lane.row, reminded);
                    (Stage::Trace, Some(Ask::Candidates))
                } else {
                    (Stage::Done, None)
                }
            }
            Stage::Trace => {
                trace::note(lane, config, found);
                (Stage::Done, None)
            }
            Stage::Done => (Stage::Done, None),
        };
        *stage == Stage::Done
    }
}
