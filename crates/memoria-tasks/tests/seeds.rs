//! The same seed gives the same results.
//!
//! Burn has one generator for the whole process. Decoders lock it while they draw from it; other modules do not. These
//! tests create only decoders, and therefore run in a separate process.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Tensor},
    train::Interrupter,
};
use memoria_tasks::{
    config::{MemoryConfig, RunConfig, Sizes, TaskName},
    model::{ContextName, Decoder, ModelConfig, ModelSpec},
    runs::{Experiment, Outcome, Results, RunResult, Test},
};

#[test]
fn a_seed_makes_a_model() {
    let made = |seed| {
        let config = ModelSpec {
            model: ModelConfig { width: 16, ..ModelConfig::default() },
            memory: MemoryConfig::default(),
            context: ContextName::Memoria,
            sizes: Sizes { vocabulary: 7, segment_length: 4, classes: None },
            seed,
        };
        config.decoder(&Device::flex()).unwrap()
    };
    // All are made before any is read: a parameter that is drawn at its first use would have another seed.
    let [first, other, again] = [1, 2, 1].map(made).map(|decoder| parameters(&decoder));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

fn parameters(decoder: &Decoder) -> Vec<f32> {
    let mut values = Values(Vec::new());
    decoder.visit(&mut values);
    values.0
}

struct Values(Vec<f32>);

impl ModuleVisitor for Values {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.extend(param.val().into_data().iter::<f32>());
    }
}

#[test]
fn runs_side_by_side_come_to_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let alone = Experiment {
        config: RunConfig::read(TaskName::Recall, None, &[]).unwrap().quick(),
        contexts: vec![ContextName::Memoria, ContextName::None],
        seeds: vec![0, 1],
        device: Device::flex(),
        output: folder.path().join("alone"),
        resume: false,
        jobs: 1,
        command: "memoria train recall".into(),
    };
    let beside = Experiment { jobs: 3, output: folder.path().join("beside"), ..alone.clone() };
    let results = [finished(&alone), finished(&beside)];
    assert_eq!(runs(&results[0]), runs(&results[1]));
    assert_eq!(Results::read(&beside.output).unwrap(), results[1]);
}

fn finished(experiment: &Experiment) -> Results {
    match experiment.run(&Interrupter::new()).unwrap() {
        Outcome::Finished(results) => results,
        Outcome::Interrupted => panic!("not interrupted"),
    }
}

/// Returns each run with its results, without the times.
fn runs(results: &Results) -> Vec<(ContextName, u64, Vec<Test>)> {
    let untimed = |test: &Test| match test.clone() {
        Test::Questions { length, stored, reminded, accuracy, bytes, .. } => {
            Test::Questions { length, stored, reminded, accuracy, bytes, ms_per_token: 0.0 }
        }
        other => other,
    };
    let run = |run: &RunResult| (run.context, run.seed, run.tests.iter().map(untimed).collect());
    results.runs.iter().map(run).collect()
}
