//! Replays a trace on a memory.

use std::ops::Range;

use burn::backend::{Backend, TensorData};
use memoria::{EngramId, EngramKind, LifespanGain, Memoria, RowState, Stages};
use serde::Serialize;

use crate::trace::{Step, Trace};

/// Two engrams with i ≤ j, and their co-firing count.
pub type PairCount = (u64, u64, u32);

/// The results of a trace.
#[derive(Debug, Serialize)]
pub struct Replay {
    /// Per step, per row.
    pub steps: Vec<Vec<RowReplay>>,
    /// Per row, all pairs that fired together and are alive at the end.
    pub cofire: Vec<Vec<PairCount>>,
}

/// One row of one step: its search, and its engrams after the adjustment.
#[derive(Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "named as those of `memoria`")]
pub struct RowReplay {
    #[serde(flatten)]
    pub recollection: Stages,
    pub alive: Vec<EngramId>,
    /// One letter per engram: S or L.
    pub kind: String,
    pub lifespan: Vec<f32>,
    pub age: Vec<u64>,
    pub fire_count: Vec<u32>,
    /// Sum over all living pairs, in both orders, and the diagonal.
    pub cofire_sum: u64,
}

/// Runs every step of a trace on one device.
///
/// # Errors
///
/// A message that names the step.
pub fn run<B: Backend>(trace: &Trace, device: &B::Device) -> Result<Replay, String> {
    let mut memory = Memoria::<B>::new(trace.config).map_err(|error| error.to_string())?;
    let steps = run_steps(&mut memory, trace, 0..trace.steps.len(), device)?;
    Ok(Replay { steps, cofire: cofire_counts(&mut memory)? })
}

/// Runs some steps of a trace.
///
/// # Errors
///
/// A message that names the step.
pub fn run_steps<B: Backend>(
    memory: &mut Memoria<B>,
    trace: &Trace,
    steps: Range<usize>,
    device: &B::Device,
) -> Result<Vec<Vec<RowReplay>>, String> {
    let run = |index: usize| {
        let rows = run_step(memory, trace, &trace.steps[index], device);
        rows.map_err(|error| format!("steps[{index}]: {error}"))
    };
    steps.map(run).collect()
}

/// Returns the co-firing counts of all rows.
pub fn cofire_counts<B: Backend>(memory: &mut Memoria<B>) -> Result<Vec<Vec<PairCount>>, String> {
    let state = memory.state().map_err(|error| error.to_string())?;
    let rows = (0..state.batch()).map(|row| state.row(row).and_then(|row| cofire(&row)));
    rows.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

fn run_step<B: Backend>(
    memory: &mut Memoria<B>,
    trace: &Trace,
    step: &Step,
    device: &B::Device,
) -> Result<Vec<RowReplay>, String> {
    if !step.reset_rows.is_empty() && memory.batch() > 0 {
        memory.reset_rows(&step.reset_rows).map_err(|error| error.to_string())?;
    }
    let tensor = |rows: &[Vec<Vec<f32>>]| {
        let numbers: Vec<f32> = rows.iter().flatten().flatten().copied().collect();
        let shape = [trace.batch, rows[0].len(), trace.dim];
        B::float_from_data(TensorData::new(numbers, shape), device)
    };
    // The first step sets the batch even if it adds nothing.
    if !step.working_memory[0].is_empty() || memory.batch() == 0 {
        let data = tensor(&step.working_memory);
        memory.add_working_memory(data).map_err(|error| error.to_string())?;
    }
    let reminded = match &step.query {
        Some(query) => memory.remind_for(tensor(query)),
        None => memory.remind(),
    };
    let reminded = reminded.map_err(|error| error.to_string())?;
    let gains = (0..reminded.batch()).map(|row| row_gains(&step.gain[row], reminded.ids(row), row));
    let gains = gains.collect::<Result<Vec<_>, _>>()?;
    memory.adjust(&reminded, LifespanGain::Host(gains)).map_err(|error| error.to_string())?;
    let state = memory.state().map_err(|error| error.to_string())?;
    let row = |(row, recollection): (usize, &Stages)| {
        let state = state.row(row).map_err(|error| error.to_string())?;
        describe(&state, recollection.clone()).map_err(|error| error.to_string())
    };
    reminded.stages().iter().enumerate().map(row).collect()
}

fn row_gains(gain: &[f32], ids: &[EngramId], row: usize) -> Result<Vec<f32>, String> {
    let one = |id: &EngramId| {
        let missing = || format!("gain[{row}] has no entry for engram {id}, which was reminded");
        gain.get(id.0 as usize).copied().ok_or_else(missing)
    };
    ids.iter().map(one).collect()
}

fn describe<B: Backend>(
    state: &RowState<'_, B>,
    recollection: Stages,
) -> Result<RowReplay, memoria::MemoriaError> {
    let mut row = RowReplay {
        recollection,
        alive: Vec::new(),
        kind: String::new(),
        lifespan: Vec::new(),
        age: Vec::new(),
        fire_count: Vec::new(),
        cofire_sum: 0,
    };
    for engram in state.engrams() {
        row.alive.push(engram.id);
        row.kind.push(match engram.kind {
            EngramKind::Working => 'W',
            EngramKind::ShortTerm => 'S',
            EngramKind::LongTerm => 'L',
        });
        row.lifespan.push(engram.lifespan);
        row.age.push(engram.age);
        row.fire_count.push(engram.fire_count);
        let connections = state.strongest_connections(engram.id, usize::MAX)?;
        row.cofire_sum += connections.iter().map(|c| u64::from(c.cofire_count)).sum::<u64>();
        row.cofire_sum += u64::from(engram.fire_count);
    }
    Ok(row)
}

fn cofire<B: Backend>(state: &RowState<'_, B>) -> Result<Vec<PairCount>, memoria::MemoriaError> {
    let mut pairs = Vec::new();
    for engram in state.engrams() {
        if engram.fire_count > 0 {
            pairs.push((engram.id.0, engram.id.0, engram.fire_count));
        }
        for connection in state.strongest_connections(engram.id, usize::MAX)? {
            if engram.id < connection.to {
                pairs.push((engram.id.0, connection.to.0, connection.cofire_count));
            }
        }
    }
    pairs.sort_unstable();
    Ok(pairs)
}
