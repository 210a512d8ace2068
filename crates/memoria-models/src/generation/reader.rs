//! Tokens read one after the other, segment by segment.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use memoria_nn::{Padding, accumulated};

use crate::{
    Gpt2Cache, Gpt2LmHead, ModelError, ModelInput, ModelMemory,
    gpt2::{Gpt2Recall, Passed},
};

/// Reads tokens of all rows of a batch one after the other, and returns the logits of the next tokens.
///
/// A row's tokens are cut into segments. With a memory all rows' segments end together, and it takes part
/// in them as in [`Gpt2LmHead::forward`]: when a segment begins, the previous one is remembered; when it
/// ends, time passes. Without memory a segment knows nothing of those before it.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    model: &'a Gpt2LmHead,
    device: Device,
    memory: Option<&'a mut ModelMemory>,
    segment_len: usize,
    use_cache: bool,
    /// The present segment of each row, in which `None` is padding.
    rows: Vec<Vec<Option<i64>>>,
    cache: Gpt2Cache,
    open: Option<OpenSegment>,
}

/// The present segment, as far as it was read, for the memory.
#[derive(Debug)]
struct OpenSegment {
    recall: Option<Gpt2Recall>,
    /// Hidden states, `[batch, tokens, d_model]` per piece that was read.
    hidden: Vec<Tensor<3>>,
    /// Weights over the reminded memories, as a mean over layers and a sum over the tokens that are not
    /// padding, `[batch, n_head, 1, k]`, in single precision at least.
    weights: Option<Tensor<4>>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        model: &'a Gpt2LmHead,
        memory: Option<&'a mut ModelMemory>,
        [batch, segment_len]: [usize; 2],
        use_cache: bool,
    ) -> Self {
        Self {
            model,
            device: model.transformer.wte.weight.val().device(),
            memory,
            segment_len,
            use_cache,
            rows: vec![Vec::new(); batch],
            cache: Gpt2Cache::new(),
            open: None,
        }
    }

    /// Reads the tokens that each row begins with, and gives the logits `[batch, vocab_size]` of what may
    /// come next.
    ///
    /// # Errors
    ///
    /// [`ModelError::Memory`].
    pub(crate) fn read_prompts(&mut self, prompts: &[Vec<i64>]) -> Result<Tensor<2>, ModelError> {
        let known = |tokens: &[i64]| tokens.iter().copied().map(Some).collect::<Vec<_>>();
        if self.memory.is_none() {
            // Nothing is left of the segments before the last.
            let last = |prompt: &Vec<i64>| {
                known(&prompt[(prompt.len() - 1) / self.segment_len * self.segment_len..])
            };
            return self.read(prompts.iter().map(last).collect());
        }
        let mut at = 0;
        loop {
            let end = prompts[0].len().min(at + self.segment_len);
            let logits =
                self.read(prompts.iter().map(|prompt| known(&prompt[at..end])).collect())?;
            if end == prompts[0].len() {
                return Ok(logits);
            }
            at = end;
        }
    }

    /// Reads the next token of each row, `None` for rows that have none, and gives the logits
    /// `[batch, vocab_size]` of what may come next.
    ///
    /// # Errors
    ///
    /// [`ModelError::Memory`].
    pub(crate) fn read_next(&mut self, tokens: &[Option<i64>]) -> Result<Tensor<2>, ModelError> {
        self.read(tokens.iter().map(|&token| vec![token]).collect())
    }

    /// The segment that was begun is over: the memory lets time pass, and keeps it for the next.
    ///
    /// # Errors
    ///
    /// [`ModelError::Memory`].
    pub(crate) fn close(&mut self) -> Result<(), ModelError> {
        let (Some(open), Some(memory)) = (self.open.take(), self.memory.as_deref_mut()) else {
            return Ok(());
        };
        let mut adjusted = Ok(());
        if let Some(Gpt2Recall { recall, .. }) = &open.recall {
            let counts = self.rows.iter().map(|row| row.iter().flatten().count().max(1) as f32);
            let counts = TensorData::new(counts.collect(), [self.rows.len(), 1, 1, 1]);
            let mean = open.weights.map(|sum| {
                let counts = Tensor::from_data(counts, (&sum.device(), sum.dtype()));
                sum / counts
            });
            let gains = memory.memoria().gains(recall, mean)?;
            adjusted = memory.memoria().adjust_forgiving(recall, gains);
        }
        // Rows that have ended have no tokens in all of the segment.
        let left_out = Padding::new(width(&self.rows), padding(&self.rows));
        memory.keep(Tensor::cat(open.hidden, 1), left_out)?;
        adjusted?;
        Ok(())
    }

    /// Reads tokens that do not go beyond a segment's end, unless they are the first of the next.
    fn read(&mut self, new: Vec<Vec<Option<i64>>>) -> Result<Tensor<2>, ModelError> {
        self.begin_segments(&new)?;
        let before: Vec<usize> = self.rows.iter().map(Vec::len).collect();
        for (row, new) in self.rows.iter_mut().zip(&new) {
            row.extend(new);
        }
        let recall = self.open.as_ref().and_then(|open| open.recall.as_ref());
        let transformer = &self.model.transformer;
        let input = match self.use_cache {
            true => input(&new, &before, &self.device),
            false => input(&self.rows, &vec![0; before.len()], &self.device),
        };
        let mut cache = self.use_cache.then_some(&mut self.cache);
        let embedded = transformer.embed(&input, cache.as_deref_mut());
        let passed = transformer.pass(embedded, recall, cache);
        let [batch, seq, d_model] = passed.hidden.dims();
        let last = passed.hidden.clone().slice([0..batch, seq - 1..seq, 0..d_model]);
        if let Some(open) = &mut self.open {
            if !self.use_cache {
                (open.hidden, open.weights) = (Vec::new(), None);
            }
            open.add(passed, input.mask_pad);
        }
        let logits = self.model.logits(last);
        let vocab_size = logits.dims()[2];
        Ok(logits.reshape([batch, vocab_size]))
    }

    /// Begins a new segment, with these tokens, in every row that has filled its present one. Rows that have
    /// none have ended: they will have none in all of the segment.
    fn begin_segments(&mut self, new: &[Vec<Option<i64>>]) -> Result<(), ModelError> {
        let batch = self.rows.len();
        let full: Vec<usize> =
            (0..batch).filter(|&row| self.rows[row].len() == self.segment_len).collect();
        if full.len() == batch {
            self.close()?;
            self.cache.clear();
        }
        full.iter().for_each(|&row| self.rows[row].clear());
        if !full.is_empty() && full.len() < batch && self.use_cache {
            let longest = self.rows.iter().map(Vec::len).max().unwrap_or(0);
            self.cache.begin_anew(&full, [batch, longest], &self.device);
        }
        if let Some(memory) = self.memory.as_deref_mut()
            && self.open.is_none()
        {
            let has_ended = |&row: &usize| new[row].iter().all(Option::is_none);
            let absent: Vec<usize> = (0..batch).filter(has_ended).collect();
            let recall = self.model.transformer.recall(batch, &absent, memory)?;
            self.open = Some(OpenSegment { recall, hidden: Vec::new(), weights: None });
        }
        Ok(())
    }
}

