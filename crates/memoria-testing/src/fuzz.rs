//! What the fuzz targets do to an input, a file each; each tells whether it was taken.

pub mod config;
mod go_on;
pub mod history;
#[cfg(feature = "models")]
pub mod model_config;
pub mod snapshot;
pub mod trace;
