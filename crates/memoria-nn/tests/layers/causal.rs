//! A causal layer: nothing later has a part in anything earlier, and a row goes on as it would alone.

use burn::{
    backend::Dispatch,
    module::{Module, ModuleMapper, Param},
    optim::GradientsParams,
    tensor::{Bool, DType, Device, Distribution, FloatDType, Tensor, TensorData},
};
use memoria_core::{LongTermSearch, MemoriaConfig, Restore};
use memoria_nn::{
    MemoriaLayer, MemoriaLayerConfig, MemoriaLayerInput, MemoriaState, MemoriaStateConfig,
};
use rstest::rstest;

const D: usize = 16;
const SEQ: usize = 5;

/// All ways in which a causal layer can be.
fn configs() -> Vec<MemoriaLayerConfig> {
    let config = MemoriaLayerConfig::causal(D, 2, SEQ).with_dropout(0.0).with_num_memories(Some(3));
    vec![
        config.clone(),
        config.clone().with_num_memories(None),
        config.clone().with_num_queries(2).with_max_places(Some(3)),
        config.clone().with_num_memories(None).with_max_places(Some(3)).with_equal_length(false),
        config.clone().with_sink(false).with_own_attention(false),
        config.clone().with_recency(Some(2)),
        config.paper(),
    ]
}

/// Parameters that say something, those included that begin as zeros.
fn layer(config: &MemoriaLayerConfig, device: &Device) -> MemoriaLayer {
    struct Stir(usize);
    impl ModuleMapper for Stir {
        fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
            let (id, tensor, mapper) = param.consume();
            self.0 += 1;
            let (shape, device) = (tensor.dims(), tensor.device());
            let number = |at: usize| ((at * 37 + self.0 * 11) as f32 * 0.7).sin() * 0.1;
            let noise: Vec<f32> = (0..shape.iter().product()).map(number).collect();
            let noise = Tensor::<R>::from_data(TensorData::new(noise, shape), &device);
            Param::from_mapped_value(id, tensor + noise, mapper)
        }
    }
    let plain = config.init(&device.clone().inner()).map(&mut Stir(0));
    if device.is_autodiff() { plain.train() } else { plain }
}

fn memory(bptt: usize) -> MemoriaState {
    let memoria =
        MemoriaConfig::new(4, 6, 4, 6.0, 3).with_long_term_search(LongTermSearch::Nearest);
    MemoriaStateConfig::new(memoria).with_bptt(bptt).init().unwrap()
}

fn segment(number: usize, batch: usize, device: &Device) -> Tensor<3> {
    let value = |at: usize| ((at * 13 + number * 101) as f32 * 0.61).sin();
    let numbers: Vec<f32> = (0..batch * SEQ * D).map(value).collect();
    Tensor::from_data(TensorData::new(numbers, [batch, SEQ, D]), device)
}

fn numbers<const R: usize>(tensor: &Tensor<R>) -> Vec<f32> {
    tensor.clone().into_data().iter().collect()
}

fn forward(
    layer: &MemoriaLayer,
    input: impl Into<MemoriaLayerInput>,
    memory: &mut MemoriaState,
) -> Vec<f32> {
    numbers(&layer.forward(input, memory).unwrap().hidden)
}

