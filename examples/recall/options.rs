//! What can be chosen on the command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use memoria::{Correlation, MemoriaConfig, nn::MemoriaStateConfig};

use crate::{control::Control, document::DocumentSizes, support::device::DeviceChoice};

/// Trains a small transformer to recall facts that it cannot know without its memory.
///
/// A document has several segments. Each tells one fact, a key and its value among filler, and asks for
/// the value of a key told in an earlier segment. The model sees one segment at a time. Beside the model
/// with memory, three controls are trained: without gradient window, with working memory only, and
/// without memory. At the end: accuracy on fresh documents by the distance between fact and question,
/// for documents as long as trained, twice and four times as long, and the learning curves as SVG.
///
/// Ctrl-C stops after the running step; `--resume` goes on from the last finished epoch.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// A run of a minute that shows that everything works, not that anything is learnt.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Which models to train.
    #[arg(long, value_enum, value_delimiter = ',',
          default_values = ["memory", "no-window", "working-only", "no-memory"])]
    pub(crate) runs: Vec<Control>,
    /// Seeds; every run is repeated with each.
    #[arg(long, value_delimiter = ',', default_value = "0")]
    pub(crate) seeds: Vec<u64>,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    pub(crate) device: DeviceChoice,
    /// Folder for checkpoints, metrics, results and curves.
    #[arg(long, default_value = "out/recall")]
    pub(crate) output: PathBuf,
    /// Go on from the last checkpoints in the output folder; with the same sizes.
    #[arg(long)]
    pub(crate) resume: bool,

    /// Keys that facts are told of; at least 4 times the segments.
    #[arg(long, default_value_t = 16, help_heading = "Task")]
    pub(crate) keys: usize,
    /// Values that a key can have; chance is one in as many.
    #[arg(long, default_value_t = 8, help_heading = "Task")]
    pub(crate) values: usize,
    /// Different filler tokens.
    #[arg(long, default_value_t = 4, help_heading = "Task")]
    pub(crate) fillers: usize,
    /// Segments of a training document.
    #[arg(long, default_value_t = 4, help_heading = "Task")]
    pub(crate) segments: usize,
    /// Tokens of a segment.
    #[arg(long, default_value_t = 8, help_heading = "Task")]
    pub(crate) segment_length: usize,

    /// Width of the transformer.
    #[arg(long, default_value_t = 64, help_heading = "Model")]
    pub(crate) d_model: usize,
    /// Heads of every attention.
    #[arg(long, default_value_t = 2, help_heading = "Model")]
    pub(crate) heads: usize,
    /// Blocks below the memory.
    #[arg(long, default_value_t = 1, help_heading = "Model")]
    pub(crate) lower: usize,
    /// Blocks above the memory.
    #[arg(long, default_value_t = 1, help_heading = "Model")]
    pub(crate) upper: usize,

    /// Memories made of a segment.
    #[arg(long, default_value_t = 2, help_heading = "Memory")]
    pub(crate) memories: usize,
    /// Short-term engrams reminded per step.
    #[arg(long, default_value_t = 8, help_heading = "Memory")]
    pub(crate) num_reminded_stm: usize,
    /// Short-term engrams kept.
    #[arg(long, default_value_t = 8, help_heading = "Memory")]
    pub(crate) stm_capacity: usize,
    /// Steps of the walk through long-term memory.
    #[arg(long, default_value_t = 5, help_heading = "Memory")]
    pub(crate) ltm_search_depth: usize,
    /// Long-term engrams reminded per step, at most.
    #[arg(long, default_value_t = 8, help_heading = "Memory")]
    pub(crate) num_final_ltms: usize,
    /// Lifespan of a new engram in steps.
    #[arg(long, default_value_t = 16.0, help_heading = "Memory")]
    pub(crate) initial_lifespan: f32,
    /// How working memories and engrams are compared.
    #[arg(long, value_enum, default_value = "l2", help_heading = "Memory")]
    pub(crate) correlation: CorrelationChoice,
    /// Segments that gradients flow back through reminded memories.
    #[arg(long, default_value_t = 8, help_heading = "Memory")]
    pub(crate) bptt: usize,

    /// Documents per training step.
    #[arg(long, default_value_t = 32, help_heading = "Training")]
    pub(crate) batch: usize,
    /// Training steps per epoch.
    #[arg(long, default_value_t = 100, help_heading = "Training")]
    pub(crate) epoch_steps: usize,
    /// Epochs at most.
    #[arg(long, default_value_t = 10, help_heading = "Training")]
    pub(crate) epochs: usize,
    /// Epochs after which a run that no longer improves may stop; only controls do.
    #[arg(long, default_value_t = 5, help_heading = "Training")]
    pub(crate) patience: usize,
    /// Adam's learning rate.
    #[arg(long, default_value_t = 5e-4, help_heading = "Training")]
    pub(crate) learning_rate: f64,
    /// Fresh documents that each model is tested on, per length.
    #[arg(long, default_value_t = 1024, help_heading = "Training")]
    pub(crate) test_documents: usize,
}

/// A correlation by a short name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CorrelationChoice {
    /// Negative squared distance.
    L2,
    /// The paper's exp(−d²).
    Gaussian,
}

impl Options {
    /// Reads the command line and checks what the parts cannot check alone.
    pub(crate) fn read() -> Result<Self, String> {
        let mut options = Self::parse();
        if options.quick {
            options.epochs = options.epochs.min(2);
            options.epoch_steps = options.epoch_steps.min(4);
            options.batch = options.batch.min(8);
            options.test_documents = options.test_documents.min(16);
        }
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<(), String> {
        let at_least = |name: &str, got: usize, least: usize| {
            (got >= least)
                .then_some(())
                .ok_or(format!("--{name} must be at least {least}, got {got}"))
        };
        at_least("segments", self.segments, 2)?;
        at_least("segment-length", self.segment_length, 5)?;
        at_least("keys", self.keys, 4 * self.segments)?;
        at_least("values", self.values, 2)?;
        at_least("fillers", self.fillers, 1)?;
        at_least("memories", self.memories, 1)?;
        at_least("batch", self.batch, 1)?;
        at_least("epochs", self.epochs, 1)?;
        at_least("epoch-steps", self.epoch_steps, 1)?;
        at_least("test-documents", self.test_documents, 1)?;
        at_least("heads", self.heads, 1)?;
        if !self.d_model.is_multiple_of(self.heads) || self.d_model == 0 {
            return Err(format!(
                "--heads must divide --d-model, got {} and {}",
                self.heads, self.d_model
            ));
        }
        self.memory().init().map(|_| ()).map_err(|error| error.to_string())
    }

    /// Sizes of documents `longer` times as long as those trained on.
    pub(crate) fn documents(&self, longer: usize) -> DocumentSizes {
        DocumentSizes {
            keys: self.keys,
            values: self.values,
            fillers: self.fillers,
            segments: self.segments * longer,
            segment_length: self.segment_length,
        }
    }

    /// The full model's memory.
    pub(crate) fn memory(&self) -> MemoriaStateConfig {
        let correlation = match self.correlation {
            CorrelationChoice::L2 => Correlation::NegSquaredL2,
            CorrelationChoice::Gaussian => Correlation::Gaussian,
        };
        let memoria = MemoriaConfig::new(
            self.num_reminded_stm,
            self.stm_capacity,
            self.ltm_search_depth,
            self.initial_lifespan,
            self.num_final_ltms,
        );
        MemoriaStateConfig::new(memoria.with_correlation(correlation)).with_bptt(self.bptt)
    }
}
