//! GPT-2, BERT and RoBERTa with a memory, for the published weights of Hugging Face.
//!
//! - [`Gpt2LmHead`] and [`Gpt2`]: GPT-2 with and without a language modelling head.
//! - [`SequenceClassifier`] and [`Encoder`]: BERT and RoBERTa with and without a classification head, one
//!   encoder for both; ELECTRA's encoder loads into it, too.
//!
//! Each is the plain Hugging Face model, or, with a [`MemoryConfig`] in its configuration, the model of
//! the paper. A model is run on one segment after the other with a [`ModelMemory`], an explicit value
//! passed as `&mut`.
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::Device;
//! use memoria_core::MemoriaConfig;
//! use memoria_models::{Gpt2Config, MemoryConfig, ModelInput};
//!
//! # fn main() -> Result<(), memoria_models::ModelError> {
//! let device = Device::flex();
//! let memory = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3));
//! let config = Gpt2Config::new(101, 32, 32, 2, 4).with_memory(memory.clone());
//! let model = config.init(&device)?;
//! let mut memory = memory.init()?;
//! for segment in [[5, 17, 3], [8, 2, 40]] {
//!     let input = ModelInput::from_rows(&[segment.to_vec()], None, 101, &device)?;
//!     let logits = model.forward(&input, Some(&mut memory))?.logits;
//!     assert_eq!(logits.dims(), [1, 3, 101]);
//! }
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! # Learned recall
//!
//! The paper's memory is the default, also where a `config.json` lacks a field. With [`MemoryConfig::causal`] and
//! [`MemoryConfig::bidirectional`] a model learns what to be reminded of. They have the options of
//! [`MemoriaLayer`](memoria_nn::MemoriaLayer) except `recency` and `score_scale`, in GPT-2 and in encoders. A GPT-2
//! stays causal with all of them: no output depends on a later token, and a cache changes no token.
//!
//! # Weights
//!
//! `from_pretrained` reads a folder with `config.json` and weights. It looks, in this order, for `model.safetensors`,
//! the files that `model.safetensors.index.json` lists, `pytorch_model.bin`, and the files that its index lists. It
//! reads checkpoints of Hugging Face's models, of models with memory, and of trainings. To a model of Hugging Face it
//! adds the memory as initialized. The [`LoadReport`] lists the missing, initialized and unused tensors.
//! `save_pretrained` writes files that PyTorch can read, and the type of the weights in `config.json`. A file must not
//! be changed in place while it is loaded ([`Gpt2Config::load`] says why); `save_pretrained` replaces it.
//!
//! # Memories that are kept
//!
//! [`save`](ModelMemory::save), [`load`](ModelMemory::load) and [`snapshot`](ModelMemory::snapshot) save and restore
//! a whole [`ModelMemory`], with the data of the previous segment that the model needs. It does not record the
//! parameters it belongs to. [`split`](ModelMemory::split), [`merge`](ModelMemory::merge),
//! [`replace_row`](ModelMemory::replace_row) and [`add_rows`](ModelMemory::add_rows) add and remove rows. Each row
//! continues as if it were alone, except for the rounding of sums that differ in their padding. Adding or removing
//! rows ends the gradient window. The window of a restored memory is empty.
//!
//! # Gradients
//!
//! With a [`bptt`](MemoryConfig::bptt) of 0, as in the Python package, gradients flow into the abstractor,
//! but not into earlier segments. Above 0, GPT-2's working memories carry gradient into the previous
//! segment they are made of. Reminded memories carry it into the segment they were made in, if that is one of
//! the last `bptt`. Each is one hop: those segments attended to memories themselves, and gradients flow on
//! through them. So `bptt` bounds which engrams are tracked. [`ModelMemory::detach`] bounds how far back a
//! loss can reach: call it after each `backward`.
//!
//! The model's device decides. Without autodiff, a pass reads nothing tracked, whatever has filled the
//! memory, and the window ends.
//!
//! # Choices
//!
//! - A query that may attend only to padding has a weighted sum of zero, as in PyTorch's own attention.
//! - Padding is not remembered: no memories are made of it, and its attention does not count for lifespans. The package
//!   makes memories of padding and counts its attention. A model trained with the package can
//!   [do so](MemoryConfig::remembers_padding). Checkpoints of `memoria_bert` and `memoria_roberta` do, unless their
//!   configuration sets it otherwise.
//! - A row of padding alone takes no part in a step: it stores nothing, is reminded of nothing, and does not age. In
//!   GPT-2 it keeps its last segment for the next one. So a document has the same memories in a batch as alone, also
//!   after its end.
//! - Attention weights are summed in single precision at least, whatever the model's float type.
//! - A row with nothing reminded has a weighted sum of zero before the output projection. The bias of the
//!   projection is added all the same, whether or not the row's neighbours are reminded of something.

mod activation;
mod attention;
mod config;
mod encoder;
mod error;
mod fields;
mod generation;
mod gpt2;
mod init;
mod input;
mod json;
mod lfs;
mod memory;
mod memory_config;
mod model_kind;
mod size;
mod weights;

pub use activation::Activation;
pub use encoder::{
    ClassifierOutput, Encoder, EncoderConfig, EncoderEmbeddings, EncoderKind, EncoderLayer,
    EncoderOutput, SelfAttention, SequenceClassifier,
};
pub use error::ModelError;
pub use generation::{
    FinishReason, Generated, GeneratedToken, GenerationConfig, Sampler, end_tokens,
};
pub use gpt2::{
    Gpt2, Gpt2Attention, Gpt2Block, Gpt2Cache, Gpt2Config, Gpt2LmHead, Gpt2MemoryAttention,
    Gpt2Mlp, Gpt2Output,
};
pub use input::ModelInput;
pub use memory::ModelMemory;
pub use memory_config::MemoryConfig;
pub use weights::{LoadReport, Pretrained, model_type};
