//! What is not finite is refused when it comes, and nothing of it stays.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Bool, Device, Tensor, TensorData},
};
use memoria_core::{MemoriaConfig, MemoriaError};
use memoria_nn::{
    MemoriaLayer, MemoriaLayerConfig, MemoriaLayerInput, MemoriaState, MemoriaStateConfig,
};
use rstest::rstest;

const D: usize = 16;
const SEQ: usize = 5;

fn layers(device: &Device) -> Vec<MemoriaLayer> {
    let causal = MemoriaLayerConfig::causal(D, 2, SEQ).with_dropout(0.0);
    let bidirectional = MemoriaLayerConfig::bidirectional(D, 2, 3).with_dropout(0.0);
    let kept = bidirectional.clone().with_num_memories(None);
    [causal.clone(), causal.with_num_memories(None), bidirectional, kept]
        .map(|config| config.init(device))
        .into()
}

fn memory() -> MemoriaState {
    let memoria = MemoriaConfig::new(4, 6, 4, 6.0, 3);
    MemoriaStateConfig::new(memoria).with_bptt(2).init().unwrap()
}

fn segment(number: usize, device: &Device) -> Tensor<3> {
    let value = |at: usize| ((at * 13 + number * 101) as f32 * 0.61).sin();
    let numbers: Vec<f32> = (0..2 * SEQ * D).map(value).collect();
    Tensor::from_data(TensorData::new(numbers, [2, SEQ, D]), device)
}

/// With one bad number, in row 1 at place 2.
fn bad_segment(number: usize, bad: f32, device: &Device) -> Tensor<3> {
    segment(number, device).slice_fill([1..2, 2..3, 7..8], bad)
}

fn numbers<const R: usize>(tensor: Tensor<R>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

fn bytes(memory: &mut MemoriaState) -> Vec<u8> {
    memory.snapshot().unwrap().to_bytes().unwrap()
}

#[rstest]
fn a_segment_that_is_not_finite_is_refused_and_nothing_is_lost(
    #[values(f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e20)] bad: f32,
    #[values("flex", "ndarray", "autodiff")] device: &str,
) {
    #[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
    let device = match device {
        "flex" => Device::flex(),
        "ndarray" => Device::ndarray(),
        _ => Device::flex().autodiff(),
    };
    for (layer, good) in layers(&device).iter().flat_map(|layer| [0, 1, 3].map(|n| (layer, n))) {
        let (mut memory, mut twin) = (memory(), memory());
        let go_on = |memory: &mut MemoriaState, number: usize| {
            numbers(layer.forward(segment(number, &device), memory).unwrap().hidden)
        };
        for number in 0..good {
            assert_eq!(go_on(&mut memory, number), go_on(&mut twin, number));
        }
        let before = bytes(&mut memory);
        let error = layer.forward(bad_segment(50, bad, &device), &mut memory).unwrap_err();
        assert!(matches!(error, MemoriaError::NonFiniteHidden { row: 1, place: 2, .. }), "{error}");
        let peeked = layer.forward_peek(bad_segment(50, bad, &device), &mut memory).unwrap_err();
        assert_eq!(peeked.to_string(), error.to_string());
        assert!(bytes(&mut memory) == before, "{error}");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory");
        memory.save(&file).unwrap();
        let mut loaded = MemoriaState::load(&file, &device).unwrap();
        twin.detach();
        memory.detach();
        for number in good..good + 3 {
            let expected = go_on(&mut twin, number);
            assert_eq!(go_on(&mut memory, number), expected);
            assert_eq!(go_on(&mut loaded, number), expected);
        }
        assert_eq!(memory.split(&[0]).unwrap().batch(), 1);
    }
}

/// A place that is padding is not read, whatever is there; gradients do not see it either.
#[rstest]
fn what_padding_holds_makes_no_difference(
    #[values(f32::NAN, f32::INFINITY)] bad: f32,
    #[values(0, 2, 4)] place: usize,
) {
    let device = Device::flex().autodiff();
    for layer in layers(&device) {
        let run = |held: f32| {
            let (mut memory, mut outputs, mut losses) = (memory(), Vec::new(), Vec::new());
            for number in 0..4 {
                let padding = (0..2 * SEQ).map(|at| at == SEQ + place).collect();
                let padding = TensorData::new::<bool, _>(padding, [2, SEQ]);
                let padding = Tensor::<2, Bool>::from_data(padding, &device);
                let hidden = segment(number, &device);
                let hidden = hidden.slice_fill([1..2, place..place + 1, 0..D], held);
                let input = MemoriaLayerInput::new(hidden).mask_pad(padding);
                let hidden = layer.forward(input, &mut memory).unwrap().hidden;
                outputs.push(numbers(hidden.clone()));
                losses.push(hidden.square().mean());
            }
            let loss = losses.into_iter().reduce(|a, b| a + b).unwrap();
            let gradients = loss.backward();
            let query = layer.attention.query.weight.val().grad(&gradients).unwrap();
            (outputs, numbers(query), bytes(&mut memory))
        };
        let (outputs, gradients, memory) = run(bad);
        assert!(outputs.iter().flatten().chain(&gradients).all(|number| number.is_finite()));
        assert!((outputs, gradients, memory) == run(0.5));
    }
}

/// Parameters of which nothing finite comes.
fn broken<M: Module>(module: M) -> M {
    struct Break;
    impl ModuleMapper for Break {
        fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
            param.map(|tensor| tensor * f32::NAN)
        }
    }
    module.map(&mut Break)
}

