//! The layer in a transformer: lifespans, records, inference, and Burn's own blocks around it.

use burn::{
    module::{Module, ModuleVisitor, Param},
    nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput},
    optim::GradientsParams,
    tensor::{Bool, DType, Device, Distribution, FloatDType, Tensor, TensorData},
};
use memoria_core::{EngramId, MemoriaConfig, MemoriaError};
use memoria_nn::{
    MemoriaLayer, MemoriaLayerConfig, MemoriaLayerInput, MemoriaState, MemoriaStateConfig,
    MemoryAttentionConfig, MemoryAttentionInput,
};
use rstest::rstest;

const ALPHA: f32 = 2.5;

fn memory(bptt: usize) -> MemoriaState {
    living(4.0, bptt)
}

fn living(lifespan: f32, bptt: usize) -> MemoriaState {
    let memoria = MemoriaConfig::new(4, 8, 5, lifespan, 4);
    let config = MemoriaStateConfig::new(memoria).with_lifespan_extend_scale(ALPHA);
    config.with_bptt(bptt).init().unwrap()
}

fn layer(device: &Device) -> MemoriaLayer {
    MemoriaLayerConfig::bidirectional(16, 2, 3).with_dropout(0.5).init(device)
}

fn hidden(batch: usize, device: &Device) -> Tensor<3> {
    Tensor::random([batch, 5, 16], Distribution::Normal(0.0, 1.0), device)
}

fn lifespan(memory: &mut MemoriaState, row: usize, id: EngramId) -> f32 {
    memory.state().unwrap().row(row).unwrap().engram(id).map_or(0.0, |engram| engram.lifespan)
}

#[test]
fn a_rows_gains_sum_to_alpha_times_what_it_was_reminded_of() {
    let device = Device::flex();
    // None dies: what a dead one has gained is not seen.
    let (layer, mut memory) = (layer(&device), living(100.0, 0));
    let mut uneven = 0;
    for step in 0..12 {
        if step % 4 == 3 {
            memory.reset_rows(&[1]).unwrap();
        }
        let input = hidden(3, &device);
        let working = layer.abstractor.forward(input.clone(), None).memories;
        let recall = memory.recall(working).unwrap();
        let before: Vec<Vec<f32>> = (0..3)
            .map(|row| {
                let ids = recall.ids(row);
                ids.iter().map(|&id| lifespan(&mut memory, row, id)).collect()
            })
            .collect();
        let output = layer.attend(input, recall);
        memory.reinforce(&output.recall, output.weights.clone()).unwrap();
        for (row, before) in before.iter().enumerate() {
            let ids = output.recall.ids(row);
            let after: f32 = ids.iter().map(|&id| lifespan(&mut memory, row, id) + 1.0).sum();
            let gained = after - before.iter().sum::<f32>();
            let expected = ALPHA * ids.len() as f32;
            assert!((gained - expected).abs() < 1e-3, "step {step}, row {row}: {gained}");
        }
        uneven += usize::from(output.recall.ids(0).len() != output.recall.ids(1).len());
    }
    assert!(uneven > 0, "some batches must be uneven");
}

#[test]
fn several_layers_share_the_gain() {
    let device = Device::flex();
    let (mut one, mut both) = (memory(0), memory(0));
    let first = hidden(1, &device);
    for memory in [&mut one, &mut both] {
        let recall = memory.recall(first.clone()).unwrap();
        memory.reinforce(&recall, None).unwrap();
    }
    let second = hidden(1, &device);
    let (recall_one, recall_both) =
        (one.recall(second.clone()).unwrap(), both.recall(second).unwrap());
    let weights = |values: [f32; 4]| {
        Tensor::<4>::from_data(TensorData::new(values.to_vec(), [1, 1, 1, 4]), &device)
    };
    one.reinforce(&recall_one, Some(weights([0.5, 0.25, 0.125, 0.125]))).unwrap();
    let layers = [weights([1.0, 0.0, 0.0, 0.0]), weights([0.0, 0.5, 0.25, 0.25])];
    both.reinforce(&recall_both, layers).unwrap();
    for &id in recall_one.ids(0) {
        assert_eq!(lifespan(&mut one, 0, id), lifespan(&mut both, 0, id));
    }
}

