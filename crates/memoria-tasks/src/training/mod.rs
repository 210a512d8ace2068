//! Training with a memory, with Burn's learner.
//!
//! A model takes a [`Batch`] of segments and answers its questions. Batches come from documents or from a text in
//! parallel streams. Each document begins with an empty memory; streams keep their memory from step to step. Several
//! devices share the rows of each step, see [`Trainer::devices`].

mod batch;
mod carried;
mod console;
mod devices;
mod documents;
mod interrupt;
mod learning;
mod metrics_file;
mod model;
pub(crate) mod resume;
mod schedule;
mod step_rows;
mod streams;
#[cfg(test)]
mod tests;
mod trainer;

pub use batch::{Asked, Batch, BatchSegment, OtherRows};
pub use devices::DeviceStrategy;
pub use documents::DocumentLoader;
pub use interrupt::on_ctrl_c;
pub use metrics_file::EpochMetrics;
pub use model::{CarriedMemory, SegmentModel};
pub use step_rows::StepRows;
pub use streams::{StreamLoader, Streams};
pub use trainer::{Trained, Trainer};
