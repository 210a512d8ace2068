//! The time that GPT-2 with and without a memory takes for a segment, in training and in inference, on the workloads of
//! `models.json`.
//!
//! Prints one JSON object per workload and mode, with the fields that `model_reference.py` prints for PyTorch with the
//! Python package. `README.md` describes what is measured and how.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use burn::{
    nn::loss::CrossEntropyLossConfig,
    optim::{AdamWConfig, GradientsParams},
    tensor::{Device, Int, Tensor, TensorData},
};
use clap::{Parser, ValueEnum};
use memoria::{
    EngramCounts, MemoriaConfig, MemoriaError,
    models::{Gpt2Config, MemoryConfig, ModelInput, ModelMemory},
};
use memoria_tasks::DeviceName;
use memoria_testing::measuring::{median, milliseconds, peak_resident_mib, rounded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

const LEARNING_RATE: f64 = 2e-4;

/// Times GPT-2 with and without a memory.
#[derive(Parser)]
struct Options {
    /// Workloads to run, by a part of their names. By default all.
    workloads: Vec<String>,
    /// What to time. By default both.
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// The memory of the model. By default the paper's, then a learned one.
    #[arg(long, value_enum)]
    memory: Option<MemoryChoice>,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceName,
    /// Number of segments; the second half is measured. By default the workload's number.
    #[arg(long)]
    steps: Option<usize>,
    /// A few segments of small models, to check that they run.
    #[arg(long)]
    quick: bool,
    /// Set by cargo when it runs a benchmark, not a test.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The computation for a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Forward, backward and a step of the optimizer.
    Training,
    /// Forward.
    Inference,
}

/// The memory of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum MemoryChoice {
    /// No memory: the plain model.
    None,
    /// The paper's memory.
    Paper,
    /// With learned recall: all options of [`MemoryConfig::causal`], with the sizes of the paper's memory.
    Learned,
}

/// Sizes of a model, its memory and its input.
#[derive(Deserialize)]
struct Workload {
    name: String,
    batch: usize,
    /// Tokens of a segment.
    segment: usize,
    vocab_size: usize,
    n_embd: usize,
    n_layer: usize,
    n_head: usize,
    dropout: f64,
    num_memories: usize,
    num_reminded_stm: usize,
    stm_capacity: usize,
    ltm_search_depth: usize,
    initial_lifespan: f32,
    num_final_ltms: usize,
    alpha: f32,
    steps: usize,
}

/// The printed measurement of a workload.
#[derive(Serialize)]
struct Measurement {
    workload: String,
    mode: Mode,
    memory: MemoryChoice,
    system: &'static str,
    device: String,
    ms_per_step: f64,
    tokens_per_second: f64,
    /// Share of the time that the memory took.
    memory_share: f64,
    engrams_per_row: usize,
    loss: Option<f64>,
    /// Of the process so far; `null` if the system does not report it.
    peak_rss_mb: Option<u64>,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let options = Options::parse();
    let mut workloads: Vec<Workload> = serde_json::from_str(include_str!("models.json"))?;
    if !options.workloads.is_empty() {
        workloads.retain(|workload| {
            options.workloads.iter().any(|part| workload.name.contains(part.as_str()))
        });
    }
    let modes = options.mode.map_or(vec![Mode::Training, Mode::Inference], |mode| vec![mode]);
    let memories = match options.memory {
        None => vec![MemoryChoice::Paper, MemoryChoice::Learned],
        Some(memory) => vec![memory],
    };
    for mut workload in workloads {
        if options.quick || !options.bench {
            workload.shrink();
        }
        workload.steps = options.steps.unwrap_or(workload.steps);
        for &mode in &modes {
            for &memory in &memories {
                // On one of the threads that compute matrix products: it takes part, and is not woken each time.
                let measured = rayon::scope(|_| measure(&workload, mode, memory, options.device))?;
                println!("{}", serde_json::to_string(&measured)?);
            }
        }
    }
    Ok(())
}

