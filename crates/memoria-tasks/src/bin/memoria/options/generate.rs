use std::path::PathBuf;

use clap::{ArgGroup, Args, value_parser};
use memoria_tasks::DeviceName;

use super::first_given;

/// Continue a prompt with a language model.
///
/// The model comes from `memoria train lm`, or it is a GPT-2 in the format of Hugging Face, plain or with a memory. It
/// reads the prompt segment by segment and remembers it as in training, so a prompt may be as long as a book. Then it
/// writes, and reads its own output. The prompt and its continuation are printed to the standard output while they are
/// made.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("prompts").required(true).args(["prompt", "prompt_file", "ids"]))]
pub(crate) struct Generate {
    /// One of three folders. The folder of a model, such as `out/lm/memoria-0`. The output folder of a `memoria train
    /// lm`: its first model is used. The folder of a checkpoint, with `config.json`, `tokenizer.json` and weights:
    /// `model.safetensors`, `pytorch_model.bin`, or the files that their `.index.json` lists.
    pub(crate) model: PathBuf,
    /// The prompt.
    #[arg(long, short)]
    pub(crate) prompt: Option<String>,
    /// A file with the prompt.
    #[arg(long, value_name = "FILE")]
    pub(crate) prompt_file: Option<PathBuf>,
    /// Maximum number of tokens to write.
    #[arg(long, short = 'n', default_value_t = 256, value_parser = value_parser!(u32).range(1..))]
    pub(crate) tokens: u32,
    /// 0 takes the best token. Above 0, tokens are drawn; a higher value gives more varied text.
    #[arg(long, short, default_value_t = 0.8, allow_negative_numbers = true)]
    pub(crate) temperature: f64,
    /// Draw among this number of best tokens.
    #[arg(long)]
    pub(crate) top_k: Option<usize>,
    /// Draw among the smallest set of best tokens that have at least this total probability.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    pub(crate) top_p: f64,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// The device that computes.
    #[arg(long, value_enum, default_value = "flex")]
    pub(crate) device: DeviceName,

    /// The prompt as token numbers, such as `5,17,3`. The tokens of a checkpoint without `tokenizer.json` are printed
    /// as numbers.
    #[arg(long, value_delimiter = ',', help_heading = "Checkpoints")]
    pub(crate) ids: Vec<i64>,
    /// Tokens that end the text. By default the checkpoint's `eos_token_id`, one or several, from
    /// `generation_config.json` or else from `config.json`.
    #[arg(long, value_delimiter = ',', help_heading = "Checkpoints")]
    pub(crate) stop: Option<Vec<i64>>,
    /// Tokens of a segment. By default the number of positions of the model.
    #[arg(long, help_heading = "Checkpoints")]
    pub(crate) segment_length: Option<usize>,
    /// Run a model that has a memory without it.
    #[arg(long, help_heading = "Checkpoints")]
    pub(crate) no_memory: bool,
}

impl Generate {
    /// A given option that applies to checkpoints only, if there is one.
    pub(crate) fn of_checkpoints(&self) -> Option<&'static str> {
        first_given([
            ("--ids", !self.ids.is_empty()),
            ("--stop", self.stop.is_some()),
            ("--segment-length", self.segment_length.is_some()),
            ("--no-memory", self.no_memory),
        ])
    }
}
