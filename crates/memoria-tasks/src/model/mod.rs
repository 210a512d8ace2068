//! One decoder-only transformer, in which only the context differs: what it knows of earlier segments.

mod blocks;
mod context;
mod decoder;

pub use context::{Context, ContextMemory, ContextName};
pub use decoder::{Decoder, DecoderConfig, ModelConfig};
