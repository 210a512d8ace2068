//! What learned recall computes agrees with PyTorch, values and gradients.

use burn::{
    module::Param,
    nn::Linear,
    tensor::{Bool, DType, Device, FloatDType, Gradients, Tensor, TensorData},
};
use memoria_core::{Correlation, LongTermSearch, MemoriaConfig, Pooling};
use memoria_nn::{
    Abstractor, AbstractorConfig, MemoriaLayerConfig, MemoriaStateConfig, MemoryAttention,
    MemoryAttentionConfig, MemoryAttentionInput, Padding, RecallInput, recall_scores,
};
use rstest::rstest;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value["values"].clone()).unwrap()
}

fn tensor<const D: usize>(case: &Value, name: &str, device: &Device) -> Tensor<D> {
    let shape: Vec<usize> = serde_json::from_value(case[name]["shape"].clone()).unwrap();
    Tensor::from_data(TensorData::new(numbers(&case[name]), shape), (device, DType::F32))
}

fn mask(case: &Value, shape: [usize; 2], device: &Device) -> Tensor<2, Bool> {
    let padding: Vec<bool> = serde_json::from_value(case["padding"].clone()).unwrap();
    Tensor::from_data(TensorData::new(padding, shape), device)
}

fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

/// Within `tolerance`, relative to the largest number.
fn agrees<const D: usize>(what: &str, got: &Tensor<D>, expected: &Value, tolerance: f64) {
    let expected = numbers(expected);
    let largest = expected.iter().fold(1.0f64, |most, number| most.max(number.abs()));
    let got: Vec<f64> = got.clone().into_data().iter().collect();
    assert_eq!(got.len(), expected.len(), "{what}");
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= tolerance * largest, "{what}: {got} is not {expected}");
    }
}

fn agrees_in<const D: usize>(
    case: &Value,
    name: &str,
    leaf: &Tensor<D>,
    gradients: &Gradients,
    tolerance: f64,
) {
    let gradient = leaf.grad(gradients).unwrap_or_else(|| panic!("{name} has no gradient"));
    agrees(name, &gradient, &case["gradients"][name], tolerance);
}

/// The attention of one head to what has these scores, and values that are one number each.
fn attended(scores: Tensor<2>, padding: Tensor<2, Bool>, weights: Tensor<2>) -> Tensor<1> {
    let shape = scores.dims();
    let logits = scores.mul_scalar(0.3).mask_fill(padding.clone(), -1e4);
    let attended = burn::tensor::activation::softmax(logits, 1).mask_fill(padding, 0.0);
    assert_eq!(attended.dims(), shape);
    (attended * weights).sum()
}

#[rstest]
#[case(FloatDType::F64, 1e-12)]
#[case(FloatDType::F32, 2e-6)]
#[case(FloatDType::F16, 4e-3)]
#[case(FloatDType::BF16, 4e-2)]
fn scores_have_the_gradients_of_pytorch(#[case] dtype: FloatDType, #[case] tolerance: f64) {
    let device = Device::flex().autodiff();
    let cases = cases(include_str!("../data/learned/scores.json"));
    assert_eq!(cases.len(), 16);
    for case in cases {
        let correlation: Correlation = serde_json::from_value(case["correlation"].clone()).unwrap();
        let pooling: Pooling = serde_json::from_value(case["pooling"].clone()).unwrap();
        let leaf =
            |name: &str| tensor::<3>(&case, name, &device).cast(dtype).detach().require_grad();
        let (query, engrams) = (leaf("query"), leaf("engrams"));
        let [batch, k, _] = engrams.dims();
        let padding = mask(&case, [batch, k], &device);
        let scores = recall_scores(
            query.clone(),
            engrams.clone(),
            Some(padding.clone()),
            correlation,
            pooling,
        );
        let is_double = dtype == FloatDType::F64;
        assert_eq!(scores.dtype(), if is_double { DType::F64 } else { DType::F32 });
        let name = format!("{correlation:?} {pooling:?} {k} in {dtype:?}");
        agrees(&name, &scores, &case["scores"], tolerance);
        let weights = tensor::<2>(&case, "weights", &device).cast(scores.dtype());
        let gradients = attended(scores, padding, weights).backward();
        for (leaf, side) in [(query, "query"), (engrams, "engrams")] {
            let gradient = leaf.grad(&gradients).unwrap();
            assert_eq!(gradient.dtype(), DType::from(dtype));
            agrees(&name, &gradient, &case[&format!("{side}_gradient")], tolerance);
            if k == 1 {
                assert!(gradient.into_data().iter::<f64>().all(|slope| slope == 0.0), "{name}");
            }
        }
    }
}

