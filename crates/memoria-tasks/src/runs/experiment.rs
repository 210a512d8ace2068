use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use burn::{module::Module, tensor::Device, train::Interrupter};
use indicatif::ProgressBar;
use memoria_models::LoadReport;

use super::{
    Results, RunResult, SavedRun, Test,
    progress::progress_bar,
    results::{read_json, rounded, write_json},
    side_by_side::side_by_side,
};
use crate::{
    TaskError,
    config::{EvaluationConfig, Loaded, RunConfig},
    data::{DocumentId, Split, Vocabulary},
    evaluation::{Score, TextMode, record_document, record_text, test_documents, test_text},
    files,
    model::{ContextName, RunModel},
    print::println,
    training::{Trained, Trainer},
};

/// Runs of one configuration: a model for each context and seed, trained and tested.
#[derive(Clone)]
pub struct Experiment {
    /// The configuration of all runs.
    pub config: RunConfig,
    /// What models have of earlier segments.
    pub contexts: Vec<ContextName>,
    /// Seeds; every context is run with each seed.
    pub seeds: Vec<u64>,
    /// The device that computes, without autodiff.
    pub device: Device,
    /// The folder for all output.
    pub output: PathBuf,
    /// Whether to resume: finished runs are kept, others continue after their last epoch.
    pub resume: bool,
    /// Number of runs at the same time; each has its share of the cores. With dropout there is always one run at a
    /// time: Burn has one generator for all runs, and a run must be reproducible.
    pub jobs: usize,
    /// The command line, which is stored in the results.
    pub command: String,
}

/// For each length, shares by distance.
type Distances = BTreeMap<u32, Vec<(usize, f64)>>;

/// How an experiment ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All runs are finished.
    Finished(Results),
    /// It was interrupted, and can be resumed.
    Interrupted,
}

/// Refuses duplicates, which would count as two runs.
fn once<T: PartialEq>(
    option: &str,
    items: &[T],
    name: impl Fn(&T) -> String,
) -> Result<(), TaskError> {
    let twice = items.iter().enumerate().find(|&(index, item)| items[..index].contains(item));
    twice.map_or(Ok(()), |(_, item)| {
        Err(TaskError::option(option, "different ones", format!("{} twice", name(item))))
    })
}

