//! Many sessions, each with a memory of its own, served in batches of those that are there.
//!
//! ```sh
//! cargo run --release --example sessions
//! ```

mod server;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    error::Error,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use burn::tensor::{Device, Tensor, TensorData};
use clap::Parser;
use memoria::{
    MemoriaConfig,
    nn::{MemoriaLayer, MemoriaLayerConfig, MemoriaState, MemoriaStateConfig},
};
use memoria_tasks::println;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use server::{Request, Server};

const D_MODEL: usize = 32;
const SEGMENT: usize = 8;

/// Serves sessions that come and go, and compares each with itself alone.
///
/// The memory of a session that is away is a file. Half-way the server is stopped, and another one goes
/// on with the files.
#[derive(Parser)]
struct Options {
    /// How many sessions there are.
    #[arg(long, default_value_t = 12)]
    sessions: usize,
    /// How many rounds are served.
    #[arg(long, default_value_t = 60)]
    rounds: usize,
    /// Where memories are kept; a folder of its own by default, which is removed in the end.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Seed of which session is there when.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    // Removed when it is dropped, at the end.
    let own = tempfile::tempdir()?;
    let folder = options.folder.as_deref().unwrap_or(own.path());
    fs::create_dir_all(folder)?;
    run(&options, folder)?.print()
}

/// What came of all rounds.
struct Served {
    segments: usize,
    sessions: usize,
    rounds: usize,
    /// Segments that were reminded of something else than alone.
    different: usize,
    /// The largest difference of a number.
    largest: f32,
    /// In batches, and one by one.
    times: [Duration; 2],
    bytes: u64,
}

impl Served {
    fn print(&self) -> Result<(), Box<dyn Error>> {
        let Self { segments, sessions, rounds, different, largest, times, bytes } = self;
        println!("{segments} segments of {sessions} sessions in {rounds} rounds");
        println!("reminded of something else than alone: {different}");
        println!("largest difference of a number from the session alone: {largest:e}");
        println!("in batches, with files: {:.0?}; one by one: {:.0?}", times[0], times[1]);
        println!("memories on disk: {bytes} bytes");
        if *different > 0 || *largest > 1e-5 {
            return Err("a session is not what it would be alone".into());
        }
        Ok(())
    }
}

fn run(options: &Options, folder: &std::path::Path) -> Result<Served, Box<dyn Error>> {
    let device = Device::flex();
    device.seed(options.seed);
    let layer = MemoriaLayerConfig::causal(D_MODEL, 4, SEGMENT).init(&device);
    let memory = MemoriaStateConfig::new(MemoriaConfig::new(4, 16, 5, 6.0, 4));
    let mut server = Server::new(layer.clone(), &memory, folder, device.clone())?;
    let mut alone = Alone { layer, memory: &memory, states: HashMap::new() };
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let mut names: Vec<String> =
        (0..options.sessions.max(1)).map(|i| format!("user-{i}")).collect();
    let (mut served, mut different, mut largest) = (0, 0, 0.0f32);
    let mut times = [Duration::ZERO; 2];
    for round in 0..options.rounds {
        if round == options.rounds / 2 {
            server.close()?;
            server = Server::new(alone.layer.clone(), &memory, folder, device.clone())?;
        }
        names.shuffle(&mut rng);
        let there = &names[..rng.random_range(1..=names.len())];
        let requests: Vec<Request> = there
            .iter()
            .map(|session| Request {
                session: session.clone(),
                segment: segment(&mut rng, &device),
            })
            .collect();
        let started = Instant::now();
        let replies = server.serve(&requests)?;
        times[0] += started.elapsed();
        let started = Instant::now();
        for reply in replies {
            let request = requests.iter().find(|request| request.session == reply.session);
            let request = request.ok_or("a reply without a request")?;
            let (hidden, reminded) = alone.serve(request)?;
            served += 1;
            different += usize::from(reminded != reply.reminded);
            let difference = (reply.hidden - hidden).abs().max().into_scalar::<f32>();
            largest = largest.max(difference);
        }
        times[1] += started.elapsed();
    }
    server.close()?;
    let bytes: u64 =
        fs::read_dir(folder)?.flatten().flat_map(|f| f.metadata()).map(|f| f.len()).sum();
    let (sessions, rounds) = (names.len(), options.rounds);
    Ok(Served { segments: served, sessions, rounds, different, largest, times, bytes })
}

/// Hidden states of one segment.
fn segment(rng: &mut ChaCha8Rng, device: &Device) -> Tensor<2> {
    let numbers = (0..SEGMENT * D_MODEL).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new::<f32, _>(numbers, [SEGMENT, D_MODEL]), device)
}

/// Every session by itself, to compare with.
struct Alone<'a> {
    layer: MemoriaLayer,
    memory: &'a MemoriaStateConfig,
    states: HashMap<String, MemoriaState>,
}

impl Alone<'_> {
    fn serve(
        &mut self,
        request: &Request,
    ) -> Result<(Tensor<2>, Vec<memoria::EngramId>), memoria::MemoriaError> {
        let state = match self.states.entry(request.session.clone()) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(self.memory.init()?),
        };
        let output = self.layer.forward(request.segment.clone().unsqueeze::<3>(), state)?;
        Ok((output.hidden.squeeze_dim(0), output.recall.ids(0).to_vec()))
    }
}
