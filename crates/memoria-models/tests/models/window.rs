//! How far gradients reach: what a gradient window bounds, and what only its end does.

use burn::{
    module::Param,
    tensor::{Device, Tensor},
};
use memoria_core::MemoriaConfig;
use memoria_models::{Gpt2Config, Gpt2LmHead, MemoryConfig, ModelInput, ModelMemory};
use rstest::rstest;

const SEGMENTS: usize = 8;
const TOKENS: usize = 4;

/// Reminded of everything.
fn gpt2(bptt: usize, device: &Device) -> (Gpt2LmHead, ModelMemory) {
    let memory = MemoryConfig::new(2, MemoriaConfig::new(100, 100, 1, 100.0, 0)).with_bptt(bptt);
    let config = Gpt2Config {
        resid_pdrop: 0.0,
        embd_pdrop: 0.0,
        attn_pdrop: 0.0,
        // Gradients through many hops are small: they should not be nothing.
        initializer_range: 0.3,
        ..Gpt2Config::new(SEGMENTS * TOKENS, TOKENS, 16, 2, 2).with_memory(memory.clone())
    };
    (config.init(device).unwrap(), memory.init().unwrap())
}

/// The segments that a loss of the last one reaches, each of which has tokens of its own. The gradient
/// window ends after the segments in `detached`.
fn reached(bptt: usize, detached: &[usize]) -> Vec<usize> {
    let device = Device::flex().autodiff();
    device.seed(3);
    let (model, mut memory) = gpt2(bptt, &device);
    let mut last = None;
    for segment in 0..SEGMENTS {
        let tokens = (0..TOKENS).map(|at| (segment * TOKENS + at) as i64).collect();
        let input = ModelInput::from_rows(&[tokens], None, SEGMENTS * TOKENS, &device).unwrap();
        let output = model.forward(&input, Some(&mut memory)).unwrap();
        if segment > 1 {
            assert_eq!(output.recall.as_ref().unwrap().ids(0).len(), 2 * (segment - 1));
        }
        last = Some(output.hidden);
        if detached.contains(&segment) {
            memory.detach();
        }
    }
    let loss = last.unwrap().slice([0..1, 0..TOKENS, 0..1]).sum();
    let embedding: &Param<Tensor<2>> = &model.transformer.wte.weight;
    let gradient = embedding.val().grad(&loss.backward()).unwrap();
    let by_token: Vec<f32> = gradient.abs().sum_dim(1).into_data().iter().collect();
    let is_reached = |segment: &usize| {
        by_token[segment * TOKENS..][..TOKENS].iter().any(|&gradient| gradient > 0.0)
    };
    (0..SEGMENTS).filter(is_reached).collect()
}

/// The hidden states that working memories are made of attended to working memories of their own.
#[rstest]
fn a_window_does_not_end_a_chain_of_working_memories(#[values(1, 3)] bptt: usize) {
    assert_eq!(reached(bptt, &[]), (0..SEGMENTS).collect::<Vec<_>>());
}

#[rstest]
fn a_loss_reaches_no_segment_from_before_the_window_ended(
    #[values(1, 3, 20)] bptt: usize,
    #[values(0, 3, 6)] detached: usize,
) {
    assert_eq!(reached(bptt, &[detached]), (detached + 1..SEGMENTS).collect::<Vec<_>>());
}

#[test]
fn without_a_window_a_loss_reaches_its_own_segment_only() {
    assert_eq!(reached(0, &[]), [SEGMENTS - 1]);
}
