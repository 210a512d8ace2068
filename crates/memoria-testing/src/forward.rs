//! Runs segments through a checkpoint.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use memoria::{
    EngramId, EngramKind, MemoriaError,
    models::{
        ClassifierOutput, EncoderConfig, EncoderKind, Gpt2Config, Gpt2LmHead, Gpt2Output,
        LoadReport, MemoryConfig, ModelError, ModelInput, ModelMemory, SequenceClassifier,
    },
    nn::Recall,
};
use serde::Serialize;

use crate::segments::Segment;

/// The outputs for all segments.
#[derive(Debug, Serialize)]
pub struct Output {
    /// Outputs by segment, in order.
    pub segments: Vec<SegmentOutput>,
}

/// The output for one segment.
#[derive(Debug, Serialize)]
pub struct SegmentOutput {
    /// The output of the model.
    pub logits: Logits,
    /// The memory of each row; `None` if no memory took part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Vec<RowMemory>>,
}

/// Logits of whole rows, or of each token.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Logits {
    /// `[batch][num_labels]`.
    OfRows(Vec<Vec<f32>>),
    /// `[batch][seq][vocab_size]`.
    OfTokens(Vec<Vec<Vec<f32>>>),
}

/// The memory of one row.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "named as those of `memoria`")]
pub struct RowMemory {
    pub reminded: Vec<EngramId>,
    /// Gain of each reminded engram, in the same order.
    pub gain: Vec<f32>,
    /// After the segment, as the fields below.
    pub alive: Vec<EngramId>,
    /// One letter per engram: S or L.
    pub kind: String,
    pub lifespan: Vec<f32>,
}

/// A checkpoint, ready to run.
#[derive(Debug)]
pub struct Loaded {
    model: Model,
    vocab_size: usize,
    memory: Option<MemoryConfig>,
    device: Device,
    /// The report of what was and was not loaded.
    pub report: LoadReport,
}

#[derive(Debug)]
enum Model {
    Gpt2(Box<Gpt2LmHead>),
    Classifier(Box<SequenceClassifier>),
}

/// The kind of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// GPT-2.
    Gpt2,
    /// BERT, or ELECTRA's encoder.
    Bert,
    /// RoBERTa.
    Roberta,
}

/// Loads a checkpoint of this kind; without one, of the kind in its configuration.
pub fn load(checkpoint: &Path, kind: Option<Kind>, device: &Device) -> Result<Loaded, ModelError> {
    let device = device.clone();
    let is_gpt2 = match kind {
        Some(kind) => kind == Kind::Gpt2,
        None => memoria::models::model_type(checkpoint)?.starts_with("gpt2"),
    };
    if is_gpt2 {
        let loaded = Gpt2Config::from_pretrained(checkpoint)?.load(checkpoint, &device)?;
        Ok(Loaded {
            model: Model::Gpt2(Box::new(loaded.model)),
            vocab_size: loaded.config.vocab_size,
            memory: loaded.config.memory,
            device,
            report: loaded.report,
        })
    } else {
        let config = match kind {
            Some(Kind::Bert) => EncoderConfig::from_pretrained_as(EncoderKind::Bert, checkpoint),
            Some(Kind::Roberta) => {
                EncoderConfig::from_pretrained_as(EncoderKind::Roberta, checkpoint)
            }
            _ => EncoderConfig::from_pretrained(checkpoint),
        };
        let loaded = config?.load(checkpoint, &device)?;
        Ok(Loaded {
            model: Model::Classifier(Box::new(loaded.model)),
            vocab_size: loaded.config.vocab_size,
            memory: loaded.config.memory,
            device,
            report: loaded.report,
        })
    }
}

impl Loaded {
    /// Runs all segments in order, with one memory if the model has one.
    ///
    /// # Errors
    ///
    /// A message that names the segment.
    pub fn run(&self, segments: &[Segment]) -> Result<Output, String> {
        let memory = self.memory.as_ref().map(MemoryConfig::init).transpose();
        let mut memory = memory.map_err(|error| error.to_string())?;
        let run = |(index, segment)| {
            let output = self.run_segment(segment, memory.as_mut());
            output.map_err(|error| format!("segments[{index}]: {error}"))
        };
        let segments = segments.iter().enumerate().map(run).collect::<Result<_, _>>()?;
        Ok(Output { segments })
    }

    fn run_segment(
        &self,
        segment: &Segment,
        mut memory: Option<&mut ModelMemory>,
    ) -> Result<SegmentOutput, ModelError> {
        let mask = segment.attention_mask.as_deref();
        let mut input =
            ModelInput::from_rows(&segment.input_ids, mask, self.vocab_size, &self.device)?;
        if let Some(rows) = &segment.token_type_ids {
            input = input.token_type_rows(rows)?;
        }
        if let Some(rows) = &segment.position_ids {
            input = input.position_rows(rows)?;
        }
        let (logits, recall, gains) = match &self.model {
            Model::Gpt2(model) => {
                let output: Gpt2Output = model.forward(&input, memory.as_deref_mut())?;
                (Logits::of_tokens(output.logits), output.recall, output.gains)
            }
            Model::Classifier(model) => {
                let output: ClassifierOutput = model.forward(&input, memory.as_deref_mut())?;
                (Logits::of_rows(output.logits), output.recall, output.gains)
            }
        };
        let memory = match (memory, recall) {
            (Some(memory), Some(recall)) => Some(look(memory, &recall, gains)?),
            _ => None,
        };
        Ok(SegmentOutput { logits, memory })
    }
}

fn look(
    memory: &mut ModelMemory,
    recall: &Recall,
    gains: Option<Tensor<2>>,
) -> Result<Vec<RowMemory>, MemoriaError> {
    let gains = gains.map(rows);
    let state = memory.state()?;
    let row = |row: usize| {
        let reminded = recall.ids(row).to_vec();
        let gain = gains.as_ref().map_or(&[][..], |gains| &gains[row][..reminded.len()]).to_vec();
        let engrams: Vec<_> = state.row(row)?.engrams().collect();
        let letter = |kind| if kind == EngramKind::LongTerm { 'L' } else { 'S' };
        Ok(RowMemory {
            reminded,
            gain,
            alive: engrams.iter().map(|engram| engram.id).collect(),
            kind: engrams.iter().map(|engram| letter(engram.kind)).collect(),
            lifespan: engrams.iter().map(|engram| engram.lifespan).collect(),
        })
    };
    (0..state.batch()).map(row).collect()
}

impl Logits {
    fn of_rows(logits: Tensor<2>) -> Self {
        Self::OfRows(rows(logits))
    }

    fn of_tokens(logits: Tensor<3>) -> Self {
        let [batch, seq, vocab_size] = logits.dims();
        let rows = rows(logits.reshape([batch * seq, vocab_size]));
        Self::OfTokens(rows.chunks(seq).map(<[_]>::to_vec).collect())
    }
}

fn rows(tensor: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, width] = tensor.dims();
    let numbers: Vec<f32> = tensor.into_data().iter().collect();
    numbers.chunks(width.max(1)).map(<[f32]>::to_vec).collect()
}