/// Working memories that are the query themselves, in rows of which one is shorter.
#[rstest]
fn padding_is_no_part_of_a_query(
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(Pooling::Mean, Pooling::Max)] pooling: Pooling,
) {
    let device = Device::flex();
    let memoria =
        MemoriaConfig::new(8, 8, 1, 9.0, 0).with_correlation(correlation).with_pooling(pooling);
    let config = MemoriaStateConfig::new(memoria);
    let (mut batch, mut alone) = (config.init().unwrap(), config.init().unwrap());
    let padding = Padding::new(3, vec![false, false, false, false, true, false]);
    for step in 0..3 {
        let number = |at: usize| ((at * 7 + step * 31) as f32 * 0.7).sin();
        let numbers: Vec<f32> = (0..2 * 3 * 4).map(number).collect();
        let working = Tensor::<3>::from_data(TensorData::new(numbers, [2, 3, 4]), &device);
        let row = working.clone().narrow(0, 1, 1);
        let known = Tensor::cat(vec![row.clone().narrow(1, 0, 1), row.narrow(1, 2, 1)], 1);
        let input = RecallInput::new(working).padding(padding.clone());
        let (together, expected) = (batch.recall(input).unwrap(), alone.recall(known).unwrap());
        batch.reinforce(&together, None).unwrap();
        alone.reinforce(&expected, None).unwrap();
        let Some(expected) = expected.scores() else { continue };
        let k = expected.dims()[1];
        assert_eq!(k, 2 * step);
        let got = together.scores().unwrap().narrow(0, 1, 1).narrow(1, 0, k);
        let difference = (got - expected).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-5, "{difference}");
    }
}

/// Vectors so long that their squares leave little of how far they are apart.
#[rstest]
fn distances_between_long_vectors_stay(
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(Pooling::Mean, Pooling::Max)] pooling: Pooling,
) {
    let device = Device::flex();
    let near = |offset: f32| [4096.0 + offset, -4096.0, 4096.0];
    let query = Tensor::<3>::from_data([[near(0.0)]], &device);
    let engrams = Tensor::<3>::from_data([[near(0.5), near(1.0), near(-2.0)]], &device);
    let scores = recall_scores(query.clone(), engrams.clone(), None, correlation, pooling);
    assert_eq!(scores.into_data().iter::<f32>().collect::<Vec<_>>(), [0.0, -0.75, -3.75]);
    // Half precision has their squares not at all.
    let half = |tensor: Tensor<3>| tensor.cast(FloatDType::F16);
    let engrams = engrams.mul_scalar(4.0);
    let scores = recall_scores(half(query), half(engrams), None, correlation, pooling);
    assert!(scores.into_data().iter::<f32>().all(f32::is_finite));
}

fn linear(case: &Value, name: &str, device: &Device) -> Linear {
    let parameters = &case["parameters"];
    Linear {
        weight: Param::from_tensor(tensor::<2>(parameters, &format!("{name}.weight"), device)),
        bias: Some(Param::from_tensor(tensor::<1>(parameters, &format!("{name}.bias"), device))),
    }
}

fn linear_agrees(case: &Value, name: &str, linear: &Linear, gradients: &Gradients) {
    agrees_in(case, &format!("{name}.weight"), &linear.weight.val(), gradients, 1e-5);
    let bias = linear.bias.as_ref().unwrap().val();
    agrees_in(case, &format!("{name}.bias"), &bias, gradients, 1e-5);
}

