//! Tasks: how documents are made or read, what is asked in them, what counts.
//!
//! Everything is deterministic: the same configuration and [`DocumentId`] give the same document on every
//! machine.

mod document;
mod recall;
mod task;

pub use document::{Document, DocumentId, Question, Segment, Split};
pub use recall::Recall;
pub use task::Task;
