//! Many sessions, each with a memory of its own, served in batches of those that are there. The memory of a session that
//! is away is a file; half-way the server is stopped, and another one goes on with the files.
//!
//! ```sh
//! cargo run --release --example sessions
//! ```

mod server;
#[cfg(test)]
mod tests;

use std::{error::Error, time::Instant};

use burn::tensor::{Device, Distribution, Tensor};
use memoria::{
    MemoriaConfig,
    nn::{MemoriaLayerConfig, MemoriaStateConfig},
};
use memoria_tasks::println;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use server::{Request, Server};

const D_MODEL: usize = 32;
const SEGMENT: usize = 8;
const SESSIONS: usize = 12;
const ROUNDS: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let layer = MemoriaLayerConfig::causal(D_MODEL, 4, SEGMENT).init(&device);
    let memory = MemoriaStateConfig::new(MemoriaConfig::new(4, 16, 5, 6.0, 4));
    let folder = tempfile::tempdir()?;
    let new = || Server::new(layer.clone(), &memory, folder.path(), device.clone());
    let mut server = new()?;

    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut names: Vec<String> = (0..SESSIONS).map(|number| format!("user-{number}")).collect();
    let (mut segments, mut reminded, started) = (0, 0, Instant::now());
    for round in 0..ROUNDS {
        if round == ROUNDS / 2 {
            server.close()?;
            server = new()?;
        }
        names.shuffle(&mut rng);
        let there = &names[..rng.random_range(1..=names.len())];
        let segment = || Tensor::random([SEGMENT, D_MODEL], Distribution::Default, &device);
        let request = |name: &String| Request { session: name.clone(), segment: segment() };
        let requests: Vec<Request> = there.iter().map(request).collect();
        // The hidden states would go to the upper blocks.
        for (_hidden, of) in server.serve(&requests)? {
            segments += 1;
            reminded += of.len();
        }
    }
    server.close()?;

    println!(
        "{segments} segments of {SESSIONS} sessions in {ROUNDS} rounds, {:.0?}",
        started.elapsed()
    );
    println!("reminded of {:.1} engrams each", reminded as f64 / segments as f64);
    println!("memories on disk: {} files", std::fs::read_dir(folder.path())?.count());
    Ok(())
}
