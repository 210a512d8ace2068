//! The cost of a step with many stored engrams, by the search of long-term memory, and the memory of an engram.
//!
//! One row is filled by running steps with gains that keep all engrams alive. Prints one JSON object per line: one for
//! each number of long-term engrams, about the steps since the previous one. `README.md` describes what is measured and
//! how.

use std::{
    env,
    error::Error,
    hint::black_box,
    process::Command,
    time::{Duration, Instant},
};

use burn::{
    backend::{Dispatch, tensor::FloatTensor},
    tensor::{Device, FloatDType, Tensor, TensorData},
};
use clap::{Parser, ValueEnum};
use memoria::{LifespanGain, LongTermSearch, Memoria, MemoriaConfig, Recall, Storage};
use memoria_tasks::DeviceName;
use memoria_testing::measuring::{
    median, memory_bandwidth, milliseconds, read_bandwidth, resident_bytes, rounded,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Serialize;

/// Working memories per step.
const WIDTH: usize = 64;
/// Steps that are timed at each size.
const TIMED: usize = 200;
/// Lifespan gain in steps: long enough for any run.
const GAIN: f32 = 1e6;

/// Times a step of memories of different sizes.
#[derive(Parser)]
struct Options {
    /// Numbers of long-term engrams, ascending.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000")]
    engrams: Vec<usize>,
    /// Dimensions of the vectors.
    #[arg(long, value_delimiter = ',', default_value = "64,256", overrides_with = "dims")]
    dims: Vec<usize>,
    /// The search of long-term memory.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "walk,nearest",
        overrides_with = "searches"
    )]
    searches: Vec<SearchChoice>,
    /// Number of cells that `cells` searches.
    #[arg(long, default_value_t = 32)]
    probes: usize,
    /// The float type of the vectors.
    #[arg(long, value_enum, default_value = "f32")]
    float: Float,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceName,
    /// Where the vectors are.
    #[arg(long, value_enum, default_value = "auto")]
    storage: Place,
    /// Do not touch as much memory before the run. The time that the system needs to provide it then counts.
    #[arg(long)]
    cold: bool,
    /// Small sizes, to check that they run.
    #[arg(long)]
    quick: bool,
    /// Set by cargo when it runs a benchmark, not a test.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Float {
    F32,
    F16,
    Bf16,
}

impl Float {
    /// In bytes.
    fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }
}

#[derive(Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum SearchChoice {
    Walk,
    Nearest,
    #[value(name = "walk_and_nearest")]
    WalkAndNearest,
    /// The nearest engrams of the searched cells.
    Cells,
}

#[derive(Clone, Copy, ValueEnum)]
enum Place {
    Auto,
    Device,
    Host,
}

/// The printed measurement of a memory of one size.
#[derive(Serialize)]
struct Measurement {
    search: SearchChoice,
    /// Long-term engrams.
    engrams: usize,
    dim: usize,
    steps: usize,
    ms_per_step: f64,
    /// The time for the bytes that a step must touch, at the bandwidth of this machine's memory: the vectors of
    /// working engrams, of the engrams that a walk found and of reminded engrams, copied; for other searches also a
    /// code of one byte per number of every long-term engram, read. `null` on a device, or in a quick run.
    floor_ms: Option<f64>,
    times_floor: Option<f64>,
    /// Of all steps since the last size, including those of the growth.
    slowest_ms: f64,
    slowest_to_median: f64,
    /// The time of a step, relative to the first size.
    times_first: f64,
    /// Shares of the nearest engrams that are found, if not all are searched.
    #[serde(flatten)]
    found: Option<FoundShares>,
    bytes_per_engram: f64,
    bookkeeping_bytes_per_engram: f64,
    vector_bytes_per_engram: f64,
    /// Growth of resident memory since before the first step; `null` if the system does not report it.
    resident_bytes_per_engram: Option<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut options = Options::parse();
    if options.quick || !options.bench {
        options.engrams = vec![1_000, 3_000];
    }
    if let ([dim], [search]) = (&options.dims[..], &options.searches[..]) {
        let (dim, search) = (*dim, *search);
        if let Some(&engrams) = options.engrams.iter().max().filter(|_| !options.cold) {
            // So that the memory is timed, and not a virtual machine that gets its own pages.
            black_box(vec![1.0f32; dim * engrams]);
        }
        return fill(dim, search, &options);
    }
    for dim in options.dims {
        for search in &options.searches {
            let name = search.to_possible_value().map(|value| value.get_name().to_owned());
            let [dim, search] = [dim.to_string(), name.unwrap_or_default()];
            // In a separate process: pages of an earlier run would make small sizes faster.
            let mut command = Command::new(env::current_exe()?);
            let chosen = ["--dims", &dim, "--searches", &search];
            let status = command.args(env::args().skip(1)).args(chosen).status()?;
            if !status.success() {
                return Err(format!("dimension {dim}, {search}: {status}").into());
            }
        }
    }
    Ok(())
}

