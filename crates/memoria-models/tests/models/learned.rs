//! Learned recall in the models: what it changes, what it must not, and what becomes of its parameters.

use burn::{
    backend::Dispatch,
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{Device, Tensor, TensorData},
};
use memoria_core::{Correlation, LongTermSearch, MemoriaConfig, Pooling, Restore};
use memoria_models::{
    EncoderConfig, EncoderKind, Gpt2Config, Gpt2LmHead, MemoryConfig, ModelInput, ModelMemory,
    SequenceClassifier,
};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

pub(crate) const VOCABULARY: usize = 31;
pub(crate) const SEQ: usize = 6;

pub(crate) fn memoria() -> MemoriaConfig {
    MemoriaConfig::new(4, 6, 4, 6.0, 3).with_long_term_search(LongTermSearch::Nearest)
}

/// Ways in which a memory can be learned.
pub(crate) fn memories() -> Vec<MemoryConfig> {
    let causal = MemoryConfig::causal(SEQ, memoria()).with_num_memories(Some(3));
    let gaussian = memoria().with_correlation(Correlation::Gaussian);
    vec![
        causal.clone(),
        causal.clone().with_num_memories(None),
        MemoryConfig { memoria: gaussian.with_pooling(Pooling::Max), ..causal.clone() }
            .with_num_queries(2)
            .with_max_places(Some(3)),
        causal.clone().with_num_memories(None).with_max_places(Some(3)).with_equal_length(false),
        causal.clone().with_num_memories(None).with_num_queries(0).with_norm(false),
        causal.with_sink(false).with_own_attention(false),
        MemoryConfig::bidirectional(3, memoria()),
        MemoryConfig::new(3, memoria()).with_bptt(8),
    ]
}

/// Gives every parameter numbers that are always the same: those of one dimension are changed a little, so that
/// what begins as zeros says something, too.
struct Stir(ChaCha8Rng);

impl ModuleMapper for Stir {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        let (id, tensor, mapper) = param.consume();
        let (shape, options) = (tensor.dims(), (&tensor.device(), tensor.dtype()));
        let range = if R == 1 { -0.2..0.2f32 } else { -0.4..0.4 };
        let count = shape.iter().product();
        let numbers: Vec<f32> = (0..count).map(|_| self.0.random_range(range.clone())).collect();
        let numbers = Tensor::<R>::from_data(TensorData::new(numbers, shape), options);
        Param::from_mapped_value(id, if R == 1 { tensor + numbers } else { numbers }, mapper)
    }
}

pub(crate) fn stirred<M: Module>(model: M, device: &Device) -> M {
    let model = model.map(&mut Stir(ChaCha8Rng::seed_from_u64(5)));
    if device.is_autodiff() { model.train() } else { model }
}

pub(crate) fn gpt2_config(memory: &MemoryConfig) -> Gpt2Config {
    let config = Gpt2Config::new(VOCABULARY, SEQ, 16, 2, 2).with_dropout(0.0);
    Gpt2Config { initializer_range: 0.2, ..config }.with_memory(memory.clone())
}

pub(crate) fn gpt2(memory: &MemoryConfig, device: &Device) -> Gpt2LmHead {
    stirred(gpt2_config(memory).init(&device.clone().inner()).unwrap(), device)
}

pub(crate) fn encoder_config(kind: EncoderKind, memory: &MemoryConfig) -> EncoderConfig {
    let config = EncoderConfig::new(kind, VOCABULARY, 16, 4, 2, 24, SEQ + 2);
    let config = EncoderConfig { initializer_range: 0.2, ..config.with_dropout(0.0) };
    config.with_memory(memory.clone(), 1)
}

fn encoder(memory: &MemoryConfig, device: &Device) -> SequenceClassifier {
    let config = encoder_config(EncoderKind::Bert, memory);
    stirred(config.init(&device.clone().inner()).unwrap(), device)
}

