//! Tokens that go on from others: GPT-2 as a writer.

mod config;
mod generate;
mod reader;
mod sampler;

pub use config::GenerationConfig;
pub use generate::{FinishReason, Generated, GeneratedToken};
