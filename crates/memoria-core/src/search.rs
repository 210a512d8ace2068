//! The search of a row: from a query to the reminded engrams.
//!
//! A [`Search`] goes through stages. A stage may *ask* for the scores of some candidates. The *answer* is these scores,
//! or nothing if it did not ask. The search does not depend on where scores come from and when: on the host they are
//! available at once, on a device the stages of all rows are read together.
//!
//! | stage | candidates | asks | chooses |
//! |---|---|---|---|
//! | [`short_term`] | the row's short-term engrams | by `Nearest`, if there are more than wanted | the reminded short-term ones |
//! | [`long_term`] | the engrams visited by a [`walk`] from those, or all long-term engrams | if there are more than wanted and they are not drawn | the reminded long-term ones |
//! | [`trace`] | all chosen engrams | if the search is traced | nothing; records the scores |
//!
//! A new search is a variant of [`ShortTermSearch`](crate::ShortTermSearch) or
//! [`LongTermSearch`](crate::LongTermSearch), with arms in the file of its stage and in the slow reference.

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

/// The search of one row in progress.
#[derive(Debug)]
pub(crate) struct Search {
    stage: Stage,
    /// What the stage asks for.
    pub(crate) ask: Option<Ask>,
    pub(crate) answer: Answer,
    is_traced: bool,
    pub(crate) found: Found,
}

/// The next stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    ShortTerm,
    LongTerm,
    Trace,
    Done,
}

/// A request for the scores of the workspace's candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Short-term engrams, of which this many are to be chosen: the scores of the others need only be lower.
    ShortTerm(usize),
    /// The candidates.
    Candidates,
    /// This many long-term engrams with the highest scores, and those that a walk visited. The store lists them as
    /// candidates, possibly with others.
    Nearest(usize),
}

/// What the workspace contains about the candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing: the stage did not ask.
    Nothing,
    /// Their scores.
    Scores,
    /// Which of them are certainly chosen, and the scores of those that may be.
    Pruned,
}

impl Search {
    /// Lists the short-term engrams that are candidates. If an adjustment of the row `is_due`, they are those that the
    /// row will have after it; some of them may die in it.
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

    /// Goes through the next stage, with the answer to its request. Returns whether the search is complete.
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
