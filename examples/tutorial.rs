//! A memory, step by step: what it holds, is reminded of, and forgets.
//!
//! The seven steps and their sizes are those of the Python package's tutorial. Its numbers differ from
//! ours: the random numbers differ, and here the first step reminds of nothing.

use std::error::Error;

use burn::{
    backend::{Dispatch, TensorMetadata, tensor::FloatTensor},
    tensor::{Device, Tensor, TensorData},
};
use memoria::{
    Engram, EngramKind, LifespanGain, Memoria, MemoriaConfig, MemoriaError, Recall, RowState,
};
use memoria_tasks::println;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BATCH: usize = 2;
const SEQUENCE: usize = 8;
const HIDDEN: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    println!("1. Choose the sizes");
    let (num_reminded_stm, stm_capacity) = (4, 16);
    let (ltm_search_depth, num_final_ltms) = (5, 4);
    let initial_lifespan = 3.0;
    let config = MemoriaConfig::new(
        num_reminded_stm,
        stm_capacity,
        ltm_search_depth,
        initial_lifespan,
        num_final_ltms,
    );
    println!("   {config:?}");

    println!("\n2. Make a memory, and random vectors for it to remember");
    let device = Device::default();
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let mut memory = Memoria::<Dispatch>::new(config)?;
    let data = random_vectors(&mut rng, &device);

    println!("\n3. Add them as working memories: all of them live, for three steps");
    memory.add_working_memory(data)?;
    print_engrams(&mut memory)?;

    println!("\n4. Remind: there is nothing yet to be reminded of");
    let reminded = memory.remind()?;
    print_reminded(&reminded);

    println!("\n5. Adjust: every engram is a step older and short-term now");
    memory.adjust(&reminded, LifespanGain::Zero)?;
    print_engrams(&mut memory)?;

    println!("\n6. Once more: the new vectors call short-term memories to mind");
    memory.add_working_memory(random_vectors(&mut rng, &device))?;
    print_engrams(&mut memory)?;
    let reminded = memory.remind()?;
    print_reminded(&reminded);
    println!("   What was reminded lives five steps longer");
    memory.adjust(&reminded, same_gain(&reminded, 5.0))?;
    print_engrams(&mut memory)?;

    println!("\n7. Ten steps more: what is reminded again and again lives on in long-term memory");
    for _ in 0..10 {
        memory.add_working_memory(random_vectors(&mut rng, &device))?;
        let reminded = memory.remind()?;
        let gain = random_gain(&reminded, &mut rng);
        memory.adjust(&reminded, gain)?;
    }
    print_engrams(&mut memory)?;
    Ok(())
}

/// Uniform numbers, `[batch, sequence, hidden]`.
fn random_vectors(rng: &mut ChaCha8Rng, device: &Device) -> FloatTensor<Dispatch> {
    let numbers: Vec<f32> = (0..BATCH * SEQUENCE * HIDDEN).map(|_| rng.random()).collect();
    let data = TensorData::new(numbers, [BATCH, SEQUENCE, HIDDEN]);
    Tensor::<3>::from_data(data, device).into_dispatch()
}

fn same_gain(reminded: &Recall<Dispatch>, gain: f32) -> LifespanGain<Dispatch> {
    let row = |row| vec![gain; reminded.ids(row).len()];
    LifespanGain::Host((0..reminded.batch()).map(row).collect())
}

/// From 0 to 5 steps. A model would use its attention weights here.
fn random_gain(reminded: &Recall<Dispatch>, rng: &mut ChaCha8Rng) -> LifespanGain<Dispatch> {
    let mut row =
        |row| reminded.ids(row).iter().map(|_| f32::from(rng.random_range(0..6u8))).collect();
    LifespanGain::Host((0..reminded.batch()).map(&mut row).collect())
}

fn print_reminded(reminded: &Recall<Dispatch>) {
    match reminded.data() {
        Some(data) => println!("   reminded vectors: {:?}", data.shape().to_vec()),
        None => println!("   reminded vectors: none"),
    }
    for row in 0..reminded.batch() {
        let ids: Vec<String> = reminded.ids(row).iter().map(ToString::to_string).collect();
        println!("   row {row}: engrams [{}]", ids.join(", "));
    }
}

fn print_engrams(memory: &mut Memoria<Dispatch>) -> Result<(), MemoriaError> {
    let state = memory.state()?;
    let rows = (0..state.batch()).map(|row| state.row(row)).collect::<Result<Vec<_>, _>>()?;
    let total: usize = rows.iter().map(|row| row.counts().total()).sum();
    println!("   {total} engrams");
    for (index, row) in rows.iter().enumerate() {
        let counts = row.counts();
        println!(
            "   row {index}: {} working, {} short-term, {} long-term",
            counts.working, counts.short_term, counts.long_term
        );
        print_line("id", row, |engram| engram.id.to_string());
        print_line("kind", row, |engram| letter(engram.kind).to_string());
        print_line("lifespan", row, |engram| engram.lifespan.to_string());
    }
    Ok(())
}

fn print_line(name: &str, row: &RowState<'_, Dispatch>, of_engram: impl FnMut(Engram) -> String) {
    let cells: Vec<String> =
        row.engrams().map(of_engram).map(|cell| format!("{cell:>3}")).collect();
    println!("     {name:>8} {}", cells.join(""));
}

fn letter(kind: EngramKind) -> char {
    match kind {
        EngramKind::Working => 'W',
        EngramKind::ShortTerm => 'S',
        EngramKind::LongTerm => 'L',
    }
}
