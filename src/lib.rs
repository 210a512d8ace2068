//! Memoria for Burn: a human-inspired memory that lets any transformer remember beyond its context.
//!
//! A pure-Rust implementation of Park & Bak, "Memoria: Resolving Fateful Forgetting Problem through
//! Human-Inspired Memory Architecture" (ICML 2024, [arXiv 2310.03052](https://arxiv.org/abs/2310.03052)),
//! for [Burn](https://burn.dev). Vectors called *engrams* live in working, short-term and long-term
//! memory; engrams that fire together are wired together; the network is reminded of the ones that
//! matter now, and forgets the ones it never uses.
//!
//! This crate re-exports three others: the memory itself (`memoria-core`, at the root here), the
//! Burn modules around it (`memoria-nn`, as [`nn`]) and whole models (`memoria-models`, as `models`).
//! Those with a transformer of their own want [`nn::MemoriaLayer`], a layer to drop between two of its
//! blocks; those who build models attend with [`nn::MemoryAttention`] and keep an [`nn::MemoriaState`];
//! those who want GPT-2, BERT or RoBERTa, and weights that exist, find them in `models`; those below
//! Burn's tensors use [`Memoria`].
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Distribution, Tensor};
//! use memoria::{MemoriaConfig, nn::{MemoriaLayerConfig, MemoriaStateConfig}};
//!
//! # fn main() -> Result<(), memoria::MemoriaError> {
//! let device = Device::flex();
//! let layer = MemoriaLayerConfig::causal(64, 4, 16).init(&device); // `bidirectional` for encoders
//! let mut memory = MemoriaStateConfig::new(MemoriaConfig::small()).init()?;
//! for _segment in 0..3 {
//!     let hidden = Tensor::<3>::random([2, 16, 64], Distribution::Default, &device);
//!     let hidden = layer.forward(hidden, &mut memory)?.hidden;
//!     assert_eq!(hidden.dims(), [2, 16, 64]);
//! }
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! # Glossary
//!
//! | here | paper | Python package |
//! |---|---|---|
//! | engram, [`Engram`] | engram *e* | a row of `Engrams` |
//! | [`EngramKind`] | working, short-term, long-term memory | `EngramType` |
//! | [`Memoria::add_working_memory`] | encoding | `Memoria.add_working_memory` |
//! | [`Memoria::remind`] | retrieval and exploitation | `Memoria.remind` |
//! | [`Memoria::adjust`] | extending lifespans, forgetting | `Memoria.adjust_lifespan_and_memories` |
//! | [`Memoria::peek`] | – | – |
//! | [`MemoriaConfig::num_reminded_stm`] | *N*ʳᵉᵐ of short-term memory | `num_reminded_stm` |
//! | [`MemoriaConfig::stm_capacity`] | capacity of short-term memory | `stm_capacity` |
//! | [`MemoriaConfig::ltm_search_depth`] | *N*ᵈᵉᵖᵗʰ | `ltm_search_depth` |
//! | [`MemoriaConfig::initial_lifespan`] | initial lifespan | `initial_lifespan` |
//! | [`MemoriaConfig::num_final_ltms`] | *N*ʳᵉᵐ of long-term memory | `num_final_ltms` |
//! | [`MemoriaConfig::ltm_exploration`] | – | – |
//! | [`Correlation`] | correlation of working memory and engram | – (fixed) |
//! | [`RowState::cofire_count`] | *Count*(i, j) | `induce_counts` |
//! | [`RowState::connection_weight`] | edge weight *E*(i → j), P(j fires ∣ i fires) | – |
//! | [`nn::Abstractor`] | abstractor *f*ₐ | `Abstractor` of its experiments |
//! | [`nn::MemoriaStateConfig::lifespan_extend_scale`] | α | `memoria_lifespan_extend_scale` |
//! | [`nn::MemoriaStateConfig::bptt`] | – | – (as if 0) |
//! | [`nn::RecallInput::query`], [`Memoria::remind_for`] | – (the working memories) | – |
//! | `models::MemoryConfig::num_memories` | memories per segment | `memoria_num_memories` |
//! | `models::EncoderConfig::memory_layer_index` | layer that memories are made after | `memory_layer_index` |
//! | `models::Gpt2LmHead` | Memoria Transformer, GPT-2 | `GPT2WithMemoriaLMHeadModel` of its experiments |
//! | `models::SequenceClassifier` | Memoria BERT and RoBERTa | `MemoriaBertForSequenceClassification`, `MemoriaRobertaForSequenceClassification` |
//! | [`history`] | – | `HistoryManager`; the module has a table of its own |
//!
//! # Features
//!
//! `flex` (default), `ndarray`, `wgpu`, `vulkan`, `metal`, `cuda` and `autodiff` are Burn's features of
//! the same names. `models` (default) brings whole models and the reading of their weights; who needs
//! neither leaves it out.

pub use memoria_core::{
    AttachedRows, Attachment, Connection, Correlation, Costs, Engram, EngramCounts, EngramId,
    EngramKind, Invariant, LifespanGain, LongTermSearch, Memoria, MemoriaConfig, MemoriaError,
    MemoryUse, Pooling, Reached, Recall, Restore, Restored, RowState, SearchStage, SearchTrace,
    ShortTermSearch, Snapshot, SnapshotInfo, Stages, State, Storage, Wiring, history,
};

/// Whole transformers with a memory, and their weights: GPT-2, BERT and RoBERTa. Feature `models`.
#[cfg(feature = "models")]
pub mod models {
    pub use memoria_models::{
        Activation, ClassifierOutput, Encoder, EncoderConfig, EncoderEmbeddings, EncoderKind,
        EncoderLayer, EncoderOutput, FinishReason, Generated, GeneratedToken, GenerationConfig,
        Gpt2, Gpt2Attention, Gpt2Block, Gpt2Cache, Gpt2Config, Gpt2LmHead, Gpt2MemoryAttention,
        Gpt2Mlp, Gpt2Output, LoadReport, MemoryConfig, ModelError, ModelInput, ModelMemory,
        Pretrained, Sampler, SelfAttention, SequenceClassifier, end_tokens, model_type,
    };
}

/// The README's code, as a test.
#[cfg(all(doctest, feature = "flex", feature = "models"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Burn modules around a memory: abstractor, memory attention, and a layer that joins them.
pub mod nn {
    pub use memoria_nn::{
        Abstractor, AbstractorConfig, AbstractorOutput, MemoriaLayer, MemoriaLayerConfig,
        MemoriaLayerInput, MemoriaLayerOutput, MemoriaState, MemoriaStateConfig, MemoryAttention,
        MemoryAttentionConfig, MemoryAttentionInput, MemoryAttentionOutput, Padding,
        PreviousSegment, ProjectedMemories, Recall, RecallInput, RemindedMemories, ScoreMask,
        Sight, apply_dropout, attend, attend_to_memories, recall_scores, rows_of_padding,
    };
}
