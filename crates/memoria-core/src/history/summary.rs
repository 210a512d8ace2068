use serde::{Deserialize, Serialize};

use crate::{
    EngramCounts, EngramKind,
    history::{events::gains_of, record::Record, row_history::RowHistory, walk::Walk},
};

/// What a step came to in one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepSummary {
    /// The step.
    pub step: u64,
    /// Engrams that were made.
    pub born: usize,
    /// Reminds in which engrams fired.
    pub reminds: usize,
    /// Engrams that fired, one that fired in several reminds counted as often.
    pub fired: usize,
    /// Those of them that were reminded.
    pub reminded: usize,
    /// What all gained together, in steps.
    pub lifespan_gain: f64,
    /// Engrams that became short-term, those included that became long-term with it or died.
    pub became_short_term: usize,
    /// Engrams that became long-term, those included that died.
    pub became_long_term: usize,
    /// Engrams that had nothing left to live.
    pub forgotten: usize,
    /// Times that the row was emptied.
    pub resets: usize,
    /// Engrams that were in it.
    pub emptied: usize,
    /// Who lived at the end of the step.
    pub alive: EngramCounts,
}

/// See [`RowHistory::summaries`].
pub(super) struct Summaries<'a> {
    walk: Walk<'a>,
    alive: EngramCounts,
}

impl<'a> Summaries<'a> {
    pub(super) fn new(history: &'a RowHistory) -> Self {
        let mut alive = EngramCounts::default();
        for engram in &history.beginning.engrams {
            match engram.kind {
                EngramKind::Working => alive.working += 1,
                EngramKind::ShortTerm => alive.short_term += 1,
                EngramKind::LongTerm => alive.long_term += 1,
            }
        }
        Self { walk: Walk::new(history), alive }
    }
}

impl Iterator for Summaries<'_> {
    type Item = StepSummary;

    fn next(&mut self) -> Option<StepSummary> {
        let mut summary = StepSummary::default();
        loop {
            match self.walk.next_sound()? {
                Record::Born { count, .. } => {
                    summary.born += count as usize;
                    self.alive.working += count as usize;
                }
                Record::Fired { reminded } => {
                    summary.reminds += 1;
                    summary.reminded += reminded.len();
                    summary.fired += reminded.len() + self.walk.working_len();
                }
                Record::Reset { emptied } => {
                    summary.resets += 1;
                    summary.emptied += emptied.len();
                    self.alive = EngramCounts::default();
                }
                Record::Adjusted { gains, promoted, died } => {
                    let gains = gains_of(&gains, &self.walk);
                    summary.lifespan_gain =
                        gains.iter().fold(0.0, |sum, gain| sum + f64::from(gain.1));
                    summary.became_short_term = self.alive.working;
                    summary.became_long_term = promoted.len();
                    summary.forgotten = died.len();
                    let alive = &mut self.alive;
                    alive.short_term += core::mem::take(&mut alive.working);
                    alive.short_term -= promoted.len();
                    alive.long_term += promoted.len();
                    let long_term_below = self.walk.after().long_term_below;
                    let long_term = died.iter().filter(|id| id.0 < long_term_below).count();
                    alive.long_term -= long_term;
                    alive.short_term -= died.len() - long_term;
                    summary.step = self.walk.step();
                    summary.alive = *alive;
                    return Some(summary);
                }
            }
        }
    }
}
