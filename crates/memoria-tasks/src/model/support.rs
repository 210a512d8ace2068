//! Shared helpers of the tests of models.

use std::{fs, path::Path};

use burn::{tensor::Device, train::Interrupter};

use super::ContextName;
use crate::{
    config::RunConfig,
    runs::{Experiment, Outcome, Results},
};

pub(super) fn difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Writes the `tokenizer.json` of a checkpoint with words as tokens.
pub(super) fn write_tokenizer(folder: &Path, words: &[&str]) {
    let vocabulary: serde_json::Map<String, serde_json::Value> = (0..)
        .zip(words)
        .map(|(id, &word)| (word.to_owned(), serde_json::Value::from(id)))
        .collect();
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"},
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

/// Three runs of a model: with a memory, with the paper's memory and without one.
pub(super) fn experiment(config: RunConfig, output: &Path) -> Experiment {
    Experiment {
        config,
        contexts: vec![ContextName::Memoria, ContextName::Paper, ContextName::None],
        seeds: vec![0],
        device: Device::flex(),
        output: output.to_owned(),
        resume: false,
        jobs: 1,
        command: "memoria train".into(),
    }
}

pub(crate) fn finished(experiment: &Experiment) -> Results {
    match experiment.run(&Interrupter::new()).unwrap() {
        Outcome::Finished(results) => results,
        Outcome::Interrupted => panic!("not interrupted"),
    }
}
