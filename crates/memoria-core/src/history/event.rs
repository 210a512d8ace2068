//! The events of a record: the one form that all readers of a history use.

use core::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Engram, EngramId, EngramKind, Reached, SearchTrace};

/// An event in a row. Lists of engrams are in order of id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HistoryEvent {
    /// The recording began.
    Began {
        /// The present step.
        step: u64,
        /// The living engrams.
        engrams: Vec<Engram>,
    },
    /// Working engrams were made.
    Born {
        /// The present step.
        step: u64,
        /// The new engrams.
        engrams: Vec<EngramId>,
        /// Their lifespan, in steps.
        lifespan: f32,
    },
    /// Engrams fired together: each pair of them is now connected more strongly.
    Fired {
        /// The present step.
        step: u64,
        /// Working engrams.
        working: Vec<EngramId>,
        /// Short-term engrams that were reminded.
        short_term: Vec<EngramId>,
        /// Long-term engrams that were reminded.
        long_term: Vec<EngramId>,
    },
    /// How the search reached the reminded engrams of the firing before. Only if searches are traced.
    Searched {
        /// The present step.
        step: u64,
        /// How each of them was reached.
        trace: SearchTrace,
    },
    /// Reminded engrams gained lifespan. Left out if all gains are 0.
    Gained {
        /// The present step.
        step: u64,
        /// The engrams.
        engrams: Vec<EngramId>,
        /// The gain of each, in steps.
        gains: Vec<f32>,
    },
    /// Engrams became short-term or long-term, at the end of the step.
    Promoted {
        /// The present step.
        step: u64,
        /// What they became.
        to: EngramKind,
        /// The engrams.
        engrams: Vec<EngramId>,
    },
    /// Engrams had no lifespan left and were forgotten, at the end of the step.
    Died {
        /// The present step.
        step: u64,
        /// The engrams.
        engrams: Vec<EngramId>,
    },
    /// The row was emptied.
    Reset {
        /// The present step.
        step: u64,
        /// The engrams that lived until then.
        engrams: Vec<EngramId>,
    },
    /// The step ended: all engrams are a step older. The next event belongs to the next step.
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
            | Self::Searched { step, .. }
            | Self::Gained { step, .. }
            | Self::Promoted { step, .. }
            | Self::Died { step, .. }
            | Self::Reset { step, .. }
            | Self::Ended { step } => *step,
        }
    }

    pub(super) fn new(step: u64, event: Event<'_>) -> Self {
        match event {
            Event::Born { engrams, lifespan } => {
                Self::Born { step, engrams: engrams.map(EngramId).collect(), lifespan }
            }
            Event::Fired(Fired { members, long_term, reminded }) => Self::Fired {
                step,
                working: members[reminded..].to_vec(),
                short_term: members[long_term..reminded].to_vec(),
                long_term: members[..long_term].to_vec(),
            },
            Event::Searched(reached) => {
                Self::Searched { step, trace: SearchTrace { reached: reached.to_vec() } }
            }
            Event::Gained(gains) => {
                let (engrams, gains) = gains.iter().copied().unzip();
                Self::Gained { step, engrams, gains }
            }
            Event::Promoted { to, engrams } => {
                Self::Promoted { step, to, engrams: engrams.to_vec() }
            }
            Event::Died(engrams) => Self::Died { step, engrams: engrams.to_vec() },
            Event::Reset(engrams) => Self::Reset { step, engrams: engrams.to_vec() },
            Event::Ended => Self::Ended { step },
        }
    }
}

/// A [`HistoryEvent`] after the beginning, as a [walk](super::walk::Walk) lends it. No list is empty, except those of a
/// firing, a reset and a search.
#[derive(Clone, Debug)]
pub(super) enum Event<'w> {
    Born { engrams: Range<u64>, lifespan: f32 },
    Fired(Fired<'w>),
    Searched(&'w [Reached]),
    Gained(&'w [(EngramId, f32)]),
    Promoted { to: EngramKind, engrams: &'w [EngramId] },
    Died(&'w [EngramId]),
    Reset(&'w [EngramId]),
    Ended,
}

/// Engrams that fired together, in order of id: long-term ones, short-term ones, working ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fired<'w> {
    pub(super) members: &'w [EngramId],
    /// How many of them are long-term, and how many were reminded.
    pub(super) long_term: usize,
    pub(super) reminded: usize,
}

impl Fired<'_> {
    /// The kind of the member at a place.
    pub(super) fn kind(&self, place: usize) -> EngramKind {
        match place {
            _ if place < self.long_term => EngramKind::LongTerm,
            _ if place < self.reminded => EngramKind::ShortTerm,
            _ => EngramKind::Working,
        }
    }
}