#[test]
fn weights_of_the_wrong_shape_are_refused_and_the_right_ones_accepted_after() {
    let device = Device::flex();
    let mut memory = memory(0);
    let recall = memory.recall(hidden(2, &device)).unwrap();
    memory.reinforce(&recall, None).unwrap();
    let recall = memory.recall(hidden(2, &device)).unwrap();
    let wrong = Tensor::<4>::ones([2, 1, 1, 3], &device);
    let error = memory.reinforce(&recall, [wrong]).unwrap_err();
    assert!(matches!(error, MemoriaError::WrongDimension { expected: 4, got: 3, .. }), "{error}");
    memory.reinforce(&recall, [Tensor::<4>::ones([2, 1, 1, 4], &device)]).unwrap();
    assert!(matches!(memory.reinforce(&recall, None), Err(MemoriaError::NothingReminded)));
}

#[test]
fn a_row_with_nothing_reminded_gets_a_zero_sum() {
    let device = Device::flex();
    let attention = MemoryAttentionConfig::new(16, 4).init(&device);
    let memories = Tensor::<3>::random([2, 3, 16], Distribution::Default, &device);
    let padding = TensorData::new(vec![true, true, true, false, true, false], [2, 3]);
    let input = MemoryAttentionInput::new(hidden(2, &device), memories)
        .mask_pad(Tensor::from_data(padding, &device));
    let output = attention.forward(input);
    let sums: Vec<f32> = output.weights.sum_dim(3).into_data().iter().collect();
    assert!(sums[..20].iter().all(|&sum| sum == 0.0));
    assert!(sums[20..].iter().all(|&sum| (sum - 1.0).abs() < 1e-6));
    // What is left of a zero sum is the bias of the output projection.
    let bias = attention.output.bias.unwrap().val().reshape([1, 1, 16]).expand([1, 5, 16]);
    output.context.narrow(0, 0, 1).into_data().assert_eq(&bias.into_data(), true);
}

#[test]
fn peeking_changes_nothing_and_finds_what_forward_finds() {
    let device = Device::flex();
    let (layer, mut memory) = (layer(&device), memory(0));
    for _ in 0..6 {
        layer.forward(hidden(2, &device), &mut memory).unwrap();
    }
    let next = hidden(2, &device);
    let peeked = layer.forward_peek(next.clone(), &mut memory).unwrap();
    let again = layer.forward_peek(next.clone(), &mut memory).unwrap();
    let output = layer.forward(next, &mut memory).unwrap();
    for other in [again, output] {
        assert_eq!(peeked.recall.stages(), other.recall.stages());
        peeked.hidden.clone().into_data().assert_eq(&other.hidden.into_data(), true);
    }
}

#[test]
fn a_record_saved_and_loaded_gives_the_same_outputs() {
    let device = Device::flex();
    let first = layer(&device);
    // The record is read when its parameters are used: the folder is there until then.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layer.bpk");
    first.clone().save_file(&path).unwrap();
    let second = layer(&device).load_file(&path);
    let (mut memory_first, mut memory_second) = (memory(0), memory(0));
    for _ in 0..5 {
        let input = hidden(2, &device);
        let a = first.forward(input.clone(), &mut memory_first).unwrap();
        let b = second.forward(input, &mut memory_second).unwrap();
        a.hidden.into_data().assert_eq(&b.hidden.into_data(), true);
    }
}

#[derive(Module, Debug)]
struct Remembering {
    below: TransformerEncoder,
    memory: MemoriaLayer,
    above: TransformerEncoder,
}

impl Remembering {
    fn new(device: &Device) -> Self {
        let blocks = || TransformerEncoderConfig::new(16, 32, 2, 1).with_dropout(0.0).init(device);
        Self { below: blocks(), memory: layer(device), above: blocks() }
    }

    fn forward(&self, input: Tensor<3>, memory: &mut MemoriaState) -> Tensor<3> {
        let hidden = self.below.forward(TransformerEncoderInput::new(input));
        let hidden = self.memory.forward(hidden, memory).unwrap().hidden;
        self.above.forward(TransformerEncoderInput::new(hidden))
    }
}

