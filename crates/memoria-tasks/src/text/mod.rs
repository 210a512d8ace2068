//! Sources of texts, and their conversion into tokens.

mod austen;
mod brown;
mod checkpoint;
mod corpus;
mod hyperpartisan;
mod labelled;
mod marked;
mod rdata;
mod sentences;
mod stream;
mod words;

pub use austen::Novel;
pub use brown::brown;
pub(crate) use checkpoint::{missing_checkpoint, token_count, tokenizer_file};
pub use checkpoint::{missing_tokenizer, tokenizer};
pub use corpus::Corpus;
pub use hyperpartisan::hyperpartisan;
pub use labelled::{Labelled, LabelledText};
pub use marked::MarkedTokens;
pub use sentences::sentences;
pub use stream::TextStream;
pub use words::{Words, split};
