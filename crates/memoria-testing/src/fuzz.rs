//! The bodies of the fuzz targets, one file each. Each returns whether the input was accepted.

pub mod config;
mod go_on;
pub mod history;
#[cfg(feature = "models")]
pub mod model_config;
pub mod snapshot;
pub mod trace;
