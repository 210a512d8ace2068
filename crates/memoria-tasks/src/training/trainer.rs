use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::{
    data::dataloader::DataLoader,
    grad_clipping::GradientClippingConfig,
    optim::AdamWConfig,
    tensor::Device,
    train::{
        Interrupter, Learner, MetricEarlyStoppingStrategy, StoppingCondition, SupervisedTraining,
        checkpoint::{FileCheckpointer, KeepLastNCheckpoints},
        metric::{
            AccuracyMetric, LossMetric,
            store::{Aggregate, Direction, Split},
        },
    },
};

use memoria_core::MemoriaError;

use super::{
    Batch, DeviceStrategy, DocumentLoader, SegmentModel, StreamLoader, Streams,
    carried::{Carried, ModelAndMemory},
    console::ConsoleRenderer,
    learning::{Failure, Learning},
    metrics_file::MetricsFile,
    resume::{has_checkpoint, last_epoch},
    schedule::schedule,
};
use crate::{
    TaskError,
    config::TrainingConfig,
    data::{self, Task, Text},
    print::println,
};

/// Trains models with a memory, with Burn's learner. It shows a dashboard on a terminal and plain lines elsewhere.
/// After every epoch it writes a checkpoint with model, optimizer, learning rate and memory, and a line of
/// `metrics.jsonl`. It ends early if so configured.
///
/// Within a step, gradients flow back as far as the memory's window. Training and validation have separate memories.
/// Several devices share the work, see [`devices`](Self::devices).
#[derive(Clone)]
pub struct Trainer {
    config: TrainingConfig,
    folder: PathBuf,
    label: String,
    interrupter: Interrupter,
    devices: Vec<Device>,
    strategy: DeviceStrategy,
    /// Number of epochs done before, if the training may be resumed.
    epochs_done: Option<usize>,
    lines: bool,
}

/// How a training ended.
#[derive(Debug)]
pub enum Trained<M> {
    /// The model, without autodiff.
    Finished(M),
    /// The training was interrupted; it can be resumed after the last finished epoch.
    Interrupted,
}

/// Adds the training's label to errors of values that are not finite.
fn diverged(label: &str, error: TaskError) -> TaskError {
    match error {
        TaskError::Diverged(problem) => TaskError::Diverged(format!("{label}: {problem}")),
        TaskError::Memory(
            error @ (MemoriaError::NonFiniteHidden { .. }
            | MemoriaError::NonFiniteMemory { .. }
            | MemoriaError::NonFiniteAttention { .. }
            | MemoriaError::NonFiniteData { .. }
            | MemoriaError::NonFiniteQuery { .. }
            | MemoriaError::NonFiniteGain { .. }),
        ) => TaskError::Diverged(format!("{label}: {error}")),
        error => error,
    }
}

impl Trainer {
    /// Creates a training with files in `folder`.
    pub fn new(config: TrainingConfig, folder: &Path) -> Self {
        let (folder, label) = (folder.to_owned(), "training".into());
        let (interrupter, devices) = (Interrupter::new(), Vec::new());
        let (strategy, epochs_done, lines) = (DeviceStrategy::default(), None, false);
        Self { config, folder, label, interrupter, devices, strategy, epochs_done, lines }
    }

    /// Sets its name in the output.
    pub fn label(mut self, label: &str) -> Self {
        self.label = label.to_owned();
        self
    }

    /// Sets whether progress is printed in lines on a terminal too, for several trainings that share it.
    pub fn lines(mut self, lines: bool) -> Self {
        self.lines = lines;
        self
    }

    /// Sets an interrupter that can stop it; see [`on_ctrl_c`](super::on_ctrl_c).
    pub fn interrupter(mut self, interrupter: Interrupter) -> Self {
        self.interrupter = interrupter;
        self
    }

