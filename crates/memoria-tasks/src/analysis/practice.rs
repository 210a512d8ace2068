use serde::{Deserialize, Serialize};

use super::record::Record;

/// Repeated reminding after a number of steps: over all engrams and steps in which an engram could be reminded both
/// times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Practice {
    /// Number of steps between.
    pub lag: u64,
    /// Share of the reminded engrams that are reminded again.
    pub again: f64,
    /// Share of all engrams that are reminded in the later step.
    pub any: f64,
    /// Correlation of reminding in both steps, from −1 to 1: the autocorrelation. It includes that some engrams are
    /// reminded more often than others.
    pub correlation: f64,
}

/// The reported lags: a few of each magnitude.
fn lags(last: u64) -> impl Iterator<Item = u64> {
    let sizes = (0..32).flat_map(|size| [4u64 << size, 6 << size]);
    [1, 2, 3].into_iter().chain(sizes).take_while(move |&lag| lag <= last)
}

pub(super) fn practice(record: &Record) -> Vec<Practice> {
    let mut reminded: Vec<Vec<u64>> = vec![Vec::new(); record.lives.len()];
    for fired in &record.firings {
        for &member in &fired.members[..fired.reminded] {
            // Several reminds of a step count once.
            if reminded[member].last() != Some(&fired.step) {
                reminded[member].push(fired.step);
            }
        }
    }
    let steps = record.steps.end - record.steps.start;
    lags(steps.saturating_sub(2)).filter_map(|lag| of_lag(record, &reminded, lag)).collect()
}

/// Returns `None` if no engram, or every engram, was reminded.
fn of_lag(record: &Record, reminded: &[Vec<u64>], lag: u64) -> Option<Practice> {
    let [mut all, mut before, mut after, mut both] = [0u64; 4];
    for (life, reminded) in record.lives.iter().zip(reminded) {
        let range = record.could_be_reminded(life);
        let length = range.end.saturating_sub(range.start);
        if length <= lag {
            continue;
        }
        all += length - lag;
        let within = |step: &&u64| range.contains(step);
        before +=
            reminded.iter().filter(within).filter(|&&step| step + lag < range.end).count() as u64;
        for &step in reminded.iter().filter(within).filter(|&&step| step >= range.start + lag) {
            after += 1;
            both += u64::from(reminded.binary_search(&(step - lag)).is_ok());
        }
    }
    let [n, n1, n2, n12] = [all, before, after, both].map(|count| count as f64);
    let spread = n1 * (n - n1) * n2 * (n - n2);
    (spread > 0.0).then(|| Practice {
        lag,
        again: n12 / n1,
        any: n2 / n,
        correlation: (n * n12 - n1 * n2) / spread.sqrt(),
    })
}
