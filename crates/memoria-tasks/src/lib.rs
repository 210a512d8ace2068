//! Tasks that test memories, and training with a memory.

pub mod data;
mod error;

pub use error::TaskError;