    /// Trains on several devices, which share the rows of each step. The result equals that of one device with all
    /// rows, except for rounding and the draws of dropout. The first device validates.
    ///
    /// Rows are independent: each device has the memory of its own rows, and no memory moves to another device. A
    /// checkpoint contains one memory of all rows, so a training can be resumed on any number of devices.
    ///
    /// Every place with a question has the same weight, also if devices have different numbers of them. The loss is the
    /// mean over all of them, as is the loss in the metrics.
    pub fn devices(mut self, devices: &[Device]) -> Self {
        self.devices = devices.to_vec();
        self
    }

    /// Sets the place of the optimizer, for several devices.
    pub fn strategy(mut self, strategy: DeviceStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Resumes after the last epoch with a readable checkpoint, if there is one; reports the names of later ones that
    /// cannot be read. `model` is the model that will be trained. The random numbers of dropout and the count of epochs
    /// without improvement (`patience`) begin anew.
    ///
    /// # Errors
    ///
    /// [`TaskError::Format`] if there are checkpoints but none can be read, or if they have another model architecture
    /// or memory configuration.
    pub fn resume<M: SegmentModel>(
        mut self,
        model: &M,
        device: &Device,
    ) -> Result<Self, TaskError> {
        let label = self.label.clone();
        let tell = |message: &str| println(&format!("{label}: {message}"));
        let learning = self.learning(model.clone(), Carried::new(0));
        let (folder, device) = (self.folder.join("checkpoint"), device.clone().inner());
        let last = last_epoch(&folder, &learning, &mut model.memory()?, &device, tell)?;
        match last {
            Some(epoch) => println(&format!("{label}: going on after epoch {epoch}")),
            None => println(&format!("{label}: there is no checkpoint, it begins anew")),
        }
        self.epochs_done = Some(last.unwrap_or(0));
        Ok(self)
    }

    /// Number of epochs done before.
    pub fn epochs_done(&self) -> usize {
        self.epochs_done.unwrap_or(0)
    }

    /// Trains a model that is on a device with autodiff.
    ///
    /// Loaders return `epoch_steps` batches per epoch; on resumption they must begin after the [epochs
    /// done](Self::epochs_done). For several devices Burn slices the training loader. Each slice must return the same
    /// number of batches, each with some [rows](Batch::step_rows) of a step, as [`Batch::of_step`] makes them. Burn's
    /// progress bars and the early end use the results of validation.
    ///
    /// # Errors
    ///
    /// [`TaskError::Format`] if the folder has checkpoints of a training that is not [resumed](Self::resume); errors of
    /// a document, a step or a checkpoint.
    pub fn train<M>(
        self,
        model: M,
        training: Arc<dyn DataLoader<Batch>>,
        validation: Arc<dyn DataLoader<Batch>>,
        device: &Device,
    ) -> Result<Trained<M>, TaskError>
    where
        M: SegmentModel,
    {
        let carried = Carried::new(self.config.epoch_steps);
        let learning = self.learning(model, carried.clone());
        let failure = learning.failure.clone();
        let Self { config, folder, label, interrupter, devices, strategy, epochs_done, lines } =
            self;
        let checkpoints = folder.join("checkpoint");
        if epochs_done.is_none() && has_checkpoint(&checkpoints) {
            let problem =
                "checkpoints of a training are there already: resume it, or name another folder";
            return Err(TaskError::format(checkpoints, problem));
        }
        let epochs_done = epochs_done.unwrap_or(0);
        std::fs::create_dir_all(&checkpoints).map_err(TaskError::file(&checkpoints))?;
        let clip = (config.clip > 0.0).then_some(GradientClippingConfig::Norm(config.clip as f32));
        let optimizer = AdamWConfig::new()
            .with_weight_decay(config.weight_decay as f32)
            .with_grad_clipping(clip)
            .init();
        let learner = Learner::new(learning, optimizer, schedule(&config)?);
        let metrics = MetricsFile::new(folder.join("metrics.jsonl"), epochs_done, failure.clone())?;
        let mut supervised = SupervisedTraining::new(&folder, training, validation)
            .metrics((AccuracyMetric::new(), LossMetric::new()))
            .with_metric_logger(metrics)
            .with_custom_checkpointers(
                ModelAndMemory::new(&checkpoints, carried, device),
                FileCheckpointer::new(&checkpoints, "optim"),
                FileCheckpointer::new(&checkpoints, "scheduler"),
            )
            .with_checkpointing_strategy(KeepLastNCheckpoints::new(2))
            .with_interrupter(interrupter)
            .with_application_logger(None)
            .num_epochs(config.epochs)
            .label(&label);
        if !devices.is_empty() {
            supervised = supervised.with_training_strategy(strategy.on(&devices)?.into());
        }
        if epochs_done > 0 {
            supervised = supervised.checkpoint(epochs_done);
        }
        if config.accumulation > 1 {
            supervised = supervised.grads_accumulation(config.accumulation);
        }
        if config.patience > 0 {
            supervised = supervised.early_stopping(MetricEarlyStoppingStrategy::new(
                &LossMetric::new(),
                Aggregate::Mean,
                Direction::Lowest,
                Split::Valid,
                StoppingCondition::NoImprovementSince { n_epochs: config.patience },
            ));
        }
        if lines || !std::io::stdout().is_terminal() {
            supervised = supervised.renderer(Box::new(ConsoleRenderer::new(&label)));
        }
        let result = supervised.launch(learner);
        if let Some(error) = failure.take() {
            return Err(diverged(&label, error));
        }
        if let Some(error) = result.error {
            return Err(TaskError::Training(error.to_string()));
        }
        Ok(match result.interrupted {
            Some(_) => Trained::Interrupted,
            None => Trained::Finished(result.model.model),
        })
    }

    /// Trains a model on a text in parallel streams; its memory is kept from step to step. Validation reads its own
    /// split with a separate memory. See [`train`](Self::train) and [`Streams`].
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn train_text<M: SegmentModel>(
        self,
        model: M,
        text: &Arc<Text>,
        device: &Device,
    ) -> Result<Trained<M>, TaskError> {
        let TrainingConfig { batch, segments, epoch_steps, validation, .. } = self.config;
        let streams = |split| Streams::new(text.clone(), split, batch, segments);
        let [training, valid] = [data::Split::Train, data::Split::Valid].map(streams);
        self.has_rows(training.rows())?;
        let training = StreamLoader::training(training, epoch_steps, self.epochs_done(), device);
        let valid = StreamLoader::validation(valid, validation, device);
        self.train(model, Arc::new(training), Arc::new(valid), device)
    }

    /// Trains a model on the documents of a task; each begins with an empty memory. See [`train`](Self::train) and
    /// [`DocumentLoader`].
    ///
    /// # Errors
    ///
    /// As [`train`](Self::train).
    pub fn train_documents<M: SegmentModel>(
        self,
        model: M,
        task: &Arc<dyn Task>,
        seed: u64,
        device: &Device,
    ) -> Result<Trained<M>, TaskError> {
        let TrainingConfig { batch, epoch_steps, epochs, validation, .. } = self.config;
        self.has_rows(batch)?;
        let (sizes, epochs) = ([batch, epoch_steps], [self.epochs_done(), epochs]);
        let training = DocumentLoader::training(task.clone(), seed, sizes, epochs, device)
            .growth(&self.config.growth);
        let valid = DocumentLoader::validation(&training, validation);
        self.train(model, Arc::new(training), Arc::new(valid), device)
    }

    /// Refuses fewer rows than devices.
    fn has_rows(&self, rows: usize) -> Result<(), TaskError> {
        let devices = self.devices.len();
        if rows >= devices {
            return Ok(());
        }
        let expected = format!("at least {devices}, one for each device");
        Err(TaskError::option("rows of a step", expected, rows))
    }

    /// Wraps a model for Burn's learner.
    fn learning<M: SegmentModel>(&self, model: M, training: Carried<M::Memory>) -> Learning<M> {
        Learning {
            model,
            training,
            validation: Carried::new(0),
            accumulation: self.config.accumulation,
            contrast: self.config.contrast,
            devices: self.devices.len().max(1),
            failure: Failure::new(self.interrupter.clone()),
        }
    }
}