#[test]
fn all_parts_are_trained_between_burns_own_blocks() {
    let device = Device::flex().autodiff();
    let model = Remembering::new(&device);
    let mut memory = memory(3);
    model.forward(hidden(2, &device), &mut memory);
    let input = hidden(2, &device);
    let output = model.forward(input.clone(), &mut memory);
    let loss = (output - input).powi_scalar(2).mean();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut parameters = Parameters(0);
    model.visit(&mut parameters);
    assert_eq!(gradients.len(), parameters.0);
}

/// Counts them.
struct Parameters(usize);

impl ModuleVisitor for Parameters {
    fn visit_float<const D: usize>(&mut self, _param: &Param<Tensor<D>>) {
        self.0 += 1;
    }
}

#[rstest]
fn half_precision_inference(#[values(FloatDType::F16, FloatDType::BF16)] dtype: FloatDType) {
    let device = Device::flex();
    let model = layer(&device);
    let halve = |tensor: Tensor<3>| tensor.cast(dtype);
    let mut memory = memory(0);
    for _ in 0..6 {
        let working = halve(model.abstractor.forward(hidden(2, &device), None).memories);
        let recall = memory.recall(working).unwrap();
        if let Some(reminded) = &recall.reminded {
            assert_eq!(reminded.data.dtype(), DType::from(dtype));
        }
        memory.reinforce(&recall, None).unwrap();
    }
    let state = memory.state().unwrap();
    assert!(state.row(1).unwrap().counts().long_term > 0);
}

/// Beside a row that is reminded, beside one that is not either, and alone.
#[test]
fn a_row_reminded_of_nothing_does_not_feel_its_neighbours() {
    let device = Device::flex();
    let (layer, mut neighbours) = (layer(&device), memory(0));
    layer.forward(hidden(2, &device), &mut neighbours).unwrap();
    neighbours.reset_rows(&[1]).unwrap();
    let input = hidden(2, &device);
    let beside = layer.forward(input.clone(), &mut neighbours).unwrap();
    assert!(!beside.recall.ids(0).is_empty() && beside.recall.ids(1).is_empty());
    let both_new = layer.forward(input.clone(), &mut memory(0)).unwrap().hidden;
    let alone = layer.forward(input.narrow(0, 1, 1), &mut memory(0)).unwrap().hidden;
    for other in [beside.hidden, both_new] {
        let difference = (other.narrow(0, 1, 1) - alone.clone()).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-6, "{difference}");
    }
}

/// Row 1 is padded, and has nothing at all in the third and fourth segments.
#[test]
fn padding_makes_no_memories_and_no_lifespan() {
    let device = Device::flex();
    let layer = layer(&device);
    let (mut batch, mut alone) = (memory(0), memory(0));
    for segment in 0..10 {
        let known = [3, 1, 0, 0, 5, 4, 2, 5, 0, 3][segment];
        let input = hidden(2, &device);
        let padding = (0..2).flat_map(|row| (0..5).map(move |at| row == 1 && at >= known));
        let padding = TensorData::new(padding.collect::<Vec<bool>>(), [2, 5]);
        let padded = MemoriaLayerInput::new(input.clone())
            .mask_pad(Tensor::<2, Bool>::from_data(padding, &device));
        let peeked = layer.forward_peek(padded.clone(), &mut batch).unwrap();
        let together = layer.forward(padded, &mut batch).unwrap();
        assert_eq!(peeked.recall.ids(1), together.recall.ids(1));
        if known == 0 {
            assert!(together.recall.ids(1).is_empty());
        } else {
            let input = input.slice([1..2, 0..known, 0..16]);
            let expected = layer.forward(input, &mut alone).unwrap();
            assert_eq!(together.recall.ids(1), expected.recall.ids(0));
            let got = together.hidden.slice([1..2, 0..known, 0..16]);
            let difference = (got - expected.hidden).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-5, "segment {segment}: {difference}");
        }
        let told = |memory: &mut MemoriaState, row| -> Vec<_> {
            let state = memory.state().unwrap();
            state.row(row).unwrap().engrams().collect()
        };
        let (got, expected) = (told(&mut batch, 1), told(&mut alone, 0));
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert_eq!((got.id, got.kind, got.age), (expected.id, expected.kind, expected.age));
            assert!((got.lifespan - expected.lifespan).abs() < 1e-4, "segment {segment}");
        }
    }
    let state = batch.state().unwrap();
    assert!(state.row(1).unwrap().counts().long_term > 0);
}
