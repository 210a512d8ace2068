//! Tests of trained models, with separate memories.

mod documents;
mod last_seen;
mod recorded;
mod score;
mod text;

pub use documents::test_documents;
pub use last_seen::LastSeen;
pub use recorded::{record_document, record_text};
pub use score::Score;
pub use text::{TextMode, test_text};

use crate::runs::rounded;
