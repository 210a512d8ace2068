//! Checkpoints of Hugging Face's models in the many forms they come in, made by `scripts/checkpoints.py`:
//! what they load, and what the models come to whatever is padding.

use std::path::{Path, PathBuf};

use burn::tensor::{Bool, Device, Tensor, TensorData};
use memoria_models::{
    Encoder, Gpt2, Gpt2Config, Gpt2LmHead, LoadReport, ModelInput, SequenceClassifier, model_type,
};
use rstest::rstest;
use serde_json::Value;

const TOLERANCE: f32 = 1e-4;
const VOCAB_SIZE: usize = 31;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints").join(name)
}

/// A model of any kind, as what it makes of an input.
type Run = Box<dyn Fn(&ModelInput) -> Vec<f32>>;

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

fn load(name: &str, device: &Device) -> (Run, LoadReport) {
    let folder = folder(name);
    let is_model = name.ends_with("-model") || name.starts_with("electra");
    if model_type(&folder).unwrap() == "gpt2" {
        let loaded = Gpt2LmHead::from_pretrained(&folder, device).unwrap();
        let run =
            move |input: &ModelInput| numbers(loaded.model.forward(input, None).unwrap().logits);
        (Box::new(run), loaded.report)
    } else if is_model {
        let loaded = Encoder::from_pretrained(&folder, device).unwrap();
        let run =
            move |input: &ModelInput| numbers(loaded.model.forward(input, None).unwrap().hidden);
        (Box::new(run), loaded.report)
    } else {
        let loaded = SequenceClassifier::from_pretrained(&folder, device).unwrap();
        let run =
            move |input: &ModelInput| numbers(loaded.model.forward(input, None).unwrap().logits);
        (Box::new(run), loaded.report)
    }
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
fn agrees_with_transformers_on(
    #[case] device: Device,
    #[values(
        "gpt2-untied",
        "gpt2-without-prefix",
        "bert-gamma-beta",
        "roberta-half",
        "bert-model",
        "roberta-model",
        "electra-discriminator"
    )]
    name: &str,
) {
    let (run, report) = load(name, &device);
    let poolers = ["pooler.dense.weight", "pooler.dense.bias"];
    let missing: &[&str] = if name.starts_with("electra") { &poolers } else { &[] };
    assert_eq!(report.missing, missing);
    assert!(report.initialized_memory.is_empty());
    let is_head = |name: &String| name.starts_with("discriminator_predictions.");
    assert!(report.unused.iter().all(is_head), "{:?}", report.unused);
    assert_eq!(report.unused.is_empty(), !name.starts_with("electra"));

    let text = std::fs::read_to_string(folder(name).join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    for segment in expected["segments"].as_array().unwrap() {
        let rows =
            |field| -> Vec<Vec<i64>> { serde_json::from_value(segment[field].clone()).unwrap() };
        let (input_ids, mask) = (rows("input_ids"), rows("attention_mask"));
        let input = ModelInput::from_rows(&input_ids, Some(&mask), VOCAB_SIZE, &device).unwrap();
        let outputs = segment.get("logits").unwrap_or(&segment["hidden"]);
        let (got, expected) = (run(&input), flat(outputs));
        assert_eq!(got.len(), expected.len());
        let difference = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference <= TOLERANCE, "{} padding: {difference}", segment["padding"]);
    }
}

fn flat(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

#[rstest]
fn a_head_that_is_not_tied_is_loaded_and_one_that_is_is_not_kept() {
    let device = Device::flex();
    let untied = Gpt2LmHead::from_pretrained(folder("gpt2-untied"), &device).unwrap();
    assert!(untied.model.lm_head.is_some());
    let tied = Gpt2LmHead::from_pretrained(folder("gpt2-without-prefix"), &device).unwrap();
    assert!(tied.model.lm_head.is_none());
    // A file with a head of its own, and a configuration that does not say so.
    let mut config = Gpt2Config::from_pretrained(folder("gpt2-untied")).unwrap();
    config.tie_word_embeddings = None;
    let loaded = config.clone().load(folder("gpt2-untied"), &device).unwrap();
    assert!(loaded.model.lm_head.is_some());
    assert_eq!(loaded.config.tie_word_embeddings, Some(false));
    // And one with a configuration that says that it is tied.
    config.tie_word_embeddings = Some(true);
    let loaded = config.load(folder("gpt2-untied"), &device).unwrap();
    assert!(loaded.model.lm_head.is_none());
    assert_eq!(loaded.report.unused, ["lm_head.weight"]);
}

#[rstest]
#[case(&[8])]
#[case(&[3, 5])]
#[case(&[1, 1, 4, 2])]
fn tokens_read_one_after_the_other_come_to_the_same(#[case] parts: &[usize]) {
    let device = Device::flex();
    let model: Gpt2 = Gpt2Config::from_pretrained(folder("gpt2-without-prefix"))
        .unwrap()
        .load_model(folder("gpt2-without-prefix"), &device)
        .unwrap()
        .model;
    let rows: Vec<Vec<i64>> = vec![vec![3, 9, 1, 30, 12, 7, 22, 4], vec![0, 0, 0, 5, 6, 7, 8, 9]];
    let mask: Vec<Vec<i64>> = vec![vec![1; 8], vec![0, 0, 0, 1, 1, 1, 1, 1]];
    let input = ModelInput::from_rows(&rows, Some(&mask), VOCAB_SIZE, &device).unwrap();
    let whole = model.forward(&input, None).unwrap();
    let mut cache = memoria_models::Gpt2Cache::new();
    let (mut at, mut read) = (0, Vec::new());
    for &count in parts {
        let ids = input.input_ids.clone().narrow(1, at, count);
        let mut part = ModelInput::new(ids);
        // Where no token is padding, a part needs no mask.
        if at < 3 {
            part.mask_pad = input.mask_pad.clone().map(|mask| mask.narrow(1, at, count));
        }
        read.push(model.forward(&part, Some(&mut cache)).unwrap());
        at += count;
    }
    assert_eq!(cache.len(), 8);
    let read = Tensor::cat(read, 1);
    let difference = (whole - read).abs().max().into_scalar::<f32>();
    assert!(difference < 1e-5, "{difference}");
    // There is room for four more tokens.
    let more = Tensor::zeros([2, 5], &device);
    assert!(model.forward(&ModelInput::new(more), Some(&mut cache)).is_err());
    assert_eq!(cache.len(), 8);
}

#[rstest]
fn padding_is_said_by_a_mask_as_by_an_attention_mask() {
    let device = Device::flex();
    let model =
        SequenceClassifier::from_pretrained(folder("bert-gamma-beta"), &device).unwrap().model;
    let rows = [vec![3, 9, 1], vec![4, 4, 0]];
    let mask = [vec![1, 1, 1], vec![1, 1, 0]];
    let said = ModelInput::from_rows(&rows, Some(&mask), VOCAB_SIZE, &device).unwrap();
    let padding = TensorData::from([[false, false, false], [false, false, true]]);
    let given = ModelInput::new(said.input_ids.clone())
        .mask_pad(Tensor::<2, Bool>::from_data(padding, &device));
    let [said, given] =
        [said, given].map(|input| numbers(model.forward(&input, None).unwrap().logits));
    assert_eq!(said, given);
}
