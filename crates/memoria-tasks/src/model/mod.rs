//! The models, which differ only in their context: what they have of earlier segments. A decoder-only transformer for
//! all tasks, GPT-2, and BERT and RoBERTa, which classify.

mod asked;
mod blocks;
mod bounded;
mod classifier;
mod config;
mod context;
mod context_model;
mod contrast;
mod decoder;
mod drawing;
mod gpt2;
mod run_model;
mod size;
mod spec;
#[cfg(test)]
pub(crate) mod support;

pub use bounded::{BoundedConfig, Eviction};
pub use classifier::Classifier;
pub use config::{ModelConfig, ModelKind};
pub(crate) use context::rotate;
pub use context::{Context, ContextMemory, ContextMemoryConfig, ContextName};
pub use context_model::ContextModel;
pub use contrast::Wanted;
pub use decoder::Decoder;
#[cfg(test)]
pub(crate) use drawing::drawing;
pub use gpt2::LanguageModel;
pub use run_model::RunModel;
pub use spec::ModelSpec;
