//! Runs segments through a checkpoint, one after the other with one memory, and prints the results as JSON.
//!
//! ```sh
//! cargo run --release --example forward -- tests/data/models/gpt2-memoria tests/data/models/gpt2-memoria/expected.json
//! ```

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use memoria_tasks::{DeviceName, print::with_causes, println};
use memoria_testing::{
    forward::{Kind, load},
    segments,
};

/// Runs segments through a checkpoint, one after the other with one memory, and prints the results.
///
/// The checkpoint is a folder with `config.json` and weights in `model.safetensors` or `pytorch_model.bin`,
/// or in the files that their `.index.json` lists. It is a GPT-2 with language modelling head, or a BERT or
/// RoBERTa with classification head, plain or with memory. The file of segments is JSON:
/// `{"segments": [{"input_ids": [[…], …], "attention_mask": [[…], …]}, …]}`; a segment may have
/// `token_type_ids` and `position_ids`, too, and all other fields are ignored. `segments` are printed, each
/// with `logits` and, if the model has a memory, `memory`: per row the `reminded` ids and the `gain` of each,
/// and after the segment the engrams that are `alive`, their `kind` (S or L) and `lifespan`.
#[derive(Parser)]
struct Options {
    /// The folder of the checkpoint.
    checkpoint: PathBuf,
    /// The file of segments.
    segments: PathBuf,
    /// The kind of model, if `config.json` has no `model_type` and its other fields do not determine it.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceName,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match print(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn print(options: &Options) -> Result<(), Box<dyn Error>> {
    let segments = segments::read(&options.segments)?;
    let loaded = load(&options.checkpoint, options.kind, &options.device.device())?;
    if !loaded.report.is_complete() || !loaded.report.unused.is_empty() {
        eprintln!("{}: {}", options.checkpoint.display(), loaded.report);
    }
    let output = loaded.run(&segments)?;
    println!("{}", serde_json::to_string(&output)?);
    Ok(())
}
