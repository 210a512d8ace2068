//! A BERT reads a whole novel with a memory, segment by segment, and tells what it remembers.
//!
//! ```sh
//! python3 examples/novel/text.py persuasion out/persuasion.txt
//! cargo run --release --example novel -- --weights $(python3 examples/novel/weights.py) --text out/persuasion.txt
//! ```
//!
//! Without weights and text, `--quick`: a tiny random BERT reads an invented text, in seconds.

mod book;
mod options;
mod passage;
mod reading;
mod report;
mod resident;
#[cfg(test)]
mod tests;

use std::{error::Error, process::ExitCode};

use clap::Parser;
use memoria::models::{Encoder, EncoderConfig};
use memoria_tasks::{print::with_causes, println, text};

use options::Options;

fn main() -> ExitCode {
    match novel(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn novel(options: &Options) -> Result<(), Box<dyn Error>> {
    let folder = options.weights()?;
    let tokenizer = text::tokenizer(folder)?;
    if tokenizer.is_none() {
        // A model that was trained to read words cannot make anything of others.
        if !options.quick {
            return Err(format!("{}; or give `--quick`", text::missing_tokenizer(folder)).into());
        }
        println!("Without a tokenizer each word stands for some token of the vocabulary.");
    }
    let device = options.device.device();
    device.seed(options.seed);
    let config = EncoderConfig::from_pretrained(folder)?;
    let config = options.with_memory(config);
    let loaded = config.load_model(folder, &device)?;
    let (mut model, config): (Encoder, EncoderConfig) = (loaded.model, loaded.config);
    println!("{}: {} parameters loaded", folder.display(), loaded.report.loaded);
    if !loaded.report.initialized_memory.is_empty() {
        let count = loaded.report.initialized_memory.len();
        println!("The memory's {count} parameters are as initialized: it was not trained.");
        if let Some(abstractor) = &mut model.abstractor {
            let queries = abstractor.query_embeddings.clone();
            abstractor.query_embeddings = queries.map(|queries| queries * options.focus);
        }
    }
    let segment_len = options.segment_len.min(model.max_tokens());
    let book = book::Book::open(options, tokenizer, segment_len, config.vocab_size)?;
    println!(
        "{}: {} tokens in {} pages of {segment_len} with their marks",
        book.name,
        book.token_count(),
        book.pages.len(),
    );
    let read = reading::read(options, &model, &config, &book, &device)?;
    report::print(options, &model, &book, read, &device)
}
