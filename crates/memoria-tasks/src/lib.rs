//! Tasks that test memories, training with a memory, and the program `memoria`.
//!
//! - [`data`]: the tasks: how documents are made or read, their questions, and how answers are counted.
//! - [`text`]: texts that tasks are made of.
//! - [`model`]: transformers that differ only in their context.
//! - [`training`]: training with Burn's learner on documents, or on text in parallel streams; also for your own models.
//! - [`evaluation`]: tests of trained models.
//! - [`generation`]: text that trained models write.
//! - [`inspect`]: the contents of the snapshot of a memory.
//! - [`analysis`]: the paper's comparison with human memory, from the history of a run.
//! - [`runs`]: a folder for each run, results, and comparisons.
//! - [`config`]: all settings as TOML.

pub mod analysis;
pub mod config;
pub mod data;
mod device;
mod error;
pub mod evaluation;
mod files;
pub mod generation;
pub mod inspect;
pub mod model;
mod picture;
pub mod print;
pub mod runs;
pub mod text;
pub mod training;

pub use device::DeviceName;
pub use error::TaskError;
