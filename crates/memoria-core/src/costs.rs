use std::time::Duration;

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
