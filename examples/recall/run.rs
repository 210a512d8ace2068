//! One run: a model trained with Burn's learner, then tested.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use burn::{
    data::{
        dataloader::{DataLoader, DataLoaderBuilder},
        dataset::transform::{SamplerDataset, SamplerDatasetOptions},
    },
    grad_clipping::GradientClippingConfig,
    optim::AdamConfig,
    tensor::Device,
    train::{
        Interrupter, Learner, MetricEarlyStoppingStrategy, StoppingCondition, SupervisedTraining,
        checkpoint::FileCheckpointer,
        logger::{FileMetricLogger, MetricLogger},
        metric::{
            AccuracyMetric, LossMetric,
            store::{Aggregate, Direction, Split},
        },
    },
};
use serde::Serialize;

use crate::{
    batch::{DocumentBatch, DocumentBatcher, Documents},
    checkpoint::{ModelAndMemory, TrainingMemory},
    console::ConsoleRenderer,
    control::Control,
    evaluate::{Accuracy, test},
    learning::{Learnable, StepTimes},
    model::RecallModelConfig,
    options::Options,
    resume,
};

/// Documents are numbered; these are the first ones of each split. No two splits share any.
const TRAINING: u64 = 0;
const TRAINING_DOCUMENTS: usize = 1 << 30;
const VALIDATION: u64 = 1 << 40;
const VALIDATION_DOCUMENTS: usize = 256;

/// What came of a run.
#[derive(Debug, Serialize)]
pub(crate) struct RunResult {
    pub(crate) control: Control,
    pub(crate) seed: u64,
    /// Validation accuracy after each epoch, 0 to 1.
    pub(crate) curve: Vec<f64>,
    /// On documents 1, 2 and 4 times as long as trained.
    pub(crate) tests: Vec<Accuracy>,
    pub(crate) seconds: f64,
    pub(crate) ms_per_step: f64,
    /// Share of a training step spent in the memory, 0 to 1.
    pub(crate) memory_share: f64,
}

/// Trains and tests one model; `None` if it was interrupted.
///
/// # Errors
///
/// What the training stopped on.
pub(crate) fn run(
    options: &Options,
    control: Control,
    seed: u64,
    interrupter: &Interrupter,
) -> Result<Option<RunResult>, String> {
    let name = format!("{}, seed {seed}", control.name());
    let device = options.device.device();
    device.seed(seed);
    let times = Arc::new(Mutex::new(StepTimes::default()));
    let memory = control.restrict(options.memory());
    let training_memory =
        TrainingMemory::new(&memory, options.epoch_steps).map_err(|error| error.to_string())?;
    let learnable = Learnable {
        model: model_config(options, control).init(&device.clone().autodiff()),
        memory,
        training_memory: training_memory.clone(),
        times: times.clone(),
    };

    let folder = run_folder(options, control, seed);
    let checkpoints = folder.join("checkpoint");
    let mut checkpoint = None;
    if options.resume {
        let tell = |message: &str| println!("{name}: {message}");
        let memory = &learnable.memory.memoria;
        checkpoint = resume::last_epoch(&checkpoints, &learnable, memory, &device, tell)?;
        if checkpoint.is_none() {
            println!("{name}: there is no checkpoint, it begins anew");
        }
    }
    if checkpoint.is_none() && folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;

    let optimizer =
        AdamConfig::new().with_grad_clipping(Some(GradientClippingConfig::Norm(1.0))).init();
    let learner = Learner::new(learnable, optimizer, options.learning_rate);

    let training = training_documents(options, seed, checkpoint.unwrap_or(0), &device);
    let mut training = SupervisedTraining::new(&folder, training, validation(options, &device))
        .metrics((AccuracyMetric::new(), LossMetric::new()))
        .with_custom_checkpointers(
            ModelAndMemory::new(&checkpoints, training_memory, device.clone()),
            FileCheckpointer::new(&checkpoints, "optim"),
            FileCheckpointer::new(&checkpoints, "scheduler"),
        )
        .with_interrupter(interrupter.clone())
        .with_application_logger(None)
        .num_epochs(options.epochs)
        .label(&name);
    if let Some(epoch) = checkpoint {
        println!("{name}: going on after epoch {epoch}");
        training = training.checkpoint(epoch);
    }
    if control != Control::Memory {
        training = training.early_stopping(MetricEarlyStoppingStrategy::new(
            &LossMetric::new(),
            Aggregate::Mean,
            Direction::Lowest,
            Split::Valid,
            StoppingCondition::NoImprovementSince { n_epochs: options.patience },
        ));
    }
    if !std::io::stdout().is_terminal() {
        training = training.renderer(Box::new(ConsoleRenderer::new(name)));
    }
    let started = Instant::now();
    let result = training.launch(learner);
    let seconds = started.elapsed().as_secs_f64();
    if let Some(error) = result.error {
        return Err(error.to_string());
    }
    if result.interrupted.is_some() {
        return Ok(None);
    }
    drop(result.renderer);

    let tests = [1, 2, 4].map(|longer| test(&result.model, options, longer, seed, &device));
    let StepTimes { steps, total, memory } = times.lock().map(|times| *times).unwrap_or_default();
    Ok(Some(RunResult {
        control,
        seed,
        curve: learning_curve(&folder, options.epochs),
        tests: tests.into(),
        seconds,
        ms_per_step: total.as_secs_f64() * 1e3 / f64::from(steps.max(1)),
        memory_share: share(memory, total),
    }))
}

