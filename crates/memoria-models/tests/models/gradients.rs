//! The gradients of one training step against PyTorch's, made by `scripts/gradients.py`.

use std::{collections::BTreeMap, path::Path};

use burn::{
    module::{Module, ModuleVisitor, Param},
    nn::loss::CrossEntropyLossConfig,
    tensor::{Device, Gradients, Int, Tensor, TensorData},
};
use memoria_models::{Gpt2Config, Gpt2LmHead, ModelInput};
use rstest::rstest;
use serde_json::Value;

/// Allowed difference, absolute and relative to a parameter's largest gradient.
const TOLERANCE: f32 = 1e-3;

/// What every parameter of a model comes to, by its path.
struct Visitor<'a> {
    gradients: Option<&'a Gradients>,
    path: Vec<String>,
    numbers: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Visitor<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let numbers = match self.gradients {
            None => param.val().into_data(),
            Some(gradients) => {
                let gradient = param.val().grad(gradients);
                gradient
                    .unwrap_or_else(|| panic!("{} has no gradient", self.path.join(".")))
                    .into_data()
            }
        };
        self.numbers.insert(self.path.join("."), numbers.iter().collect());
    }
}

fn numbers(model: &Gpt2LmHead, gradients: Option<&Gradients>) -> BTreeMap<String, Vec<f32>> {
    let mut visitor = Visitor { gradients, path: Vec::new(), numbers: BTreeMap::new() };
    model.visit(&mut visitor);
    visitor.numbers
}

/// Summed over segments, each a mean over rows and tokens.
fn loss(model: &Gpt2LmHead, config: &Gpt2Config, told: &Value, device: &Device) -> Tensor<1> {
    let mut memory = config.memory.as_ref().unwrap().init().unwrap();
    let mut total = Tensor::<1>::zeros([1], device);
    let segments = told["segments"].as_array().unwrap();
    for (segment, reminded) in segments.iter().zip(told["reminded"].as_array().unwrap()) {
        let rows: Vec<Vec<i64>> = serde_json::from_value(segment.clone()).unwrap();
        let input = ModelInput::from_rows(&rows, None, config.vocab_size, device).unwrap();
        let output = model.forward(&input, Some(&mut memory)).unwrap();
        for (row, expected) in reminded.as_array().unwrap().iter().enumerate() {
            let ids = output.recall.as_ref().unwrap().ids(row);
            assert_eq!(&serde_json::to_value(ids).unwrap(), expected);
        }
        let [batch, seq, vocab_size] = output.logits.dims();
        let targets: Vec<i64> = rows.iter().flat_map(|row| &row[1..]).copied().collect();
        let targets = TensorData::new(targets, [batch * (seq - 1)]);
        let logits = output.logits.narrow(1, 0, seq - 1);
        total = total
            + CrossEntropyLossConfig::new().init(device).forward(
                logits.reshape([batch * (seq - 1), vocab_size]),
                Tensor::<1, Int>::from_data(targets, device),
            );
    }
    total
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
fn gradients_are_those_of_pytorch_on(#[case] device: Device, #[values(0, 1, 3)] window: usize) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let folder = data.join(format!("gradients-window-{window}"));
    let told: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("segments.json")).unwrap())
            .unwrap();
    let config = Gpt2Config::from_pretrained(&folder).unwrap();
    let loaded = config.clone().load(&folder, &device.clone().autodiff()).unwrap();
    assert!(loaded.report.is_complete());
    let loss = loss(&loaded.model, &config, &told, &device.clone().autodiff());
    let difference = loss.clone().into_scalar::<f64>() - told["loss"].as_f64().unwrap();
    assert!(difference.abs() < 1e-4, "the loss differs by {difference}");
    let got = numbers(&loaded.model, Some(&loss.backward()));

    let expected = config.load(folder.join("gradient"), &device).unwrap();
    assert!(expected.report.is_complete());
    let expected = numbers(&expected.model, None);
    assert_eq!(got.len(), expected.len());
    for (path, expected) in &expected {
        let largest = expected.iter().fold(0.0f32, |most, number| most.max(number.abs()));
        let difference =
            got[path].iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(
            difference <= TOLERANCE * largest.min(1.0) + 1e-6,
            "{path} differs by {difference}, its largest gradient is {largest}"
        );
    }
}
