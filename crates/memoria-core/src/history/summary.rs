use serde::{Deserialize, Serialize};

use crate::{
    EngramCounts, EngramKind,
    history::{event::Event, row_history::RowHistory, walk::Walk},
};

/// The figures of one step of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepSummary {
    /// The step.
    pub step: u64,
    /// Engrams that were made.
    pub born: usize,
    /// Reminds in which engrams fired.
    pub reminds: usize,
    /// Engrams that fired; one that fired in several reminds counts each time.
    pub fired: usize,
    /// Those of them that were reminded.
    pub reminded: usize,
    /// The sum of all gains, in steps.
    pub lifespan_gain: f64,
    /// Engrams that became short-term, including those that became long-term or died at the same time.
    pub became_short_term: usize,
    /// Engrams that became long-term, including those that died at the same time.
    pub became_long_term: usize,
    /// Engrams that had no lifespan left.
    pub forgotten: usize,
    /// How often the row was emptied.
    pub resets: usize,
    /// Engrams that were in it then.
    pub emptied: usize,
    /// The living engrams at the end of the step.
    pub alive: EngramCounts,
}

impl RowHistory {
    /// A summary of each step, in order.
    pub fn summaries(&self) -> impl Iterator<Item = StepSummary> {
        let mut walk = Walk::new(self);
        let mut alive = EngramCounts::of(&self.beginning.engrams);
        let mut long_term_below = self.beginning.at.long_term_below;
        let mut summary = StepSummary::default();
        core::iter::from_fn(move || {
            loop {
                let (step, event) = walk.next_sound()?;
                match event {
                    Event::Born { engrams, .. } => {
                        let count = (engrams.end - engrams.start) as usize;
                        summary.born += count;
                        alive.working += count;
                    }
                    Event::Fired(fired) => {
                        summary.reminds += 1;
                        summary.reminded += fired.reminded;
                        summary.fired += fired.members.len();
                    }
                    Event::Searched(_) => {}
                    Event::Gained(gains) => {
                        let gains = gains.iter().map(|gain| f64::from(gain.1));
                        summary.lifespan_gain = gains.fold(0.0, |sum, gain| sum + gain);
                    }
                    Event::Promoted { to: EngramKind::LongTerm, engrams } => {
                        summary.became_long_term = engrams.len();
                        alive.short_term -= engrams.len();
                        alive.long_term += engrams.len();
                        long_term_below = engrams.last().map_or(long_term_below, |last| last.0 + 1);
                    }
                    Event::Promoted { engrams, .. } => {
                        summary.became_short_term = engrams.len();
                        alive.short_term += core::mem::take(&mut alive.working);
                    }
                    Event::Died(engrams) => {
                        summary.forgotten = engrams.len();
                        let long_term = engrams.partition_point(|id| id.0 < long_term_below);
                        alive.long_term -= long_term;
                        alive.short_term -= engrams.len() - long_term;
                    }
                    Event::Reset(engrams) => {
                        summary.resets += 1;
                        summary.emptied += engrams.len();
                        alive = EngramCounts::default();
                    }
                    Event::Ended => {
                        (summary.step, summary.alive) = (step, alive);
                        return Some(core::mem::take(&mut summary));
                    }
                }
            }
        })
    }
}
