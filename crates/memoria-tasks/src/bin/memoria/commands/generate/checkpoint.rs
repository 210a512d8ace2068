use std::{ops::ControlFlow, path::Path};

use memoria_models::{FinishReason, Gpt2LmHead, MemoryConfig, ModelMemory, end_tokens};
use memoria_tasks::{
    TaskError,
    print::{print, println},
    text::{TextStream, missing_tokenizer, tokenizer},
};
use tokenizers::Tokenizer;

use super::{drawn, prompt};
use crate::options::Generate;

/// Generates with a GPT-2 in the format of Hugging Face, plain or with a memory.
pub(super) fn run(options: &Generate) -> Result<(), TaskError> {
    let folder = &options.model;
    let refused = |error: String| TaskError::format(folder, error);
    let tokenizer = tokenizer(folder).map_err(refused)?;
    let (shown, ids) = read_prompt(options, tokenizer.as_ref())?;
    let loaded = Gpt2LmHead::from_pretrained(folder, &options.device.device())?;
    if !loaded.report.is_complete() || !loaded.report.unused.is_empty() {
        eprintln!("{}: {}", folder.display(), loaded.report);
    }
    let mut config = drawn(options);
    config.segment_len = options.segment_length;
    config.stop_tokens = match &options.stop {
        Some(given) => given.clone(),
        None => known_end_tokens(folder, loaded.config.vocab_size)?,
    };
    // Checked before anything is written.
    config.validate(loaded.config.vocab_size, loaded.config.n_positions)?;
    let memory = loaded.config.memory.as_ref().filter(|_| !options.no_memory);
    let mut memory = memory.map(MemoryConfig::init).transpose()?;
    print(&shown);
    let mut printer = Printer { text: tokenizer.as_ref().map(TextStream::new) };
    let mut failed = None;
    let rows = loaded.model.generate_streaming(&[ids], &config, memory.as_mut(), |told| {
        failed = printer.print(told.token).err();
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if let Some(error) = failed {
        return Err(refused(error));
    }
    println(&printer.finish().map_err(refused)?);
    if rows.iter().any(|row| row.finish == FinishReason::Stop) {
        eprintln!("{}: ended with a stop token", folder.display());
    }
    tell_memory(folder, memory.as_mut())
}

/// Returns the displayed prompt, and its tokens.
fn read_prompt(
    options: &Generate,
    tokenizer: Option<&Tokenizer>,
) -> Result<(String, Vec<i64>), TaskError> {
    let Some(text) = prompt(options)? else {
        let shown = options.ids.iter().map(|id| format!("{id} ")).collect();
        return Ok((shown, options.ids.clone()));
    };
    let refused = |error| TaskError::format(&options.model, error);
    let tokenizer = tokenizer.ok_or_else(|| {
        refused(format!("{}; or give `--ids`", missing_tokenizer(&options.model)))
    })?;
    let encoded =
        tokenizer.encode(text.as_str(), false).map_err(|error| refused(error.to_string()))?;
    let ids = encoded.get_ids().iter().copied().map(i64::from).collect();
    Ok((text, ids))
}

/// Returns a checkpoint's end tokens, and reports those beyond the vocabulary.
fn known_end_tokens(folder: &Path, vocab_size: usize) -> Result<Vec<i64>, TaskError> {
    let can_come = |token: &i64| usize::try_from(*token).is_ok_and(|token| token < vocab_size);
    let (known, beyond): (Vec<i64>, Vec<i64>) = end_tokens(folder)?.into_iter().partition(can_come);
    for token in beyond {
        eprintln!(
            "the checkpoint's end token {token} cannot come, as its vocabulary has {vocab_size} tokens; \
                `--stop` gives others"
        );
    }
    Ok(known)
}

fn tell_memory(folder: &Path, memory: Option<&mut ModelMemory>) -> Result<(), TaskError> {
    let Some(memory) = memory else { return Ok(()) };
    let state = memory.state()?;
    if state.batch() > 0 {
        let counts = state.row(0)?.counts();
        eprintln!("{}: its memory holds {} engrams", folder.display(), counts.total());
    }
    Ok(())
}

/// Prints tokens as text, or as numbers.
struct Printer<'a> {
    text: Option<TextStream<'a>>,
}

impl Printer<'_> {
    fn print(&mut self, token: i64) -> Result<(), String> {
        match &mut self.text {
            None => print(&format!("{token} ")),
            Some(text) => {
                let token = u32::try_from(token).map_err(|error| error.to_string())?;
                print(&text.add(token)?);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<String, String> {
        self.text.map_or(Ok(String::new()), TextStream::finish)
    }
}
