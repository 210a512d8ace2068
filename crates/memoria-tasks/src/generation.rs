//! Text generation token by token, by trained models with a memory that has read all earlier text.

use burn::tensor::Device;
use memoria_models::{GenerationConfig, Sampler};

use crate::{
    TaskError,
    training::{Batch, SegmentModel},
};

/// Continues a text. It remembers read and written tokens segment by segment, as in training.
///
/// For each token the tokens of the current segment are computed again.
#[derive(Debug)]
pub struct Writer<'m, M: SegmentModel> {
    model: &'m M,
    memory: M::Memory,
    segment_length: usize,
    /// The tokens of the current segment, which is incomplete or was completed by the last token.
    segment: Vec<u32>,
    /// Whether this is the first segment.
    begins: bool,
    /// Logits of the next token, if any token was read.
    logits: Option<Vec<f32>>,
    sampler: Sampler,
    device: Device,
}

impl<'m, M: SegmentModel> Writer<'m, M> {
    /// Creates a writer with an empty memory. The model must be on a device without autodiff, and must be causal.
    ///
    /// # Errors
    ///
    /// As [`SegmentModel::memory`]; [`TaskError::Model`] for options that are out of range.
    pub fn new(
        model: &'m M,
        segment_length: usize,
        vocabulary: usize,
        config: &GenerationConfig,
        device: &Device,
    ) -> Result<Self, TaskError> {
        config.validate(vocabulary, segment_length)?;
        Ok(Self {
            model,
            memory: model.memory()?,
            segment_length,
            segment: Vec::new(),
            begins: true,
            logits: None,
            sampler: Sampler::new(config, 0),
            device: device.clone(),
        })
    }

    /// Reads some tokens. `step` is called after each segment with the number of tokens read.
    ///
    /// # Errors
    ///
    /// Errors of the memory.
    pub fn read(&mut self, tokens: &[u32], mut step: impl FnMut(usize)) -> Result<(), TaskError> {
        let mut rest = tokens;
        while !rest.is_empty() {
            if self.segment.len() == self.segment_length {
                self.segment.clear();
                self.begins = false;
            }
            let (taken, after) =
                rest.split_at(rest.len().min(self.segment_length - self.segment.len()));
            rest = after;
            self.segment.extend(taken);
            let batch = Batch::of_segment(&self.segment, self.begins, &self.device);
            let logits = match self.segment.len() == self.segment_length {
                true => self.model.logits(&batch, &mut self.memory)?,
                false => self.model.peek(&batch, &mut self.memory)?,
            };
            self.logits = Some(logits.into_data().iter::<f32>().collect());
            step(tokens.len() - rest.len());
        }
        Ok(())
    }

    /// Chooses the next token, and reads it.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] if nothing was read before; [`TaskError::Model`] for logits that are not finite; errors of
    /// the memory.
    pub fn write(&mut self) -> Result<u32, TaskError> {
        let Some(logits) = &self.logits else {
            return Err(TaskError::option("the prompt", "of one token at least", "nothing"));
        };
        let token = self.sampler.choose(logits)? as u32;
        self.read(&[token], |_| ())?;
        Ok(token)
    }

    /// Returns the memory of all complete segments.
    pub fn memory(&mut self) -> &mut M::Memory {
        &mut self.memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{MemoryConfig, Sizes},
        model::{ContextName, Decoder, ModelConfig, ModelSpec},
    };

    const LENGTH: usize = 4;

    fn decoder(context: ContextName) -> Decoder {
        let config = ModelSpec {
            model: ModelConfig { width: 16, causal: true, ..ModelConfig::default() },
            memory: MemoryConfig::default(),
            context,
            sizes: Sizes { vocabulary: 9, segment_length: LENGTH, classes: None },
            seed: 5,
        };
        config.decoder(&Device::flex()).unwrap()
    }

    /// A slow reference: reads everything again for each token, with an empty memory.
    fn slowly(decoder: &Decoder, prompt: &[u32], count: usize) -> Vec<u32> {
        let mut tokens = prompt.to_vec();
        for _ in 0..count {
            let mut memory = decoder.memory().unwrap();
            let mut logits = Vec::new();
            for (index, segment) in tokens.chunks(LENGTH).enumerate() {
                let batch = Batch::of_segment(segment, index == 0, &Device::flex());
                let of_segment = decoder.logits(&batch, &mut memory).unwrap();
                logits = of_segment.into_data().iter::<f32>().collect();
            }
            let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
            tokens.push(best as u32);
        }
        tokens.split_off(prompt.len())
    }

    #[test]
    fn what_is_written_is_what_reading_all_again_would_write() {
        for context in [ContextName::Memoria, ContextName::WorkingOnly, ContextName::None] {
            let decoder = decoder(context);
            for length in [1, 3, 4, 5, 14] {
                let prompt: Vec<u32> =
                    (0..length).map(|place| (place * place % 7) as u32).collect();
                let config = GenerationConfig::new(1);
                let mut writer =
                    Writer::new(&decoder, LENGTH, 9, &config, &Device::flex()).unwrap();
                writer.read(&prompt, |_| ()).unwrap();
                let written: Vec<u32> = (0..11).map(|_| writer.write().unwrap()).collect();
                assert_eq!(written, slowly(&decoder, &prompt, 11), "{context:?} after {length}");
            }
        }
    }

    #[test]
    fn a_copy_of_the_memory_peeks_alike() {
        let decoder = decoder(ContextName::Memoria);
        let mut memory = decoder.memory().unwrap();
        for tokens in [[1, 2, 3, 4], [5, 6, 7, 8], [1, 1, 2, 2]] {
            let batch = Batch::of_segment(&tokens, false, &Device::flex());
            let numbers = |logits: burn::tensor::Tensor<2>| -> Vec<f32> {
                logits.into_data().iter::<f32>().collect()
            };
            let peeked = numbers(decoder.peek(&batch, &mut memory).unwrap());
            let copied = numbers(decoder.logits(&batch, &mut memory.clone()).unwrap());
            assert_eq!(peeked, copied);
            assert_eq!(numbers(decoder.logits(&batch, &mut memory).unwrap()), peeked);
        }
    }

    #[test]
    fn nothing_is_written_of_nothing_or_out_of_range() {
        let decoder = decoder(ContextName::None);
        let new =
            |config: &GenerationConfig| Writer::new(&decoder, LENGTH, 9, config, &Device::flex());
        let error = new(&GenerationConfig::new(1)).unwrap().write().unwrap_err().to_string();
        assert!(error.contains("the prompt must be of one token at least"), "{error}");
        let error = new(&GenerationConfig::new(1).with_top_p(0.0)).unwrap_err().to_string();
        assert!(error.contains("top_p"), "{error}");
    }
}
