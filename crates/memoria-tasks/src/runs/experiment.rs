use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use burn::{
    data::dataloader::DataLoader, module::Module, store::ModuleRecord, tensor::Device,
    train::Interrupter,
};

use super::{
    Results, RunResult, Test,
    progress::bar,
    results::{rounded, write_json},
};
use crate::{
    TaskError,
    config::{EvaluationConfig, RunConfig},
    data::{Split, Task, Text},
    evaluation::{Score, TextMode, test_documents, test_text},
    files,
    model::{ContextName, Decoder, DecoderConfig},
    print::println,
    training::{Batch, DocumentLoader, StreamLoader, Streams, Trained, Trainer},
};

/// Runs of one configuration: a model for each context and seed, trained and tested.
#[derive(Clone)]
pub struct Experiment {
    /// What is run.
    pub config: RunConfig,
    /// What models have of earlier segments.
    pub contexts: Vec<ContextName>,
    /// Seeds; every context is run with each.
    pub seeds: Vec<u64>,
    /// Where to compute, without autodiff.
    pub device: Device,
    /// The folder that all is kept in.
    pub output: PathBuf,
    /// Whether to go on with what is there: finished runs are kept, others go on after their last epoch.
    pub resume: bool,
    /// The command line, for the results.
    pub command: String,
}

/// How an experiment ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All was run.
    Finished(Results),
    /// It was interrupted, and can be gone on with.
    Interrupted,
}

/// A task, shared by runs.
#[derive(Clone, Debug)]
enum Shared {
    Documents(Arc<dyn Task>),
    Text(Arc<Text>),
}

impl Experiment {
    /// Trains and tests all models; `results.json` is written after each.
    ///
    /// # Errors
    ///
    /// If the folder has other runs; what a task, a training or a file fails of.
    pub fn run(&self, interrupter: &Interrupter) -> Result<Outcome, TaskError> {
        let task = self.load()?;
        self.prepare()?;
        let mut results = self.results();
        for &seed in &self.seeds {
            for &context in &self.contexts {
                let finished = self.folder(context, seed).join("result.json");
                let run = if self.resume && finished.exists() {
                    let text = files::read(&finished, "")?;
                    serde_json::from_slice(&text)
                        .map_err(|error| TaskError::format(&finished, error.to_string()))?
                } else {
                    match self.run_one(&task, context, seed, interrupter)? {
                        Some(run) => run,
                        None => return Ok(Outcome::Interrupted),
                    }
                };
                results.runs.push(run);
                results.write(&self.output.join("results.json"))?;
            }
        }
        Ok(Outcome::Finished(results))
    }

    /// Tests trained models again, as the configuration's table `evaluation` says.
    ///
    /// # Errors
    ///
    /// If a model is not there or not of this configuration; what a task or the memory fails of.
    pub fn evaluate(&self) -> Result<Results, TaskError> {
        let task = self.load()?;
        let mut results = self.results();
        for &seed in &self.seeds {
            for &context in &self.contexts {
                let folder = self.folder(context, seed);
                let hint = "`memoria train TASK --output FOLDER` leaves it, when it has finished";
                let finished = folder.join("result.json");
                let mut run: RunResult = serde_json::from_slice(&files::read(&finished, hint)?)
                    .map_err(|error| TaskError::format(&finished, error.to_string()))?;
                let path = folder.join("model.bpk");
                files::read(&path, hint)?;
                let record = ModuleRecord::load(&path)
                    .map_err(|error| TaskError::format(&path, error.to_string()))?;
                let model = self.decoder(&task, context, seed, &self.device)?.load_record(record);
                run.tests = self.test(&task, &model, context, seed, &folder)?;
                results.runs.push(run);
            }
        }
        Ok(results)
    }

    fn results(&self) -> Results {
        Results {
            task: self.config.task.name(),
            command: self.command.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            runs: Vec::new(),
        }
    }

    fn load(&self) -> Result<Shared, TaskError> {
        Ok(match self.config.task.load()? {
            crate::config::Loaded::Documents(task) => Shared::Documents(task.into()),
            crate::config::Loaded::Text(text) => Shared::Text(text.into()),
        })
    }

    fn folder(&self, context: ContextName, seed: u64) -> PathBuf {
        self.output.join(format!("{}-{seed}", context.name()))
    }

    /// Writes the configuration, unless the folder has one already: then it must be the same, and go on.
    fn prepare(&self) -> Result<(), TaskError> {
        let path = self.output.join("config.toml");
        let config = self.config.to_toml();
        if path.exists() {
            if !self.resume {
                let problem =
                    "runs are there already: go on with --resume, or name another --output";
                return Err(TaskError::format(&self.output, problem));
            }
            if files::read_text(&path, "")? != config {
                let problem = "it was run with another configuration: go on with that, which \
                    `--config` takes, or name another --output";
                return Err(TaskError::format(path, problem));
            }
            return Ok(());
        }
        files::write(&path, config.as_bytes())
    }

