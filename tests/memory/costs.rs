//! Costs of a step other than time: round trips to the device, and memory for vectors.

use burn::{
    backend::Dispatch,
    tensor::{Device, Distribution, Tensor, TensorData},
};
use memoria::{LifespanGain, Memoria, MemoriaConfig, Storage};
use memoria_testing::devices::devices;

/// Number of steps until as many engrams die as are made.
const UNTIL_STEADY: usize = 24;

/// Takes one step with gains on the device. Returns how often the host waited in recalling and in reinforcing.
fn step(memory: &mut Memoria<Dispatch>, device: &Device) -> [u64; 2] {
    let data = Tensor::<3>::random([2, 4, 8], Distribution::Default, device);
    let before = memory.costs().round_trips;
    memory.add_working_memory(data.into_dispatch()).unwrap();
    let reminded = memory.remind().unwrap();
    let recalled = memory.costs().round_trips;
    let width = reminded.width();
    let gain = match width {
        0 => LifespanGain::Zero,
        // Only the first three engrams of a row gain, and not enough to live forever.
        _ => {
            let gains = (0..2 * width).map(|i| if i % width < 3 { 1.5 } else { 0.0 }).collect();
            let gains = TensorData::new::<f32, _>(gains, [2, width]);
            LifespanGain::Device(Tensor::<2>::from_data(gains, device).into_dispatch())
        }
    };
    memory.adjust(&reminded, gain).unwrap();
    [recalled - before, memory.costs().round_trips - recalled]
}

#[test]
fn a_step_waits_for_the_device_twice_at_most_and_keeps_no_more_vectors_than_the_one_before() {
    for (name, device) in devices() {
        for storage in [Storage::Device, Storage::Host] {
            let config = MemoriaConfig::new(6, 16, 5, 6.0, 3);
            let mut memory = Memoria::new(config).unwrap().with_storage(storage);
            let mut vectors = Vec::new();
            for _ in 0..2 * UNTIL_STEADY {
                let [recalling, reinforcing] = step(&mut memory, &device);
                assert!(recalling <= 2, "{name}: {recalling} round trips to recall");
                assert_eq!(reinforcing, 0, "{name}: round trips to reinforce");
                vectors.push(memory.memory_use().vectors);
            }
            let steady = &vectors[UNTIL_STEADY..];
            assert!(steady.iter().all(|&bytes| bytes == steady[0]), "{name}: {vectors:?}");
        }
    }
}
