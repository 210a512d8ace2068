//! The reading of a book by a model with its memory.

use std::time::Instant;

use burn::tensor::Device;
use memoria_core::EngramId;
use memoria_models::{Encoder, EncoderConfig, ModelInput, ModelMemory};
use memoria_tasks::{TaskError, println};

use super::{
    book::{Book, Page},
    resident::resident_mib,
};
use crate::options::Read;

/// The results and the costs of reading.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) memory: ModelMemory,
    pub(crate) num_memories: usize,
    /// The engrams that the last page was reminded of.
    pub(crate) last_reminded: Vec<EngramId>,
    pub(crate) with_memory: Speed,
    pub(crate) without_memory: Speed,
    /// Resident memory after each page.
    pub(crate) resident_mib: Vec<f64>,
    /// Number of engrams after each page.
    pub(crate) engrams: Vec<usize>,
}

/// Speed of reading pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Speed {
    /// Tokens per second of each page.
    rates: Vec<f64>,
}

impl Speed {
    fn add(&mut self, tokens: usize, started: Instant) {
        self.rates.push(tokens as f64 / started.elapsed().as_secs_f64());
    }

    /// Returns the median of all pages, because a busy machine interrupts some.
    pub(crate) fn tokens_per_second(&self) -> Option<f64> {
        let mut rates = self.rates.clone();
        rates.sort_unstable_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied()
    }
}

/// Number of lines to print while reading.
const LINES: usize = 20;

pub(crate) fn read(
    options: &Read,
    model: &Encoder,
    config: &EncoderConfig,
    book: &Book,
    device: &Device,
) -> Result<Reading, TaskError> {
    let memory_config = config.memory.as_ref().ok_or_else(without_abstractor)?;
    let num_memories = memory_config.num_memories.ok_or_else(without_abstractor)?;
    let mut read = Reading {
        memory: memory_config.init()?,
        num_memories,
        last_reminded: Vec::new(),
        with_memory: Speed::default(),
        without_memory: Speed::default(),
        resident_mib: Vec::new(),
        engrams: Vec::new(),
    };
    println!("\n  page   tokens/s   resident MiB   short-term   long-term   reminded");
    let mut since = Speed::default();
    for (index, page) in book.pages.iter().enumerate() {
        let input = input(page, config.vocab_size, device)?;
        // The first page is not timed: it creates buffers and fills caches.
        let compare = options.compare_every > 0 && index % options.compare_every == 0;
        if compare {
            let started = Instant::now();
            model.forward(&input, None)?.hidden.into_data();
            if index > 0 {
                read.without_memory.add(page.ids.len(), started);
            }
        }
        let started = Instant::now();
        let output = model.forward(&input, Some(&mut read.memory))?;
        output.hidden.into_data();
        if index > 0 {
            read.with_memory.add(page.ids.len(), started);
        }
        since.add(page.ids.len(), started);
        read.last_reminded = output.recall.map_or(Vec::new(), |recall| recall.ids(0).to_vec());

        let counts = read.memory.state()?.row(0)?.counts();
        read.engrams.push(counts.total());
        read.resident_mib.extend(resident_mib());
        let last = book.pages.len() - 1;
        if index == 0 || index == last || index * LINES / last > (index - 1) * LINES / last {
            println!(
                "{:>6}   {:>8.0}   {:>12}   {:>10}   {:>9}   {:>8}",
                index + 1,
                since.tokens_per_second().unwrap_or(0.0),
                read.resident_mib.last().map_or("–".to_owned(), |mib| format!("{mib:.1}")),
                counts.short_term,
                counts.long_term,
                read.last_reminded.len(),
            );
            since = Speed::default();
        }
    }
    Ok(read)
}

pub(crate) fn input(
    page: &Page,
    vocab_size: usize,
    device: &Device,
) -> Result<ModelInput, TaskError> {
    Ok(ModelInput::from_rows(std::slice::from_ref(&page.ids), None, vocab_size, device)?)
}

/// The error for a model without abstractor: the abstractor's attention shows the words of a memory.
pub(crate) fn without_abstractor() -> TaskError {
    let expected = "a model that makes its memories with an abstractor (memoria_num_memories)";
    TaskError::option("MODEL", expected, "one with hidden states as memories")
}