#[test]
fn memories_that_are_not_finite_are_told_of_as_what_they_were_made_of() {
    let device = Device::flex();
    for (layer, of) in [
        (MemoriaLayerConfig::causal(D, 2, SEQ), "the previous segment of row 0"),
        (MemoriaLayerConfig::bidirectional(D, 2, 3), "the segment of row 0"),
    ] {
        let layer = layer.init(&device);
        let mut state = memory();
        for number in 0..3 {
            layer.forward(segment(number, &device), &mut state).unwrap();
        }
        let before = bytes(&mut state);
        let mut bad = layer.clone();
        bad.abstractor = broken(bad.abstractor);
        let error = bad.forward(segment(3, &device), &mut state).unwrap_err();
        assert!(matches!(error, MemoriaError::NonFiniteMemory { row: 0, .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(of), "{text}");
        assert_eq!(text.contains("reset_rows(&[0])"), layer.is_causal, "{text}");
        assert!(bytes(&mut state) == before);
        layer.forward(segment(3, &device), &mut state).unwrap();
        // Of a first segment not even the rows stay.
        let mut state = memory();
        let refused = bad.forward(segment(0, &device), &mut state);
        if !layer.is_causal {
            assert!(refused.is_err() && state.batch() == 0);
            layer.forward(segment(0, &device).narrow(0, 0, 1), &mut state).unwrap();
        }
    }
}

/// What is stored is finite then, and must not be stored again by a second try.
#[test]
fn a_query_that_is_not_finite_stores_nothing() {
    let device = Device::flex();
    let config = MemoriaLayerConfig::causal(D, 2, SEQ).with_num_memories(None);
    let layer = config.init(&device);
    let mut state = memory();
    for number in 0..4 {
        layer.forward(segment(number, &device), &mut state).unwrap();
    }
    let before = bytes(&mut state);
    let mut bad = layer.clone();
    bad.abstractor = broken(bad.abstractor);
    for _again in 0..2 {
        let error = bad.forward(segment(4, &device), &mut state).unwrap_err();
        assert!(matches!(error, MemoriaError::NonFiniteMemory { row: 0, .. }), "{error}");
        assert!(bytes(&mut state) == before);
    }
    layer.forward(segment(4, &device), &mut state).unwrap();
}

/// Whoever uses a layer gives no gains, and can give no others.
#[test]
fn attention_that_is_not_finite_is_told_of_and_the_memory_goes_on() {
    let device = Device::flex();
    for layer in layers(&device) {
        let mut state = memory();
        for number in 0..4 {
            layer.forward(segment(number, &device), &mut state).unwrap();
        }
        let mut bad = layer.clone();
        bad.attention = broken(bad.attention);
        bad.attention_reminded = broken(bad.attention_reminded);
        let error = bad.forward(segment(4, &device), &mut state).unwrap_err();
        assert!(matches!(error, MemoriaError::NonFiniteAttention { row: 0, .. }), "{error}");
        state.verify().unwrap();
        bytes(&mut state);
        let mut one = state.split(&[0]).unwrap();
        state.merge(&mut one).unwrap();
        layer.forward(segment(5, &device), &mut state).unwrap();
    }
}

#[test]
fn a_row_with_bad_gains_gets_none_and_the_others_theirs() {
    let device = Device::flex();
    let working = |number| segment(number, &device);
    let gains = |width: usize, of_row_1: f32| {
        let numbers = (0..2 * width).map(|at| if at < width { 0.5 + at as f32 } else { of_row_1 });
        Tensor::<2>::from_data(TensorData::new(numbers.collect(), [2, width]), &device)
    };
    let run = |of_row_1: f32| {
        let mut state = memory();
        for number in 0..6 {
            let recall = state.recall(working(number)).unwrap();
            let width = recall.ids(0).len();
            let given = gains(width, if number == 3 { of_row_1 } else { 1.0 });
            let given = (width > 0).then_some(given);
            let result = state.adjust_forgiving(&recall, given);
            let is_bad = number == 3 && !of_row_1.is_finite();
            let told = matches!(result, Err(MemoriaError::NonFiniteAttention { row: 1, .. }));
            assert_eq!(told, is_bad, "{result:?}");
            assert!(told || result.is_ok());
        }
        bytes(&mut state)
    };
    assert!(run(f32::NAN) == run(0.0));
    assert!(run(f32::INFINITY) == run(0.0));
}