impl OpenSegment {
    fn add(&mut self, passed: Passed, padding: Option<Tensor<2, Bool>>) {
        self.hidden.push(passed.hidden);
        let layers = passed.weights.len() as f32;
        let weights = passed.weights.into_iter().map(accumulated);
        let Some(weights) = weights.reduce(|a, b| a + b) else { return };
        let shape @ [batch, _, seq, _] = weights.dims();
        let weights = match padding {
            None => weights,
            Some(padding) => {
                weights.mask_fill(padding.reshape([batch, 1, seq, 1]).expand(shape), 0.0)
            }
        };
        let sum = weights.sum_dim(2) / layers;
        self.weights = Some(match self.weights.take() {
            None => sum,
            Some(held) => held + sum,
        });
    }
}

/// Rows; the shorter ones begin with padding. The first tokens of all rows have these positions.
fn input(rows: &[Vec<Option<i64>>], before: &[usize], device: &Device) -> ModelInput {
    let width = width(rows);
    let shape = [rows.len(), width];
    let (mut ids, mut positions) = (Vec::new(), Vec::new());
    for (row, before) in rows.iter().zip(before) {
        let left = width - row.len();
        ids.extend(std::iter::repeat_n(0, left).chain(row.iter().map(|token| token.unwrap_or(0))));
        let range = *before as i64..(before + row.len()) as i64;
        positions.extend(std::iter::repeat_n(0, left).chain(range));
    }
    let tensor =
        |numbers: Vec<i64>| Tensor::<2, Int>::from_data(TensorData::new(numbers, shape), device);
    let input = ModelInput::new(tensor(ids)).position_ids(tensor(positions));
    ModelInput { mask_pad: mask_pad(rows, device), ..input }
}

/// Where rows have no tokens, `batch × seq`, row by row; shorter ones begin late.
fn padding(rows: &[Vec<Option<i64>>]) -> Vec<bool> {
    let width = width(rows);
    let row = |row: &Vec<Option<i64>>| {
        let left = std::iter::repeat_n(true, width - row.len());
        left.chain(row.iter().map(Option::is_none)).collect::<Vec<_>>()
    };
    rows.iter().flat_map(row).collect()
}

/// `[batch, seq]`, true where a row has no token; `None` if all have.
fn mask_pad(rows: &[Vec<Option<i64>>], device: &Device) -> Option<Tensor<2, Bool>> {
    Padding::new(width(rows), padding(rows)).map(|padding| padding.mask(device))
}

