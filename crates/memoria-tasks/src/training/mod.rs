//! Training with a memory, by Burn's learner.
//!
//! A model takes a [`Batch`] of segments and answers where it is asked. Batches come from documents, each of
//! which begins with an empty memory, or from a text in parallel streams; their memory is carried on from
//! step to step.

mod batch;
mod carried;
mod console;
mod documents;
mod interrupt;
mod learning;
mod metrics_file;
mod model;
pub(crate) mod resume;
mod schedule;
mod streams;
#[cfg(test)]
mod tests;
mod trainer;

pub use batch::{Asked, Batch, BatchSegment};
pub use documents::DocumentLoader;
pub use interrupt::on_ctrl_c;
pub use metrics_file::EpochMetrics;
pub use model::{CarriedMemory, SegmentModel};
pub use streams::{StreamLoader, Streams};
pub use trainer::{Trained, Trainer};
