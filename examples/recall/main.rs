//! What only a memory can do: recall facts of earlier segments that the model no longer sees.
//!
//! ```sh
//! cargo run --release --example recall
//! ```

#[macro_use]
#[path = "../support/stdout.rs"]
mod stdout;
#[path = "../support/mod.rs"]
mod support;

mod batch;
mod checkpoint;
mod console;
mod control;
mod curves;
mod document;
mod evaluate;
mod interrupt;
mod learning;
mod model;
mod options;
mod report;
mod resume;
mod run;

use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    match recall() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn recall() -> Result<(), String> {
    let options = Options::read()?;
    run::check_resuming(&options)?;
    let interrupter = interrupt::on_ctrl_c().map_err(|error| error.to_string())?;

    let mut results = Vec::new();
    for &seed in &options.seeds {
        for &control in &options.runs {
            match run::run(&options, control, seed, &interrupter)? {
                Some(result) => results.push(result),
                None => {
                    println!("Interrupted. To go on: the same command with --resume");
                    return Ok(());
                }
            }
        }
    }
    let text = serde_json::to_string_pretty(&results).map_err(|error| error.to_string())?;
    let path = options.output.join("results.json");
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    let curves = options.output.join("curves.svg");
    curves::draw(&curves, &options, &results)
        .map_err(|error| format!("{}: {error}", curves.display()))?;
    report::print(&options, &results);
    println!("\nLearning curves: {}\nAll figures: {}", curves.display(), path.display());
    Ok(())
}
