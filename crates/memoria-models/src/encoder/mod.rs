//! One encoder for BERT and RoBERTa, with and without a memory.

mod classifier;
mod config;
mod embeddings;
mod kind;
mod layer;
mod model;
mod self_attention;

pub use classifier::{ClassifierOutput, SequenceClassifier};
pub use config::EncoderConfig;
pub use embeddings::EncoderEmbeddings;
pub use kind::EncoderKind;
pub use layer::EncoderLayer;
pub use model::{Encoder, EncoderOutput};
pub use self_attention::SelfAttention;
