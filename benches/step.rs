//! How long a step of the memory takes, on the workloads of `workloads.json`.
//!
//! Prints one JSON object per workload and line, with the fields that `reference.py` prints of the
//! Python package. `README.md` tells what is measured and how.

#[path = "../examples/support/device.rs"]
mod device;
mod support;

use std::{
    error::Error,
    time::{Duration, Instant},
};

use burn::{
    backend::{Dispatch, tensor::FloatTensor},
    tensor::{Device, Tensor, TensorData},
};
use clap::{Parser, ValueEnum};
use memoria::{Costs, EngramCounts, LifespanGain, Memoria, MemoriaConfig, Recollection, Reminded};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use device::DeviceChoice;
use support::{median, memory_bandwidth, milliseconds, peak_resident_mib, rounded};

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
    /// Steps to take, instead of the workload's own number.
    #[arg(long)]
    steps: Option<usize>,
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
    /// What the bytes that a step must touch take at the bandwidth of this machine's memory.
    floor_ms: Option<f64>,
    times_floor: Option<f64>,
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
    let is_quick = options.quick || !options.bench;
    // What a device of its own has for bandwidth is not known here.
    let bandwidth = (options.device.is_host() && !is_quick).then(memory_bandwidth);
    for mut workload in workloads {
        if is_quick {
            workload.steps = workload.steps.min(QUICK_STEPS);
        }
        workload.steps = options.steps.unwrap_or(workload.steps);
        let measured = measure(&workload, options.device, bandwidth)?;
        println!("{}", serde_json::to_string(&measured)?);
    }
    Ok(())
}

/// Runs all steps of a workload and measures the second half of them.
fn measure(
    workload: &Workload,
    device: DeviceChoice,
    bandwidth: Option<f64>,
) -> Result<Measurement, Box<dyn Error>> {
    let name = device.to_possible_value().map(|value| value.get_name().to_owned());
    let device = device.device();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut memory = Memoria::<Dispatch>::new(workload.config())?;
    let measured_from = workload.steps / 2;
    let mut before = Costs::default();
    let mut times = Vec::with_capacity(workload.steps - measured_from);
    let mut long_term_touched = 0;
    for step in 0..workload.steps {
        // The gains of one step are read in the next: those of the step before come in here, and
        // those of the last step do not, so that as many are counted as there are steps.
        if step == measured_from {
            before = memory.costs();
        }
        let (time, reminded) = run_step(&mut memory, workload, &mut rng, &device)?;
        if step >= measured_from {
            times.push(time);
            long_term_touched += vectors_of_found_and_reminded(&reminded, workload);
        }
    }
    let costs = memory.costs();
    let (steps, total) = (times.len() as f64, times.iter().sum::<Duration>().as_secs_f64());
    let state = memory.state()?;
    let rows = (0..state.batch()).map(|row| Ok(state.row(row)?.counts()));
    let rows = rows.collect::<Result<Vec<_>, memoria::MemoriaError>>()?;
    let scored = rows.iter().map(|row| row.short_term).filter(|&n| n > workload.num_reminded_stm);
    let vectors = workload.batch * workload.n + scored.sum::<usize>();
    let vectors = vectors as f64 + long_term_touched as f64 / steps;
    let floor =
        bandwidth.map(|bandwidth| vectors * (workload.dim * size_of::<f32>()) as f64 / bandwidth);
    let time = median(&times);
    Ok(Measurement {
        workload: workload.name.clone(),
        system: "burn-memoria",
        device: name.unwrap_or_default(),
        ms_per_step: milliseconds(time),
        engrams_per_row: rows.iter().map(EngramCounts::total).max().unwrap_or(0),
        peak_rss_mb: peak_resident_mib(),
        floor_ms: floor.map(milliseconds),
        times_floor: floor.map(|floor| rounded(time / floor)),
        data_plane_share: rounded((costs.data_plane - before.data_plane).as_secs_f64() / total),
        control_plane_share: rounded(
            (costs.control_plane - before.control_plane).as_secs_f64() / total,
        ),
        round_trips_per_step: rounded((costs.round_trips - before.round_trips) as f64 / steps),
    })
}

/// One step: the time it took, without the making of working memories and gains, and its result.
fn run_step(
    memory: &mut Memoria<Dispatch>,
    workload: &Workload,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Result<(Duration, Reminded<Dispatch>), Box<dyn Error>> {
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
    Ok((recalling + started.elapsed(), reminded))
}

/// How many vectors the found and the reminded engrams of a step are: those found are read where the
/// best of them are to be chosen, those reminded are read and written out.
fn vectors_of_found_and_reminded(reminded: &Reminded<Dispatch>, workload: &Workload) -> usize {
    let of_row = |row: &Recollection| {
        let is_scored = row.found_ltm.len() > workload.num_final_ltms;
        let found = if is_scored { row.found_ltm.len() } else { 0 };
        found + 2 * row.reminded.len()
    };
    reminded.recollections().iter().map(of_row).sum()
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
