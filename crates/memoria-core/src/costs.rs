use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What a memory has cost since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// Times the host waited for the device.
    pub round_trips: u64,
    /// Time spent on vectors: writing, scoring, gathering and reading.
    pub data_plane: Duration,
    /// Time spent on everything else: the search, the firing log, lifespans.
    pub control_plane: Duration,
}

/// Adds up what is spent: one look at the time whenever it begins to be spent on something else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    costs: Costs,
    since: Instant,
}

impl Meter {
    /// One that has begun.
    pub(crate) fn started() -> Self {
        Self { costs: Costs::default(), since: Instant::now() }
    }

    pub(crate) fn costs(&self) -> Costs {
        self.costs
    }

    /// What passed until now is nobody's.
    pub(crate) fn begin(&mut self) {
        self.since = Instant::now();
    }

    /// What passed since the last change was spent on vectors.
    pub(crate) fn was_data(&mut self) {
        let lap = self.lap();
        self.costs.data_plane += lap;
    }

    /// What passed since the last change was spent on everything else.
    pub(crate) fn was_control(&mut self) {
        let lap = self.lap();
        self.costs.control_plane += lap;
    }

    /// What passed since the last change was spent on both, in the shares that `workers` spent theirs in.
    pub(crate) fn was_shared(&mut self, workers: &Costs) {
        let (data, control) =
            (workers.data_plane.as_secs_f64(), workers.control_plane.as_secs_f64());
        let share = if data > 0.0 { data / (data + control) } else { 0.0 };
        let lap = self.lap();
        self.costs.data_plane += lap.mul_f64(share);
        self.costs.control_plane += lap.mul_f64(1.0 - share);
    }

    /// The host waited for the device.
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
    fn all_that_passes_is_somebodys() {
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
        assert_eq!(costs.data_plane + costs.control_plane, meter.since - begun);
        assert!(costs.data_plane.min(control) >= Duration::from_millis(3));
        pause();
        meter.was_shared(&Costs { data_plane: 3 * control, control_plane: control, ..costs });
        let rest = meter.since - begun - costs.data_plane - control;
        let of_data = (meter.costs().data_plane - costs.data_plane).as_secs_f64();
        assert!((of_data / rest.as_secs_f64() - 0.75).abs() < 1e-3);
    }
}
