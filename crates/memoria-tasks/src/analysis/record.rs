use std::ops::Range;

use memoria_core::{
    EngramId,
    history::{DeathCause, HistoryEvent, Life, RowHistory},
};

/// The part of a history that the analyses need.
pub(super) struct Record {
    /// The completely recorded steps.
    pub(super) steps: Range<u64>,
    /// Every engram, in order of id.
    pub(super) lives: Vec<Life>,
    /// Firings in order of time.
    pub(super) firings: Vec<Fired>,
    /// Steps in which the row was reset.
    resets: Vec<u64>,
}

/// Engrams that fired together, as indices into [`Record::lives`], the reminded ones first.
pub(super) struct Fired {
    pub(super) step: u64,
    pub(super) members: Vec<usize>,
    pub(super) reminded: usize,
}

impl Record {
    pub(super) fn new(history: &RowHistory) -> Self {
        let steps = history.steps();
        let lives = history.lives();
        let place = |id: &EngramId| lives.binary_search_by_key(id, |life| life.engram).ok();
        let (mut firings, mut resets) = (Vec::new(), Vec::new());
        for event in history.events().filter(|event| steps.contains(&event.step())) {
            match event {
                HistoryEvent::Fired { step, working, short_term, long_term } => {
                    let reminded = long_term.len() + short_term.len();
                    let all = long_term.iter().chain(&short_term).chain(&working);
                    firings.push(Fired {
                        step,
                        members: all.filter_map(place).collect(),
                        reminded,
                    });
                }
                HistoryEvent::Reset { step, .. } => resets.push(step),
                _ => {}
            }
        }
        Self { steps, lives, firings, resets }
    }

    /// Returns the longest time between two resets; of equal ones the first.
    pub(super) fn longest_episode(&self) -> Range<u64> {
        let mut start = self.steps.start;
        let mut longest = start..start;
        for &end in self.resets.iter().chain([&self.steps.end]) {
            if end - start > longest.end - longest.start {
                longest = start..end;
            }
            start = end;
        }
        longest
    }

    /// Whether an engram was made in an episode; in its first step that means after the reset that begins it.
    pub(super) fn is_of(&self, life: &Life, episode: &Range<u64>) -> bool {
        let is_gone = |step: u64| step <= episode.start && episode.start > self.steps.start;
        let reset = life.death.filter(|death| death.cause == DeathCause::Reset);
        episode.contains(&life.born) && !reset.is_some_and(|death| is_gone(death.step))
    }

    /// Whether an engram made in an episode lives at its end.
    pub(super) fn survives(&self, life: &Life, episode: &Range<u64>) -> bool {
        life.death.is_none_or(|death| death.step >= episode.end)
    }

    /// Returns the steps in which an engram could be reminded.
    pub(super) fn could_be_reminded(&self, life: &Life) -> Range<u64> {
        let end = match life.death {
            None => self.steps.end,
            // A forgotten engram dies at the end of its step; a reset comes before the step.
            Some(death) if death.cause == DeathCause::Forgotten => death.step + 1,
            Some(death) => death.step,
        };
        (life.born + 1).max(self.steps.start)..end.min(self.steps.end)
    }
}

/// Maximum number of parts of the time.
const PARTS: u64 = 32;

/// Splits steps into equal parts; the last one may be shorter.
pub(super) fn parts(steps: &Range<u64>) -> Vec<Range<u64>> {
    let length = (steps.end - steps.start).div_ceil(PARTS).max(1);
    let starts = (steps.start..steps.end).step_by(length as usize);
    starts.map(|start| start..(start + length).min(steps.end)).collect()
}

/// Returns ranges of distances up to `last`: 0, 1, 2, 3 to 4, 5 to 8, ….
pub(super) fn distances(last: u64) -> Vec<Range<u64>> {
    let mut ranges = vec![0..1, 1..2];
    while let Some(range) = ranges.last()
        && range.end <= last
    {
        ranges.push(range.end..2 * range.end - 1);
    }
    ranges
}
