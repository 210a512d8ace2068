//! One decoder-only transformer, in which only the context differs: what it knows of earlier segments.

mod blocks;
mod bounded;
mod context;
mod contrast;
mod decoder;

pub use bounded::{BoundedConfig, Eviction};
pub(crate) use context::rotate;
pub use context::{Context, ContextMemory, ContextMemoryConfig, ContextName};
pub use contrast::Wanted;
#[cfg(test)]
pub(crate) use decoder::drawing;
pub use decoder::{Decoder, DecoderConfig, ModelConfig};
