use std::ops::ControlFlow;

use burn::module::Module;

use super::{GenerationConfig, reader::Reader, sampler::Sampler};
use crate::{Gpt2LmHead, ModelError, ModelMemory};

/// The result of one row of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The new tokens, without the prompt; if a stop token ended them, with it.
    pub tokens: Vec<i64>,
    /// Why the row ended.
    pub finish: FinishReason,
}

/// Why a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FinishReason {
    /// With a stop token.
    Stop,
    /// It has the requested number of tokens.
    Length,
    /// The caller's function returned `Break` for a token.
    Cancelled,
}

/// A token that was just generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeneratedToken {
    /// The row of the batch.
    pub row: usize,
    /// The number of new tokens of the row before it.
    pub index: usize,
    /// The token.
    pub token: i64,
}

impl Gpt2LmHead {
    /// Continues prompts, one per row of a batch.
    ///
    /// Prompt and new tokens are read in [segments](GenerationConfig::segment_len), as in training, which
    /// begin with the prompt. With a `memory` each segment is stored and attended to as in
    /// [`forward`](Self::forward), with the same memory as a result. So a prompt may be longer than a segment. Another
    /// `generate` continues after the tokens of this one, with a new segment. Without memory, no segment has access to
    /// earlier ones: older tokens are lost, and a new segment starts almost without context.
    ///
    /// Rows of a memory step together, so their prompts must have the same length. Without memory the lengths may
    /// differ. A row gives the same result as alone, except for its draws, and so does its memory. After its end it
    /// does not age while other rows continue.
    ///
    /// Runs as [`valid`](Module::valid) does, without dropout or gradients; the memory's gradient window
    /// ends. Costs one device round trip per token, and those of
    /// [`MemoriaState::recall`](memoria_nn::MemoriaState::recall) per segment.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::Device;
    /// use memoria_core::MemoriaConfig;
    /// use memoria_models::{GenerationConfig, Gpt2Config, MemoryConfig};
    ///
    /// # fn main() -> Result<(), memoria_models::ModelError> {
    /// let memory = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3));
    /// let model = Gpt2Config::new(101, 32, 32, 2, 4).with_memory(memory.clone()).init(&Device::flex())?;
    /// let mut memory = memory.init()?;
    /// let config = GenerationConfig::new(40).with_temperature(0.9).with_top_k(50).with_seed(7);
    /// let rows = model.generate(&[vec![5, 17, 3], vec![8, 2, 40]], &config, Some(&mut memory))?;
    /// assert_eq!(rows[1].tokens.len(), 40);
    /// # Ok(()) } main().unwrap(); }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ModelError::InvalidField`] for a configuration that does not fit;
    /// [`ModelError::EmptyInput`], [`ModelError::EmptyPrompt`], [`ModelError::InvalidInput`] for a token
    /// that the vocabulary lacks, [`ModelError::UnequalPrompts`], [`ModelError::NoMemory`] for a memory
    /// that a plain model is given, and [`ModelError::Memory`] for one of other rows: all before the
    /// memory takes part. [`ModelError::InvalidLogit`] if the model computes what is no number.
    pub fn generate(
        &self,
        prompts: &[Vec<i64>],
        config: &GenerationConfig,
        memory: Option<&mut ModelMemory>,
    ) -> Result<Vec<Generated>, ModelError> {
        self.generate_streaming(prompts, config, memory, |_| ControlFlow::Continue(()))
    }