fn width(rows: &[Vec<Option<i64>>]) -> usize {
    rows.iter().map(Vec::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use memoria_core::MemoriaConfig;
    use rstest::rstest;
    use serde::Deserialize;

    use super::*;
    use crate::{Gpt2Config, MemoryConfig};

    /// What a checkpoint with memory comes to, segment by segment.
    #[derive(Deserialize)]
    struct Expected {
        segments: Vec<Segment>,
    }

    #[derive(Deserialize)]
    struct Segment {
        input_ids: Vec<Vec<i64>>,
        /// `[batch][seq][vocab_size]`.
        logits: Vec<Vec<Vec<f32>>>,
        #[serde(default)]
        memory: Vec<Row>,
    }

    #[derive(Deserialize)]
    struct Row {
        alive: Vec<u64>,
        kind: String,
        lifespan: Vec<f32>,
    }

    /// Read token by token, every segment has the logits that it has as a whole, and leaves the same.
    #[rstest]
    fn tokens_have_the_recorded_logits(#[values(true, false)] use_cache: bool) {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/models/gpt2-memoria");
        let loaded = Gpt2LmHead::from_pretrained(&folder, &Device::flex()).unwrap();
        let text = fs::read_to_string(folder.join("expected.json")).unwrap();
        let Expected { segments } = serde_json::from_str(&text).unwrap();
        let mut memory = loaded.config.memory.unwrap().init().unwrap();
        let mut kinds = String::new();
        for (index, segment) in segments.iter().enumerate() {
            let (batch, seq) = (segment.input_ids.len(), segment.input_ids[0].len());
            let shape = [batch, seq];
            // A reader of its own, so that the memory can be looked at in between.
            let mut reader = Reader::new(&loaded.model, Some(&mut memory), shape, use_cache);
            for at in 0..seq {
                let tokens: Vec<_> = segment.input_ids.iter().map(|row| Some(row[at])).collect();
                let logits = reader.read_next(&tokens).unwrap();
                let got: Vec<f32> = logits.into_data().iter().collect();
                let expected = segment.logits.iter().flat_map(|row| &row[at]);
                let difference = got.iter().zip(expected).map(|(a, b)| (a - b).abs());
                let difference = difference.fold(0.0, f32::max);
                assert!(difference < 1e-4, "segment {index}, token {at}: {difference}");
            }
            reader.close().unwrap();
            let state = memory.state().unwrap();
            assert_eq!(state.batch(), batch);
            for (row, expected) in segment.memory.iter().enumerate() {
                let engrams: Vec<_> = state.row(row).unwrap().engrams().collect();
                let alive: Vec<_> = engrams.iter().map(|engram| engram.id.0).collect();
                assert_eq!(alive, expected.alive, "segment {index}, row {row}");
                let kind = engrams.iter().map(|engram| match engram.kind {
                    memoria_core::EngramKind::LongTerm => 'L',
                    _ => 'S',
                });
                assert_eq!(kind.collect::<String>(), expected.kind, "segment {index}, row {row}");
                for (engram, expected) in engrams.iter().zip(&expected.lifespan) {
                    assert!((engram.lifespan - expected).abs() < 1e-3);
                }
                kinds.push_str(&expected.kind);
            }
        }
        assert!(kinds.contains('S') && kinds.contains('L'));
    }

    /// What comes later changes nothing of what was told before, to the bit: neither later tokens of a segment
    /// nor later segments.
    #[rstest]
    fn no_later_token_changes_earlier_logits(
        #[values(true, false)] use_cache: bool,
        #[values(Some(3), None)] num_memories: Option<usize>,
    ) {
        let (seq, device) = (5, Device::flex());
        let memoria = MemoriaConfig::small().with_num_reminded_stm(2).with_stm_capacity(4);
        let memory = MemoryConfig::causal(seq, memoria).with_num_memories(num_memories);
        let config = Gpt2Config::new(31, seq, 16, 2, 2).with_memory(memory.clone());
        let model = Gpt2Config { initializer_range: 0.3, ..config }.init(&device).unwrap();
        let token = |at: usize, row: i64| (at as i64 * 17 + row * 5) % 31;
        let read = |changed: usize| {
            let mut memory = memory.init().unwrap();
            let mut reader = Reader::new(&model, Some(&mut memory), [2, seq], use_cache);
            let logits: Vec<Vec<f32>> = (0..6 * seq)
                .map(|at| {
                    let other = i64::from(at >= changed);
                    let tokens = [0, 1].map(|row| Some((token(at, row) + other) % 31));
                    reader.read_next(&tokens).unwrap().into_data().iter().collect()
                })
                .collect();
            reader.close().unwrap();
            logits
        };
        let plain = read(usize::MAX);
        for changed in [1, 7, 13, 20, 29] {
            let other = read(changed);
            assert!(plain[..changed] == other[..changed], "from token {changed}");
            assert!(plain[changed..].iter().zip(&other[changed..]).all(|(a, b)| a != b));
        }
    }
}
