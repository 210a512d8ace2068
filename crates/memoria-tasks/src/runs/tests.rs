use std::{fs, path::PathBuf};

use burn::{tensor::Device, train::Interrupter};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::{
    config::{RunConfig, TaskName},
    model::{ContextName, support::finished},
};

fn experiment(folder: &TempDir, values: &[&str]) -> Experiment {
    let values: Vec<String> = values.iter().map(|&value| value.into()).collect();
    Experiment {
        config: RunConfig::read(TaskName::Recall, None, &values).unwrap().quick(),
        contexts: vec![ContextName::Memoria, ContextName::None],
        seeds: vec![0, 1],
        device: Device::flex(),
        output: folder.path().join("run"),
        resume: false,
        jobs: 1,
        command: "memoria train recall".into(),
    }
}

#[test]
fn every_run_leaves_its_files() {
    let folder = tempdir().unwrap();
    let experiment = experiment(&folder, &[]);
    let results = finished(&experiment);
    assert_eq!(results.runs.len(), 4);
    let written: PathBuf = experiment.output.join("results.json");
    assert_eq!(Results::read(&experiment.output).unwrap(), results);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(written).unwrap()).unwrap();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&json), ["command", "runs", "task", "version"]);
    assert_eq!(keys(&json["runs"][0]), ["context", "parameters", "seconds", "seed", "tests"]);
    let test = &json["runs"][0]["tests"][0];
    assert_eq!(keys(test), ["accuracy", "bytes", "length", "ms_per_token", "reminded", "stored"]);
    let folder = experiment.output.join("memoria-1");
    for file in ["metrics.jsonl", "result.json", "model.bpk", "checkpoint/memory-2.memoria"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    assert!(!experiment.output.join("none-1/checkpoint/memory-2.memoria").exists());
    assert!(!folder.join("history.bin").exists());
    let mut recording = experiment.clone();
    recording.config.evaluation.history = true;
    let evaluated = recording.evaluate().unwrap();
    let history = memoria_core::history::History::load(folder.join("history.bin")).unwrap();
    // The longest document that `quick` leaves has 4 times 8 segments; the first reminds of nothing.
    assert_eq!((history.batch(), history.row(0).unwrap().steps()), (1, 0..32));
    assert!(!experiment.output.join("none-1/history.bin").exists());
    assert_eq!(untimed(&evaluated)[2], untimed(&results)[2]);
}

/// The tests of each run without their times.
fn untimed(results: &Results) -> Vec<Vec<Test>> {
    let mut runs: Vec<_> = results.runs.iter().map(|run| run.tests.clone()).collect();
    for test in runs.iter_mut().flatten() {
        if let Test::Questions { ms_per_token, .. } = test {
            *ms_per_token = 0.0;
        }
    }
    runs
}

#[test]
fn runs_are_gone_on_with_and_not_mixed() {
    let folder = tempdir().unwrap();
    let mut experiment = experiment(&folder, &[]);
    experiment.seeds = vec![0];
    let results = finished(&experiment);
    let refused = experiment.run(&Interrupter::new()).unwrap_err().to_string();
    assert!(refused.contains("--resume"), "{refused}");
    experiment.resume = true;
    assert_eq!(finished(&experiment), results);
    // An old run gets the defaults of newer options.
    let path = experiment.output.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    assert!(config.contains("capacity = 64\n"));
    fs::write(path, config.replace("capacity = 64\n", "")).unwrap();
    experiment.config.evaluation.history = true;
    assert_eq!(finished(&experiment), results);
    // Another seed is added to the results that are there.
    experiment.seeds = vec![1];
    let both = finished(&experiment);
    assert_eq!((both.runs.len(), &both.runs[..2]), (4, &results.runs[..]));
    assert_eq!(Results::read(&experiment.output).unwrap(), both);
    // A run that was stopped in its tests is none yet.
    fs::remove_file(experiment.output.join("none-1/result.json")).unwrap();
    assert_eq!(SavedRun::all(&experiment.output).unwrap().len(), 3);
    experiment.config.model.width = 32;
    let refused = experiment.run(&Interrupter::new()).unwrap_err().to_string();
    assert!(refused.contains("another configuration"), "{refused}");
}

#[test]
fn an_interrupted_run_leaves_no_result() {
    let folder = tempdir().unwrap();
    let experiment = experiment(&folder, &[]);
    let interrupter = Interrupter::new();
    interrupter.stop(Some("Ctrl-C"));
    assert_eq!(experiment.run(&interrupter).unwrap(), Outcome::Interrupted);
    assert!(!experiment.output.join("memoria-0/result.json").exists());
}

#[test]
fn documents_that_cannot_be_made_are_told_of_before_a_training() {
    let folder = tempdir().unwrap();
    let experiment = experiment(&folder, &["data.keys=8", "evaluation.lengths=[1,4]"]);
    let error = experiment.run(&Interrupter::new()).unwrap_err().to_string();
    assert!(error.contains("data.keys must be such that there are 32 keys"), "{error}");
    assert!(!experiment.output.join("memoria-0").exists());
}
