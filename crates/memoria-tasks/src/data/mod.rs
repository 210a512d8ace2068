//! Tasks: how documents are made or read, their questions, and how answers are counted.
//!
//! Everything is deterministic: the same configuration and [`DocumentId`] give the same document on every
//! machine.

mod classify;
mod dictionary;
mod document;
mod keys;
mod lm;
mod mqar;
mod pairs;
mod qa;
mod recall;
mod remember;
mod retain;
mod rewrite;
mod sort;
mod task;
mod text;
mod vocabulary;

pub use classify::{Classify, ClassifyConfig, Documents, Pooling};
pub use dictionary::Dictionary;
pub use document::{Document, DocumentId, Question, Segment, Split};
pub use lm::{LmConfig, Source};
pub use mqar::Mqar;
pub use qa::{FactsAt, Qa, QaConfig};
pub use recall::Recall;
pub use remember::Remember;
pub use retain::Retain;
pub use rewrite::Rewrite;
pub use sort::{Sort, SortConfig, SortExample, SortFile};
pub use task::{Measure, Task};
pub use text::{Text, TextSplit};
pub use vocabulary::{TextDecoder, Vocabulary};
