//! Measures whether the cost of a step depends on the age of the memory.
//!
//! Two rows, never reset: a few engrams are reminded in most steps and live throughout; the others are made and die.
//! With `--dense`, there is one row with a large short-term memory: all its engrams fire in every step, and none dies.
//! Prints one JSON object per line, for the first three windows of steps, for every twentieth and for the last one.
//! `README.md` describes what is measured and how.

use std::{
    collections::HashMap,
    error::Error,
    time::{Duration, Instant},
};

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor, TensorData},
};
use clap::Parser;
use memoria::{EngramId, LifespanGain, Memoria, MemoriaConfig, Recall};
use memoria_testing::measuring::{median, milliseconds, resident_bytes, rounded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

/// Sizes of a run.
#[derive(Clone, Copy)]
struct Run {
    rows: usize,
    /// Working memories per row and step.
    width: usize,
    dim: usize,
    stm_capacity: usize,
    /// Short-term engrams reminded per step.
    reminded: usize,
    initial_lifespan: f32,
    steps: usize,
    /// Steps of a window; each window is measured as a whole.
    window: usize,
}

const SPARSE: Run = Run {
    rows: 2,
    width: 16,
    dim: 64,
    stm_capacity: 128,
    reminded: 16,
    initial_lifespan: 9.0,
    steps: 100_000,
    window: 1_000,
};
const DENSE: Run = Run {
    rows: 1,
    width: 30,
    dim: 8,
    stm_capacity: 1_000,
    reminded: 1_000,
    initial_lifespan: 1e9,
    steps: 1_000,
    window: 100,
};
/// Mean lifespan gain of reminded engrams, in steps.
const MEAN_GAIN: f32 = 2.0;

/// Runs a memory for many steps.
#[derive(Parser)]
struct Options {
    #[arg(long)]
    steps: Option<usize>,
    /// All engrams of a large short-term memory fire in every step, and none dies.
    #[arg(long)]
    dense: bool,
    /// A few steps, to check that they run.
    #[arg(long)]
    quick: bool,
    /// Set by cargo when it runs a benchmark, not a test.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The printed measurement of a window of steps.
#[derive(Serialize)]
struct Measurement {
    steps: usize,
    ms_per_step: f64,
    worst_ms: f64,
    /// The time of a step, relative to the second window.
    times_second_window: f64,
    engrams_per_row: usize,
    /// Engrams of the first row that were reminded in most steps of the window.
    reminded_in_most: usize,
    oldest_age: u64,
    bookkeeping_kib: f64,
    /// `null` if the system does not report it.
    resident_mib: Option<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let is_quick = options.quick || !options.bench;
    let mut run = if options.dense { DENSE } else { SPARSE };
    run.steps = options.steps.unwrap_or(run.steps);
    if is_quick {
        (run.steps, run.window) = (60, 20);
    }
    let Run { steps, window, .. } = run;
    let device = Device::flex();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let config =
        MemoriaConfig::new(run.reminded, run.stm_capacity, 6, run.initial_lifespan, run.width);
    let mut memory = Memoria::<Dispatch>::new(config)?;
    let mut second = None;
    for index in 0..steps / window {
        let mut times = Vec::with_capacity(window);
        let mut reminded_how_often: HashMap<EngramId, usize> = HashMap::new();
        for _ in 0..window {
            let (time, reminded) = step(&run, &mut memory, &mut rng, &device)?;
            times.push(time);
            for &id in reminded.ids(0) {
                *reminded_how_often.entry(id).or_default() += 1;
            }
        }
        let time = median(&times);
        if index == 1 {
            second = Some(time);
        }
        // The first windows, the last one, and some in between.
        let is_told = index < 3 || index + 1 == steps / window || (index + 1) % 20 == 0;
        if !is_told && !is_quick {
            continue;
        }
        let memory_use = memory.memory_use();
        let state = memory.state()?;
        let row = state.row(0)?;
        let most = reminded_how_often.values().filter(|&&often| 2 * often > window).count();
        let measured = Measurement {
            steps: (index + 1) * window,
            ms_per_step: milliseconds(time),
            worst_ms: milliseconds(times.iter().max().map_or(time, Duration::as_secs_f64)),
            times_second_window: rounded(time / second.unwrap_or(time)),
            engrams_per_row: row.counts().total(),
            reminded_in_most: most,
            oldest_age: row.engrams().map(|engram| engram.age).max().unwrap_or(0),
            bookkeeping_kib: rounded(memory_use.bookkeeping as f64 / 1024.0),
            resident_mib: resident_bytes().map(|bytes| rounded(bytes as f64 / (1 << 20) as f64)),
        };
        println!("{}", serde_json::to_string(&measured)?);
    }
    Ok(())
}

/// Takes one step. Returns its time, without the generation of working memories and gains, and the recall.
fn step(
    run: &Run,
    memory: &mut Memoria<Dispatch>,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Result<(Duration, Recall<Dispatch>), Box<dyn Error>> {
    let shape = [run.rows, run.width, run.dim];
    let numbers: Vec<f32> =
        StandardNormal.sample_iter(&mut *rng).take(shape.iter().product()).collect();
    let data = Tensor::<3>::from_data(TensorData::new(numbers, shape), device);
    let started = Instant::now();
    memory.add_working_memory(data.into_dispatch())?;
    let reminded = memory.remind()?;
    let recalling = started.elapsed();
    let width = reminded.width();
    let gains: Vec<f32> =
        (0..run.rows * width).map(|_| MEAN_GAIN * 2.0 * rng.random::<f32>()).collect();
    let gains = match width {
        0 => LifespanGain::Zero,
        _ => {
            let data = TensorData::new(gains, [run.rows, width]);
            LifespanGain::Device(Tensor::<2>::from_data(data, device).into_dispatch())
        }
    };
    let started = Instant::now();
    memory.adjust(&reminded, gains)?;
    Ok((recalling + started.elapsed(), reminded))
}
