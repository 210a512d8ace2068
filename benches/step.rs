//! The time of a step of the memory, on the workloads of `workloads.json`.
//!
//! Prints one JSON object per workload and line, with the fields that `reference.py` prints for the Python package.
//! `README.md` describes what is measured and how.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use burn::{backend::Dispatch, tensor::Device};
use clap::{Parser, ValueEnum};
use memoria::{Costs, EngramCounts, Memoria, Recall, Stages};
use memoria_tasks::DeviceName;
use memoria_testing::{
    measuring::{median, memory_bandwidth, milliseconds, peak_resident_mib, rounded},
    workload::{Workload, workloads},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Steps of a workload in a quick run.
const QUICK_STEPS: usize = 4;
/// Minimum total time of the measured steps. A workload with short steps is repeated until then, each time with a new
/// memory.
const MEASURED_AT_LEAST: Duration = Duration::from_millis(100);

/// Times a step of the memory.
#[derive(Parser)]
struct Options {
    /// Workloads to run, by a part of their names. By default all.
    workloads: Vec<String>,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceName,
    /// Number of steps. By default the workload's number.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,
    /// A few steps of each workload, to check that it runs.
    #[arg(long)]
    quick: bool,
    /// Set by cargo when it runs a benchmark, not a test.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The printed measurement of a workload.
#[derive(Serialize)]
struct Measurement {
    workload: String,
    system: &'static str,
    device: String,
    ms_per_step: f64,
    engrams_per_row: usize,
    /// Of the process so far; `null` if the system does not report it.
    peak_rss_mb: Option<u64>,
    /// The time for the bytes that a step must touch, at the bandwidth of this machine's memory.
    floor_ms: Option<f64>,
    times_floor: Option<f64>,
    data_plane_share: f64,
    control_plane_share: f64,
    round_trips_per_step: f64,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let options = Options::parse();
    let is_quick = options.quick || !options.bench;
    // The bandwidth of a separate device is unknown here.
    let bandwidth = (options.device.is_host() && !is_quick).then(memory_bandwidth);
    for mut workload in workloads(&options.workloads)? {
        if is_quick {
            workload.steps = workload.steps.min(QUICK_STEPS);
        }
        workload.steps = options.steps.map_or(workload.steps, |steps| steps as usize);
        // On one of the threads that share the work: it takes part, and is not woken each time.
        let at_least = if is_quick { Duration::ZERO } else { MEASURED_AT_LEAST };
        let measured = rayon::scope(|_| measure(&workload, options.device, at_least, bandwidth))?;
        println!("{}", serde_json::to_string(&measured)?);
    }
    Ok(())
}

/// Runs all steps of a workload and measures the second half of them. It repeats this until the measured time is
/// `at_least`.
fn measure(
    workload: &Workload,
    device: DeviceName,
    at_least: Duration,
    bandwidth: Option<f64>,
) -> Result<Measurement, Box<dyn Error + Send + Sync>> {
    let name = device.to_possible_value().map(|value| value.get_name().to_owned());
    let device = device.device();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut measured = Measured::default();
    let mut memory = run(workload, &mut rng, &device, &mut measured)?;
    while measured.times.iter().sum::<Duration>() < at_least {
        memory = run(workload, &mut rng, &device, &mut measured)?;
    }
    let Measured { times, costs, long_term_touched } = measured;
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
        data_plane_share: rounded(costs.data_plane.as_secs_f64() / total),
        control_plane_share: rounded(costs.control_plane.as_secs_f64() / total),
        round_trips_per_step: rounded(costs.round_trips as f64 / steps),
    })
}

/// Times and costs of the measured steps.
#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    costs: Costs,
    /// Number of vectors of found and reminded long-term engrams that were read or written.
    long_term_touched: usize,
}

/// Runs all steps of a workload in a new memory, and adds the times and costs of the second half. Returns the memory.
fn run(
    workload: &Workload,
    rng: &mut ChaCha8Rng,
    device: &Device,
    measured: &mut Measured,
) -> Result<Memoria<Dispatch>, Box<dyn Error + Send + Sync>> {
    let mut memory = Memoria::<Dispatch>::new(workload.config())?;
    let measured_from = workload.steps / 2;
    let mut before = Costs::default();
    for step in 0..workload.steps {
        // The gains of a step are read in the next step. So those of the step before the first measured one are
        // included, and those of the last step are not: as many gains are counted as steps.
        if step == measured_from {
            before = memory.costs();
        }
        let (time, reminded) = run_step(&mut memory, workload, rng, device)?;
        if step >= measured_from {
            measured.times.push(time);
            measured.long_term_touched += vectors_of_found_and_reminded(&reminded, workload);
        }
    }
    measured.costs += memory.costs() - before;
    Ok(memory)
}

/// Takes one step. Returns its time, without the generation of working memories and gains, and the recall.
fn run_step(
    memory: &mut Memoria<Dispatch>,
    workload: &Workload,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Result<(Duration, Recall<Dispatch>), Box<dyn Error + Send + Sync>> {
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

/// Number of vectors of the found and the reminded engrams of a step. Found ones are read if the best of them are
/// chosen; reminded ones are read and written.
fn vectors_of_found_and_reminded(reminded: &Recall<Dispatch>, workload: &Workload) -> usize {
    let of_row = |row: &Stages| {
        let is_scored = row.found_ltm.len() > workload.num_final_ltms;
        let found = if is_scored { row.found_ltm.len() } else { 0 };
        found + 2 * row.reminded.len()
    };
    reminded.stages().iter().map(of_row).sum()
}