pub(crate) fn tokens(segment: usize, row: usize) -> Vec<i64> {
    (0..SEQ).map(|at| ((segment * 131 + row * 7 + at * at * 17 + 5) % 29 + 2) as i64).collect()
}

pub(crate) fn segment(number: usize, rows: usize, device: &Device) -> ModelInput {
    let rows: Vec<_> = (0..rows).map(|row| tokens(number, row)).collect();
    ModelInput::from_rows(&rows, None, VOCABULARY, device).unwrap()
}

pub(crate) fn numbers<const R: usize>(tensor: Tensor<R>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

pub(crate) fn logits(model: &Gpt2LmHead, input: &ModelInput, memory: &mut ModelMemory) -> Vec<f32> {
    numbers(model.forward(input, Some(memory)).unwrap().logits)
}

#[test]
fn no_later_token_changes_an_earlier_output_of_gpt2() {
    let device = Device::flex();
    for config in memories() {
        let model = gpt2(&config, &device);
        let run = |changed: Option<(usize, usize)>| {
            let mut memory = config.init().unwrap();
            let mut reminded = 0;
            let mut outputs = Vec::new();
            for number in 0..6 {
                let mut ids = tokens(number, 0);
                if let Some((_, from)) = changed.filter(|&(at, _)| at == number) {
                    ids[from..].iter_mut().for_each(|id| *id = (*id + 3) % 31);
                }
                let input = ModelInput::from_rows(&[ids], None, VOCABULARY, &device).unwrap();
                let output = model.forward(&input, Some(&mut memory)).unwrap();
                reminded += output.recall.map_or(0, |recall| recall.ids(0).len());
                outputs.extend(numbers(output.logits));
            }
            assert!(reminded > 10, "{reminded}");
            outputs
        };
        let plain = run(None);
        for (at, from) in [(0, 3), (2, 1), (4, 5), (5, 0), (5, 5)] {
            let changed = run(Some((at, from)));
            let first = (at * SEQ + from) * VOCABULARY;
            assert!(plain[..first] == changed[..first], "{config:?}, segment {at}, from {from}");
            let later = ((at + 1) * SEQ * VOCABULARY).min(plain.len() - VOCABULARY);
            assert!(plain[later..] != changed[later..], "{config:?}: a memory remembers");
        }
    }
}

/// What each option adds says something, in the outputs of both kinds of models.
#[test]
fn every_option_counts() {
    let device = Device::flex();
    let choosing = memoria().with_num_reminded_stm(1).with_num_final_ltms(1);
    let plain = MemoryConfig::new(3, choosing);
    let queried = plain.clone().with_num_queries(1);
    let pairs = [
        (plain.clone(), queried.clone()),
        (queried.clone(), queried.with_score_in_logits(true)),
        (plain.clone(), plain.clone().with_equal_length(true)),
        (plain.clone(), plain.clone().with_sink(true)),
        (plain.clone(), plain.clone().with_max_places(Some(4))),
        (plain.clone(), plain.clone().with_norm(true)),
        (plain.clone(), plain.clone().with_own_attention(true)),
    ];
    for (without, with) in pairs {
        let run = |config: &MemoryConfig| {
            let model = gpt2_config(config).init(&device).unwrap().map(&mut Same::default());
            let mut memory = config.init().unwrap();
            let outputs =
                (0..5).map(|number| logits(&model, &segment(number, 2, &device), &mut memory));
            outputs.collect::<Vec<_>>().concat()
        };
        assert!(run(&without) != run(&with), "GPT-2: {with:?}");
        let run = |config: &MemoryConfig| {
            let model = encoder_config(EncoderKind::Bert, config).init(&device).unwrap();
            let model = model.map(&mut Same::default());
            let mut memory = config.init().unwrap();
            let outputs = (0..5).map(|number| {
                let input = segment(number, 2, &device);
                numbers(model.forward(&input, Some(&mut memory)).unwrap().logits)
            });
            outputs.collect::<Vec<_>>().concat()
        };
        assert!(run(&without) != run(&with), "{with:?}");
    }
}

/// Numbers that depend on the shape alone, and on whether they are of an attention of its own for reminded memories, so
/// that two models differ by what one has more.
#[derive(Default)]
struct Same {
    is_own: bool,
}

impl ModuleMapper for Same {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.is_own |= name == "memory_attention_reminded";
    }

    fn exit_module(&mut self, name: &str, _: &str) {
        self.is_own &= name != "memory_attention_reminded";
    }

    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        param.map(|tensor| {
            let shape = tensor.dims();
            let step = if self.is_own { 0.9 } else { 0.7 };
            let numbers = (0..shape.iter().product()).map(|at| (at as f32 * step).sin() * 0.3);
            let numbers: Vec<f32> = numbers.collect();
            Tensor::from_data(TensorData::new(numbers, shape), &tensor.device())
        })
    }
}

