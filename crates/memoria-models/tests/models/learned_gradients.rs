//! The gradients of learned recall against differences of the loss, in double precision.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    tensor::{DType, Device, Gradients, Tensor},
};
use memoria_core::{Correlation, EngramId, LongTermSearch, MemoriaConfig, Pooling};
use memoria_models::{
    EncoderKind, Gpt2LmHead, MemoryConfig, ModelInput, ModelMemory, SequenceClassifier,
};
use rstest::rstest;

use crate::learned::{encoder_config, gpt2_config, stirred, tokens};

/// Segments, all of which are within the window.
const SEGMENTS: usize = 5;
const STEP: f64 = 1e-5;

/// Both kinds of models.
#[derive(Clone)]
enum Model {
    Gpt2(Box<Gpt2LmHead>),
    Encoder(Box<SequenceClassifier>),
}

struct AsDouble;

impl ModuleMapper for AsDouble {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, tensor.cast(DType::F64), mapper)
    }
}

/// Adds to one number of a parameter.
struct Nudge {
    id: ParamId,
    at: usize,
    by: f64,
}

impl ModuleMapper for Nudge {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        if param.id != self.id {
            return param;
        }
        let (id, tensor, mapper) = param.consume();
        let (shape, options) = (tensor.dims(), (&tensor.device(), tensor.dtype()));
        let mut numbers: Vec<f64> = tensor.into_data().iter().collect();
        numbers[self.at] += self.by;
        let data = burn::tensor::TensorData::new(numbers, shape);
        Param::from_mapped_value(id, Tensor::from_data(data, options), mapper)
    }
}

/// Parameters by their paths, with the gradients they have.
struct Slopes<'a> {
    gradients: &'a Gradients,
    path: Vec<String>,
    found: Vec<(String, ParamId, Vec<f64>)>,
}

impl ModuleVisitor for Slopes<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let count = param.lazy_shape().iter().product();
        let slopes = match param.val().grad(self.gradients) {
            Some(gradient) => gradient.into_data().iter().collect(),
            None => vec![0.0; count],
        };
        self.found.push((self.path.join("."), param.id, slopes));
    }
}

impl Model {
    fn new(is_gpt2: bool, memory: &MemoryConfig, device: &Device) -> Self {
        let train = device.is_autodiff();
        let plain = device.clone().inner();
        match is_gpt2 {
            true => {
                let model = gpt2_config(memory).init(&plain).unwrap();
                let model = stirred(model, &plain).map(&mut AsDouble);
                Self::Gpt2(Box::new(if train { model.train() } else { model }))
            }
            false => {
                let model = encoder_config(EncoderKind::Bert, memory).init(&plain).unwrap();
                let model = stirred(model, &plain).map(&mut AsDouble);
                Self::Encoder(Box::new(if train { model.train() } else { model }))
            }
        }
    }

    fn nudged(self, mut nudge: Nudge) -> Self {
        match self {
            Self::Gpt2(model) => Self::Gpt2(Box::new(model.valid().map(&mut nudge))),
            Self::Encoder(model) => Self::Encoder(Box::new(model.valid().map(&mut nudge))),
        }
    }

    fn slopes(&self, gradients: &Gradients) -> Vec<(String, ParamId, Vec<f64>)> {
        let mut slopes = Slopes { gradients, path: Vec::new(), found: Vec::new() };
        match self {
            Self::Gpt2(model) => model.visit(&mut slopes),
            Self::Encoder(model) => model.visit(&mut slopes),
        }
        slopes.found
    }

    /// The sum of the segments' losses, and what the rows were reminded of.
    fn loss(&self, memory: &mut ModelMemory) -> (Tensor<1>, Vec<Vec<EngramId>>) {
        let mut reminded = Vec::new();
        let mut total: Option<Tensor<1>> = None;
        for number in 0..SEGMENTS {
            let device = Device::flex();
            let rows: Vec<_> = (0..2).map(|row| tokens(number, row)).collect();
            // Row 1 is shorter in two segments.
            let known = [6, 6, 4, 2, 6][number];
            let mask = [vec![1; 6], (0..6).map(|at| i64::from(at < known)).collect()];
            let input = ModelInput::from_rows(&rows, Some(&mask), 31, &device).unwrap();
            let (output, recall) = match self {
                Self::Gpt2(model) => {
                    let output = model.forward(&input, Some(memory)).unwrap();
                    (output.logits.flatten::<1>(0, 2), output.recall)
                }
                Self::Encoder(model) => {
                    let output = model.forward(&input, Some(memory)).unwrap();
                    (output.logits.flatten::<1>(0, 1), output.recall)
                }
            };
            if let Some(recall) = recall {
                reminded.extend((0..2).map(|row| recall.ids(row).to_vec()));
            }
            let count = output.dims()[0];
            let weights: Vec<f64> = (0..count).map(|at| (at as f64 * 0.9).sin()).collect();
            let weights = Tensor::<1>::from_data(&weights[..], (&output.device(), DType::F64));
            let loss = (output * weights).sum();
            total = Some(match total {
                None => loss,
                Some(total) => total + loss,
            });
        }
        (total.unwrap(), reminded)
    }
}

