//! Models with a memory, and their outputs for a segment.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use memoria::{
    Engram, EngramId, EngramKind, MemoriaError,
    models::{Gpt2LmHead, MemoryConfig, ModelError, ModelInput, ModelMemory, SequenceClassifier},
    nn::Recall,
};
use serde_json::Value;

/// Size of the models' vocabulary.
pub const VOCAB_SIZE: usize = 101;
/// Allowed difference of recorded logits, and of recorded gains and lifespans.
const TOLERANCES: [f32; 2] = [1e-4, 1e-3];

/// The network of a model.
#[allow(missing_docs, reason = "named after the models")]
pub enum Network {
    Gpt2(Box<Gpt2LmHead>),
    Classifier(Box<SequenceClassifier>),
}

/// A model with memory.
#[allow(missing_docs, reason = "what they are their types say")]
pub struct Model {
    pub network: Network,
    pub memory: MemoryConfig,
    pub device: Device,
}

/// The outputs for a segment in one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The output of the model.
    pub logits: Vec<f32>,
    /// Reminded engrams in the order of the search.
    pub reminded: Vec<EngramId>,
    /// Gains of the reminded engrams.
    pub gains: Vec<f32>,
    /// All engrams after the segment.
    pub engrams: Vec<Engram>,
}

/// Returns the folder of a model.
pub fn folder(name: &str) -> PathBuf {
    Path::new("tests/data/models").join(name)
}

impl Model {
    /// Loads a model by its name.
    pub fn load(name: &str, device: &Device) -> Self {
        let device = device.clone();
        if name.starts_with("gpt2") {
            let loaded = Gpt2LmHead::from_pretrained(folder(name), &device).unwrap();
            let memory = loaded.config.memory.unwrap();
            Self { network: Network::Gpt2(Box::new(loaded.model)), memory, device }
        } else {
            let loaded = SequenceClassifier::from_pretrained(folder(name), &device).unwrap();
            let memory = loaded.config.memory.unwrap();
            Self { network: Network::Classifier(Box::new(loaded.model)), memory, device }
        }
    }

    /// Makes an input of tokens and a mask of the padding.
    pub fn input(&self, rows: &[Vec<i64>], mask: Option<&[Vec<i64>]>) -> ModelInput {
        ModelInput::from_rows(rows, mask, VOCAB_SIZE, &self.device).unwrap()
    }

    /// Reads a segment of every row.
    pub fn read(
        &self,
        input: &ModelInput,
        memory: &mut ModelMemory,
    ) -> Result<Vec<Page>, ModelError> {
        let batch = input.input_ids.dims()[0];
        let (logits, recall, gains) = match &self.network {
            Network::Gpt2(model) => {
                let output = model.forward(input, Some(memory))?;
                (rows(output.logits, batch), output.recall, output.gains)
            }
            Network::Classifier(model) => {
                let output = model.forward(input, Some(memory))?;
                (rows(output.logits, batch), output.recall, output.gains)
            }
        };
        let gains = gains.map_or(vec![Vec::new(); batch], |gains| rows(gains, batch));
        Ok(pages(logits, recall.as_ref(), &gains, memory).unwrap())
    }
}

fn pages(
    logits: Vec<Vec<f32>>,
    recall: Option<&Recall>,
    gains: &[Vec<f32>],
    memory: &mut ModelMemory,
) -> Result<Vec<Page>, MemoriaError> {
    let state = memory.state()?;
    let page = |(row, logits): (usize, Vec<f32>)| {
        let reminded = recall.map_or(Vec::new(), |recall| recall.ids(row).to_vec());
        let gains = gains[row].iter().copied().take(reminded.len()).collect();
        Ok(Page { logits, reminded, gains, engrams: state.row(row)?.engrams().collect() })
    };
    logits.into_iter().enumerate().map(page).collect()
}

fn rows<const D: usize>(tensor: Tensor<D>, batch: usize) -> Vec<Vec<f32>> {
    let numbers: Vec<f32> = tensor.into_data().iter().collect();
    numbers.chunks((numbers.len() / batch).max(1)).map(<[f32]>::to_vec).collect()
}

/// Returns the recorded segments of a model, with their outputs.
pub fn recorded(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder(name).join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    expected["segments"].as_array().unwrap().clone()
}

/// Returns the tokens of a recorded segment.
pub fn recorded_input(model: &Model, segment: &Value) -> ModelInput {
    let tokens =
        |name: &str| -> Vec<Vec<i64>> { serde_json::from_value(segment[name].clone()).unwrap() };
    model.input(&tokens("input_ids"), Some(&tokens("attention_mask")))
}

/// Compares outputs with the recorded ones.
pub fn assert_recorded(got: &[Page], segment: &Value, place: &str) {
    let numbers = |value: &Value| flat(value);
    let close = |got: &[f32], expected: &Value, tolerance: f32, what: &str| {
        let expected = numbers(expected);
        assert_eq!(got.len(), expected.len(), "{place}: {what}");
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() <= tolerance, "{place}: {what}: {got} for {expected}");
        }
    };
    for (row, page) in got.iter().enumerate() {
        close(&page.logits, &segment["logits"][row], TOLERANCES[0], "logits");
        let Some(expected) = segment.get("memory").map(|rows| &rows[row]) else { continue };
        let ids = |ids: &Value| -> Vec<EngramId> { serde_json::from_value(ids.clone()).unwrap() };
        assert_eq!(page.reminded, ids(&expected["reminded"]), "{place}");
        close(&page.gains, &expected["gain"], TOLERANCES[1], "gains");
        let alive: Vec<EngramId> = page.engrams.iter().map(|engram| engram.id).collect();
        assert_eq!(alive, ids(&expected["alive"]), "{place}");
        let letter = |engram: &Engram| match engram.kind {
            EngramKind::LongTerm => 'L',
            _ => 'S',
        };
        let kinds: String = page.engrams.iter().map(letter).collect();
        assert_eq!(kinds, expected["kind"].as_str().unwrap(), "{place}");
        let lifespans: Vec<f32> = page.engrams.iter().map(|engram| engram.lifespan).collect();
        close(&lifespans, &expected["lifespan"], TOLERANCES[1], "lifespans");
    }
}

fn flat(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}
