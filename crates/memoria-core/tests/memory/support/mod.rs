//! Shared code of the integration tests.

#![allow(dead_code, reason = "not every test uses all of it")]

use burn::{
    backend::{
        Backend, Dispatch, TensorData,
        ops::FloatTensorOps,
        read_sync,
        tensor::{Device, FloatTensor},
    },
    tensor::Device as AnyDevice,
};
use memoria_core::{Engram, LifespanGain, Memoria, MemoriaConfig, MemoriaError, Recall};

pub(crate) type Memory = Memoria<Dispatch>;

/// The devices on which refusals are tested.
pub(crate) fn device(name: &str) -> Device<Dispatch> {
    #[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
    let device = if name == "ndarray" { AnyDevice::ndarray() } else { AnyDevice::flex() };
    device.as_dispatch().clone()
}

/// Returns a tensor of the shape with numbers that depend on `seed` only.
pub(crate) fn tensor<const D: usize>(
    seed: usize,
    shape: [usize; D],
    device: &Device<Dispatch>,
) -> FloatTensor<Dispatch> {
    let len = shape.iter().product();
    let numbers = (0..len).map(|i| ((i * 7 + seed * 13) as f32 * 0.37).sin()).collect();
    filled(numbers, shape, device)
}

pub(crate) fn filled<const D: usize>(
    numbers: Vec<f32>,
    shape: [usize; D],
    device: &Device<Dispatch>,
) -> FloatTensor<Dispatch> {
    Dispatch::float_from_data(TensorData::new(numbers, shape), device)
}

fn config() -> MemoriaConfig {
    MemoriaConfig::new(3, 6, 3, 3.0, 3).with_ltm_exploration(1, 11)
}

pub(crate) fn new() -> Memory {
    Memoria::new(config()).unwrap()
}

/// Returns a memory with two rows and dimension 4, after five steps.
pub(crate) fn lived(device: &Device<Dispatch>) -> Memory {
    let mut memory = new();
    (0..5).for_each(|seed| step(&mut memory, seed, device));
    memory
}

/// Returns the same memory, reminded in its sixth step.
pub(crate) fn reminded(device: &Device<Dispatch>) -> (Memory, Recall<Dispatch>) {
    let mut memory = lived(device);
    memory.add_working_memory(tensor(50, [2, 3, 4], device)).unwrap();
    let reminded = memory.remind().unwrap();
    assert!(!reminded.ids(0).is_empty() && !reminded.ids(1).is_empty());
    (memory, reminded)
}

/// Compares two memories now and in the next steps. The open step is ended with `open`.
pub(crate) fn go_on_alike(
    memory: &mut Memory,
    twin: &mut Memory,
    open: Option<&Recall<Dispatch>>,
    device: &Device<Dispatch>,
) {
    assert_eq!(picture(memory).unwrap(), picture(twin).unwrap());
    for memory in [&mut *memory, twin] {
        if let Some(open) = open {
            memory.adjust(open, LifespanGain::Host(host_gains(open, 2.0))).unwrap();
        }
    }
    for seed in 100..104 {
        assert_eq!(picture(memory).unwrap(), picture(twin).unwrap());
        step(memory, seed, device);
        step(twin, seed, device);
    }
    assert_eq!(picture(memory).unwrap(), picture(twin).unwrap());
}

/// Makes a call that must fail, then compares the memory with a twin without the call.
pub(crate) fn refused<T>(
    mut memory: Memory,
    open: Option<&Recall<Dispatch>>,
    device: &Device<Dispatch>,
    call: impl FnOnce(&mut Memory) -> Result<T, MemoriaError>,
) -> MemoriaError {
    let mut twin = memory.clone();
    let round_trips = memory.costs().round_trips;
    let error = call(&mut memory).err().expect("the call should be refused");
    assert_eq!(memory.costs().round_trips, round_trips, "a refusal waited for the device");
    go_on_alike(&mut memory, &mut twin, open, device);
    error
}

/// Returns the same gain for each reminded engram.
pub(crate) fn host_gains(reminded: &Recall<Dispatch>, gain: f32) -> Vec<Vec<f32>> {
    (0..reminded.batch()).map(|row| vec![gain; reminded.ids(row).len()]).collect()
}

/// Takes one whole step.
pub(crate) fn step(memory: &mut Memory, seed: usize, device: &Device<Dispatch>) {
    memory.add_working_memory(tensor(seed, [2, 3, 4], device)).unwrap();
    let reminded = memory.remind().unwrap();
    memory.adjust(&reminded, LifespanGain::Host(host_gains(&reminded, 1.5))).unwrap();
}

/// The complete state of one row: engrams, connections, vectors.
#[derive(Debug, PartialEq)]
pub(crate) struct RowPicture {
    engrams: Vec<Engram>,
    connections: Vec<Vec<u32>>,
    vectors: Vec<u32>,
}

/// Returns the complete state of a memory, without changing it.
pub(crate) fn picture<B: Backend>(memory: &Memoria<B>) -> Result<Vec<RowPicture>, MemoriaError> {
    let mut look = memory.clone();
    let state = look.state()?;
    let mut rows = Vec::new();
    for row in 0..state.batch() {
        let row = state.row(row)?;
        let engrams: Vec<Engram> = row.engrams().collect();
        let ids: Vec<_> = engrams.iter().map(|engram| engram.id).collect();
        let mut connections = Vec::new();
        for &id in &ids {
            let counts = ids.iter().map(|&other| row.cofire_count(id, other));
            connections.push(counts.collect::<Result<Vec<u32>, _>>()?);
        }
        let vectors = row.vectors(&ids)?.map(bits::<B>).unwrap_or_default();
        rows.push(RowPicture { engrams, connections, vectors });
    }
    Ok(rows)
}

/// Returns the numbers of a tensor, bit for bit.
pub(crate) fn bits<B: Backend>(tensor: FloatTensor<B>) -> Vec<u32> {
    let data = read_sync(B::float_into_data(tensor)).unwrap();
    data.iter::<f32>().map(f32::to_bits).collect()
}
