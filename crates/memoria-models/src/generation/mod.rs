//! Tokens that go on from others: GPT-2 as a writer.

mod config;
mod descending;
mod end_tokens;
mod generate;
mod reader;
mod sampler;

pub use config::GenerationConfig;
pub use end_tokens::end_tokens;
pub use generate::{FinishReason, Generated, GeneratedToken};
pub use sampler::Sampler;
