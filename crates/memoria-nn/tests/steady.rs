//! A training step takes as long after many steps as after few.
//!
//! Burn keeps what was computed from parameters alone and reached by no loss for as long as the parameters
//! live, and looks through it in every `backward`: if the output of a linear layer is dropped, a step grows a
//! hundredfold within two thousand. So a layer must compute nothing that is not read. What is kept is seen
//! in the memory that is set aside, long before it is seen in time, and on a busy machine, too.

use burn::{
    module::Module,
    nn::{
        Linear, LinearConfig,
        transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput},
    },
    optim::{AdamConfig, GradientsParams},
    tensor::{Device, Distribution, Tensor},
};
use memoria_core::MemoriaConfig;
use memoria_nn::{
    MemoriaLayer, MemoriaLayerConfig, MemoriaLayerOutput, MemoriaState, MemoriaStateConfig,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Steps until the memory has its engrams, then steps that are measured.
const STEPS: [usize; 2] = [40, 20];
/// What a step may leave behind. Connections of engrams are some 400 bytes; a linear layer with an output
/// that is dropped is more than 2,000.
const BYTES_PER_STEP: usize = 1_000;

/// The layer by itself, beside a layer with an output that is dropped, or between Burn's own blocks.
#[derive(Module, Debug)]
struct Model {
    dropped: Option<Linear>,
    blocks: Option<[TransformerEncoder; 2]>,
    layer: MemoriaLayer,
}

impl Model {
    fn forward(&self, hidden: Tensor<3>, memory: &mut MemoriaState) -> MemoriaLayerOutput {
        if let Some(dropped) = &self.dropped {
            dropped.forward(hidden.clone());
        }
        let Some([below, above]) = &self.blocks else {
            return self.layer.forward(hidden, memory).unwrap();
        };
        let hidden = below.forward(TransformerEncoderInput::new(hidden));
        let mut output = self.layer.forward(hidden, memory).unwrap();
        output.hidden = above.forward(TransformerEncoderInput::new(output.hidden));
        output
    }
}

/// Trains a model window by window. Bytes that each measured step leaves behind.
fn left_behind(mut model: Model, [reminded, window]: [usize; 2]) -> usize {
    let device = Device::flex().autodiff();
    let mut optimizer = AdamConfig::new().init();
    let memoria = MemoriaConfig::new(reminded, 6, 3, 6.0, reminded);
    let mut memory = MemoriaStateConfig::new(memoria).with_bptt(window).init().unwrap();
    let mut step = || {
        let mut losses = Vec::new();
        let mut outputs = Vec::new();
        for _segment in 0..window {
            let hidden = Tensor::<3>::random([2, 4, 8], Distribution::Default, &device);
            let output = model.forward(hidden.clone(), &mut memory);
            losses.push((output.hidden.clone() - hidden).square().mean());
            // Held until after the backward, as in a training loop.
            outputs.push(output);
        }
        let loss = losses.into_iter().reduce(|a, b| a + b).unwrap();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-3, model.clone(), gradients);
        memory.detach();
    };
    let [_, before, after] = [0, STEPS[0], STEPS[1]].map(|steps| {
        (0..steps).for_each(|_| step());
        MEMORY.current_usage()
    });
    after.saturating_sub(before) / STEPS[1]
}

/// All in one test, as the memory that is set aside is the process's, and Burn has one graph for all.
#[test]
fn a_step_leaves_nothing_behind() {
    let device = Device::flex().autodiff();
    device.seed(3);
    let bidirectional = MemoriaLayerConfig::bidirectional(8, 2, 2);
    let causal = MemoriaLayerConfig::causal(8, 2, 4).with_num_memories(Some(2));
    let configs = [
        bidirectional.clone(),
        bidirectional.clone().with_num_memories(None),
        bidirectional.clone().paper(),
        bidirectional.clone().with_recency(Some(2)),
        causal.clone(),
        causal.clone().with_num_memories(None),
        causal.clone().with_score_in_logits(false).with_num_memories(None),
    ];
    for config in configs {
        for sizes in [[0, 1], [2, 1], [0, 2], [2, 3]] {
            let block = || TransformerEncoderConfig::new(8, 16, 2, 1).init(&device);
            for blocks in [None, Some([block(), block()])] {
                let (between, layer) = (blocks.is_some(), config.init(&device));
                let bytes = left_behind(Model { dropped: None, blocks, layer }, sizes);
                let of = format!("{:?} {:?}", config.sight, config.num_memories);
                println!("{of} {sizes:?}, between blocks: {between}: {bytes}");
                assert!(bytes < BYTES_PER_STEP, "{config:?}, {sizes:?}: {bytes} bytes per step");
            }
        }
    }
    // Where this fails, Burn keeps nothing any more, and the rest of this test may go.
    let dropped = Some(LinearConfig::new(8, 8).init(&device));
    let layer = bidirectional.init(&device);
    let bytes = left_behind(Model { dropped, blocks: None, layer }, [0, 1]);
    println!("with a layer whose output is dropped: {bytes}");
    assert!(bytes > BYTES_PER_STEP, "{bytes} bytes per step");
}
