//! Runs a trace file through a memory and prints, as JSON, what happened in every row of every step.
//!
//! ```sh
//! cargo run --release --example replay -- tests/data/traces/tutorial-sizes.json
//! ```

use std::{path::PathBuf, process::ExitCode};

use burn::backend::Dispatch;
use clap::Parser;
use memoria_tasks::{DeviceName, println};
use memoria_testing::{replay, trace::Trace};

/// Runs a trace file through a memory and prints, as JSON, what happened.
///
/// A trace holds a configuration and, per step, working memories, rows to reset and lifespan gains.
/// The output has `steps`, with one object per row, and `cofire`, the co-firing counts at the end.
/// Everything is computed; the trace's `expect` fields are not read.
#[derive(Parser)]
struct Options {
    /// The trace file.
    file: PathBuf,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceName,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let replayed = Trace::read(&options.file).and_then(|trace| {
        let device = options.device.device();
        let replay = replay::run::<Dispatch>(&trace, device.as_dispatch())?;
        serde_json::to_string(&replay).map_err(|error| error.to_string())
    });
    match replayed {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{}: {message}", options.file.display());
            ExitCode::FAILURE
        }
    }
}