/// Runs all segments of a workload and measures the second half of them.
fn measure(
    workload: &Workload,
    mode: Mode,
    choice: MemoryChoice,
    device: DeviceName,
) -> Result<Measurement, Box<dyn Error + Send + Sync>> {
    let name = device.to_possible_value().map(|value| value.get_name().to_owned());
    let mut device = device.device();
    if mode == Mode::Training {
        device = device.autodiff();
    }
    device.seed(0);
    let memory_config = workload.memory(choice);
    let mut model = workload.config(memory_config.clone()).init(&device)?;
    let mut memory = memory_config.map(|config| config.init()).transpose()?;
    let mut optimizer = AdamWConfig::new().init();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let measured_from = workload.steps / 2;
    let mut times = Vec::with_capacity(workload.steps - measured_from);
    let (mut memory_time, mut last_loss) = (Duration::ZERO, None);
    for step in 0..workload.steps {
        let tokens = workload.tokens(&mut rng, &device);
        device.sync()?;
        let before = memory.as_mut().map(|memory| memory.memoria().costs());
        let started = Instant::now();
        let output = model.forward(&ModelInput::new(tokens.clone()), memory.as_mut())?;
        if mode == Mode::Training {
            let loss = loss(output.logits, tokens, &device);
            last_loss = Some(loss.clone().into_scalar::<f64>());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            if let Some(memory) = &mut memory {
                memory.detach();
            }
            model = optimizer.step(LEARNING_RATE, model, gradients);
        }
        device.sync()?;
        if step >= measured_from {
            times.push(started.elapsed());
            if let (Some(memory), Some(before)) = (&mut memory, before) {
                memory_time += (memory.memoria().costs() - before).time();
            }
        }
    }
    let time = median(&times);
    Ok(Measurement {
        workload: workload.name.clone(),
        mode,
        memory: choice,
        system: "burn-memoria",
        device: name.unwrap_or_default(),
        ms_per_step: milliseconds(time),
        tokens_per_second: ((workload.batch * workload.segment) as f64 / time).round(),
        memory_share: rounded(
            memory_time.as_secs_f64() / times.iter().sum::<Duration>().as_secs_f64(),
        ),
        engrams_per_row: memory.as_mut().map(engrams_per_row).transpose()?.unwrap_or(0),
        loss: last_loss.map(rounded),
        peak_rss_mb: peak_resident_mib(),
    })
}

/// The cross-entropy of every token but the first of a segment.
fn loss(logits: Tensor<3>, tokens: Tensor<2, Int>, device: &Device) -> Tensor<1> {
    let [batch, seq, vocab_size] = logits.dims();
    let logits = logits.narrow(1, 0, seq - 1).reshape([batch * (seq - 1), vocab_size]);
    let targets = tokens.narrow(1, 1, seq - 1).reshape([batch * (seq - 1)]);
    CrossEntropyLossConfig::new().init(device).forward(logits, targets)
}

fn engrams_per_row(memory: &mut ModelMemory) -> Result<usize, MemoriaError> {
    let state = memory.state()?;
    let rows = (0..state.batch()).map(|row| Ok(state.row(row)?.counts()));
    let rows = rows.collect::<Result<Vec<_>, MemoriaError>>()?;
    Ok(rows.iter().map(EngramCounts::total).max().unwrap_or(0))
}

impl Workload {
    /// A small model and memory of the same kind, and a few segments.
    fn shrink(&mut self) {
        (self.batch, self.segment, self.n_embd, self.n_layer) = (2, 16, 32, 2);
        (self.num_memories, self.num_reminded_stm, self.stm_capacity) = (4, 6, 8);
        (self.num_final_ltms, self.steps) = (6, 6);
    }

    fn memory(&self, choice: MemoryChoice) -> Option<MemoryConfig> {
        let memoria = MemoriaConfig::new(
            self.num_reminded_stm,
            self.stm_capacity,
            self.ltm_search_depth,
            self.initial_lifespan,
            self.num_final_ltms,
        );
        let memory = match choice {
            MemoryChoice::None => return None,
            MemoryChoice::Paper => MemoryConfig::new(self.num_memories, memoria),
            MemoryChoice::Learned => MemoryConfig::causal(self.segment, memoria)
                .with_num_memories(Some(self.num_memories))
                .with_bptt(0),
        };
        Some(memory.with_lifespan_extend_scale(self.alpha))
    }

    fn config(&self, memory: Option<MemoryConfig>) -> Gpt2Config {
        let config =
            Gpt2Config::new(self.vocab_size, self.segment, self.n_embd, self.n_layer, self.n_head)
                .with_dropout(self.dropout);
        match memory {
            Some(memory) => config.with_memory(memory),
            None => config,
        }
    }

    /// Uniform tokens, `[batch, segment]`.
    fn tokens(&self, rng: &mut ChaCha8Rng, device: &Device) -> Tensor<2, Int> {
        let shape = [self.batch, self.segment];
        let count = shape.iter().product();
        let token = |_| rng.random_range(0..self.vocab_size as i64);
        let tokens: Vec<i64> = (0..count).map(token).collect();
        Tensor::from_data(TensorData::new(tokens, shape), device)
    }
}