#[test]
fn no_later_token_changes_an_earlier_output() {
    let device = Device::flex();
    for config in configs() {
        let layer = layer(&config, &device);
        let run = |changed: Option<(usize, usize)>| {
            let mut memory = memory(1);
            let mut reminded = 0;
            let outputs: Vec<Vec<f32>> = (0..6)
                .map(|number| {
                    let mut hidden = segment(number, 1, &device);
                    if let Some((_, from)) = changed.filter(|&(at, _)| at == number) {
                        let other = segment(99, 1, &device);
                        let later = Tensor::<3, Bool>::from_data(
                            TensorData::new((0..SEQ).map(|at| at >= from).collect(), [1, SEQ, 1]),
                            &device,
                        );
                        hidden = hidden.mask_where(later.expand([1, SEQ, D]), other);
                    }
                    let output = layer.forward(hidden, &mut memory).unwrap();
                    reminded += output.recall.ids(0).len();
                    numbers(&output.hidden)
                })
                .collect();
            assert!(reminded > 10, "{reminded}");
            outputs.concat()
        };
        let plain = run(None);
        for (at, from) in [(0, 3), (2, 1), (4, 4), (5, 0), (5, 4)] {
            let changed = run(Some((at, from)));
            let first = (at * SEQ + from) * D;
            assert!(plain[..first] == changed[..first], "{config:?}, segment {at}, from {from}");
            let later = ((at + 1) * SEQ * D).min(plain.len() - D);
            assert!(plain[later..] != changed[later..], "{config:?}: a memory remembers");
        }
    }
}

/// That is what a bidirectional layer is for.
#[test]
fn a_bidirectional_layer_sees_what_is_to_come() {
    let device = Device::flex();
    let config = MemoriaLayerConfig::bidirectional(D, 2, 3);
    let layer = layer(&config, &device);
    let hidden = segment(0, 1, &device);
    let last = segment(9, 1, &device).narrow(1, SEQ - 1, 1);
    let other = Tensor::cat(vec![hidden.clone().narrow(1, 0, SEQ - 1), last], 1);
    let (one, two) =
        (forward(&layer, hidden, &mut memory(0)), forward(&layer, other, &mut memory(0)));
    assert!(one[..D] != two[..D]);
}

#[test]
fn a_row_goes_on_as_it_would_alone_wherever_it_is() {
    let device = Device::flex();
    for config in configs() {
        let layer = layer(&config, &device);
        let row = |tensor: &Tensor<3>, row| tensor.clone().narrow(0, row, 1);
        let input = |number| segment(number, 3, &device);
        // Row 1 alone; its second document begins with segment 5.
        let mut alone = memory(0);
        let expected: Vec<Vec<f32>> = (0..12)
            .map(|number| {
                if number == 5 {
                    alone.reset();
                }
                forward(&layer, row(&input(number), 1), &mut alone)
            })
            .collect();
        let mut batch = memory(0);
        let mut got = Vec::new();
        for number in 0..12 {
            match number {
                5 => batch.reset_rows(&[1]).unwrap(),
                // In the middle of a document: to a file and back, out of the batch and in again.
                3 | 7 => {
                    let bytes = batch.snapshot().unwrap().to_bytes().unwrap();
                    let restored = Restore::<Dispatch>::new(device.as_dispatch());
                    batch = restored.read_bytes(&bytes).unwrap().try_into().unwrap();
                }
                8 => {
                    let mut leaving = batch.split(&[1]).unwrap();
                    forward(
                        &layer,
                        Tensor::cat(vec![row(&input(8), 0), row(&input(8), 2)], 0),
                        &mut batch,
                    );
                    got.push(forward(&layer, row(&input(8), 1), &mut leaving));
                    let mut first = batch.split(&[0]).unwrap();
                    first.merge(&mut leaving).unwrap();
                    first.merge(&mut batch).unwrap();
                    batch = first;
                    continue;
                }
                10 => {
                    let mut other = memory(0);
                    forward(&layer, row(&input(3), 2), &mut other);
                    batch.replace_row(1, &mut other).unwrap();
                    batch.replace_row(1, &mut other).unwrap();
                }
                _ => {}
            }
            let output = forward(&layer, input(number), &mut batch);
            got.push(output[SEQ * D..2 * SEQ * D].to_vec());
            batch.verify().unwrap();
        }
        for (number, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert!(got == expected, "{config:?}, segment {number}");
        }
    }
}