/// Fills a row and prints a measurement at each size.
fn fill(dim: usize, search: SearchChoice, options: &Options) -> Result<(), Box<dyn Error>> {
    let is_quick = options.quick || !options.bench;
    // The bandwidth of a separate device is unknown here.
    let bandwidth = (options.device.is_host() && !is_quick)
        .then(|| Bandwidth { copy: memory_bandwidth(), read: read_bandwidth() });
    let device = options.device.device();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    // Every engram is reminded in the step after its own, and gains enough for the whole run.
    let config =
        MemoriaConfig::new(WIDTH, WIDTH, 10, 3.0, WIDTH).with_long_term_search(match search {
            SearchChoice::Walk => LongTermSearch::Walk,
            SearchChoice::Nearest | SearchChoice::Cells => LongTermSearch::Nearest,
            SearchChoice::WalkAndNearest => LongTermSearch::WalkAndNearest,
        });
    let is_in_cells = matches!(search, SearchChoice::Cells);
    let config = config.with_long_term_probes(if is_in_cells { options.probes } else { 0 });
    let storage = match options.storage {
        Place::Auto => Storage::Auto,
        Place::Device => Storage::Device,
        Place::Host => Storage::Host,
    };
    let mut memory = Memoria::<Dispatch>::new(config)?.with_storage(storage);
    let resident_before = resident_bytes();
    let mut first = None;
    let (mut steps, mut long_term) = (0usize, 0);
    for &engrams in &options.engrams {
        let (mut times, mut touched) = (Vec::new(), 0);
        while long_term < engrams || times.len() < TIMED {
            let data = working_memory(dim, options.float, &mut rng, &device);
            let (time, reminded) = step(&mut memory, data, &device)?;
            times.push(time);
            touched = touched_vectors(&reminded);
            steps += 1;
            // None dies, so all are long-term except those of the last two steps.
            long_term = WIDTH * (steps - 1);
        }
        let memory_use = memory.memory_use();
        let living = memory.state()?.row(0)?.counts();
        assert_eq!(living.long_term, long_term, "all are to stay alive");
        let timed = &times[times.len() - TIMED..];
        let time = median(timed);
        let slowest = times.iter().max().map_or(0.0, Duration::as_secs_f64);
        let per_engram = |bytes: u64| rounded(bytes as f64 / living.total() as f64);
        let since = |before: u64| Some(per_engram(resident_bytes()?.saturating_sub(before)));
        let floor = bandwidth.as_ref().map(|bandwidth| {
            let codes = if matches!(search, SearchChoice::Walk) { 0 } else { living.long_term };
            let copied = (touched * dim * options.float.size()) as f64 / bandwidth.copy;
            copied + (codes * dim) as f64 / bandwidth.read
        });
        let found = match is_in_cells {
            true => Some(found_shares(&mut memory, dim, options.probes, &device)?),
            false => None,
        };
        let measured = Measurement {
            search,
            engrams: living.long_term,
            dim,
            steps,
            ms_per_step: milliseconds(time),
            floor_ms: floor.map(milliseconds),
            times_floor: floor.map(|floor| rounded(time / floor)),
            slowest_ms: milliseconds(slowest),
            slowest_to_median: rounded(slowest / time),
            times_first: rounded(time / *first.get_or_insert(time)),
            found,
            bytes_per_engram: per_engram(memory_use.vectors + memory_use.bookkeeping),
            bookkeeping_bytes_per_engram: per_engram(memory_use.bookkeeping),
            vector_bytes_per_engram: per_engram(memory_use.vectors),
            resident_bytes_per_engram: resident_before.and_then(since),
        };
        println!("{}", serde_json::to_string(&measured)?);
    }
    Ok(())
}

