use std::path::PathBuf;

use clap::Args;
use memoria_core::MemoriaConfig;
use memoria_models::{EncoderConfig, MemoryConfig};
use memoria_tasks::{DeviceName, text::Novel};

/// Let a BERT or RoBERTa read a text with a memory, page by page, and tell what it remembers.
///
/// Shown while it reads: tokens per second, resident memory, and what the memory holds. Every `--compare-every` pages
/// a page is also read without memory, so that both speeds are measured in turns. In the end: the engrams that live
/// longest and those that fired most, with the passages that they were made of, and what they are connected with.
#[derive(Args, Clone, Debug)]
pub(crate) struct Read {
    /// The folder of a BERT or RoBERTa as Hugging Face has them, with its `tokenizer.json`.
    #[arg(required_unless_present = "quick")]
    pub(crate) model: Option<PathBuf>,
    /// A file of plain text.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["quick", "novel"])]
    pub(crate) text: Option<PathBuf>,
    /// A novel by Jane Austen, of Debian's package r-cran-janeaustenr.
    #[arg(long, value_enum, conflicts_with = "text")]
    pub(crate) novel: Option<Novel>,
    /// The folder of that package, if it is not where Debian puts it.
    #[arg(long, value_name = "FOLDER", requires = "novel")]
    pub(crate) package: Option<PathBuf>,
    /// A tiny random BERT and an invented text where none are given, and words that each stand for some token where
    /// there is no tokenizer: shows that everything works.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Tokens of a page, its two marks included.
    #[arg(long, default_value_t = 256)]
    pub(crate) segment_len: usize,
    /// Pages to read; all if not given.
    #[arg(long)]
    pub(crate) pages: Option<usize>,
    /// Every which page is also read without memory; 0 for none.
    #[arg(long, default_value_t = 8)]
    pub(crate) compare_every: usize,
    /// Engrams of each kind to tell of.
    #[arg(long, default_value_t = 5)]
    pub(crate) top: usize,
    /// What the memory's queries are multiplied with where they are initialized: the higher, the fewer
    /// words a memory is made of. 1 makes it of nearly all words of a page.
    #[arg(long, default_value_t = 30.0)]
    pub(crate) focus: f32,
    /// Seed of the memory's parameters where they are initialized.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    pub(crate) device: DeviceName,

    /// Memories made of each page.
    #[arg(long, default_value_t = 8, help_heading = "Memory, unless the checkpoint has one")]
    num_memories: usize,
    /// Short-term engrams reminded per page.
    #[arg(long, default_value_t = 8, help_heading = "Memory, unless the checkpoint has one")]
    num_reminded_stm: usize,
    /// Long-term engrams reminded per page, at most.
    #[arg(long, default_value_t = 8, help_heading = "Memory, unless the checkpoint has one")]
    num_reminded_ltm: usize,
    /// Short-term engrams that are kept.
    #[arg(long, default_value_t = 64, help_heading = "Memory, unless the checkpoint has one")]
    stm_capacity: usize,
    /// Steps of the walk through long-term memory.
    #[arg(long, default_value_t = 10, help_heading = "Memory, unless the checkpoint has one")]
    ltm_search_depth: usize,
    /// Pages that a new engram lives.
    #[arg(long, default_value_t = 16.0, help_heading = "Memory, unless the checkpoint has one")]
    initial_lifespan: f32,
    /// Pages that a reminded engram lives longer if it gets an average share of attention.
    #[arg(long, default_value_t = 8.0, help_heading = "Memory, unless the checkpoint has one")]
    lifespan_extend_scale: f32,
    /// The layer after which memories are made, counted from 0; the middle if not given.
    #[arg(long, help_heading = "Memory, unless the checkpoint has one")]
    memory_layer_index: Option<usize>,
}

impl Read {
    /// The configuration of a model, with a memory if it has none.
    pub(crate) fn with_memory(&self, config: EncoderConfig) -> EncoderConfig {
        if config.memory.is_some() {
            return config;
        }
        let memoria = MemoriaConfig::new(
            self.num_reminded_stm,
            self.stm_capacity,
            self.ltm_search_depth,
            self.initial_lifespan,
            self.num_reminded_ltm,
        );
        let memory = MemoryConfig::new(self.num_memories, memoria)
            .with_lifespan_extend_scale(self.lifespan_extend_scale);
        let middle = (config.num_hidden_layers / 2).saturating_sub(1);
        config.with_memory(memory, self.memory_layer_index.unwrap_or(middle))
    }
}