#[test]
fn a_row_begun_anew_attends_to_nothing_of_its_old_document() {
    let device = Device::flex();
    for config in configs() {
        let layer = layer(&config, &device);
        let mut old = memory(0);
        (0..4).for_each(|number| drop(forward(&layer, segment(number, 2, &device), &mut old)));
        old.reset_rows(&[1]).unwrap();
        let input = segment(7, 2, &device);
        let got = forward(&layer, input.clone(), &mut old);
        let expected = forward(&layer, input.narrow(0, 1, 1), &mut memory(0));
        assert!(got[SEQ * D..] == expected, "{config:?}");
    }
}

#[test]
fn outputs_are_the_same_for_every_gradient_window() {
    let device = Device::flex().autodiff();
    for config in configs() {
        let layer = layer(&config, &device);
        let run = |bptt| {
            let mut memory = memory(bptt);
            let run = |number| {
                if number % 4 == 3 {
                    memory.detach();
                }
                forward(&layer, segment(number, 2, &device), &mut memory)
            };
            (0..9).map(run).collect::<Vec<_>>()
        };
        let expected = run(0);
        for bptt in [1, 2, 8] {
            assert!(run(bptt) == expected, "{config:?}, window {bptt}");
        }
    }
}

/// Rows of different lengths, padded on the right or on the left, beside rows that are padding alone.
#[rstest]
fn padding_makes_no_memory_and_has_no_place(#[values(false, true)] on_the_left: bool) {
    let device = Device::flex();
    let lengths = [[5, 3], [4, 5], [0, 2], [3, 0], [5, 5], [1, 4]];
    for config in configs() {
        let layer = layer(&config, &device);
        let mut batch = memory(0);
        let mut alone = [memory(0), memory(0)];
        for (number, lengths) in lengths.into_iter().enumerate() {
            let hidden = segment(number, 2, &device);
            let start = |row: usize| if on_the_left { SEQ - lengths[row] } else { 0 };
            let is_read =
                |row: usize, at: usize| (start(row)..start(row) + lengths[row]).contains(&at);
            let padding: Vec<bool> = (0..2 * SEQ).map(|at| !is_read(at / SEQ, at % SEQ)).collect();
            let mask = Tensor::<2, Bool>::from_data(TensorData::new(padding, [2, SEQ]), &device);
            let input = MemoriaLayerInput::new(hidden.clone()).mask_pad(mask);
            let output = layer.forward(input, &mut batch).unwrap().hidden;
            for (row, alone) in alone.iter_mut().enumerate().filter(|&(row, _)| lengths[row] > 0) {
                let part = |tensor: &Tensor<3>| {
                    tensor.clone().narrow(0, row, 1).narrow(1, start(row), lengths[row])
                };
                let expected = layer.forward(part(&hidden), alone).unwrap().hidden;
                let difference = (part(&output) - expected).abs().max().into_scalar::<f32>();
                assert!(difference < 2e-5, "{config:?}, segment {number}, row {row}: {difference}");
                let ids = |memory: &mut MemoriaState, row: usize| {
                    let state = memory.state().unwrap();
                    let row = state.row(row).unwrap();
                    row.engrams().map(|engram| (engram.id, engram.age)).collect::<Vec<_>>()
                };
                assert_eq!(ids(&mut batch, row), ids(alone, 0), "{config:?}, segment {number}");
            }
        }
    }
}

#[test]
fn a_segment_that_is_looked_at_piece_by_piece_is_the_same() {
    let device = Device::flex();
    for config in configs() {
        let layer = layer(&config, &device);
        let mut memory = memory(0);
        for number in 0..5 {
            let hidden = segment(number, 2, &device);
            let pieces = [(0, 1), (1, 1), (2, 3)].map(|(start, count)| {
                let piece = MemoriaLayerInput::new(hidden.clone().narrow(1, start, count));
                layer.forward_peek(piece.start(start), &mut memory).unwrap().hidden
            });
            let whole = layer.forward(hidden, &mut memory).unwrap().hidden;
            let pieces = Tensor::cat(pieces.to_vec(), 1);
            let difference = (whole - pieces).abs().max().into_scalar::<f32>();
            assert!(difference < 1e-5, "{config:?}: {difference}");
        }
    }
}