    fn decoder(
        &self,
        task: &Shared,
        context: ContextName,
        seed: u64,
        device: &Device,
    ) -> Result<Decoder, TaskError> {
        let (vocabulary, segment_length) = match task {
            Shared::Documents(task) => (task.vocabulary(), task.segment_length()),
            Shared::Text(text) => (text.vocabulary(), text.segment_length()),
        };
        let (model, memory) = (self.config.model.clone(), self.config.memory.clone());
        DecoderConfig { model, memory, context, vocabulary, segment_length, seed }.init(device)
    }

    /// `None` if it was interrupted.
    fn run_one(
        &self,
        task: &Shared,
        context: ContextName,
        seed: u64,
        interrupter: &Interrupter,
    ) -> Result<Option<RunResult>, TaskError> {
        let folder = self.folder(context, seed);
        let label = format!("{}, seed {seed}", context.name());
        let model = self.decoder(task, context, seed, &self.device.clone().autodiff())?;
        let parameters = model.num_params();
        let mut trainer = Trainer::new(self.config.training.clone(), &folder)
            .label(&label)
            .interrupter(interrupter.clone());
        if self.resume {
            trainer = trainer.resume();
            if trainer.epochs_done() > 0 {
                println(&format!("{label}: going on after epoch {}", trainer.epochs_done()));
            }
        }
        let [training, validation] = self.loaders(task, seed, trainer.epochs_done());
        let started = Instant::now();
        let Trained::Finished(model) = trainer.train(model, training, validation, &self.device)?
        else {
            return Ok(None);
        };
        let seconds = rounded(started.elapsed().as_secs_f64());
        let path = folder.join("model.bpk");
        model
            .clone()
            .into_record()
            .save(&path)
            .map_err(|error| TaskError::format(&path, error.to_string()))?;
        let tests = self.test(task, &model, context, seed, &folder)?;
        let run = RunResult { context, seed, parameters, seconds, tests };
        write_json(&folder.join("result.json"), &run)?;
        Ok(Some(run))
    }

    fn loaders(&self, task: &Shared, seed: u64, done: usize) -> [Arc<dyn DataLoader<Batch>>; 2] {
        let training = &self.config.training;
        let device = &self.device;
        match task {
            Shared::Documents(task) => {
                let sizes = [training.batch, training.epoch_steps];
                let epochs = [done, training.epochs];
                let loader = DocumentLoader::training(task.clone(), seed, sizes, epochs, device);
                let validation = DocumentLoader::validation(&loader, training.validation);
                [Arc::new(loader), Arc::new(validation)]
            }
            Shared::Text(text) => {
                let streams =
                    |split| Streams::new(text.clone(), split, training.batch, training.segments);
                let (train, valid) = (streams(Split::Train), streams(Split::Valid));
                let loader = StreamLoader::training(train, training.epoch_steps, done, device);
                let validation = StreamLoader::validation(valid, training.validation, device);
                [Arc::new(loader), Arc::new(validation)]
            }
        }
    }

    fn test(
        &self,
        task: &Shared,
        model: &Decoder,
        context: ContextName,
        seed: u64,
        folder: &Path,
    ) -> Result<Vec<Test>, TaskError> {
        let EvaluationConfig { lengths, documents, batch, .. } = &self.config.evaluation;
        let label = format!("{}, seed {seed}: tests", context.name());
        let mut tests = Vec::new();
        match task {
            Shared::Documents(task) => {
                let mut distances: BTreeMap<u32, Vec<(usize, f64)>> = BTreeMap::new();
                for &length in lengths {
                    let bar = bar(&format!("{label} at {length} times the length"), *documents);
                    let evaluation = &self.config.evaluation;
                    let step = |done: usize| bar.set_position(done as u64);
                    let tested = test_documents(
                        model,
                        &**task,
                        evaluation,
                        length,
                        seed,
                        &self.device,
                        step,
                    );
                    bar.finish_and_clear();
                    let (test, score) = tested?;
                    distances.insert(length, Score::by_distance(&score).collect());
                    tests.push(test);
                }
                write_json(&folder.join("distances.json"), &distances)?;
            }
            Shared::Text(text) => {
                for &mode in TextMode::of(context) {
                    let bar = bar(&format!("{label}, {mode:?}"), *documents);
                    let segments = self.config.training.segments;
                    // As much of the text in every mode.
                    let documents = match mode {
                        TextMode::Other => *documents * segments,
                        _ => *documents,
                    };
                    let sizes = [*batch, segments, documents];
                    let step = |done: usize| bar.set_position(done as u64);
                    let tested = test_text(model, text, mode, sizes, &self.device, step);
                    bar.finish_and_clear();
                    tests.push(tested?);
                }
            }
        }
        Ok(tests)
    }
}
