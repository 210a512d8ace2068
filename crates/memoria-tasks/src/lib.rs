//! Tasks that test memories, and training with a memory.

pub mod config;
pub mod data;
mod error;
mod files;
pub mod model;
pub mod text;
pub mod training;

pub use error::TaskError;
