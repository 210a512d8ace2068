//! The contents of the memory after reading, and the costs.

use std::cmp::Reverse;

use burn::tensor::Device;
use memoria_core::{Engram, EngramId, EngramKind};
use memoria_models::Encoder;
use memoria_tasks::{TaskError, println};

use super::{
    book::Book,
    passage::{Finder, Origin},
    reading::Reading,
};
use crate::options::Read;

/// An engram and the strongest of its connections.
struct Told {
    engram: Engram,
    /// The other engram, and the probability that it fires when this one fires.
    connections: Vec<(EngramId, f32)>,
}

pub(crate) fn print(
    options: &Read,
    model: &Encoder,
    book: &Book,
    mut read: Reading,
    device: &Device,
) -> Result<(), TaskError> {
    let finder = Finder::new(model, book, device);
    let num_memories = read.num_memories;
    let state = read.memory.state()?;
    let row = state.row(0)?;
    let tell = |engram: Engram| -> Result<Told, TaskError> {
        // Memories of the same page always fire together at first.
        let page = Origin::of(engram.id, num_memories).page;
        let connections = row.strongest_connections(engram.id, usize::MAX)?;
        let others = connections.iter().filter(|c| Origin::of(c.to, num_memories).page != page);
        Ok(Told { engram, connections: others.map(|c| (c.to, c.weight)).take(2).collect() })
    };
    let show = |told: &Told| -> Result<(), TaskError> {
        let Engram { id, kind, lifespan, age, fire_count } = told.engram;
        let origin = Origin::of(id, num_memories);
        let kind = if kind == EngramKind::LongTerm { "long-term" } else { "short-term" };
        println!(
            "  engram {id} of page {}: {kind}, {age} pages old, fired {fire_count} times, has {lifespan:.0} pages left",
            origin.page + 1,
        );
        let (share, words) = finder.passage(origin)?;
        println!("    {:.0} % {words}", 100.0 * share);
        for &(to, weight) in &told.connections {
            let origin = Origin::of(to, num_memories);
            let (_, words) = finder.passage(origin)?;
            println!("      {weight:.2} → {to} of page {}: {words}", origin.page + 1);
        }
        Ok(())
    };

    let mut engrams: Vec<Engram> = row.engrams().collect();
    println!("\nThe engrams that live longest, each of another page:");
    engrams.sort_by_key(|engram| (Reverse(engram.age), Reverse(engram.fire_count), engram.id));
    let mut told = engrams.clone();
    told.dedup_by_key(|engram| engram.age);
    for engram in told.into_iter().take(options.top) {
        show(&tell(engram)?)?;
    }

    println!("\nThose that fired most:");
    engrams.sort_by_key(|engram| (Reverse(engram.fire_count), engram.id));
    for &engram in engrams.iter().take(options.top) {
        show(&tell(engram)?)?;
    }

    println!("\nWhat the last page was reminded of, the oldest first:");
    for &id in read.last_reminded.iter().take(options.top) {
        let origin = Origin::of(id, num_memories);
        let (_, words) = finder.passage(origin)?;
        println!("  engram {id} of page {}: {words}", origin.page + 1);
    }

    println!();
    for (speed, how) in [(&read.with_memory, "with memory"), (&read.without_memory, "without")] {
        if let Some(speed) = speed.tokens_per_second() {
            println!("Tokens per second {how}: {speed:.0}, the median of pages");
        }
    }
    let made = book.pages.len() * num_memories;
    let held = read.engrams.last().copied().unwrap_or(0);
    let most = read.engrams.iter().max().copied().unwrap_or(0);
    println!("Engrams: {made} made, {held} held, {most} at most");
    // Memory allocated during the first pages does not belong to the engrams.
    let settled = read.resident_mib.len() / 10;
    if let (Some(first), Some(early), Some(last)) =
        (read.resident_mib.first(), read.resident_mib.get(settled), read.resident_mib.last())
    {
        println!(
            "Resident memory, MiB: {first:.1} after the first page, {early:.1} after page {}, {last:.1} after the last",
            settled + 1
        );
    }
    Ok(())
}
