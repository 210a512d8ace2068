//! Shared code of tests, examples, benchmarks and fuzz targets of this repository. It is not published.
//!
//! - [`devices`]: the devices on which every guarantee is tested.
//! - [`trace`] and [`replay`]: files with the inputs of a memory, and their replay.
//! - [`segments`] and [`forward`]: files of segments, and a checkpoint's outputs for them.
//! - [`remembering`]: models with a memory, segment by segment.
//! - [`story`]: random workloads for tests; [`workload`]: workloads of benchmarks; [`measuring`]: times and bytes.
//! - [`checksummed`]: handmade snapshots and histories.
//! - [`saving`]: programs that are killed while they save.
//! - [`fuzz`]: the bodies of the fuzz targets.

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
