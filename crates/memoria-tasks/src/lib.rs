//! Tasks that test memories, and training with a memory.

pub mod data;
mod error;
mod files;
pub mod text;

pub use error::TaskError;
