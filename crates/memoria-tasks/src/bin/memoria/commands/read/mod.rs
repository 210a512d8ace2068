//! Reads a text with a BERT and a memory, and shows the memory in words.

mod book;
mod passage;
mod reading;
mod report;
mod resident;
#[cfg(test)]
mod tests;

use std::fs;

use burn::tensor::Device;
use memoria_models::{Encoder, EncoderConfig, EncoderKind};
use memoria_tasks::{TaskError, println, text::MarkedTokens};

use self::book::Book;
use crate::options::Read;

pub(crate) fn run(options: &Read) -> Result<(), TaskError> {
    let device = options.device.device();
    device.seed(options.seed);
    let tokenizer = tokenizer(options)?;
    let (model, config) = model(options, &device)?;
    let (name, text) = text(options)?;
    let segment_len = options.segment_len.min(model.max_tokens());
    let book = Book::new(&name, text, tokenizer.as_ref(), segment_len, config.vocab_size)?
        .truncate(options.pages.map(|pages| pages as usize));
    println!(
        "{name}: {} tokens in {} pages of {segment_len} with their marks",
        book.token_count(),
        book.pages.len(),
    );
    let read = reading::read(options, &model, &config, &book, &device)?;
    report::print(options, &model, &book, read, &device)
}

/// Loads the tokenizer. It may be missing only in a quick run, because a trained model needs its own tokens.
fn tokenizer(options: &Read) -> Result<Option<MarkedTokens>, TaskError> {
    let Some(folder) = &options.model else { return Ok(None) };
    if options.quick && !folder.join("tokenizer.json").is_file() {
        println!("Without a tokenizer each word stands for some token of the vocabulary.");
        return Ok(None);
    }
    MarkedTokens::of_checkpoint(folder).map(Some)
}

fn model(options: &Read, device: &Device) -> Result<(Encoder, EncoderConfig), TaskError> {
    let Some(folder) = &options.model else {
        let tiny = EncoderConfig::new(EncoderKind::Bert, 101, 32, 3, 4, 64, 40);
        let config = options.with_memory(tiny)?;
        println!("A random BERT of {} layers reads.", config.num_hidden_layers);
        let mut model = config.init_model(device)?;
        focus(&mut model, options.focus);
        return Ok((model, config));
    };
    let config = options.with_memory(EncoderConfig::from_pretrained(folder)?)?;
    let loaded = config.load_model(folder, device)?;
    let mut model = loaded.model;
    println!("{}: {} parameters loaded", folder.display(), loaded.report.loaded);
    if !loaded.report.initialized_memory.is_empty() {
        let count = loaded.report.initialized_memory.len();
        println!("The memory's {count} parameters are as initialized: it was not trained.");
        focus(&mut model, options.focus);
    }
    Ok((model, loaded.config))
}

/// Multiplies the memory's queries by a factor.
fn focus(model: &mut Encoder, factor: f32) {
    if let Some(abstractor) = &mut model.abstractor {
        let queries = abstractor.query_embeddings.clone();
        abstractor.query_embeddings = queries.map(|queries| queries * factor);
    }
}

/// Returns the name and the content of the text.
fn text(options: &Read) -> Result<(String, String), TaskError> {
    if let Some(novel) = options.novel {
        return Ok((novel.title().into(), novel.text(options.package.as_deref())?));
    }
    match &options.text {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(TaskError::file(path))?;
            Ok((path.display().to_string(), text))
        }
        None => Ok(("an invented text".into(), book::invented())),
    }
}
