use std::path::PathBuf;

use clap::{Args, value_parser};
use memoria_core::MemoriaConfig;
use memoria_models::{EncoderConfig, MemoryConfig};
use memoria_tasks::{DeviceName, TaskError, text::Novel};

use super::first_given;

/// Read a text page by page with a BERT or RoBERTa and a memory, and show what the memory holds.
///
/// While it reads, it prints tokens per second, resident memory and the number of engrams. Every `--compare-every`
/// pages, a page is also read without memory, so both speeds are measured alternately. At the end it prints the oldest
/// engrams and those that fired most, with the passages that they were made of, and their connections.
#[derive(Args, Clone, Debug)]
pub(crate) struct Read {
    /// The folder of a BERT or RoBERTa in the format of Hugging Face, with its `tokenizer.json`.
    #[arg(required_unless_present = "quick")]
    pub(crate) model: Option<PathBuf>,
    /// A file of plain text.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["quick", "novel"])]
    pub(crate) text: Option<PathBuf>,
    /// A novel by Jane Austen, from Debian's package r-cran-janeaustenr.
    #[arg(long, value_enum, conflicts_with = "text")]
    pub(crate) novel: Option<Novel>,
    /// The folder of that package, if it is not in Debian's place.
    #[arg(long, value_name = "FOLDER", requires = "novel")]
    pub(crate) package: Option<PathBuf>,
    /// Use a tiny random BERT and an invented text where none are given. Without a tokenizer each word stands for an
    /// arbitrary token. It shows that everything works.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Tokens of a page, including its first and last special token.
    #[arg(long, default_value_t = 256)]
    pub(crate) segment_len: usize,
    /// Pages to read. By default all.
    #[arg(long, value_parser = value_parser!(u32).range(1..))]
    pub(crate) pages: Option<u32>,
    /// Interval in pages at which a page is also read without memory; 0 for never.
    #[arg(long, default_value_t = 8)]
    pub(crate) compare_every: usize,
    /// Number of engrams to print in each list.
    #[arg(long, default_value_t = 5)]
    pub(crate) top: usize,
    /// Factor for the memory's newly initialized queries. With a higher factor a memory is made of fewer words; with 1
    /// it is made of nearly all words of a page.
    #[arg(long, default_value_t = 30.0)]
    pub(crate) focus: f32,
    /// Seed of the memory's newly initialized parameters.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The device that computes.
    #[arg(long, value_enum, default_value = "flex")]
    pub(crate) device: DeviceName,

    /// Memories made of each page. By default 8.
    #[arg(long, help_heading = "Memory, unless the checkpoint has one")]
    num_memories: Option<usize>,
    /// Short-term engrams reminded per page. By default 8.
    #[arg(long, help_heading = "Memory, unless the checkpoint has one")]
    num_reminded_stm: Option<usize>,
    /// Maximum number of long-term engrams reminded per page. By default 8.
    #[arg(long, help_heading = "Memory, unless the checkpoint has one")]
    num_reminded_ltm: Option<usize>,
    /// Short-term engrams kept. By default 64.
    #[arg(long, help_heading = "Memory, unless the checkpoint has one")]
    stm_capacity: Option<usize>,
    /// Steps of the walk through long-term memory. By default 10.
    #[arg(long, help_heading = "Memory, unless the checkpoint has one")]
    ltm_search_depth: Option<usize>,
    /// Lifespan of a new engram in pages. By default 16.
    #[arg(long, help_heading = "Memory, unless the checkpoint has one")]
    initial_lifespan: Option<f32>,
    /// Pages added to the lifespan of a reminded engram that gets an average share of attention. By default 8.
    #[arg(long, help_heading = "Memory, unless the checkpoint has one")]
    lifespan_extend_scale: Option<f32>,
    /// The layer after which memories are made, counted from 0. By default the middle layer.
    #[arg(long, help_heading = "Memory, unless the checkpoint has one")]
    memory_layer_index: Option<usize>,
}

impl Read {
    /// Returns the configuration of a model, with a memory added if it has none.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] for an option of a memory if the model has one.
    pub(crate) fn with_memory(&self, config: EncoderConfig) -> Result<EncoderConfig, TaskError> {
        if config.memory.is_some() {
            let expected = "left out for a checkpoint that has a memory";
            let refused = |option| Err(TaskError::option(option, expected, "it"));
            return self.of_memory().map_or(Ok(config), refused);
        }
        let memoria = MemoriaConfig::new(
            self.num_reminded_stm.unwrap_or(8),
            self.stm_capacity.unwrap_or(64),
            self.ltm_search_depth.unwrap_or(10),
            self.initial_lifespan.unwrap_or(16.0),
            self.num_reminded_ltm.unwrap_or(8),
        );
        let memory = MemoryConfig::new(self.num_memories.unwrap_or(8), memoria)
            .with_lifespan_extend_scale(self.lifespan_extend_scale.unwrap_or(8.0));
        let middle = (config.num_hidden_layers / 2).saturating_sub(1);
        Ok(config.with_memory(memory, self.memory_layer_index.unwrap_or(middle)))
    }

    /// The first given option that configures the memory, if there is one.
    fn of_memory(&self) -> Option<&'static str> {
        first_given([
            ("--num-memories", self.num_memories.is_some()),
            ("--num-reminded-stm", self.num_reminded_stm.is_some()),
            ("--num-reminded-ltm", self.num_reminded_ltm.is_some()),
            ("--stm-capacity", self.stm_capacity.is_some()),
            ("--ltm-search-depth", self.ltm_search_depth.is_some()),
            ("--initial-lifespan", self.initial_lifespan.is_some()),
            ("--lifespan-extend-scale", self.lifespan_extend_scale.is_some()),
            ("--memory-layer-index", self.memory_layer_index.is_some()),
        ])
    }
}
