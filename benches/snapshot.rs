//! The costs of a snapshot: bytes per engram, times to save and to restore, and the memory for both.
//!
//! One row is filled by running steps with gains that keep all engrams alive. Prints one JSON object per number
//! of engrams and line. `README.md` describes what is measured and how.

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor, TensorData},
};
use clap::Parser;
use memoria::{LifespanGain, Memoria, MemoriaConfig, Restore};
use memoria_testing::measuring::{median, rounded};
use peak_alloc::PeakAlloc;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Working memories per step.
const WIDTH: usize = 64;
/// Lifespan gain in steps: long enough for any run.
const GAIN: f32 = 1e6;

/// Measures snapshots of memories of different sizes.
#[derive(Parser)]
struct Options {
    /// Numbers of engrams, ascending.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000")]
    engrams: Vec<usize>,
    /// The dimension of the vectors.
    #[arg(long, default_value_t = 256)]
    dim: usize,
    /// Number of times that each is saved and restored; the medians are printed.
    #[arg(long, default_value_t = 5)]
    times: usize,
    /// The folder to save in.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Small sizes, to check that they run.
    #[arg(long)]
    quick: bool,
    /// Set by cargo when it runs a benchmark, not a test.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The printed measurement of a memory of one size.
#[derive(Serialize)]
struct Measurement {
    engrams: usize,
    dim: usize,
    megabytes: f64,
    /// Without the vector.
    bytes_per_engram: f64,
    /// Without a file: only the work to make the snapshot.
    written_mb_per_s: f64,
    /// To a file that is synchronized to the disk.
    saved_mb_per_s: f64,
    /// From a file in the system's cache, with every check.
    restored_mb_per_s: f64,
    /// Peak allocation while saving.
    saving_megabytes: f64,
    /// Peak allocation while restoring, without the restored memory itself.
    restoring_megabytes: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::parse();
    if options.quick || !options.bench {
        (options.engrams, options.dim, options.times) = (vec![1_000, 3_000], 32, 1);
    }
    let folder = match &options.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    }?;
    measure(&options, &folder.path().join("bench.memoria"))
}

/// Fills a row and prints a measurement at each size.
fn measure(options: &Options, file: &Path) -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    // Every engram is reminded in the step after its own, and gains enough for the whole run.
    let config = MemoriaConfig::new(WIDTH, WIDTH, 10, 3.0, WIDTH);
    let mut memory = Memoria::<Dispatch>::new(config)?;
    let mut steps = 0;
    for &engrams in &options.engrams {
        while WIDTH * steps < engrams {
            let numbers = StandardNormal.sample_iter(&mut rng).take(WIDTH * options.dim);
            let data = TensorData::new::<f32, _>(numbers.collect(), [1, WIDTH, options.dim]);
            memory.add_working_memory(Tensor::<3>::from_data(data, &device).into_dispatch())?;
            let reminded = memory.remind()?;
            let gains = LifespanGain::Host(vec![vec![GAIN; reminded.ids(0).len()]]);
            memory.adjust(&reminded, gains)?;
            steps += 1;
        }
        let engrams = memory.state()?.row(0)?.counts().total();
        println!("{}", serde_json::to_string(&measure_one(&mut memory, engrams, options, file)?)?);
    }
    Ok(())
}

fn measure_one(
    memory: &mut Memoria<Dispatch>,
    engrams: usize,
    options: &Options,
    file: &Path,
) -> Result<Measurement, Box<dyn Error>> {
    let (mut written, mut saved, mut restored) = (Vec::new(), Vec::new(), Vec::new());
    let (mut saving, mut restoring) = (0, 0);
    for _ in 0..options.times {
        let snapshot = memory.snapshot()?;
        let started = Instant::now();
        snapshot.write(io::sink())?;
        written.push(started.elapsed());

        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let started = Instant::now();
        snapshot.save(file)?;
        saved.push(started.elapsed());
        saving = saving.max(MEMORY.peak_usage() - before);

        MEMORY.reset_peak_usage();
        let started = Instant::now();
        let other = Restore::<Dispatch>::new(Device::flex().as_dispatch()).load(file)?;
        restored.push(started.elapsed());
        restoring = restoring.max(MEMORY.peak_usage() - MEMORY.current_usage());
        assert_eq!(other.info.engrams, engrams as u64);
    }
    let bytes = fs::metadata(file)?.len() as f64;
    let vectors = (engrams * options.dim * size_of::<f32>()) as f64;
    let speed = |times: &[Duration]| rounded(bytes / 1e6 / median(times));
    Ok(Measurement {
        engrams,
        dim: options.dim,
        megabytes: rounded(bytes / 1e6),
        bytes_per_engram: rounded((bytes - vectors) / engrams as f64),
        written_mb_per_s: speed(&written),
        saved_mb_per_s: speed(&saved),
        restored_mb_per_s: speed(&restored),
        saving_megabytes: rounded(saving as f64 / 1e6),
        restoring_megabytes: rounded(restoring as f64 / 1e6),
    })
}
