//! A GPT-2, plain or with a memory, goes on from a prompt; its tokens are printed as they come.
//!
//! ```sh
//! cargo run --release --example generate -- tests/data/models/gpt2-memoria --ids 5,17,3
//! ```

use std::{error::Error, ops::ControlFlow, path::PathBuf, process::ExitCode, time::Instant};

use clap::{ArgGroup, Parser};
use memoria::models::{FinishReason, GenerationConfig, Gpt2LmHead, MemoryConfig, end_tokens};
use memoria_tasks::{
    DeviceName,
    print::{self, with_causes},
    println,
    text::{self, TextStream},
};
use tokenizers::Tokenizer;

/// A GPT-2, plain or with a memory, goes on from a prompt; its tokens are printed as they come.
///
/// Text needs a `tokenizer.json` in the folder; without one, tokens are given and printed as numbers.
#[derive(Parser)]
#[command(group = ArgGroup::new("prompts").required(true).args(["prompt", "ids"]))]
struct Options {
    /// The folder of the checkpoint, with `config.json` and weights in `model.safetensors` or
    /// `pytorch_model.bin`, or in the files that their `.index.json` lists.
    checkpoint: PathBuf,
    /// Text to go on from; several make a batch.
    #[arg(long, short)]
    prompt: Vec<String>,
    /// Tokens to go on from, as `5,17,3`; several make a batch.
    #[arg(long)]
    ids: Vec<String>,
    /// Tokens to generate, at most.
    #[arg(long, short = 'n', default_value_t = 64)]
    max_new_tokens: usize,
    /// 0 takes the best token; above, tokens are drawn, the more freely the higher.
    #[arg(long, short, default_value_t = 0.0, allow_negative_numbers = true)]
    temperature: f64,
    /// Draws among so many of the best tokens.
    #[arg(long)]
    top_k: Option<usize>,
    /// Draws among the fewest tokens that are this probable together.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    top_p: f64,
    /// Seed of the draws.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Tokens that end the text; by default the `eos_token_id` of the checkpoint, one or several, of
    /// `generation_config.json` before `config.json`.
    #[arg(long, value_delimiter = ',')]
    stop: Option<Vec<i64>>,
    /// Tokens of a segment; by default as many as the model has positions.
    #[arg(long)]
    segment_len: Option<usize>,
    /// Leaves the memory of a model that has one out.
    #[arg(long)]
    no_memory: bool,
    /// Reads a segment's tokens again for each new one: to see what keeping keys and values saves.
    #[arg(long)]
    no_cache: bool,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceName,
}

fn main() -> ExitCode {
    match generate(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn generate(options: &Options) -> Result<(), Box<dyn Error>> {
    let tokenizer = text::tokenizer(&options.checkpoint)?;
    let prompts = options.prompts(tokenizer.as_ref())?;
    let loaded = Gpt2LmHead::from_pretrained(&options.checkpoint, &options.device.device())?;
    if !loaded.report.is_complete() || !loaded.report.unused.is_empty() {
        eprintln!("{}: {}", options.checkpoint.display(), loaded.report);
    }
    let config = options.generation(loaded.config.vocab_size)?;
    let memory = loaded.config.memory.as_ref().filter(|_| !options.no_memory);
    let mut memory = memory.map(MemoryConfig::init).transpose()?;

    let mut printer = Printer::new(tokenizer.as_ref());
    let (mut failed, started) = (None, Instant::now());
    let rows = loaded.model.generate_streaming(&prompts, &config, memory.as_mut(), |told| {
        // A batch is printed row by row when it is done.
        if prompts.len() == 1 {
            failed = printer.print(told.token).err();
        }
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let seconds = started.elapsed().as_secs_f64();
    if let Some(error) = failed {
        return Err(error);
    }
    if prompts.len() > 1 {
        for row in &rows {
            let mut printer = Printer::new(tokenizer.as_ref());
            row.tokens.iter().try_for_each(|&token| printer.print(token))?;
            printer.finish()?;
        }
    } else {
        printer.finish()?;
    }
    let count: usize = rows.iter().map(|row| row.tokens.len()).sum();
    let stopped = rows.iter().filter(|row| row.finish == FinishReason::Stop).count();
    eprintln!(
        "{count} tokens in {seconds:.2} s, {:.0} per second; {stopped} of {} ended with a stop token",
        count as f64 / seconds,
        rows.len(),
    );
    if let Some(memory) = &mut memory
        && memory.state()?.batch() > 0
    {
        let counts = memory.state()?.row(0)?.counts();
        eprintln!(
            "the memory holds {} short-term and {} long-term engrams",
            counts.short_term, counts.long_term
        );
    }
    Ok(())
}

impl Options {
    fn prompts(&self, tokenizer: Option<&Tokenizer>) -> Result<Vec<Vec<i64>>, Box<dyn Error>> {
        if !self.ids.is_empty() {
            let number = |text: &str| {
                let refused = |_| format!("`--ids` must be numbers with commas, got `{text}`");
                text.trim().parse::<i64>().map_err(refused)
            };
            let row = |ids: &String| ids.split(',').map(number).collect::<Result<_, _>>();
            return Ok(self.ids.iter().map(row).collect::<Result<_, _>>()?);
        }
        let Some(tokenizer) = tokenizer else {
            let missing = text::missing_tokenizer(&self.checkpoint);
            return Err(format!("{missing}; or give `--ids`").into());
        };
        let row = |text: &String| -> Result<Vec<i64>, Box<dyn Error>> {
            let encoded = tokenizer.encode(text.as_str(), false).map_err(|error| error.to_string());
            Ok(encoded?.get_ids().iter().copied().map(i64::from).collect())
        };
        self.prompt.iter().map(row).collect()
    }

    fn generation(&self, vocab_size: usize) -> Result<GenerationConfig, Box<dyn Error>> {
        let stop_tokens = match &self.stop {
            Some(given) => given.clone(),
            None => self.end_tokens(vocab_size)?,
        };
        Ok(GenerationConfig {
            max_new_tokens: self.max_new_tokens,
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            seed: self.seed,
            stop_tokens,
            segment_len: self.segment_len,
            use_cache: !self.no_cache,
        })
    }

    /// The checkpoint's end tokens, of which those that cannot come are told.
    fn end_tokens(&self, vocab_size: usize) -> Result<Vec<i64>, Box<dyn Error>> {
        let can_come = |token: &i64| usize::try_from(*token).is_ok_and(|token| token < vocab_size);
        let (known, beyond): (Vec<i64>, Vec<i64>) =
            end_tokens(&self.checkpoint)?.into_iter().partition(can_come);
        for token in beyond {
            eprintln!(
                "the checkpoint's end token {token} cannot come, as its vocabulary has {vocab_size} tokens; `--stop` gives others"
            );
        }
        Ok(known)
    }
}

/// Prints tokens as text, or as numbers.
struct Printer<'a> {
    text: Option<TextStream<'a>>,
}

impl<'a> Printer<'a> {
    fn new(tokenizer: Option<&'a Tokenizer>) -> Self {
        Self { text: tokenizer.map(TextStream::new) }
    }

    fn print(&mut self, token: i64) -> Result<(), Box<dyn Error>> {
        match &mut self.text {
            None => print::write(format_args!("{token} ")),
            Some(text) => {
                let piece = text.add(u32::try_from(token)?)?;
                print::write(format_args!("{piece}"));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Box<dyn Error>> {
        let rest = self.text.map(TextStream::finish).transpose()?.unwrap_or_default();
        println!("{rest}");
        Ok(())
    }
}
