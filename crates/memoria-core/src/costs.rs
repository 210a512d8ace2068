use core::ops::{AddAssign, Sub};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The costs of a memory since it was made, or of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// How often a step waited for the device. Reads to save, verify or copy are not counted.
    pub round_trips: u64,
    /// Time spent on vectors: writing, scoring, gathering and reading.
    pub data_plane: Duration,
    /// Time spent on everything else: the search, the firing log, lifespans.
    pub control_plane: Duration,
}

impl Costs {
    /// All the time spent.
    pub fn time(&self) -> Duration {
        self.data_plane + self.control_plane
    }
}

impl AddAssign for Costs {
    fn add_assign(&mut self, others: Self) {
        self.round_trips += others.round_trips;
        self.data_plane += others.data_plane;
        self.control_plane += others.control_plane;
    }
}

/// The costs of an operation: the costs after it less those `before` it; zero where those are larger.
impl Sub for Costs {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            round_trips: self.round_trips.saturating_sub(before.round_trips),
            data_plane: self.data_plane.saturating_sub(before.data_plane),
            control_plane: self.control_plane.saturating_sub(before.control_plane),
        }
    }
}

/// Adds up the time spent; reads the clock when the work changes between vectors and everything else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    costs: Costs,
    since: Instant,
}

impl Meter {
    /// A meter that has started.
    pub(crate) fn started() -> Self {
        Self { costs: Costs::default(), since: Instant::now() }
    }

    pub(crate) fn costs(&self) -> Costs {
        self.costs
    }

    /// Discards the time passed until now.
    pub(crate) fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// Counts the time since the last change as spent on vectors.
    pub(crate) fn was_data(&mut self) {
        let lap = self.lap();
        self.costs.data_plane += lap;
    }

    /// Counts the time since the last change as spent on everything else.
    pub(crate) fn was_control(&mut self) {
        let lap = self.lap();
        self.costs.control_plane += lap;
    }

    /// Counts the time since the last change as spent on both, in the proportion of the `workers`' times.
    pub(crate) fn was_shared(&mut self, workers: &Costs) {
        let (data, all) = (workers.data_plane.as_secs_f64(), workers.time().as_secs_f64());
        let share = if data > 0.0 { data / all } else { 0.0 };
        let lap = self.lap();
        self.costs.data_plane += lap.mul_f64(share);
        self.costs.control_plane += lap.mul_f64(1.0 - share);
    }

    /// Counts a wait of the host for the device.
    pub(crate) fn waited(&mut self) {
        self.costs.round_trips += 1;
        self.was_data();
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - core::mem::replace(&mut self.since, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_time_is_counted_for_some_stage() {
        let pause = || std::thread::sleep(Duration::from_millis(3));
        let mut meter = Meter::started();
        pause();
        meter.begin();
        let begun = meter.since;
        pause();
        meter.was_control();
        let control = meter.since - begun;
        pause();
        meter.waited();
        let costs = meter.costs();
        assert_eq!((costs.round_trips, costs.control_plane), (1, control));
        assert_eq!(costs.time(), meter.since - begun);
        assert!(costs.data_plane.min(control) >= Duration::from_millis(3));
        pause();
        meter.was_shared(&Costs { data_plane: 3 * control, control_plane: control, ..costs });
        let rest = meter.since - begun - costs.data_plane - control;
        let of_data = (meter.costs().data_plane - costs.data_plane).as_secs_f64();
        assert!((of_data / rest.as_secs_f64() - 0.75).abs() < 1e-3);
    }

    #[test]
    fn costs_add_up() {
        let costs = |round_trips, data, control| Costs {
            round_trips,
            data_plane: Duration::from_millis(data),
            control_plane: Duration::from_millis(control),
        };
        let mut sum = costs(1, 20, 300);
        sum += costs(3, 4, 5);
        assert_eq!(sum, costs(4, 24, 305));
        assert_eq!(sum - costs(1, 20, 300), costs(3, 4, 5));
        assert_eq!(sum.time(), Duration::from_millis(329));
    }
}