#[test]
fn outputs_are_the_same_for_every_gradient_window() {
    let device = Device::flex().autodiff();
    for config in memories() {
        let (model, classifier) = (gpt2(&config, &device), encoder(&config, &device));
        let run = |bptt| {
            let config = config.clone().with_bptt(bptt);
            let mut memories = [config.init().unwrap(), config.init().unwrap()];
            let run = |number| {
                let input = segment(number, 2, &device.clone().inner());
                if number % 4 == 3 {
                    memories.iter_mut().for_each(ModelMemory::detach);
                }
                let [first, second] = &mut memories;
                let encoded = classifier.forward(&input, Some(second)).unwrap().logits;
                [logits(&model, &input, first), numbers(encoded)].concat()
            };
            (0..7).map(run).collect::<Vec<_>>()
        };
        let expected = run(0);
        for bptt in [1, 8] {
            assert!(run(bptt) == expected, "{config:?}, window {bptt}");
        }
    }
}

/// To a file and back, out of the batch and in again, exchanged, and begun anew.
#[test]
fn a_row_goes_on_as_it_would_alone_wherever_it_is() {
    let device = Device::flex();
    for config in memories() {
        let model = gpt2(&config, &device);
        let row = |number, row| {
            let rows = [tokens(number, row)];
            ModelInput::from_rows(&rows, None, VOCABULARY, &device).unwrap()
        };
        let mut alone = config.init().unwrap();
        let expected: Vec<_> = (0..11)
            .map(|number| {
                if number == 5 {
                    alone.reset();
                }
                logits(&model, &row(number, 1), &mut alone)
            })
            .collect();
        let mut batch = config.init().unwrap();
        for (number, expected) in expected.iter().enumerate() {
            match number {
                5 => batch.reset_rows(&[1]).unwrap(),
                3 | 7 => {
                    let bytes = batch.snapshot().unwrap().to_bytes().unwrap();
                    let restored = Restore::<Dispatch>::new(device.as_dispatch());
                    batch = restored.read_bytes(&bytes).unwrap().try_into().unwrap();
                }
                8 => {
                    let mut leaving = batch.split(&[1]).unwrap();
                    let (mut first, mut rest) = (batch.split(&[0]).unwrap(), batch);
                    first.merge(&mut leaving).unwrap();
                    first.merge(&mut rest).unwrap();
                    batch = first;
                }
                9 => {
                    let mut other = config.init().unwrap();
                    logits(&model, &row(3, 2), &mut other);
                    batch.replace_row(1, &mut other).unwrap();
                    batch.replace_row(1, &mut other).unwrap();
                }
                _ => {}
            }
            let got = logits(&model, &segment(number, 3, &device), &mut batch);
            let row = &got[SEQ * VOCABULARY..2 * SEQ * VOCABULARY];
            // Products of larger matrices round otherwise.
            let differences = row.iter().zip(expected).map(|(a, b)| (a - b).abs());
            let difference = differences.fold(0.0, f32::max);
            assert!(difference < 1e-4, "{config:?}, segment {number}: {difference}");
        }
    }
}

