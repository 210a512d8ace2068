//! Tasks that test memories, training with a memory, and the program `memoria`.
//!
//! - [`data`]: the tasks, how documents are made or read, what is asked, what counts.
//! - [`text`]: texts that tasks are made of.
//! - [`model`]: a transformer in which only the context differs.
//! - [`training`]: documents, and text in parallel streams, by Burn's learner; for models of one's own, too.
//! - [`evaluation`]: tests of trained models.
//! - [`generation`]: text that trained models write.
//! - [`inspect`]: what is in the snapshot of a memory.
//! - [`analysis`]: what the paper compares with human memory, from the history of a run.
//! - [`runs`]: a folder for each run, results, and comparisons.
//! - [`config`]: all of it as TOML.

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