fn config(correlation: Correlation, pooling: Pooling, reminded: usize) -> MemoryConfig {
    let memoria = MemoriaConfig::new(reminded, 4, 4, 20.0, reminded)
        .with_long_term_search(LongTermSearch::Nearest)
        .with_correlation(correlation)
        .with_pooling(pooling);
    MemoryConfig::causal(6, memoria).with_num_memories(Some(2)).with_num_queries(2)
}

/// Parameters that learned recall is made of, by the ends of their paths.
const PARTS: [&str; 10] = [
    "recall_embeddings",
    "query_embeddings",
    "value_transform.weight",
    "abs.norm.gamma",
    "abstractor.norm.gamma",
    "places",
    "nearness",
    "sink",
    "memory_attention_reminded.c_proj.weight",
    "memory_attention_reminded.output.weight",
];

/// The query's side of the score, and the engrams': what a memory is made of acts on later segments by the
/// score, too.
fn slopes_are_differences(is_gpt2: bool, memory: &MemoryConfig) {
    let device = Device::flex().autodiff();
    let model = Model::new(is_gpt2, memory, &device);
    let (loss, reminded) = model.loss(&mut memory.init().unwrap());
    assert!(reminded.iter().any(|row| row.len() > 1));
    let slopes = model.slopes(&loss.backward());
    let mut parts = 0;
    for (path, id, slopes) in slopes {
        if !PARTS.iter().any(|part| path.ends_with(part)) {
            continue;
        }
        parts += 1;
        let largest = slopes.iter().fold(0.0f64, |most, slope| most.max(slope.abs()));
        // The largest one, and two more.
        let steepest = slopes.iter().position(|slope| slope.abs() == largest).unwrap();
        for at in [steepest, slopes.len() / 3, slopes.len() - 1] {
            let at_step = |by| {
                let nudged = model.clone().nudged(Nudge { id, at, by });
                let (loss, chosen) = nudged.loss(&mut memory.init().unwrap());
                assert_eq!(chosen, reminded, "{path}: others were chosen");
                loss.into_scalar::<f64>()
            };
            let difference = (at_step(STEP) - at_step(-STEP)) / (2.0 * STEP);
            let off = (difference - slopes[at]).abs();
            let allowed = 1e-6 * largest.max(1.0);
            assert!(off < allowed, "{path}, {at}: {} is not {difference}", slopes[at]);
        }
        assert!(largest > 0.0, "{path}");
    }
    let expected = if is_gpt2 { 5 + 2 * 4 } else { 5 + 2 * 3 };
    assert_eq!(parts, expected);
}

#[rstest]
fn slopes_are_differences_of_the_loss(
    #[values(true, false)] is_gpt2: bool,
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(Pooling::Mean, Pooling::Max)] pooling: Pooling,
) {
    slopes_are_differences(is_gpt2, &config(correlation, pooling, 2));
}

/// Queries alone, where hidden states are the memories.
#[rstest]
fn slopes_of_queries_alone_are_differences(#[values(true, false)] is_gpt2: bool) {
    let memory = config(Correlation::NegSquaredL2, Pooling::Mean, 3).with_num_memories(None);
    let device = Device::flex().autodiff();
    let model = Model::new(is_gpt2, &memory, &device);
    let (loss, reminded) = model.loss(&mut memory.init().unwrap());
    let slopes = model.slopes(&loss.backward());
    let query = |(path, ..): &&(String, ParamId, Vec<f64>)| path.ends_with("query_embeddings");
    let (_, id, slopes) = slopes.iter().find(query).unwrap();
    for at in [0, 5, slopes.len() - 1] {
        let at_step = |by| {
            let nudged = model.clone().nudged(Nudge { id: *id, at, by });
            let (loss, chosen) = nudged.loss(&mut memory.init().unwrap());
            assert_eq!(chosen, reminded);
            loss.into_scalar::<f64>()
        };
        let difference = (at_step(STEP) - at_step(-STEP)) / (2.0 * STEP);
        assert!((difference - slopes[at]).abs() < 1e-6, "{} is not {difference}", slopes[at]);
        assert!(slopes[at] != 0.0);
    }
}

/// A softmax over one leaves a query nothing to learn from; all else goes on learning.
#[rstest]
fn a_single_reminded_engram_has_no_slope(#[values(true, false)] is_gpt2: bool) {
    let mut memory = config(Correlation::NegSquaredL2, Pooling::Mean, 1);
    memory.memoria.num_final_ltms = 0;
    let device = Device::flex().autodiff();
    let model = Model::new(is_gpt2, &memory, &device);
    let (loss, reminded) = model.loss(&mut memory.init().unwrap());
    assert!(reminded.iter().any(|row| row.len() == 1));
    assert!(reminded.iter().all(|row| row.len() < 2));
    for (path, _, slopes) in model.slopes(&loss.backward()) {
        assert!(slopes.iter().all(|slope| slope.is_finite()), "{path}");
        let is_zero = slopes.iter().all(|&slope| slope == 0.0);
        let is_query = path.ends_with("recall_embeddings");
        let learns = PARTS.iter().any(|part| path.ends_with(part));
        assert!(if is_query { is_zero } else { !is_zero || !learns }, "{path}");
    }
}