/// Rows of different lengths, beside rows that are padding alone.
#[test]
fn padding_makes_no_memory_and_has_no_place() {
    let device = Device::flex();
    let lengths = [[6, 3], [4, 6], [0, 2], [3, 0], [6, 6], [1, 4]];
    for config in memories() {
        let (model, classifier) = (gpt2(&config, &device), encoder(&config, &device));
        let new = || [config.init().unwrap(), config.init().unwrap()];
        let (mut batch, mut alone) = (new(), [new(), new()]);
        for (number, lengths) in lengths.into_iter().enumerate() {
            let rows: Vec<_> = (0..2).map(|row| tokens(number, row)).collect();
            let mask: Vec<Vec<i64>> = lengths
                .iter()
                .map(|&length| (0..SEQ).map(|at| i64::from(at < length)).collect())
                .collect();
            let input = ModelInput::from_rows(&rows, Some(&mask), VOCABULARY, &device).unwrap();
            let together = model.forward(&input, Some(&mut batch[0])).unwrap().logits;
            let encoded = classifier.forward(&input, Some(&mut batch[1])).unwrap().hidden;
            for (row, alone) in alone.iter_mut().enumerate().filter(|&(row, _)| lengths[row] > 0) {
                let part = rows[row][..lengths[row]].to_vec();
                let input = ModelInput::from_rows(&[part], None, VOCABULARY, &device).unwrap();
                let expected = model.forward(&input, Some(&mut alone[0])).unwrap().logits;
                let got = together.clone().narrow(0, row, 1).narrow(1, 0, lengths[row]);
                let difference = (got - expected).abs().max().into_scalar::<f32>();
                assert!(difference < 1e-4, "{config:?}, segment {number}: {difference}");
                let expected = classifier.forward(&input, Some(&mut alone[1])).unwrap().hidden;
                let got = encoded.clone().narrow(0, row, 1).narrow(1, 0, lengths[row]);
                let difference = (got - expected).abs().max().into_scalar::<f32>();
                assert!(difference < 1e-4, "{config:?}, segment {number}: {difference}");
            }
        }
    }
}

/// The paths of parameters without gradient, but for those that no number can change.
fn without_gradient<M: Module>(model: &M, gradients: &GradientsParams) -> Vec<String> {
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
            let name = self.1.join(".");
            // The same number in all keys changes no softmax.
            let is_idle = name.ends_with("key.bias") || name.ends_with("key_transform.bias");
            let is_zero = gradient.is_none_or(|g| g.abs().max().into_scalar::<f32>() == 0.0);
            if is_zero && !is_idle {
                self.2.push(name);
            }
        }
    }
    let mut look = Look(gradients, Vec::new(), Vec::new());
    model.visit(&mut look);
    look.2
}

/// The parameters that no gradient of five segments reaches.
fn untrained<M: Module, const D: usize>(
    model: &M,
    config: &MemoryConfig,
    logits: impl Fn(&ModelInput, &mut ModelMemory) -> Tensor<D>,
) -> Vec<String> {
    let device = Device::flex().autodiff();
    let mut memory = config.init().unwrap();
    let loss = (0..5)
        .map(|number| logits(&segment(number, 2, &device), &mut memory).powi_scalar(2).mean())
        .reduce(|a, b| a + b);
    without_gradient(model, &GradientsParams::from_grads(loss.unwrap().backward(), model))
}

#[test]
fn every_parameter_is_trained() {
    let device = Device::flex().autodiff();
    for config in memories() {
        // Queries that have no score in the logits have nothing to learn from.
        let model = gpt2(&config, &device);
        let without = untrained(&model, &config, |input, memory| {
            model.forward(input, Some(memory)).unwrap().logits
        });
        assert!(without.is_empty(), "{config:?}: {without:?}");

        let model = encoder(&config, &device);
        let without = untrained(&model, &config, |input, memory| {
            model.forward(input, Some(memory)).unwrap().logits
        });
        assert!(without.is_empty(), "{config:?}: {without:?}");
    }
}
