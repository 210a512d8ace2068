//! What can be chosen on the command line.

use std::path::{Path, PathBuf};

use clap::Parser;
use memoria::{
    MemoriaConfig,
    models::{EncoderConfig, MemoryConfig},
};
use memoria_tasks::DeviceName;

/// A BERT reads a whole novel with a memory, segment by segment, and tells what it remembers.
///
/// Shown while it reads: tokens per second, resident memory, and what the memory holds. Every
/// `--compare-every` pages a page is also read without memory, so that both speeds are measured in turns.
/// In the end: the engrams that live longest and those that fired most, with the passages that they were
/// made of, and what they are connected with.
///
/// `examples/novel/weights.py` fetches weights, `examples/novel/text.py` writes a novel.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// The folder of a BERT or RoBERTa, with its `tokenizer.json`.
    #[arg(long, required_unless_present = "quick")]
    weights: Option<PathBuf>,
    /// A file of plain text.
    #[arg(long, required_unless_present = "quick")]
    pub(crate) text: Option<PathBuf>,
    /// A tiny random BERT and an invented text where none are given, and words that each stand for some
    /// token where there is no tokenizer: shows that everything works.
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

impl Options {
    pub(crate) fn weights(&self) -> Result<&Path, String> {
        let tiny = Path::new("tests/data/models/bert-memoria");
        let folder = self.weights.as_deref().unwrap_or(tiny);
        if folder.join("config.json").is_file() {
            return Ok(folder);
        }
        let hint = match &self.weights {
            Some(_) => "`examples/novel/weights.py` prints a folder that is",
            None => "run this from the root of the repository",
        };
        Err(format!("{} is not the folder of a checkpoint: {hint}", folder.display()))
    }

    /// The configuration of a checkpoint, with a memory if it has none.
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