#[test]
fn attention_with_bias_and_sink_is_that_of_pytorch() {
    let device = Device::flex().autodiff();
    for case in cases(include_str!("../data/learned/attention.json")) {
        let has_sink = case["sink"] != Value::Bool(false);
        let linear = |name| linear(&case, name, &device);
        let attention = MemoryAttention {
            query: linear("query"),
            key: linear("key"),
            value: linear("value"),
            output: linear("output"),
            sink: has_sink.then(|| Param::from_tensor(tensor::<1>(&case, "sink", &device))),
            ..MemoryAttentionConfig::new(8, 2).with_dropout(0.0).init(&device)
        };
        let hidden = tensor::<3>(&case, "hidden", &device).require_grad();
        let memories = tensor::<3>(&case, "memories", &device).require_grad();
        let bias = tensor::<4>(&case, "bias", &device).require_grad();
        let input = MemoryAttentionInput::new(hidden.clone(), memories.clone())
            .mask_pad(mask(&case, [2, 4], &device))
            .bias(bias.clone());
        let output = attention.forward(input);
        agrees("context", &output.context, &case["context"], 1e-5);
        agrees("weights", &output.weights, &case["attended"], 1e-5);
        let loss = (output.context * tensor::<3>(&case, "weights", &device)).sum();
        let gradients = loss.backward();
        agrees_in(&case, "hidden", &hidden, &gradients, 1e-5);
        agrees_in(&case, "memories", &memories, &gradients, 1e-5);
        agrees_in(&case, "bias", &bias, &gradients, 1e-5);
        if let Some(sink) = &attention.sink {
            agrees_in(&case, "sink", &sink.val(), &gradients, 1e-5);
        }
        let layers = [
            ("query", &attention.query),
            ("key", &attention.key),
            ("value", &attention.value),
            ("output", &attention.output),
        ];
        for (name, layer) in layers {
            linear_agrees(&case, name, layer, &gradients);
        }
    }
}

/// With queries, places, a norm and memories of equal length; without padding, and with some on the right and
/// on the left.
#[test]
fn the_abstractor_with_everything_is_that_of_pytorch() {
    let device = Device::flex().autodiff();
    for case in cases(include_str!("../data/learned/abstractor.json")) {
        let linear = |name| linear(&case, name, &device);
        let new = AbstractorConfig::new(8, 3)
            .with_num_queries(2)
            .with_norm(true)
            .with_equal_length(true)
            .with_max_places(Some(4))
            .init(&device);
        let mut norm = new.norm.clone().unwrap();
        norm.gamma = Param::from_tensor(tensor::<1>(&case, "norm.gamma", &device));
        norm.beta = Some(Param::from_tensor(tensor::<1>(&case, "norm.beta", &device)));
        let abstractor = Abstractor {
            query_embeddings: Param::from_tensor(tensor::<3>(&case, "query_embeddings", &device)),
            key_transform: linear("key_transform"),
            value_transform: linear("value_transform"),
            feedforward: linear("feedforward"),
            output: linear("output"),
            recall_embeddings: Some(Param::from_tensor(tensor::<3>(
                &case,
                "recall_embeddings",
                &device,
            ))),
            norm: Some(norm),
            places: Some(Param::from_tensor(tensor::<2>(&case, "places", &device))),
            ..new
        };
        let hidden = tensor::<3>(&case, "hidden", &device).require_grad();
        let is_masked = case["padding"].as_array().unwrap().contains(&Value::Bool(true));
        let padding = is_masked.then(|| mask(&case, [2, 5], &device));
        let output = abstractor.forward(hidden.clone(), padding);
        let queries = output.queries.unwrap();
        agrees("memories", &output.memories, &case["memories"], 1e-5);
        agrees("queries", &queries, &case["queries"], 1e-5);
        let made = Tensor::cat(vec![output.memories, queries], 1);
        let gradients = (made * tensor::<3>(&case, "weights", &device)).sum().backward();
        agrees_in(&case, "hidden", &hidden, &gradients, 1e-5);
        let norm = abstractor.norm.as_ref().unwrap();
        agrees_in(&case, "norm.gamma", &norm.gamma.val(), &gradients, 1e-5);
        agrees_in(&case, "norm.beta", &norm.beta.as_ref().unwrap().val(), &gradients, 1e-5);
        let vectors = abstractor.query_embeddings.val();
        agrees_in(&case, "query_embeddings", &vectors, &gradients, 1e-5);
        let asking = abstractor.recall_embeddings.as_ref().unwrap().val();
        agrees_in(&case, "recall_embeddings", &asking, &gradients, 1e-5);
        agrees_in(&case, "places", &abstractor.places.as_ref().unwrap().val(), &gradients, 1e-5);
        let layers = [
            ("key_transform", &abstractor.key_transform),
            ("value_transform", &abstractor.value_transform),
            ("feedforward", &abstractor.feedforward),
            ("output", &abstractor.output),
        ];
        for (name, layer) in layers {
            linear_agrees(&case, name, layer, &gradients);
        }
    }
}

