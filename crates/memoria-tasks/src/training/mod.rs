//! Training with a memory, by Burn's learner.
//!
//! A model takes a [`Batch`] of segments and answers where it is asked. Batches come from documents, each of
//! which begins with an empty memory, or from a text in parallel streams, whose memory is carried on from
//! step to step.

mod batch;
mod documents;
mod streams;

pub use batch::{Asked, Batch};
pub use documents::DocumentLoader;
pub use streams::{StreamLoader, Streams};