    /// As [`generate`](Self::generate), and reports each token when it is chosen; those of one step in the order of
    /// rows. [`ControlFlow::Break`] ends all rows.
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate).
    pub fn generate_streaming(
        &self,
        prompts: &[Vec<i64>],
        config: &GenerationConfig,
        mut memory: Option<&mut ModelMemory>,
        on_token: impl FnMut(GeneratedToken) -> ControlFlow<()>,
    ) -> Result<Vec<Generated>, ModelError> {
        self.check_generation(prompts, config, memory.as_deref())?;
        if let Some(memory) = memory.as_deref_mut() {
            memory.detach();
        }
        let with_memory = memory.is_some();
        let model = self.valid();
        let segment_len = config.segment_len.unwrap_or(self.transformer.n_positions());
        let shape = [prompts.len(), segment_len];
        let mut reader = Reader::new(&model, memory, shape, config.use_cache);
        let written = write(&mut reader, prompts, config, with_memory, on_token);
        // Also after an error, so that the memory is left between two segments.
        let closed = reader.close();
        let written = written?;
        closed?;
        Ok(written)
    }

    fn check_generation(
        &self,
        prompts: &[Vec<i64>],
        config: &GenerationConfig,
        memory: Option<&ModelMemory>,
    ) -> Result<(), ModelError> {
        let vocab_size = self.transformer.wte.weight.lazy_shape()[0];
        config.validate(vocab_size, self.transformer.n_positions())?;
        let first = prompts.first().ok_or(ModelError::EmptyInput { what: "prompts" })?;
        for (row, prompt) in prompts.iter().enumerate() {
            if prompt.is_empty() {
                return Err(ModelError::EmptyPrompt { row });
            }
            let lacks = |&token: &i64| !usize::try_from(token).is_ok_and(|id| id < vocab_size);
            if let Some(position) = prompt.iter().position(lacks) {
                let expected = format!("0 or more and below the vocabulary's size {vocab_size}");
                let (what, got) = ("token", prompt[position]);
                return Err(ModelError::InvalidInput { what, row, position, expected, got });
            }
        }
        let Some(memory) = memory else { return Ok(()) };
        if !self.transformer.has_memory() {
            return Err(ModelError::NoMemory);
        }
        for (row, prompt) in prompts.iter().enumerate() {
            let (expected, got) = (first.len(), prompt.len());
            if got != expected {
                return Err(ModelError::UnequalPrompts { row, expected, got });
            }
        }
        memory.check_batch(prompts.len())?;
        Ok(())
    }
}

/// Reads the prompts and writes until every row has ended.
fn write(
    reader: &mut Reader<'_>,
    prompts: &[Vec<i64>],
    config: &GenerationConfig,
    with_memory: bool,
    mut on_token: impl FnMut(GeneratedToken) -> ControlFlow<()>,
) -> Result<Vec<Generated>, ModelError> {
    let batch = prompts.len();
    let mut samplers: Vec<_> = (0..batch).map(|row| Sampler::new(config, row)).collect();
    let mut tokens = vec![Vec::new(); batch];
    let mut finish = vec![None; batch];
    let mut logits = reader.read_prompts(prompts)?;
    loop {
        let mut unread = vec![None; batch];
        let numbers: Vec<f32> = logits.into_data().iter().collect();
        let vocab_size = numbers.len() / batch;
        for (row, logits) in numbers.chunks(vocab_size).enumerate() {
            if finish[row].is_some() {
                continue;
            }
            let token = samplers[row].choose(logits)? as i64;
            let index = tokens[row].len();
            tokens[row].push(token);
            unread[row] = Some(token);
            if config.stop_tokens.contains(&token) {
                finish[row] = Some(FinishReason::Stop);
            } else if index + 1 == config.max_new_tokens {
                finish[row] = Some(FinishReason::Length);
            }
            if on_token(GeneratedToken { row, index, token }).is_break() {
                for finish in &mut finish {
                    finish.get_or_insert(FinishReason::Cancelled);
                }
                break;
            }
        }
        if finish.iter().all(Option::is_some) {
            if with_memory {
                reader.read_next(&unread)?;
            }
            let generated = tokens.into_iter().zip(finish.into_iter().flatten());
            return Ok(generated.map(|(tokens, finish)| Generated { tokens, finish }).collect());
        }
        logits = reader.read_next(&unread)?;
    }
}
