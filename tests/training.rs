//! Trains models with a memory by Burn's optimizers, segment by segment or document by document.

use burn::{
    nn::loss::CrossEntropyLossConfig,
    optim::{AdamWConfig, GradientsParams},
    tensor::{Device, Int, Tensor, TensorData},
};
use memoria::{
    MemoriaConfig,
    models::{
        EncoderConfig, EncoderKind, Gpt2Config, Gpt2LmHead, MemoryConfig, ModelInput, ModelMemory,
    },
};
use rstest::rstest;

const VOCAB_SIZE: usize = 11;
const SEGMENTS: i64 = 4;
const STEPS: usize = 60;

fn memory(bptt: usize) -> MemoryConfig {
    MemoryConfig::new(3, MemoriaConfig::new(3, 6, 3, 3.0, 3)).with_bptt(bptt)
}

/// Returns a segment of a document in which the place determines the token.
fn segment(index: i64, device: &Device) -> ModelInput {
    let row = |row: i64| (0..8).map(move |at| (index * 5 + row * 3 + at * at) % VOCAB_SIZE as i64);
    let rows: Vec<Vec<i64>> = (0..2).map(|index| row(index).collect()).collect();
    ModelInput::from_rows(&rows, None, VOCAB_SIZE, device).unwrap()
}

/// Computes the cross-entropy of every token but the first.
fn loss(
    model: &Gpt2LmHead,
    input: &ModelInput,
    memory: &mut ModelMemory,
    device: &Device,
) -> Tensor<1> {
    let logits = model.forward(input, Some(memory)).unwrap().logits;
    let [batch, seq, vocab_size] = logits.dims();
    let logits = logits.narrow(1, 0, seq - 1).reshape([batch * (seq - 1), vocab_size]);
    let targets = input.input_ids.clone().narrow(1, 1, seq - 1).reshape([batch * (seq - 1)]);
    CrossEntropyLossConfig::new().init(device).forward(logits, targets)
}

#[rstest]
fn gpt2_learns_a_document(#[values(0, 2)] bptt: usize, #[values(false, true)] by_document: bool) {
    let device = Device::flex().autodiff();
    device.seed(1);
    let config = Gpt2Config::new(VOCAB_SIZE, 8, 32, 2, 2).with_memory(memory(bptt));
    let mut model = config.init(&device).unwrap();
    let mut optimizer = AdamWConfig::new().init();
    let mut memory = config.memory.as_ref().unwrap().init().unwrap();
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        memory.reset();
        let mut of_document = Vec::new();
        for index in 0..SEGMENTS {
            of_document.push(loss(&model, &segment(index, &device), &mut memory, &device));
            let ends = by_document.then_some(SEGMENTS - 1).is_none_or(|last| index == last);
            if ends {
                let total = Tensor::cat(std::mem::take(&mut of_document), 0).sum();
                losses.push(total.clone().into_scalar::<f64>());
                let gradients = GradientsParams::from_grads(total.backward(), &model);
                memory.detach();
                model = optimizer.step(3e-3, model, gradients);
            }
        }
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < first / 2.0, "from {first} to {last}");
}

#[test]
fn an_encoder_learns_labels() {
    let device = Device::flex().autodiff();
    device.seed(1);
    let config = EncoderConfig::new(EncoderKind::Bert, VOCAB_SIZE, 32, 3, 2, 64, 8)
        .with_memory(memory(2), 0)
        .with_num_labels(4);
    let mut model = config.init(&device).unwrap();
    let mut optimizer = AdamWConfig::new().init();
    let mut losses = Vec::new();
    for _ in 0..STEPS {
        let mut memory = config.memory.as_ref().unwrap().init().unwrap();
        let mut total = Tensor::<1>::zeros([1], &device);
        for index in 0..SEGMENTS {
            let input = segment(index, &device);
            let logits = model.forward(&input, Some(&mut memory)).unwrap().logits;
            let labels = TensorData::from([index, 3 - index]);
            let labels = Tensor::<1, Int>::from_data(labels, &device);
            total = total + CrossEntropyLossConfig::new().init(&device).forward(logits, labels);
        }
        losses.push(total.clone().into_scalar::<f64>());
        let gradients = GradientsParams::from_grads(total.backward(), &model);
        model = optimizer.step(3e-3, model, gradients);
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < first / 2.0, "from {first} to {last}");
}
