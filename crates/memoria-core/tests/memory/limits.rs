//! Sizes beyond a limit are refused before anything is allocated for them.

use crate::support::{Memory, device, go_on_alike, lived, new, step, tensor};
use burn::backend::{Dispatch, Flex, Shape, TensorData, ops::FloatTensorOps, tensor::FloatTensor};
use memoria_core::{LifespanGain, Memoria, MemoriaConfig, MemoriaError, Storage};
use rstest::rstest;

/// Returns one number as a tensor of any size; it takes the memory of one number.
fn spread<const D: usize>(shape: [usize; D]) -> FloatTensor<Dispatch> {
    let one = Dispatch::float_from_data(TensorData::new(vec![0.5f32], [1; D]), &device("flex"));
    Dispatch::float_expand(one, Shape::new(shape))
}

#[test]
fn more_engrams_than_can_be_numbered_are_refused() {
    let device = &device("flex");
    let (mut memory, mut twin) = (lived(device), lived(device));
    match memory.add_working_memory(spread([2, 1 << 30, 4])) {
        Err(MemoriaError::PoolFull { requested, limit }) => {
            assert_eq!(limit, (1 << 31) - 2);
            assert!(requested > 1 << 31);
        }
        other => panic!("{other:?}"),
    }
    go_on_alike(&mut memory, &mut twin, None, device);
    let mut memory = new();
    let refused = memory.add_working_memory(spread([1, (1 << 31) - 1, 1]));
    assert!(matches!(refused, Err(MemoriaError::PoolFull { .. })), "{refused:?}");
    assert_eq!(memory.batch(), 0);
    memory.add_working_memory(tensor(0, [2, 3, 4], device)).unwrap();
}

/// Products of sizes that overflow: unchecked, 2⁶⁴ is 0.
#[rstest]
fn sizes_that_cannot_be_counted_are_refused(
    #[values(
        [4, 1 << 62, 1], [1, 1 << 62, 4], [2, 1 << 62, 2], [1 << 62, 4, 1], [1 << 32, 1 << 32, 1],
        [1, 1, 1 << 62], [1, 4, 1 << 62], [1 << 21, 1 << 21, 1 << 22], [3, usize::MAX / 3 + 1, 1],
        [1, usize::MAX, 1], [2, 3, usize::MAX / 4 + 2]
    )]
    shape: [usize; 3],
    #[values(Storage::Host, Storage::Device)] storage: Storage,
) {
    let device = &device("flex");
    let refused = |result: Result<(), MemoriaError>| {
        let is_refused = matches!(
            result,
            Err(MemoriaError::PoolFull { .. }
                | MemoriaError::OutOfMemory { .. }
                | MemoriaError::IdsExhausted { .. })
        );
        assert!(is_refused, "{shape:?}: {result:?}");
    };
    let new = || new().with_storage(storage);
    let mut memory = new();
    refused(memory.add_working_memory(spread(shape)));
    refused(memory.peek(spread(shape)).map(drop));
    memory.verify().unwrap();
    assert_eq!(memory.batch(), 0);
    let lived = || {
        let mut memory = new();
        for seed in 0..3 {
            memory.add_working_memory(tensor(seed, [shape[0].min(4), 3, 1], device)).unwrap();
            let reminded = memory.remind().unwrap();
            memory.adjust(&reminded, LifespanGain::Zero).unwrap();
        }
        memory
    };
    if shape[0] > 4 || shape[2] > 1 {
        return;
    }
    let (mut memory, mut twin) = (lived(), lived());
    refused(memory.add_working_memory(spread(shape)));
    refused(memory.peek(spread(shape)).map(drop));
    refused(memory.remind_for(spread(shape)).map(drop));
    memory.verify().unwrap();
    for memory in [&mut memory, &mut twin] {
        memory.add_working_memory(tensor(9, [shape[0], 3, 1], device)).unwrap();
    }
    let ids = |memory: &mut Memory| memory.remind().unwrap().ids(0).to_vec();
    assert_eq!(ids(&mut memory), ids(&mut twin));
}

#[test]
fn more_vectors_than_there_is_memory_for_are_refused() {
    let device = &device("flex");
    let limited = || {
        let mut memory = new().with_memory_limit(1 << 20);
        (0..5).for_each(|seed| step(&mut memory, seed, device));
        memory
    };
    let (mut memory, mut twin) = (limited(), limited());
    let refused = memory.add_working_memory(spread([2, 1 << 20, 4]));
    assert!(matches!(refused, Err(MemoriaError::OutOfMemory { .. })), "{refused:?}");
    memory.verify().unwrap();
    go_on_alike(&mut memory, &mut twin, None, device);
    // Without a limit, the machine's memory is the limit: no machine has petabytes.
    let mut memory = new();
    let refused = memory.add_working_memory(spread([2, 1 << 29, 1 << 21]));
    assert!(matches!(refused, Err(MemoriaError::OutOfMemory { .. })), "{refused:?}");
    assert_eq!(memory.batch(), 0);
}

#[test]
fn more_rows_than_there_is_memory_for_are_refused() {
    let nothing = || {
        let data = TensorData::new(Vec::<f32>::new(), [1usize << 40, 0, 1]);
        Flex::float_from_data(data, &Default::default())
    };
    let mut memory = Memoria::<Flex>::new(MemoriaConfig::new(1, 1, 1, 1.0, 1)).unwrap();
    let refused = memory.add_working_memory(nothing());
    assert!(matches!(refused, Err(MemoriaError::OutOfMemory { .. })), "{refused:?}");
    let refused = memory.peek(nothing());
    assert!(matches!(refused, Err(MemoriaError::OutOfMemory { .. })), "{refused:?}");
    let mut memory = lived(&device("flex"));
    for count in [1 << 40, usize::MAX] {
        let refused = memory.add_rows(count);
        assert!(matches!(refused, Err(MemoriaError::OutOfMemory { .. })), "{refused:?}");
    }
    assert_eq!(memory.batch(), 2);
}

/// Any size that nothing reaches has the same effect.
#[rstest]
fn sizes_of_a_configuration_may_be_as_large_as_numbers_go(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
    #[values(1, usize::MAX)] stm_capacity: usize,
    #[values(0, usize::MAX)] exploration: usize,
) {
    let device = &device("flex");
    let lived = |most: usize| {
        let config = MemoriaConfig::new(most, stm_capacity, most, 3.0, most)
            .with_ltm_exploration(exploration.min(most), 11);
        let mut memory = Memory::new(config).unwrap().with_storage(storage);
        let reminded = |seed| {
            memory.add_working_memory(tensor(seed, [2, 3, 4], device)).unwrap();
            let reminded = memory.remind().unwrap();
            memory.adjust(&reminded, LifespanGain::Zero).unwrap();
            reminded.stages().to_vec()
        };
        (0..8).map(reminded).collect::<Vec<_>>()
    };
    assert_eq!(lived(usize::MAX), lived(1000));
}
