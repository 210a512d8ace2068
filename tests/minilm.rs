//! Published weights: compares hidden states of all-MiniLM-L6-v2 with those of transformers.
//!
//! The weights are not in the repository. With them:
//!
//! ```sh
//! MEMORIA_MINILM=$(python3 scripts/minilm.py) cargo test --release --test minilm -- --nocapture
//! ```

use std::{env, fs, path::PathBuf};

use burn::tensor::{Device, Tensor};
use memoria::{
    MemoriaConfig,
    models::{Encoder, EncoderConfig, MemoryConfig, ModelInput},
};
use rstest::rstest;
use serde::Deserialize;
use tokenizers::Tokenizer;

/// Allowed difference of hidden states, of which the largest are about 1.
const TOLERANCE: f32 = 1e-3;
const D_MODEL: usize = 384;

#[derive(Deserialize)]
struct Sentence {
    text: String,
    input_ids: Vec<i64>,
    /// `[tokens][384]`, then `[384]` of the pooler; from another file.
    #[serde(skip)]
    numbers: Vec<f32>,
}

/// Returns the folder of the weights. Without it a test is skipped and prints a message.
fn weights() -> Option<PathBuf> {
    let folder = env::var_os("MEMORIA_MINILM").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: MEMORIA_MINILM must name the folder that scripts/minilm.py prints");
    }
    folder
}

fn sentences() -> Vec<Sentence> {
    let data = PathBuf::from("tests/data/minilm");
    let text = fs::read_to_string(data.join("sentences.json")).unwrap();
    let mut sentences: Vec<Sentence> = serde_json::from_str(&text).unwrap();
    let bytes = fs::read(data.join("hidden.f32")).unwrap();
    let numbers = bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    let mut numbers = numbers.collect::<Vec<_>>().into_iter();
    for sentence in &mut sentences {
        let count = (sentence.input_ids.len() + 1) * D_MODEL;
        sentence.numbers = numbers.by_ref().take(count).collect();
        assert_eq!(sentence.numbers.len(), count);
    }
    assert_eq!((sentences.len(), numbers.next()), (6, None));
    sentences
}

/// Returns the hidden states and the pooler's output of one sentence of a batch.
fn numbers(model: &Encoder, hidden: &Tensor<3>, row: usize, tokens: usize) -> Vec<f32> {
    let hidden = hidden.clone().narrow(0, row, 1).narrow(1, 0, tokens);
    let pooled = model.pool(hidden.clone());
    hidden.into_data().iter().chain(pooled.into_data().iter::<f32>()).collect()
}

fn difference(got: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn tokens_are_those_of_transformers() {
    let Some(folder) = weights() else { return };
    let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    tokenizer.with_padding(None);
    for sentence in sentences() {
        let encoded = tokenizer.encode(sentence.text.as_str(), true).unwrap();
        let ids: Vec<i64> = encoded.get_ids().iter().copied().map(i64::from).collect();
        assert_eq!(ids, sentence.input_ids, "{}", sentence.text);
    }
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
fn hidden_states_are_those_of_transformers_on(#[case] device: Device) {
    let Some(folder) = weights() else { return };
    let loaded = Encoder::from_pretrained(&folder, &device).unwrap();
    assert!(loaded.report.is_complete(), "{}", loaded.report);
    let (model, vocab_size) = (loaded.model, loaded.config.vocab_size);
    let sentences = sentences();
    let mut most = 0.0f32;
    for sentence in &sentences {
        let rows = [sentence.input_ids.clone()];
        let input = ModelInput::from_rows(&rows, None, vocab_size, &device).unwrap();
        let hidden = model.forward(&input, None).unwrap().hidden;
        let got = numbers(&model, &hidden, 0, rows[0].len());
        most = most.max(difference(&got, &sentence.numbers));
    }
    println!("one by one, hidden states differ by {most:e} at most");
    assert!(most <= TOLERANCE);

    let longest = sentences.iter().map(|sentence| sentence.input_ids.len()).max().unwrap();
    let padded = |row: &[i64], with: i64| [row, &vec![with; longest - row.len()]].concat();
    let ids: Vec<_> = sentences.iter().map(|s| padded(&s.input_ids, 0)).collect();
    let mask: Vec<_> = sentences.iter().map(|s| padded(&vec![1; s.input_ids.len()], 0)).collect();
    let input = ModelInput::from_rows(&ids, Some(&mask), vocab_size, &device).unwrap();
    let hidden = model.forward(&input, None).unwrap().hidden;
    for (row, sentence) in sentences.iter().enumerate() {
        let got = numbers(&model, &hidden, row, sentence.input_ids.len());
        most = most.max(difference(&got, &sentence.numbers));
    }
    println!("and padded in a batch, by {most:e}");
    assert!(most <= TOLERANCE);
}

/// The memory is added as initialized, and the layers below it are unchanged.
#[test]
fn a_memory_is_added_and_reported() {
    let Some(folder) = weights() else { return };
    let device = Device::flex();
    let memory = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3));
    let config = EncoderConfig::from_pretrained(&folder).unwrap().with_memory(memory.clone(), 3);
    let loaded = config.load_model(&folder, &device).unwrap();
    assert!(loaded.report.missing.is_empty(), "{}", loaded.report);
    // 9 of the abstractor; in each of the two layers above it, 8 of the attention and 2 of a norm.
    assert_eq!(loaded.report.initialized_memory.len(), 29, "{}", loaded.report);
    let mut memory = memory.init().unwrap();
    for (index, sentence) in sentences().iter().enumerate() {
        let rows = [sentence.input_ids.clone()];
        let input = ModelInput::from_rows(&rows, None, loaded.config.vocab_size, &device).unwrap();
        let output = loaded.model.forward(&input, Some(&mut memory)).unwrap();
        assert_eq!(output.recall.unwrap().ids(0).is_empty(), index == 0);
    }
}