/// What begins as zeros is trained, as is what begins as places.
#[test]
fn what_begins_as_zeros_is_trained() {
    let device = Device::flex().autodiff();
    let abstractor =
        AbstractorConfig::new(8, 3).with_num_queries(1).with_max_places(Some(6)).init(&device);
    let asking = abstractor.recall_embeddings.as_ref().unwrap();
    assert!(asking.is_require_grad() && asking.val().abs().max().into_scalar::<f32>() == 0.0);
    let hidden = Tensor::<3>::random([1, 6, 8], burn::tensor::Distribution::Default, &device);
    let output = abstractor.forward(hidden, None);
    // A query begins by reading the mean.
    let gradients = output.queries.unwrap().square().sum().backward();
    assert!(asking.val().grad(&gradients).unwrap().abs().max().into_scalar::<f32>() > 0.0);
    let attention = MemoryAttentionConfig::new(8, 2).with_sink(true).with_zero_output(true);
    let attention = attention.init(&device);
    assert!(attention.output.weight.is_require_grad());
    assert!(attention.sink.unwrap().is_require_grad());
    assert!(abstractor.places.unwrap().is_require_grad());
}

/// Of two engrams that are alike the newer one is attended to as its recency says, which has a gradient.
#[test]
fn recency_tells_alike_engrams_apart() {
    let device = Device::flex().autodiff();
    let config = MemoriaLayerConfig::bidirectional(8, 2, 1).with_dropout(0.0).with_recency(Some(2));
    let mut layer = config.init(&device);
    let recency = layer.recency.as_ref().unwrap();
    assert!(recency.is_require_grad());
    assert_eq!(recency.val().abs().max().into_scalar::<f32>(), 0.0);
    // One head prefers the newest by ln 3, the other has no preference.
    let preferred = 3f64.ln() / 16.0;
    layer.recency =
        Some(Param::from_tensor(Tensor::from_data([[preferred, 0.0], [0.5, 0.5]], &device)));
    let memoria =
        MemoriaConfig::new(0, 0, 0, 9.0, 4).with_long_term_search(LongTermSearch::Nearest);
    let mut memory = MemoriaStateConfig::new(memoria).with_bptt(4).init().unwrap();
    let hidden = Tensor::<3>::ones([2, 3, 8], &device);
    let mut output = layer.forward(hidden.clone(), &mut memory).unwrap();
    for _ in 0..2 {
        output = layer.forward(hidden.clone(), &mut memory).unwrap();
    }
    assert_eq!(output.recall.ids(1).len(), 2);
    let weights = output.weights.clone().unwrap().narrow(2, 0, 1).into_data();
    let weights: Vec<f32> = weights.iter().collect();
    for (weight, expected) in weights.iter().zip([0.25, 0.75, 0.5, 0.5].repeat(2)) {
        assert!((weight - expected).abs() < 1e-5, "{weights:?}");
    }
    // What is read of the newer one alone pulls at the preference, and at nothing that all have in common.
    let newer = output.weights.unwrap().narrow(3, 1, 1);
    let gradients = newer.sum().backward();
    let slope = layer.recency.unwrap().val().grad(&gradients).unwrap().into_data();
    let slope: Vec<f32> = slope.iter().collect();
    assert!(slope[0] > 1.0 && (slope[0] + slope[1]).abs() < 1e-4, "{slope:?}");
    assert!(slope[2] > 1.0 && (slope[2] + slope[3]).abs() < 1e-4, "{slope:?}");
}
