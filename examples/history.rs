//! What happened in a memory: step by step, and in the life of the engram that lived longest.
//!
//! A sequence returns to three topics repeatedly. A new vector of a topic resembles the earlier ones and
//! reminds of them; the more similar engrams get more attention.
//!
//! ```sh
//! cargo run --release --example history
//! cargo run --release --example history -- events.jsonl    # and all events into a file
//! ```

use std::error::Error;

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor, TensorData},
};
use memoria::{
    EngramKind, LifespanGain, Memoria, MemoriaConfig, Recall,
    history::{DeathCause, EngramHistory, RowHistory},
};
use memoria_tasks::println;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const STEPS: usize = 40;
const DOCUMENT_ENDS: usize = 31;
const WIDTH: usize = 4;
const DIM: usize = 16;
const TOPICS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut memory = Memoria::<Dispatch>::new(MemoriaConfig::new(5, 12, 4, 4.0, 5))?.with_history();
    // The events contain the score and the connection by which each engram was reached.
    memory.trace_searches(true);
    let topics: Vec<Vec<f32>> = (0..TOPICS).map(|_| vector(&mut rng, 2.0)).collect();
    for step in 0..STEPS {
        let working: Vec<Vec<f32>> =
            (0..WIDTH).map(|_| add(&topics[step % TOPICS], &vector(&mut rng, 0.7))).collect();
        read(&mut memory, &working)?;
        if step == DOCUMENT_ENDS {
            memory.reset();
        }
    }

    let history = memory.history()?;
    let row = history.row(0)?;
    print_steps(row);
    let longest = row.lives().into_iter().max_by_key(|life| life.duration);
    if let Some(longest) = longest {
        print_life(&row.inspect(longest.engram)?);
        let step = longest.last_step().unwrap_or_default();
        println!("\nin step {step}, its last, it was wired to");
        for connection in row.at(step)?.outgoing(longest.engram)?.into_iter().take(5) {
            println!("      {:3}  with weight {:.2}", connection.to, connection.weight);
        }
    }
    print_population(row);
    println!("\nall of it takes {} bytes", history.to_bytes().len());
    if let Some(path) = std::env::args().nth(1) {
        history.save_json_lines(&path)?;
        println!("events written to {path}");
    }
    Ok(())
}

/// One step: similar engrams get attention.
fn read(memory: &mut Memoria<Dispatch>, working: &[Vec<f32>]) -> Result<(), Box<dyn Error>> {
    let device = Device::default();
    let data = TensorData::new(working.concat(), [1, working.len(), DIM]);
    memory.add_working_memory(Tensor::<3>::from_data(data, &device).into_dispatch())?;
    let reminded = memory.remind()?;
    let gains = attention(&reminded, working)?;
    memory.adjust(&reminded, LifespanGain::Host(vec![gains]))?;
    Ok(())
}

/// Lifespan gains in steps: shares of attention, by distance, times twice the number of engrams.
fn attention(
    reminded: &Recall<Dispatch>,
    working: &[Vec<f32>],
) -> Result<Vec<f32>, Box<dyn Error>> {
    let Some(data) = reminded.data().cloned() else { return Ok(Vec::new()) };
    let vectors: Vec<f32> = Tensor::<3>::from_dispatch(data).into_data().try_to_vec()?;
    let weight = |engram: &[f32]| {
        let distance =
            |w: &Vec<f32>| w.iter().zip(engram).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        (-working.iter().map(distance).sum::<f32>() / (4 * working.len()) as f32).exp()
    };
    let weights: Vec<f32> = vectors.chunks(DIM).map(weight).collect();
    let total: f32 = weights.iter().sum();
    Ok(weights.iter().map(|weight| 2.0 * weights.len() as f32 * weight / total).collect())
}

fn print_steps(row: &RowHistory) {
    println!("step  born  reminded  gained  long-term  forgotten  emptied   alive after it");
    for s in row.summaries() {
        let alive = format!("{}{}", "s".repeat(s.alive.short_term), "L".repeat(s.alive.long_term));
        println!(
            "{:4}  {:4}  {:8}  {:6.1}  {:9}  {:9}  {:7}   {alive}",
            s.step, s.born, s.reminded, s.lifespan_gain, s.became_long_term, s.forgotten, s.emptied,
        );
    }
}

fn print_life(engram: &EngramHistory) {
    let life = engram.life;
    println!("\nengram {} lived longest: {} steps", life.engram, life.duration);
    println!("step  lifespan after it");
    println!("{:4}  {:5.1} born", life.born, engram.initial_lifespan);
    for (step, state) in (engram.recorded_from..).zip(&engram.states) {
        let firing = engram.firings.iter().find(|firing| firing.step == step);
        let mut told = match firing {
            Some(firing) if firing.kind == EngramKind::Working => " fired".to_owned(),
            Some(firing) => format!(" fired, gained {:.1}", firing.lifespan_gain),
            None => String::new(),
        };
        if engram.became_long_term == Some(step) {
            told += ", became long-term";
        }
        let bar = "#".repeat(state.lifespan.ceil() as usize);
        println!("{step:4}  {:5.1} {bar}{told}", state.lifespan);
    }
    match life.death.map(|death| (death.step, death.cause)) {
        Some((step, DeathCause::Reset)) => println!("{step:4}        its document ended"),
        Some((step, _)) => println!("{step:4}        forgotten"),
        None => println!("      it lives on"),
    }
    let gained = engram.total_gain();
    println!("      it fired {} times and gained {gained:.1} steps", engram.firings.len());
    let with: Vec<_> = engram.companions.iter().take(5).map(|it| it.engram.to_string()).collect();
    println!("      mostly with {}", with.join(", "));
}

fn print_population(row: &RowHistory) {
    let lives = row.lives();
    let of = |cause| lives.iter().filter(|l| l.death.map(|d| d.cause) == cause).count();
    let mean = lives.iter().map(|life| life.duration).sum::<u64>() as f64 / lives.len() as f64;
    println!("\n{} engrams were made and lived {mean:.1} steps on average", lives.len());
    let [forgotten, ended] = [DeathCause::Forgotten, DeathCause::Reset].map(|it| of(Some(it)));
    println!("{forgotten} were forgotten, {ended} ended with their document, {} live", of(None));
}

fn vector(rng: &mut ChaCha8Rng, size: f32) -> Vec<f32> {
    (0..DIM).map(|_| rng.random_range(-size..size)).collect()
}

fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
