use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{
    Engram, EngramId, EngramKind,
    history::{
        record::{Gains, Ids, Record},
        row_history::RowHistory,
        walk::Walk,
    },
};

/// Something that happened in a row. Lists of engrams are in order of id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HistoryEvent {
    /// The recording began.
    Began {
        /// The present step.
        step: u64,
        /// Who lived.
        engrams: Vec<Engram>,
    },
    /// Working engrams were made.
    Born {
        /// The present step.
        step: u64,
        /// Who.
        engrams: Vec<EngramId>,
        /// What they have to live, in steps.
        lifespan: f32,
    },
    /// Engrams fired together: any two of them are connected the more strongly by it.
    Fired {
        /// The present step.
        step: u64,
        /// Working engrams.
        working: Vec<EngramId>,
        /// Short-term engrams that they reminded of.
        short_term: Vec<EngramId>,
        /// Long-term engrams that they reminded of.
        long_term: Vec<EngramId>,
    },
    /// Reminded engrams gained lifespan. Not told where all gain nothing.
    Gained {
        /// The present step.
        step: u64,
        /// Who.
        engrams: Vec<EngramId>,
        /// What each gained, in steps.
        gains: Vec<f32>,
    },
    /// Engrams moved on to short-term or long-term memory, at the end of the step.
    Promoted {
        /// The present step.
        step: u64,
        /// Where to.
        to: EngramKind,
        /// Who.
        engrams: Vec<EngramId>,
    },
    /// Engrams had nothing left to live and were forgotten, at the end of the step.
    Died {
        /// The present step.
        step: u64,
        /// Who.
        engrams: Vec<EngramId>,
    },
    /// The row was emptied.
    Reset {
        /// The present step.
        step: u64,
        /// Who lived until then.
        engrams: Vec<EngramId>,
    },
    /// All engrams are a step older: the step has ended. The next event belongs to the next step.
    Ended {
        /// The step.
        step: u64,
    },
}

impl HistoryEvent {
    /// The step in which it happened.
    pub fn step(&self) -> u64 {
        match self {
            Self::Began { step, .. }
            | Self::Born { step, .. }
            | Self::Fired { step, .. }
            | Self::Gained { step, .. }
            | Self::Promoted { step, .. }
            | Self::Died { step, .. }
            | Self::Reset { step, .. }
            | Self::Ended { step } => *step,
        }
    }
}

/// That an engram fired, and what it had of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Firing {
    /// The step.
    pub step: u64,
    /// The engram.
    pub engram: EngramId,
    /// What it fired as: working engrams fire by themselves, others because they were reminded.
    pub kind: EngramKind,
    /// Steps of life that it gained: 0 for working engrams, and as long as the step has not ended.
    pub lifespan_gain: f32,
}

/// How things were at the beginning.
pub(super) fn began(history: &RowHistory) -> [HistoryEvent; 1] {
    let beginning = &history.beginning;
    [HistoryEvent::Began { step: beginning.at.step, engrams: beginning.engrams.clone() }]
}

/// What a walk comes by.
pub(super) struct Events<'a> {
    walk: Walk<'a>,
    /// A record may tell of several events.
    waiting: VecDeque<HistoryEvent>,
}

impl<'a> Events<'a> {
    pub(super) fn new(walk: Walk<'a>) -> Self {
        Self { walk, waiting: VecDeque::new() }
    }

    fn tell(&mut self, record: &Record<'a>) {
        let step = self.walk.step();
        let all = |ids: Ids<'_>| ids.iter().collect::<Vec<_>>();
        match *record {
            Record::Born { first, count, lifespan } => {
                let engrams = (first.0..first.0 + count).map(EngramId).collect();
                self.waiting.push_back(HistoryEvent::Born { step, engrams, lifespan });
            }
            Record::Fired { reminded } => {
                let long_term_below = self.walk.before().long_term_below;
                let (long_term, short_term) =
                    reminded.iter().partition(|id| id.0 < long_term_below);
                let working = self.walk.working().collect();
                let fired = HistoryEvent::Fired { step, working, short_term, long_term };
                self.waiting.push_back(fired);
            }
            Record::Reset { emptied } => {
                self.waiting.push_back(HistoryEvent::Reset { step, engrams: all(emptied) });
            }
            Record::Adjusted { gains, promoted, died } => {
                let gained = gains_of(&gains, &self.walk);
                if !gained.is_empty() {
                    let (engrams, gains) = gained.into_iter().unzip();
                    self.waiting.push_back(HistoryEvent::Gained { step, engrams, gains });
                }
                let moves = [
                    (EngramKind::ShortTerm, self.walk.working().collect()),
                    (EngramKind::LongTerm, all(promoted)),
                ];
                for (to, engrams) in moves {
                    if !engrams.is_empty() {
                        self.waiting.push_back(HistoryEvent::Promoted { step, to, engrams });
                    }
                }
                if died.len() > 0 {
                    self.waiting.push_back(HistoryEvent::Died { step, engrams: all(died) });
                }
                self.waiting.push_back(HistoryEvent::Ended { step });
            }
        }
    }
}

impl Iterator for Events<'_> {
    type Item = HistoryEvent;

    fn next(&mut self) -> Option<HistoryEvent> {
        if self.waiting.is_empty() {
            let record = self.walk.next_sound()?;
            self.tell(&record);
        }
        self.waiting.pop_front()
    }
}

/// Who gains what by the record that was read last.
pub(super) fn gains_of(gains: &Gains<'_>, walk: &Walk<'_>) -> Vec<(EngramId, f32)> {
    match *gains {
        Gains::None => Vec::new(),
        Gains::OfLastFiring(gains) => {
            walk.fired().unwrap_or_default().iter().zip(gains.iter()).collect()
        }
        Gains::ById(ids, gains) => ids.iter().zip(gains.iter()).collect(),
    }
}

/// See [`RowHistory::firings_of`].
pub(super) fn firings_of(history: &RowHistory, step: u64) -> Vec<Firing> {
    let mut walk = Walk::from_step(history, step);
    let mut firings: Vec<Firing> = Vec::new();
    // Where the last remind's begin.
    let mut last = 0;
    let mut members = Vec::new();
    while let Some(record) = walk.next_sound() {
        if walk.step() > step {
            break;
        }
        if walk.step() < step {
            continue;
        }
        if walk.members_of(&record, &mut members) {
            last = firings.len();
            firings.extend(members.iter().map(|&engram| Firing {
                step,
                engram,
                kind: kind(engram, &walk),
                lifespan_gain: 0.0,
            }));
        } else if let Record::Adjusted { gains, .. } = record {
            for (engram, gain) in gains_of(&gains, &walk) {
                // Both in order of id.
                let fired = &mut firings[last..];
                if let Ok(at) = fired.binary_search_by_key(&engram, |firing| firing.engram) {
                    fired[at].lifespan_gain = gain;
                }
            }
        }
    }
    firings
}

/// The kind of a living engram before the record that was read last.
pub(super) fn kind(id: EngramId, walk: &Walk<'_>) -> EngramKind {
    if walk.is_working(id) {
        EngramKind::Working
    } else if id.0 < walk.before().long_term_below {
        EngramKind::LongTerm
    } else {
        EngramKind::ShortTerm
    }
}