fn model_config(options: &Options, control: Control) -> RecallModelConfig {
    RecallModelConfig {
        vocabulary: options.documents(1).vocabulary(),
        values: options.values,
        segment_length: options.segment_length,
        d_model: options.d_model,
        n_heads: options.heads,
        num_memories: options.memories,
        lower: options.lower,
        upper: options.upper,
        remembers: control != Control::NoMemory,
    }
}

fn training_documents(
    options: &Options,
    seed: u64,
    epochs_done: usize,
    device: &Device,
) -> Arc<dyn DataLoader<DocumentBatch>> {
    let sizes = options.documents(1);
    let documents = Documents { sizes, first: TRAINING, count: TRAINING_DOCUMENTS };
    let sampling = SamplerDatasetOptions::default()
        .with_replacement()
        .with_fixed_size(options.batch * options.epoch_steps)
        // A resumed run goes on with other documents than it began with.
        .with_seed(seed ^ ((epochs_done as u64) << 32));
    DataLoaderBuilder::new(DocumentBatcher { sizes })
        .batch_size(options.batch)
        .set_device(device.clone())
        .build(SamplerDataset::new(documents, sampling))
}

fn validation(options: &Options, device: &Device) -> Arc<dyn DataLoader<DocumentBatch>> {
    let sizes = options.documents(1);
    let count = VALIDATION_DOCUMENTS.min(options.test_documents);
    DataLoaderBuilder::new(DocumentBatcher { sizes })
        .batch_size(64)
        .set_device(device.clone())
        .build(Documents { sizes, first: VALIDATION, count })
}

/// Where a run keeps its files.
fn run_folder(options: &Options, control: Control, seed: u64) -> PathBuf {
    options.output.join(format!("seed-{seed}")).join(control.folder())
}

/// Refuses to resume where no run has a checkpoint.
///
/// # Errors
///
/// A message with the folder.
pub(crate) fn check_resuming(options: &Options) -> Result<(), String> {
    let has_checkpoint = |seed: u64, control: Control| {
        !resume::epochs(&run_folder(options, control, seed).join("checkpoint")).is_empty()
    };
    let any = options
        .seeds
        .iter()
        .any(|&seed| options.runs.iter().any(|&control| has_checkpoint(seed, control)));
    match options.resume && !any {
        false => Ok(()),
        true => Err(format!(
            "there is nothing to resume: no run in {} has a checkpoint; to begin, leave `--resume` out",
            options.output.display()
        )),
    }
}

/// Validation accuracy after each epoch, as the training logged it.
fn learning_curve(folder: &Path, epochs: usize) -> Vec<f64> {
    let mut log = FileMetricLogger::new(folder);
    let epoch = |epoch| {
        let entries = log.read_numeric("Accuracy", epoch, &Split::Valid).ok()?;
        entries.last().map(|entry| entry.current() / 100.0)
    };
    (1..=epochs).map_while(epoch).collect()
}

fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}
