//! A training step takes as long after many steps as after few.
//!
//! Burn keeps what was computed from parameters alone and reached by no loss for as long as the parameters
//! live, and looks through it in every `backward`: of a linear layer whose output is dropped, a step grows a
//! hundredfold within two thousand. So a layer must compute nothing that is not read.

use std::time::{Duration, Instant};

use burn::{
    optim::{AdamConfig, GradientsParams},
    tensor::{Device, Distribution, Tensor},
};
use memoria_core::MemoriaConfig;
use memoria_nn::{MemoriaLayerConfig, MemoriaStateConfig};

const STEPS: usize = 1_000;
/// Steps of which the shortest counts.
const ROUND: usize = 100;

/// What a step takes after a hundred steps, and at the end.
fn times(mut step: impl FnMut()) -> [Duration; 2] {
    let mut shortest = |count: usize| {
        let timed = |_| {
            let start = Instant::now();
            step();
            start.elapsed()
        };
        (0..count).map(timed).min().unwrap()
    };
    shortest(ROUND);
    let early = shortest(ROUND);
    shortest(STEPS - 3 * ROUND);
    [early, shortest(ROUND)]
}

/// Trains a layer by itself, window by window.
fn trained(config: &MemoriaLayerConfig, reminded: usize, window: usize) -> [Duration; 2] {
    let device = Device::flex().autodiff();
    let mut layer = config.init(&device);
    let mut optimizer = AdamConfig::new().init();
    let memoria = MemoriaConfig::new(reminded, 6, 3, 6.0, reminded);
    let mut memory = MemoriaStateConfig::new(memoria).with_bptt(window).init().unwrap();
    times(|| {
        let mut losses = Vec::new();
        let mut outputs = Vec::new();
        for _segment in 0..window {
            let hidden = Tensor::<3>::random([2, 4, 8], Distribution::Default, &device);
            let output = layer.forward(hidden.clone(), &mut memory).unwrap();
            losses.push((output.hidden.clone() - hidden).square().mean());
            // Held until after the backward, as in a training loop.
            outputs.push(output);
        }
        let loss = losses.into_iter().reduce(|a, b| a + b).unwrap();
        let gradients = GradientsParams::from_grads(loss.backward(), &layer);
        layer = optimizer.step(1e-3, layer.clone(), gradients);
        memory.detach();
    })
}

/// One after the other, as Burn has one graph for all.
#[test]
fn a_step_after_many_takes_what_a_step_after_few_took() {
    let bidirectional = MemoriaLayerConfig::bidirectional(8, 2, 2);
    let causal = MemoriaLayerConfig::causal(8, 2, 4).with_num_memories(Some(2));
    let configs = [
        bidirectional.clone(),
        bidirectional.clone().with_num_memories(None),
        bidirectional.paper(),
        causal.clone(),
        causal.clone().with_num_memories(None),
        causal.clone().with_score_in_logits(false).with_num_memories(None),
    ];
    for config in configs {
        for (reminded, window) in [(0, 1), (2, 1), (0, 2), (2, 3)] {
            let [early, late] = trained(&config, reminded, window);
            println!(
                "{:?} {:?} reminded {reminded}, window {window}: {early:?}, {late:?}",
                config.sight, config.num_memories
            );
            assert!(
                late < early.mul_f64(1.5),
                "{config:?}, {reminded} reminded, window {window}: {early:?}, then {late:?}"
            );
        }
    }
}