impl Experiment {
    /// Trains and tests all models. `results.json` is written after each, together with the folder's earlier results.
    ///
    /// # Errors
    ///
    /// If the folder has other runs; errors of a task, a training or a file.
    pub fn run(&self, interrupter: &Interrupter) -> Result<Outcome, TaskError> {
        self.config.check_contexts(&self.contexts)?;
        once("--seeds", &self.seeds, u64::to_string)?;
        once("--contexts", &self.contexts, |context| context.name())?;
        let begun = self.has_begun()?;
        let task = self.config.load()?;
        self.check_lengths(&task)?;
        self.saved(ContextName::Memoria, 0)
            .spec(&self.config, task.sizes())
            .check_memory_for(&self.device)?;
        if !begun {
            files::write(&self.config_file(), self.config.to_toml().as_bytes())?;
        }
        let _alone = self.lock()?;
        let vocabulary = self.vocabulary(&task)?;
        let path = self.output.join("vocabulary.json");
        if !path.is_file() {
            vocabulary.write(&path)?;
        }
        let runs: Vec<SavedRun> = self
            .seeds
            .iter()
            .flat_map(|&seed| self.contexts.iter().map(move |&context| (context, seed)))
            .map(|(context, seed)| self.saved(context, seed))
            .collect();
        let before = self.finished_but(&runs)?;
        let finished = Mutex::new(vec![None; runs.len()]);
        let one = |(index, run): (usize, SavedRun)| {
            let result = self.run_or_read(&task, &run, interrupter)?;
            let mut finished = finished.lock().unwrap_or_else(PoisonError::into_inner);
            finished[index].clone_from(&result);
            if result.is_some() {
                let all = before.iter().chain(finished.iter().flatten()).cloned().collect();
                let results = self.results(all);
                results.write(&self.output.join("results.json"))?;
            }
            Ok(result)
        };
        let runs = runs.into_iter().enumerate().collect();
        let runs = side_by_side(runs, self.jobs(), interrupter, one)?;
        let Some(runs) = runs.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(Outcome::Interrupted);
        };
        let results = self.results([before, runs].concat());
        Ok(Outcome::Finished(results))
    }

    /// Tests the trained models among these runs again, with the configuration's table `evaluation`.
    ///
    /// # Errors
    ///
    /// If there is no such model, or it has another configuration; errors of a task or the memory.
    pub fn evaluate(&self) -> Result<Results, TaskError> {
        let task = self.config.load()?;
        self.vocabulary(&task)?;
        let sizes = task.sizes();
        let mut runs = Vec::new();
        for run in SavedRun::all(&self.output)? {
            if !(self.contexts.contains(&run.context) && self.seeds.contains(&run.seed)) {
                continue;
            }
            let mut result: RunResult = read_json(&run.result_file())?;
            let model = run.model(&self.config, sizes, &self.device)?;
            (result.tests, _) = self.test(&task, &model, &run)?;
            runs.push(result);
        }
        Ok(self.results(runs))
    }

    /// Makes a document of each trained or tested length, so that an impossible length fails before the training.
    fn check_lengths(&self, task: &Loaded) -> Result<(), TaskError> {
        let (Loaded::Documents(task), Some(&seed)) = (task, self.seeds.first()) else {
            return Ok(());
        };
        let tested = self.config.evaluation.lengths.iter().map(|&length| (Split::Test, length));
        let trained = self.config.training.growth.iter().map(|&length| (Split::Train, length));
        for (split, length) in trained.chain(tested) {
            task.document(DocumentId::new(split, seed, 0).longer(length))?;
        }
        Ok(())
    }

    /// Returns the results of the folder's other runs that are finished.
    fn finished_but(&self, runs: &[SavedRun]) -> Result<Vec<RunResult>, TaskError> {
        // No run at all is no error here.
        let all = SavedRun::all(&self.output).unwrap_or_default();
        let others = all.iter().filter(|run| !runs.contains(run));
        others.map(|run| read_json(&run.result_file())).collect()
    }

    fn results(&self, runs: Vec<RunResult>) -> Results {
        Results {
            task: self.config.task.name(),
            command: self.command.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            runs,
        }
    }

    /// Number of runs at the same time.
    fn jobs(&self) -> usize {
        if self.config.model.dropout > 0.0 { 1 } else { self.jobs }
    }

    fn saved(&self, context: ContextName, seed: u64) -> SavedRun {
        SavedRun { seed, context, output: self.output.clone() }
    }

    /// Returns the task's vocabulary, which must be that of the models in the folder.
    fn vocabulary(&self, task: &Loaded) -> Result<Vocabulary, TaskError> {
        let vocabulary = task.vocabulary();
        if let Some(trained) = SavedRun::vocabulary(&self.output)? {
            vocabulary.check_trained(&trained)?;
        }
        Ok(vocabulary)
    }

    fn config_file(&self) -> PathBuf {
        self.output.join("config.toml")
    }

    /// Locks the folder against other trainings until the lock is dropped, if the file system supports it.
    fn lock(&self) -> Result<fs::File, TaskError> {
        let path = self.config_file();
        let file = fs::File::open(&path).map_err(TaskError::file(&path))?;
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                let problem = "another `memoria train` is writing there: wait for it, or name another --output";
                Err(TaskError::format(&self.output, problem))
            }
            Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(file),
        }
    }

    /// Whether the folder already has a configuration. It must be the same, and the runs must be resumed.
    fn has_begun(&self) -> Result<bool, TaskError> {
        let path = self.config_file();
        if path.exists() {
            if !self.resume {
                let problem =
                    "runs are there already: go on with --resume, or name another --output";
                return Err(TaskError::format(&self.output, problem));
            }
            let mut before = SavedRun::config(&self.output)?;
            // Recording in tests changes no run.
            before.evaluation.history = self.config.evaluation.history;
            if before != self.config {
                let problem = "it was run with another configuration: go on with that, which \
                    `--config` takes, or name another --output";
                return Err(TaskError::format(path, problem));
            }
            return Ok(true);
        }
        if self.resume {
            let output = self.output.display();
            println(&format!("There is nothing to go on with in {output}: it begins anew"));
        }
        Ok(false)
    }

    /// Returns the result of a run, which is read if the run is finished and resumed. `None` if it was interrupted.
    fn run_or_read(
        &self,
        task: &Loaded,
        run: &SavedRun,
        interrupter: &Interrupter,
    ) -> Result<Option<RunResult>, TaskError> {
        let finished = run.result_file();
        if self.resume && finished.exists() {
            if self.config.evaluation.history && !run.history_file().exists() {
                self.record(task, &run.model(&self.config, task.sizes(), &self.device)?, run)?;
            }
            return Ok(Some(read_json(&finished)?));
        }
        self.run_one(task, run, interrupter)
    }

    /// Trains a model and tests it. `None` if it was interrupted.
    fn run_one(
        &self,
        task: &Loaded,
        run: &SavedRun,
        interrupter: &Interrupter,
    ) -> Result<Option<RunResult>, TaskError> {
        let spec = run.spec(&self.config, task.sizes());
        let (model, report) = spec.init(&self.device.clone().autodiff())?;
        if let Some(report) = report {
            println(&format!("{}: {}", run.label(), loaded(&report)));
        }
        let (folder, label) = (run.folder(), run.label());
        let parameters = Module::num_params(&model);
        let mut trainer = Trainer::new(self.config.training.clone(), &folder)
            .label(&label)
            .lines(self.is_told_in_lines())
            .interrupter(interrupter.clone());
        if self.resume {
            trainer = trainer.resume(&model, &self.device)?;
        }
        let started = Instant::now();
        let trained = match task {
            Loaded::Documents(task) => {
                trainer.train_documents(model, task, run.seed, &self.device)?
            }
            Loaded::Text(text) => trainer.train_text(model, text, &self.device)?,
        };
        let Trained::Finished(model) = trained else { return Ok(None) };
        let seconds = rounded(started.elapsed().as_secs_f64());
        let path = folder.join("model.bpk");
        model
            .clone()
            .into_record()
            .save(&path)
            .map_err(|error| TaskError::format(&path, error.to_string()))?;
        let (tests, distances) = self.test(task, &model, run)?;
        if !distances.is_empty() {
            write_json(&folder.join("distances.json"), &distances)?;
        }
        let SavedRun { context, seed, .. } = *run;
        let result = RunResult { context, seed, parameters, seconds, tests };
        write_json(&run.result_file(), &result)?;
        Ok(Some(result))
    }

    /// Runs the tests. For documents it also returns the share of right answers by length and by the number of segments
    /// since they were told.
    fn test(
        &self,
        task: &Loaded,
        model: &RunModel,
        run: &SavedRun,
    ) -> Result<(Vec<Test>, Distances), TaskError> {
        let EvaluationConfig { lengths, documents, batch, .. } = &self.config.evaluation;
        let label = format!("{}: tests", run.label());
        let (mut tests, mut distances) = (Vec::new(), Distances::new());
        match task {
            Loaded::Documents(task) => {
                for &length in lengths {
                    let label = format!("{label} at {length} times the length");
                    let bar = self.progress(&label, *documents);
                    let evaluation = &self.config.evaluation;
                    let step = |done: usize| bar.set_position(done as u64);
                    let tested = test_documents(
                        model,
                        &**task,
                        evaluation,
                        length,
                        run.seed,
                        &self.device,
                        step,
                    );
                    bar.finish_and_clear();
                    let (test, score) = tested?;
                    distances.insert(length, Score::by_distance(&score).collect());
                    tests.push(test);
                }
            }
            Loaded::Text(text) => {
                for &mode in TextMode::of(run.context, *batch) {
                    let bar = self.progress(&format!("{label}, {mode:?}"), *documents);
                    let segments = self.config.training.segments;
                    // The same amount of text in every mode.
                    let documents = match mode {
                        TextMode::Other => *documents * segments,
                        _ => *documents,
                    };
                    let sizes = [*batch, segments, documents];
                    let step = |done: usize| bar.set_position(done as u64);
                    let memory = self.config.evaluation.memory_of(model)?;
                    let tested = test_text(model, memory, text, mode, sizes, &self.device, step);
                    bar.finish_and_clear();
                    tests.push(tested?);
                }
            }
        }
        if self.config.evaluation.history {
            self.record(task, model, run)?;
        }
        Ok((tests, distances))
    }

    /// Whether progress is printed in lines, because several runs share the screen.
    fn is_told_in_lines(&self) -> bool {
        self.jobs() > 1 && self.contexts.len() * self.seeds.len() > 1
    }

    /// Returns a progress bar, or prints a line if several runs share the screen.
    fn progress(&self, label: &str, total: usize) -> ProgressBar {
        if !self.is_told_in_lines() {
            return progress_bar(label, total);
        }
        println(label);
        ProgressBar::hidden()
    }

    /// Records the events in a model's memory, if it has one.
    fn record(&self, task: &Loaded, model: &RunModel, run: &SavedRun) -> Result<(), TaskError> {
        let EvaluationConfig { lengths, documents, .. } = &self.config.evaluation;
        let bar = self.progress(&format!("{}: history", run.label()), *documents);
        let history = match task {
            Loaded::Documents(task) => {
                let (config, longest) = (&self.config.evaluation, lengths.iter().max());
                let longest = longest.copied().unwrap_or(1);
                record_document(model, &**task, config, longest, run.seed, &self.device)?
            }
            Loaded::Text(text) => {
                let sizes = [self.config.training.segments, *documents];
                let step = |done: usize| bar.set_position(done as u64);
                record_text(model, text, &self.config.evaluation, sizes, &self.device, step)?
            }
        };
        bar.finish_and_clear();
        if let Some(history) = history {
            history.save(run.history_file())?;
        }
        Ok(())
    }
}

/// Summarizes a loading report in numbers, because there are many names.
fn loaded(report: &LoadReport) -> String {
    let mut told = format!("{} parameters are the checkpoint's", report.loaded);
    let of_memory = report.initialized_memory.len();
    if of_memory > 0 {
        told += &format!("; {of_memory} of the memory are as initialized");
    }
    let missing = report.missing.len();
    if missing > 0 {
        told += &format!("; {missing} that it lacks, too: {}", report.missing.join(", "));
    }
    told
}
