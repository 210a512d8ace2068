//! The abstractor agrees with the reference implementation.

use burn::{
    module::Param,
    nn::Linear,
    tensor::{Bool, DType, Device, FloatDType, Tensor, TensorData},
};
use memoria_core::MemoriaConfig;
use memoria_nn::{
    Abstractor, AbstractorConfig, MemoriaStateConfig, MemoryMaking, MemorySource, Padding,
};
use rstest::rstest;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

fn weight<const D: usize>(file: &Value, name: &str, device: &Device) -> Tensor<D> {
    let weight = &file["weights"][name];
    let shape: Vec<usize> = serde_json::from_value(weight["shape"].clone()).unwrap();
    Tensor::from_data(TensorData::new(numbers(&weight["values"]), shape), device)
}

/// PyTorch keeps the weights of a linear layer as `[out, in]`.
fn linear(file: &Value, name: &str, device: &Device) -> Linear {
    let values = weight::<2>(file, &format!("{name}.weight"), device).transpose();
    let bias = weight::<1>(file, &format!("{name}.bias"), device);
    Linear { weight: Param::from_tensor(values), bias: Some(Param::from_tensor(bias)) }
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
fn equals_the_reference(#[case] device: Device) {
    let file: Value = serde_json::from_str(include_str!("../data/abstractor.json")).unwrap();
    let mut abstractor = AbstractorConfig::new(16, 5).init(&device);
    abstractor.query_embeddings =
        Param::from_tensor(weight::<3>(&file, "query_embeddings", &device));
    abstractor.key_transform = linear(&file, "key_transform", &device);
    abstractor.value_transform = linear(&file, "value_transform", &device);
    abstractor.feedforward = linear(&file, "feedforward", &device);
    abstractor.output = linear(&file, "output", &device);
    let input = TensorData::new(numbers(&file["input"]), [3, 9, 16]);
    let output = abstractor.forward(Tensor::from_data(input, &device), None).memories;
    assert_eq!(output.dims(), [3, 5, 16]);
    let expected = numbers(&file["output"]);
    for (got, expected) in output.into_data().iter::<f32>().zip(expected) {
        assert!((got - expected).abs() < 1e-5, "{got} is not {expected}");
    }
}

#[test]
fn padding_takes_no_part() {
    let device = Device::flex();
    let abstractor = AbstractorConfig::new(16, 3).init(&device);
    let distribution = burn::tensor::Distribution::Normal(0.0, 1.0);
    let hidden = Tensor::<3>::random([2, 5, 16], distribution, &device);
    let other = Tensor::cat(vec![hidden.clone(), hidden.clone() * 7.0], 1);
    let mask: Vec<bool> = (0..20).map(|place| place % 10 >= 5).collect();
    let mask = Tensor::from_data(TensorData::new(mask, [2, 10]), &device);
    let expected = abstractor.forward(hidden, None).memories.into_data();
    let got = abstractor.forward(other, Some(mask)).memories.into_data();
    got.assert_approx_eq::<f32>(&expected, burn::tensor::Tolerance::absolute(1e-5));
}

/// Nor does what it holds, NaN included, where memories are made for a memory.
#[rstest]
fn padding_is_not_read(#[values(false, true)] keeps_hidden: bool) {
    let device = Device::flex();
    let abstractor = AbstractorConfig::new(16, 3).with_num_queries(1).init(&device);
    let making = MemoryMaking {
        abstractor: (!keeps_hidden).then_some(&abstractor),
        keeps_hidden,
        equal_length: false,
        reads_scores: false,
    };
    let hidden = Tensor::<3>::ones([2, 4, 16], &device).cumsum(1);
    let made = |held: f32| {
        let hidden = hidden.clone().slice_fill([1..2, 3..4, 0..16], held);
        let padding = Padding::new(4, (0..8).map(|at| at == 7).collect());
        let source = MemorySource::new(hidden, padding.clone(), padding);
        let mut state = MemoriaStateConfig::new(MemoriaConfig::small()).init().unwrap();
        making.recall(source, |input| state.recall(input)).unwrap().working.into_data()
    };
    assert_eq!(made(f32::NAN), made(1.0));
}

/// However low the positions that are no padding score, and however high padding does.
#[rstest]
fn padding_takes_no_part_beside_hidden_states_of_a_large_norm(
    #[values(FloatDType::F32, FloatDType::F16, FloatDType::BF16)] dtype: FloatDType,
) {
    let device = Device::flex();
    let mut abstractor = AbstractorConfig::new(2, 1).init(&device);
    // Scores are the first number of a position times 150.
    abstractor.query_embeddings = Param::from_tensor(Tensor::from_data([[[150.0, 0.0]]], &device));
    abstractor.key_transform = abstractor.value_transform.clone();
    let half = |param: Param<Tensor<2>>| param.map(|weight| weight.cast(dtype));
    let halved = |mut linear: Linear| {
        linear.weight = half(linear.weight);
        linear.bias = linear.bias.map(|bias| bias.map(|bias| bias.cast(dtype)));
        linear
    };
    let queries = abstractor.query_embeddings.clone();
    let abstractor = Abstractor {
        query_embeddings: queries.map(|queries| queries.cast(dtype)),
        key_transform: halved(abstractor.key_transform),
        value_transform: halved(abstractor.value_transform),
        feedforward: halved(abstractor.feedforward),
        output: halved(abstractor.output),
        ..AbstractorConfig::new(4, 2).init(&device)
    };
    let hidden = [[[-400.0, 1.0], [-400.0, 3.0], [1.0, 1000.0]]];
    let hidden = Tensor::<3>::from_data(hidden, (&device, DType::from(dtype)));
    let mask = Tensor::<2, Bool>::from_data([[false, false, true]], &device);
    let got: Vec<f32> =
        abstractor.forward(hidden, Some(mask)).memories.into_data().iter().collect();
    assert_eq!(got, [-400.0, 2.0]);
}
