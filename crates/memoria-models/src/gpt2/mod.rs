//! GPT-2, with and without a memory.

mod attention;
mod block;
mod cache;
mod config;
mod lm_head;
mod memory_attention;
mod model;

pub use attention::Gpt2Attention;
pub use block::{Gpt2Block, Gpt2Mlp};
pub use cache::Gpt2Cache;
pub use config::Gpt2Config;
pub use lm_head::{Gpt2LmHead, Gpt2Output};
pub use memory_attention::Gpt2MemoryAttention;
pub use model::Gpt2;
pub(crate) use model::{Gpt2Recall, Passed};