/// Longer than any segment with places that were learned, and as short as one position.
#[test]
fn segments_may_have_any_length() {
    let device = Device::flex();
    for config in configs() {
        let layer = layer(&config, &device);
        let mut memory = memory(0);
        for seq in [1, 9, 2, 12, 1] {
            let hidden = Tensor::<3>::random([2, seq, D], Distribution::Default, &device);
            let output = layer.forward(hidden, &mut memory).unwrap().hidden;
            assert_eq!(output.dims(), [2, seq, D]);
        }
    }
}

/// Those of the reminded attention after one step: its output begins as zeros.
#[test]
fn every_parameter_is_trained() {
    let device = Device::flex().autodiff();
    for config in configs() {
        let layer = layer(&config, &device);
        let mut memory = memory(8);
        let loss = (0..5)
            .map(|number| {
                let output = layer.forward(segment(number, 2, &device), &mut memory).unwrap();
                (output.hidden * segment(50 + number, 2, &device)).sum()
            })
            .reduce(|a, b| a + b);
        let gradients = GradientsParams::from_grads(loss.unwrap().backward(), &layer);
        let without: Vec<String> = without_gradient(&layer, &gradients);
        assert!(without.is_empty(), "{config:?}: {without:?}");
    }
}

fn without_gradient(layer: &MemoriaLayer, gradients: &GradientsParams) -> Vec<String> {
    use burn::module::ModuleVisitor;
    struct Look<'a>(&'a GradientsParams, Vec<String>, Vec<String>);
    impl ModuleVisitor for Look<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.1.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.1.pop();
        }
        fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
            let gradient = self.0.get::<R>(param.id);
            // The same number in all keys changes no softmax.
            let name = self.1.join(".");
            let counts = name.ends_with("key.bias") || name.ends_with("key_transform.bias");
            let is_zero = gradient.is_none_or(|g| g.abs().max().into_scalar::<f32>() == 0.0);
            if is_zero && !counts {
                self.2.push(name);
            }
        }
    }
    let mut look = Look(gradients, Vec::new(), Vec::new());
    layer.visit(&mut look);
    look.2
}

#[rstest]
fn half_precision(#[values(FloatDType::F16, FloatDType::BF16)] dtype: FloatDType) {
    struct Halve(FloatDType);
    impl ModuleMapper for Halve {
        fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
            let (id, tensor, mapper) = param.consume();
            Param::from_mapped_value(id, tensor.cast(self.0), mapper)
        }
    }
    let device = Device::flex();
    for config in configs() {
        let exact = layer(&config, &device);
        let half = exact.clone().map(&mut Halve(dtype));
        let (mut exact_memory, mut half_memory) = (memory(0), memory(0));
        let mut compared = 0;
        for number in 0..6 {
            let hidden = segment(number, 2, &device);
            let expected = exact.forward(hidden.clone(), &mut exact_memory).unwrap();
            let got = half.forward(hidden.cast(dtype), &mut half_memory).unwrap();
            assert_eq!(got.hidden.dtype(), DType::from(dtype));
            // Near ties may be decided otherwise; then what follows is of other engrams.
            if expected.recall.stages() != got.recall.stages() {
                break;
            }
            let got = got.hidden.cast(FloatDType::F32);
            let difference = (got - expected.hidden).abs().max().into_scalar::<f32>();
            let tolerance = if dtype == FloatDType::F16 { 0.03 } else { 0.2 };
            assert!(difference < tolerance, "{config:?}, segment {number}: {difference}");
            compared += usize::from(expected.recall.reminded.is_some());
        }
        assert!(compared > 0, "{config:?}: nothing that was reminded is compared");
    }
}
