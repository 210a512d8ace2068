use serde::{Deserialize, Serialize};

use super::record::{Record, parts};

/// Mean age of reminded engrams in steps, over some steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ages {
    /// The first step.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// Number of reminded engrams; one reminded in several steps counts several times.
    pub reminded: usize,
    /// Their mean age; `None` if there were none.
    pub age: Option<f64>,
    /// Mean age of the engrams alive then, without working memory: the expected age of randomly reminded engrams.
    pub living_age: Option<f64>,
}

/// A running mean; sums of integers are exact.
#[derive(Clone, Copy, Default)]
struct Mean {
    sum: u64,
    count: u64,
}

impl Mean {
    fn add(&mut self, sum: u64, count: u64) {
        self.sum += sum;
        self.count += count;
    }

    fn get(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
}

pub(super) fn ages(record: &Record) -> Vec<Ages> {
    let parts = parts(&record.steps);
    let mut reminded = vec![Mean::default(); parts.len()];
    let part_of = |step: u64| parts.partition_point(|part| part.end <= step);
    for fired in &record.firings {
        for &member in &fired.members[..fired.reminded] {
            reminded[part_of(fired.step)].add(fired.step - record.lives[member].born, 1);
        }
    }
    // For each step: the number of engrams that begin or cease to live, and the sum of the steps of their creation.
    let steps = (record.steps.end - record.steps.start) as usize;
    let mut changes = vec![[(0u64, 0u64); 2]; steps + 1];
    for life in &record.lives {
        let range = record.could_be_reminded(life);
        if range.is_empty() {
            continue;
        }
        for (step, kind) in [(range.start, 0), (range.end, 1)] {
            let change = &mut changes[(step - record.steps.start) as usize][kind];
            *change = (change.0 + 1, change.1 + life.born);
        }
    }
    let mut living = vec![Mean::default(); parts.len()];
    let (mut count, mut born) = (0, 0);
    for (step, [begin, end]) in record.steps.clone().zip(changes) {
        count = count + begin.0 - end.0;
        born = born + begin.1 - end.1;
        living[part_of(step)].add(step * count - born, count);
    }
    let told = parts.iter().zip(reminded).zip(living);
    told.map(|((part, reminded), living)| Ages {
        first: part.start,
        last: part.end - 1,
        reminded: reminded.count as usize,
        age: reminded.get(),
        living_age: living.get(),
    })
    .collect()
}
