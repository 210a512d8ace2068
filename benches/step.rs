//! How long a step of the memory takes, on the workloads of `workloads.json`.
//!
//! Prints one JSON object per workload and line, with the fields that `reference.py` prints of the
//! Python package. `README.md` tells what is measured and how.

#[path = "../examples/support/device.rs"]
mod device;

use std::{
    error::Error,
    time::{Duration, Instant},
};

use burn::{
    backend::{Dispatch, tensor::FloatTensor},
    tensor::{Device, Tensor, TensorData},
};
use clap::{Parser, ValueEnum};
use memoria::{Costs, LifespanGain, Memoria, MemoriaConfig, Reminded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use device::DeviceChoice;

/// Steps of a workload that is run only to see that it runs.
const QUICK_STEPS: usize = 4;

/// Times a step of the memory.
#[derive(Parser)]
struct Options {
    /// Workloads to run, by a part of their names; all of them if none is named.
    workloads: Vec<String>,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceChoice,
    /// A few steps of each, to see that they run.
    #[arg(long)]
    quick: bool,
    /// What cargo passes to a benchmark that it does not run as a test.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Sizes of a memory and of what it is given.
#[derive(Deserialize)]
struct Workload {
    name: String,
    batch: usize,
    /// Working memories per row and step.
    n: usize,
    dim: usize,
    num_reminded_stm: usize,
    stm_capacity: usize,
    ltm_search_depth: usize,
    initial_lifespan: f32,
    num_final_ltms: usize,
    /// What a row's gains sum to, per reminded engram.
    alpha: f32,
    steps: usize,
}

/// What is printed of a workload.
#[derive(Serialize)]
struct Measurement {
    workload: String,
    system: &'static str,
    device: String,
    ms_per_step: f64,
    engrams_per_row: usize,
    /// Of the process so far; `null` where the system does not tell.
    peak_rss_mb: Option<u64>,
    data_plane_share: f64,
    control_plane_share: f64,
    round_trips_per_step: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut workloads: Vec<Workload> = serde_json::from_str(include_str!("workloads.json"))?;
    if !options.workloads.is_empty() {
        workloads.retain(|workload| {
            options.workloads.iter().any(|part| workload.name.contains(part.as_str()))
        });
    }
    for mut workload in workloads {
        if options.quick || !options.bench {
            workload.steps = workload.steps.min(QUICK_STEPS);
        }
        println!("{}", serde_json::to_string(&measure(&workload, options.device)?)?);
    }
    Ok(())
}

/// Runs all steps of a workload and measures the second half of them.
fn measure(workload: &Workload, device: DeviceChoice) -> Result<Measurement, Box<dyn Error>> {
    let name = device.to_possible_value().map(|value| value.get_name().to_owned());
    let device = device.device();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut memory = Memoria::<Dispatch>::new(workload.config())?;
    let measured_from = workload.steps / 2;
    let mut before = Costs::default();
    let mut times = Vec::with_capacity(workload.steps - measured_from);
    for step in 0..workload.steps {
        // The gains of one step are read in the next: those of the step before come in here, and
        // those of the last step do not, so that as many are counted as there are steps.
        if step == measured_from {
            before = memory.costs();
        }
        let time = run_step(&mut memory, workload, &mut rng, &device)?;
        if step >= measured_from {
            times.push(time);
        }
    }
    let costs = memory.costs();
    let (steps, total) = (times.len() as f64, times.iter().sum::<Duration>().as_secs_f64());
    let state = memory.state()?;
    let rows = (0..state.batch()).map(|row| Ok(state.row(row)?.counts().total()));
    let rows = rows.collect::<Result<Vec<_>, memoria::MemoriaError>>()?;
    Ok(Measurement {
        workload: workload.name.clone(),
        system: "burn-memoria",
        device: name.unwrap_or_default(),
        ms_per_step: rounded(1e3 * median(&mut times)),
        engrams_per_row: rows.into_iter().max().unwrap_or(0),
        peak_rss_mb: peak_rss_mb(),
        data_plane_share: rounded((costs.data_plane - before.data_plane).as_secs_f64() / total),
        control_plane_share: rounded(
            (costs.control_plane - before.control_plane).as_secs_f64() / total,
        ),
        round_trips_per_step: rounded((costs.round_trips - before.round_trips) as f64 / steps),
    })
}

/// One step and the time it took, without the making of working memories and gains.
fn run_step(
    memory: &mut Memoria<Dispatch>,
    workload: &Workload,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Result<Duration, Box<dyn Error>> {
    let data = workload.working_memory(rng, device);
    device.sync()?;
    let started = Instant::now();
    memory.add_working_memory(data)?;
    let reminded = memory.remind()?;
    device.sync()?;
    let recalling = started.elapsed();

    let gains = workload.gains(&reminded, rng, device);
    device.sync()?;
    let started = Instant::now();
    memory.adjust(&reminded, gains)?;
    device.sync()?;
    Ok(recalling + started.elapsed())
}

impl Workload {
    fn config(&self) -> MemoriaConfig {
        MemoriaConfig::new(
            self.num_reminded_stm,
            self.stm_capacity,
            self.ltm_search_depth,
            self.initial_lifespan,
            self.num_final_ltms,
        )
    }

    /// Standard normal numbers, `[batch, n, dim]`.
    fn working_memory(&self, rng: &mut ChaCha8Rng, device: &Device) -> FloatTensor<Dispatch> {
        let shape = [self.batch, self.n, self.dim];
        let count = shape.iter().product();
        let numbers: Vec<f32> = StandardNormal.sample_iter(rng).take(count).collect();
        Tensor::<3>::from_data(TensorData::new(numbers, shape), device).into_dispatch()
    }

    /// The cube of a uniform number for each reminded engram, scaled so that the mean of a row is
    /// `alpha`: a few gain much, as under attention. `[batch, reminded]`, on the device.
    fn gains(
        &self,
        reminded: &Reminded<Dispatch>,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> LifespanGain<Dispatch> {
        let (batch, width) = (reminded.batch(), reminded.width());
        if width == 0 {
            return LifespanGain::Zero;
        }
        let mut gains = vec![0.0; batch * width];
        for (row, gains) in gains.chunks_mut(width).enumerate() {
            let gains = &mut gains[..reminded.ids(row).len()];
            gains.fill_with(|| rng.random::<f32>().powi(3));
            let scale = self.alpha * gains.len() as f32 / gains.iter().sum::<f32>().max(1e-9);
            gains.iter_mut().for_each(|gain| *gain *= scale);
        }
        let gains = Tensor::<2>::from_data(TensorData::new(gains, [batch, width]), device);
        LifespanGain::Device(gains.into_dispatch())
    }
}

/// In seconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let (low, high) = (times[(times.len() - 1) / 2], times[times.len() / 2]);
    (low + high).as_secs_f64() / 2.0
}

fn rounded(number: f64) -> f64 {
    (1e3 * number).round() / 1e3
}

fn peak_rss_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = peak.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1024)
}
