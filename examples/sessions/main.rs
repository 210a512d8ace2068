//! Many sessions, each with its own memory, served in batches of the present ones. The memory of an absent session is a
//! file; half-way the server is stopped, and another one continues with the files.
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
use server::Server;

const D_MODEL: usize = 32;
const SEGMENT: usize = 8;
const SESSIONS: usize = 12;
const ROUNDS: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let layer = MemoriaLayerConfig::causal(D_MODEL, 4, SEGMENT).init(&device);
    let memory = MemoriaStateConfig::new(MemoriaConfig::new(4, 16, 5, 6.0, 4));
    let folder = tempfile::tempdir()?;
    let new = || Server::new(layer.clone(), &memory, folder.path());
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
        let segment = |_| Tensor::random([SEGMENT, D_MODEL], Distribution::Default, &device);
        let requests: Vec<_> = there.iter().map(|name| (name.clone(), segment(name))).collect();
        // The hidden states would go to the upper blocks.
        let replies = server.serve(&requests)?;
        segments += replies.len();
        reminded += replies.iter().map(|(_hidden, ids)| ids.len()).sum::<usize>();
    }
    server.close()?;

    let took = started.elapsed();
    println!("{segments} segments of {SESSIONS} sessions in {ROUNDS} rounds, {took:.0?}");
    println!("reminded of {:.1} engrams each", reminded as f64 / segments as f64);
    println!("memories on disk: {} files", std::fs::read_dir(folder.path())?.count());
    Ok(())
}