/// Shares of the engrams that an exact search finds.
#[derive(Serialize)]
struct FoundShares {
    /// Of the nearest engram, for queries that are a stored vector plus noise of a third of its length.
    found_alike: f64,
    /// Of all long-term engrams, for queries that are similar to no stored vector.
    found_any: f64,
}

/// Queries with single vectors.
fn found_shares(
    memory: &mut Memoria<Dispatch>,
    dim: usize,
    probes: usize,
    device: &Device,
) -> Result<FoundShares, Box<dyn Error>> {
    const QUERIES: usize = 200;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut alike, mut any, mut all) = (0, 0, 0);
    let ask = |memory: &mut Memoria<Dispatch>, probes, numbers: &[f32]| {
        memory.set_long_term_probes(probes);
        let query = TensorData::new(numbers.to_vec(), [1, 1, dim]);
        memory.peek(Tensor::<3>::from_data(query, device).into_dispatch())
    };
    for _ in 0..QUERIES {
        let numbers: Vec<f32> = StandardNormal.sample_iter(&mut rng).take(2 * dim).collect();
        let (numbers, noise) = numbers.split_at(dim);
        let exact = ask(memory, usize::MAX, numbers)?;
        let found = ask(memory, probes, numbers)?;
        let [nearest, some] =
            [&exact, &found].map(|recall| recall.stages()[0].reminded_ltm.clone());
        all += nearest.len();
        any += nearest.iter().filter(|id| some.contains(id)).count();
        let Some(stored) = exact.data() else { continue };
        let stored = Tensor::<3>::from_dispatch(stored.clone()).into_data();
        let like = stored.iter::<f32>().zip(noise).map(|(x, noise)| x + noise / 3.0);
        let found = ask(memory, probes, &like.collect::<Vec<_>>())?;
        alike += usize::from(found.ids(0).contains(&exact.ids(0)[0]));
    }
    let share = |part: usize, of: usize| rounded(part as f64 / of.max(1) as f64);
    Ok(FoundShares { found_alike: share(alike, QUERIES), found_any: share(any, all) })
}

/// Bandwidth in bytes per second, of all cores.
struct Bandwidth {
    copy: f64,
    read: f64,
}

/// Number of vectors that a step reads or writes, without codes: the working ones, those that a walk found, and the
/// reminded ones, which are read and written.
fn touched_vectors(reminded: &Recall<Dispatch>) -> usize {
    let found = reminded.stages().iter().map(|row| row.found_ltm.len()).sum::<usize>();
    WIDTH + found + 2 * reminded.ids(0).len()
}

/// Takes one step. Returns its time and the recall.
fn step(
    memory: &mut Memoria<Dispatch>,
    data: FloatTensor<Dispatch>,
    device: &Device,
) -> Result<(Duration, Recall<Dispatch>), Box<dyn Error>> {
    device.sync()?;
    let started = Instant::now();
    memory.add_working_memory(data)?;
    let reminded = memory.remind()?;
    let gains = LifespanGain::Host(vec![vec![GAIN; reminded.ids(0).len()]]);
    memory.adjust(&reminded, gains)?;
    device.sync()?;
    Ok((started.elapsed(), reminded))
}

/// Standard normal numbers, `[1, WIDTH, dim]`.
fn working_memory(
    dim: usize,
    float: Float,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> FloatTensor<Dispatch> {
    let numbers: Vec<f32> = StandardNormal.sample_iter(rng).take(WIDTH * dim).collect();
    let tensor = Tensor::<3>::from_data(TensorData::new(numbers, [1, WIDTH, dim]), device);
    let float = match float {
        Float::F32 => return tensor.into_dispatch(),
        Float::F16 => FloatDType::F16,
        Float::Bf16 => FloatDType::BF16,
    };
    tensor.cast(float).into_dispatch()
}
