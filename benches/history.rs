//! The time that recording a history adds to a step, on the workloads of `workloads.json`.
//!
//! Two memories go through the same steps, one recorded and one not, alternately within each step. Other load of the
//! machine affects both equally. Prints one JSON object per workload and line; `README.md` describes what is measured
//! and how.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use burn::{
    backend::{Dispatch, tensor::FloatTensor},
    tensor::{Device, Tensor},
};
use clap::Parser;
use memoria::{LifespanGain, Memoria, MemoriaError, Recall, history::History};
use memoria_testing::{
    measuring::{median, rounded},
    workload::{Workload, workloads},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Steps of a workload in a quick run.
const QUICK_STEPS: usize = 4;

/// Number of times that a history is saved, loaded and read.
const TIMES: usize = 7;

/// Times a step with and without history.
#[derive(Parser)]
struct Options {
    /// Workloads to run, by a part of their names. By default all.
    workloads: Vec<String>,
    /// Factor for the number of steps of a workload.
    #[arg(long, default_value_t = 10)]
    longer: usize,
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
    steps: usize,
    us_per_step: f64,
    us_per_step_recorded: f64,
    /// Mean over both places in a step, of the medians.
    added_percent: f64,
    bytes_per_row_and_step: f64,
    engrams_per_row: usize,
    /// To and from memory.
    mb_per_s_saved: f64,
    mb_per_s_loaded: f64,
    events: usize,
    events_per_s_loaded: u64,
    /// Events of a loaded history, read one by one.
    events_per_s_told: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let is_quick = options.quick || !options.bench;
    for mut workload in workloads(&options.workloads)? {
        workload.steps = if is_quick { QUICK_STEPS } else { workload.steps * options.longer };
        println!("{}", serde_json::to_string(&measure(&workload)?)?);
    }
    Ok(())
}

/// Runs all steps of a workload twice, alternately, and measures the second half of them.
fn measure(workload: &Workload) -> Result<Measurement, Box<dyn Error>> {
    let device = Device::flex();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut plain = Memoria::<Dispatch>::new(workload.config())?;
    let mut recorded = Memoria::<Dispatch>::new(workload.config())?;
    recorded.record_history(true);
    // By place: the second memory of a step finds its data in nearer caches.
    let mut plain_times = [Vec::new(), Vec::new()];
    let mut recorded_times = [Vec::new(), Vec::new()];
    for step in 0..workload.steps {
        let data = workload.working_memory(&mut rng, &device);
        let is_first = step % 2 == 0;
        let order =
            if is_first { [&mut plain, &mut recorded] } else { [&mut recorded, &mut plain] };
        let mut reminding = Vec::new();
        for memory in order {
            // A separate tensor for each memory, so that none is copied.
            let data = copy(&data);
            let started = Instant::now();
            memory.add_working_memory(data)?;
            let reminded = memory.remind()?;
            reminding.push((started.elapsed(), reminded));
        }
        if !is_first {
            reminding.reverse();
        }
        let [(plain_time, plain_reminded), (recorded_time, recorded_reminded)] = &reminding[..]
        else {
            unreachable!("there are two memories")
        };
        assert_eq!(plain_reminded.stages(), recorded_reminded.stages());
        let gains = workload.gains(plain_reminded, &mut rng, &device);
        let mut plain_time = *plain_time;
        let mut recorded_time = *recorded_time;
        let mut adjust = |is_plain: bool| -> Result<(), MemoriaError> {
            if is_plain {
                plain_time += timed_adjust(&mut plain, plain_reminded, &gains)?;
            } else {
                recorded_time += timed_adjust(&mut recorded, recorded_reminded, &gains)?;
            }
            Ok(())
        };
        adjust(is_first)?;
        adjust(!is_first)?;
        if step >= workload.steps / 2 {
            plain_times[usize::from(!is_first)].push(plain_time);
            recorded_times[usize::from(is_first)].push(recorded_time);
        }
    }
    recorded.record_history(true);
    let history = recorded.history()?;
    let (bytes, saving) = timed(|| history.to_bytes());
    let (loaded, loading) = timed(|| History::from_bytes(&bytes));
    let loaded = loaded?;
    assert_eq!(loaded.batch(), workload.batch);
    let (events, telling) = timed(|| loaded.rows().map(|row| row.events().count()).sum::<usize>());
    let mean = |times: &[Vec<Duration>; 2]| (median(&times[0]) + median(&times[1])) / 2.0;
    let (plain_time, recorded_time) = (mean(&plain_times), mean(&recorded_times));
    let rows = history.rows().map(|row| row.now().engrams().len());
    let of_bytes = |seconds: f64| rounded(bytes.len() as f64 / 1e6 / seconds);
    let of_events = |seconds: f64| (events as f64 / seconds) as u64;
    Ok(Measurement {
        workload: workload.name.clone(),
        steps: workload.steps,
        us_per_step: rounded(1e6 * plain_time),
        us_per_step_recorded: rounded(1e6 * recorded_time),
        added_percent: rounded(100.0 * (recorded_time / plain_time - 1.0)),
        bytes_per_row_and_step: rounded(
            bytes.len() as f64 / (workload.batch * workload.steps) as f64,
        ),
        engrams_per_row: rows.max().unwrap_or(0),
        mb_per_s_saved: of_bytes(saving),
        mb_per_s_loaded: of_bytes(loading),
        events,
        events_per_s_loaded: of_events(loading),
        events_per_s_told: of_events(telling),
    })
}

/// Calls a function several times. Returns the last result, and the median of its times in seconds.
fn timed<T>(done: impl Fn() -> T) -> (T, f64) {
    let mut times = Vec::new();
    loop {
        let started = Instant::now();
        let made = std::hint::black_box(done());
        times.push(started.elapsed());
        if times.len() == TIMES {
            return (made, median(&times));
        }
    }
}

fn copy(data: &FloatTensor<Dispatch>) -> FloatTensor<Dispatch> {
    let data = Tensor::<3>::from_dispatch(data.clone());
    let device = data.device();
    Tensor::<3>::from_data(data.to_data(), &device).into_dispatch()
}

fn timed_adjust(
    memory: &mut Memoria<Dispatch>,
    reminded: &Recall<Dispatch>,
    gains: &LifespanGain<Dispatch>,
) -> Result<Duration, MemoriaError> {
    let gains = gains.clone();
    let started = Instant::now();
    memory.adjust(reminded, gains)?;
    Ok(started.elapsed())
}
