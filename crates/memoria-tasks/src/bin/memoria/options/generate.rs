use std::path::PathBuf;

use clap::{ArgGroup, Args};
use memoria_tasks::DeviceName;

/// Let a model of text go on from a prompt.
///
/// The model is one of `memoria train lm`, or a GPT-2 as Hugging Face has them, plain or with a memory. It reads the
/// prompt segment by segment and remembers it as in training, so that a prompt may be as long as a book; then it writes,
/// and reads what it has written. The prompt and what follows it go to the standard output as they come.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("prompts").required(true).args(["prompt", "prompt_file", "ids"]))]
pub(crate) struct Generate {
    /// The folder of a model, such as `out/lm/memoria-0`; the output folder of a `memoria train lm`, of which the first
    /// model is taken; or the folder of a checkpoint, with `config.json`, weights in `model.safetensors` or
    /// `pytorch_model.bin`, or in the files that their `.index.json` lists, and `tokenizer.json`.
    pub(crate) model: PathBuf,
    /// The text to go on from.
    #[arg(long, short)]
    pub(crate) prompt: Option<String>,
    /// A file with the text to go on from.
    #[arg(long, value_name = "FILE")]
    pub(crate) prompt_file: Option<PathBuf>,
    /// Tokens to write, at most.
    #[arg(long, short = 'n', default_value_t = 256)]
    pub(crate) tokens: usize,
    /// 0 takes the best token; above, tokens are drawn, the more freely the higher.
    #[arg(long, short, default_value_t = 0.8, allow_negative_numbers = true)]
    pub(crate) temperature: f64,
    /// Draw among so many of the best tokens.
    #[arg(long)]
    pub(crate) top_k: Option<usize>,
    /// Draw among the fewest tokens that are this probable together.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    pub(crate) top_p: f64,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    pub(crate) device: DeviceName,

    /// Tokens to go on from, as `5,17,3`: of a checkpoint without `tokenizer.json`, tokens are written as numbers.
    #[arg(long, value_delimiter = ',', help_heading = "Checkpoints")]
    pub(crate) ids: Vec<i64>,
    /// Tokens that end the text; the `eos_token_id` of the checkpoint, one or several, of `generation_config.json`
    /// before `config.json`, if not given.
    #[arg(long, value_delimiter = ',', help_heading = "Checkpoints")]
    pub(crate) stop: Option<Vec<i64>>,
    /// Tokens of a segment; as many as the model has positions, if not given.
    #[arg(long, help_heading = "Checkpoints")]
    pub(crate) segment_length: Option<usize>,
    /// Leave the memory of a model that has one out.
    #[arg(long, help_heading = "Checkpoints")]
    pub(crate) no_memory: bool,
}

impl Generate {
    /// Those of the given options that are for checkpoints alone.
    pub(crate) fn of_checkpoints(&self) -> Vec<&'static str> {
        let given = [
            ("--ids", !self.ids.is_empty()),
            ("--stop", self.stop.is_some()),
            ("--segment-length", self.segment_length.is_some()),
            ("--no-memory", self.no_memory),
        ];
        given.into_iter().filter_map(|(option, is_given)| is_given.then_some(option)).collect()
    }
}
