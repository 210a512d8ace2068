//! What tests, examples, benchmarks and fuzz targets of this repository share. It is not published.
//!
//! - [`devices`]: where every guarantee is tested.
//! - [`trace`] and [`replay`]: files of what goes into a memory, and what comes of them.
//! - [`segments`] and [`forward`]: files of segments, and what a checkpoint makes of them.
//! - [`remembering`]: models with a memory, segment by segment.
//! - [`story`]: random workloads for tests; [`workload`]: those that are measured; [`measuring`]: times and bytes.
//! - [`checksummed`]: snapshots and histories by hand.
//! - [`saving`]: programs that are killed while they save.
//! - [`fuzz`]: what the fuzz targets do to an input.

pub mod checksummed;
pub mod devices;
#[cfg(feature = "models")]
pub mod forward;
pub mod fuzz;
pub mod measuring;
#[cfg(feature = "models")]
pub mod remembering;
pub mod replay;
#[cfg(unix)]
pub mod saving;
#[cfg(feature = "models")]
pub mod segments;
pub mod story;
pub mod trace;
pub mod workload;
