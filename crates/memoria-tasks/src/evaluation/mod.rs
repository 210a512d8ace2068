//! Tests of trained models, with memories of their own.

mod documents;
mod score;
mod text;

pub use documents::test_documents;
pub use score::Score;
pub use text::{TextMode, test_text};
