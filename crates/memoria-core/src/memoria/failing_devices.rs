//! The state of a memory after a failed read from its device.

use burn::backend::{Flex, TensorData, ops::FloatTensorOps, tensor::FloatTensor};
use rstest::rstest;

use super::Memoria;
use crate::{LifespanGain, MemoriaConfig, MemoriaError, Recall, Restore, Storage, store::failing};

fn tensor<const D: usize>(seed: usize, shape: [usize; D]) -> FloatTensor<Flex> {
    let numbers = (0..shape.iter().product()).map(|i| ((i * 7 + seed) as f32).sin()).collect();
    Flex::float_from_data(TensorData::new::<f32, _>(numbers, shape), &Default::default())
}

/// A memory so old that a remind reads twice on a device: the short-term scores, and those of too many long-term
/// engrams.
fn lived() -> Memoria<Flex> {
    let memory = Memoria::new(MemoriaConfig::new(2, 4, 4, 4.0, 1)).unwrap();
    let mut memory = memory.with_storage(Storage::Device);
    for seed in 0..6 {
        let reminded = reminded(&mut memory, seed);
        let gains = (0..2).map(|row| vec![1.0; reminded.ids(row).len()]).collect();
        memory.adjust(&reminded, LifespanGain::Host(gains)).unwrap();
    }
    memory
}

fn reminded(memory: &mut Memoria<Flex>, seed: usize) -> Recall<Flex> {
    memory.add_working_memory(tensor(seed, [2, 3, 4])).unwrap();
    memory.remind().unwrap()
}

fn bytes(memory: &mut Memoria<Flex>) -> Vec<u8> {
    memory.snapshot().unwrap().to_bytes().unwrap()
}

fn failed<T>(result: Result<T, MemoriaError>) {
    match result.err() {
        Some(MemoriaError::Device(_)) => {}
        other => panic!("{other:?}"),
    }
}

/// A call fails: what was added before it is withdrawn, and nothing else has changed.
#[rstest]
#[case::remind(|memory: &mut Memoria<Flex>| failed(memory.remind()))]
#[case::state(|memory: &mut Memoria<Flex>| failed(memory.state()))]
#[case::peek(|memory: &mut Memoria<Flex>| failed(memory.peek(tensor(5, [2, 1, 4]))))]
#[case::snapshot(|memory: &mut Memoria<Flex>| failed(memory.snapshot()))]
#[case::split(|memory: &mut Memoria<Flex>| failed(memory.split(&[1])))]
#[case::add_rows(|memory: &mut Memoria<Flex>| failed(memory.add_rows(1)))]
fn what_was_added_is_withdrawn(#[case] call: fn(&mut Memoria<Flex>)) {
    let mut memory = lived();
    let before = bytes(&mut memory);
    memory.add_working_memory(tensor(9, [2, 3, 4])).unwrap();
    failing::after(0);
    call(&mut memory);
    memory.verify().unwrap();
    assert!(bytes(&mut memory) == before);
}

/// The second read of a remind fails: no engram fired, and the working memories are kept.
#[test]
fn a_remind_that_fails_late_can_be_repeated() {
    let (mut memory, mut twin) = (lived(), lived());
    for memory in [&mut memory, &mut twin] {
        memory.add_working_memory(tensor(9, [2, 3, 4])).unwrap();
    }
    failing::after(1);
    failed(memory.remind());
    memory.verify().unwrap();
    let (again, expected) = (memory.remind().unwrap(), twin.remind().unwrap());
    assert_eq!(again.stages(), expected.stages());
    for (memory, reminded) in [(&mut memory, &again), (&mut twin, &expected)] {
        memory.adjust(reminded, LifespanGain::Zero).unwrap();
    }
    assert!(bytes(&mut memory) == bytes(&mut twin));
}

/// Pending gains on the device are read again.
#[test]
fn gains_that_could_not_be_read_wait_on() {
    let (mut memory, mut twin) = (lived(), lived());
    for memory in [&mut memory, &mut twin] {
        let reminded = reminded(memory, 9);
        let gains = tensor(3, [2, reminded.width()]);
        memory.adjust(&reminded, LifespanGain::Device(gains)).unwrap();
    }
    failing::after(0);
    failed(memory.state());
    memory.verify().unwrap();
    assert!(bytes(&mut memory) == bytes(&mut twin));
}

#[test]
fn an_adjustment_that_has_to_read_can_be_repeated() {
    let (mut memory, mut twin) = (lived(), lived());
    let open = [&mut memory, &mut twin].map(|memory| reminded(memory, 9));
    memory.add_working_memory(tensor(2, [2, 1, 4])).unwrap();
    failing::after(0);
    failed(memory.adjust(&open[0], LifespanGain::Zero));
    memory.verify().unwrap();
    memory.adjust(&open[0], LifespanGain::Zero).unwrap();
    twin.adjust(&open[1], LifespanGain::Zero).unwrap();
    assert!(bytes(&mut memory) == bytes(&mut twin));
}

/// Vectors that cannot be read cannot be saved, verified or moved to the host.
#[test]
fn vectors_that_cannot_be_read() {
    let mut memory = lived();
    let before = bytes(&mut memory);
    failing::after(0);
    failed(memory.verify());
    failing::after(0);
    failed(memory.snapshot().unwrap().to_bytes());
    let restore = Restore::<Flex>::new(&Default::default()).storage(Storage::Host);
    let mut on_host = restore.read_bytes(&before).unwrap().memory;
    failing::after(0);
    failed(on_host.merge(&mut memory));
    let mut one = memory.split(&[0]).unwrap();
    failing::after(0);
    failed(on_host.replace_row(0, &mut one));
    memory.merge(&mut one).unwrap();
    for memory in [&memory, &on_host] {
        memory.verify().unwrap();
        assert_eq!(memory.batch(), 2);
    }
    assert!(bytes(&mut on_host).len() == before.len());
}
