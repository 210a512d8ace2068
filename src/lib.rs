//! Memoria for Burn: a human-inspired memory that lets any transformer remember beyond its context.
//!
//! A pure-Rust implementation of Park & Bak, "Memoria: Resolving Fateful Forgetting Problem through
//! Human-Inspired Memory Architecture" (ICML 2024, [arXiv 2310.03052](https://arxiv.org/abs/2310.03052)),
//! for [Burn](https://burn.dev). Vectors called *engrams* live in working, short-term and long-term
//! memory; engrams that fire together are wired together; the network is reminded of the ones that
//! matter now, and forgets the ones it never uses.
//!
//! One layer between two of your own blocks is enough:
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
//! # A first day
//!
//! | question | page |
//! |---|---|
//! | Which layer: causal for decoders, bidirectional for encoders? | [layer](guide::layer) |
//! | How is it trained: loss, `backward`, `detach`, `reset_rows`? | [training](guide::training) |
//! | Which sizes, and where does the layer go? | [sizes](guide::sizes) |
//! | How is a memory saved, loaded, split and merged? | [keeping](guide::keeping) |
//! | Which float types and devices are there? | [devices](guide::devices) |
//! | What does it cost? | [costs](guide::costs) |
//! | Why was something recalled? | [why](guide::why) |
//! | How is code for the Python package ported? | [python](guide::python) |
//! | What do the errors mean? | [errors](guide::errors) |
//! | What can the program do: tasks, training, comparison? | [program](guide::program) |
//!
//! # What is where
//!
//! This crate re-exports three others:
//!
//! | here | crate | what it is |
//! |---|---|---|
//! | the root: [`Memoria`], [`MemoriaConfig`], [`MemoriaError`], [`Snapshot`], [`history`], … | `memoria-core` | the memory, generic over Burn's `Backend` |
//! | [`nn`]: [`MemoriaLayer`](nn::MemoriaLayer), [`MemoriaState`](nn::MemoriaState), … | `memoria-nn` | Burn modules around it |
//! | `models`, a feature | `memoria-models` | GPT-2, BERT and RoBERTa, and their weights |
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
//! | `models::EncoderConfig::memory_layer_index` | layer after which memories are made | `memory_layer_index` |
//! | `models::Gpt2LmHead` | Memoria Transformer, GPT-2 | `GPT2WithMemoriaLMHeadModel` of its experiments |
//! | `models::SequenceClassifier` | Memoria BERT and RoBERTa | `MemoriaBertForSequenceClassification`, `MemoriaRobertaForSequenceClassification` |
//! | [`history`] | – | `HistoryManager`; the module has a table of its own |
//!
//! # Features
//!
//! `flex` (default), `ndarray`, `wgpu`, `vulkan`, `metal`, `cuda` and `autodiff` are Burn's features of the same names.
//! `models` (default) adds whole models and the loading of their weights; leave it out if you need neither.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(doc, doctest))]
pub mod guide;

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
        MemoryAttentionConfig, MemoryAttentionInput, MemoryAttentionOutput, MemoryMaking,
        MemorySource, Padding, Places, PreviousSegment, ProjectedMemories, Recall, RecallInput,
        RemindedMemories, ScoreMask, Sight, apply_dropout, attend, attend_to_memories, cast,
        init_nearness, nearness_bias, recall_scores, score_scale,
    };
}
