//! A state as its user meets it.

use burn::tensor::{Device, Distribution, Tensor};
use memoria_core::{
    Attachment, LongTermSearch, Memoria, MemoriaConfig, MemoriaError, Restore, Storage,
};
use memoria_nn::{
    MemoriaLayer, MemoriaLayerConfig, MemoriaState, MemoriaStateConfig, Padding, RecallInput,
};
use rstest::rstest;

fn memory() -> MemoriaState {
    MemoriaStateConfig::new(MemoriaConfig::new(3, 6, 3, 5.0, 3)).init().unwrap()
}

fn hidden(batch: usize, device: &Device) -> Tensor<3> {
    Tensor::random([batch, 4, 8], Distribution::Normal(0.0, 1.0), device)
}

fn layers(device: &Device) -> [MemoriaLayer; 3] {
    [
        MemoriaLayerConfig::bidirectional(8, 2, 2).init(device),
        MemoriaLayerConfig::causal(8, 2, 4).init(device),
        MemoriaLayerConfig::causal(8, 2, 4).with_num_memories(None).init(device),
    ]
}

#[test]
fn a_forgotten_detach_is_named() {
    let device = Device::flex().autodiff();
    // What comes from blocks below has a graph.
    let hidden = |batch, device: &Device| hidden(batch, device).require_grad() * 1.5;
    for layer in layers(&device) {
        let mut memory = memory();
        assert_eq!(memory.bptt(), 8, "there is a window if none was asked for");
        let mut last = None;
        for _segment in 0..3 {
            last = Some(layer.forward(hidden(2, &device), &mut memory).unwrap().hidden);
        }
        let before = memory.snapshot().unwrap().to_bytes().unwrap();
        let copy = memory.clone();
        drop(last.unwrap().sum().backward());
        let refused = [
            layer.forward(hidden(2, &device), &mut memory).map(drop),
            layer.forward_peek(hidden(2, &device), &mut memory).map(drop),
        ];
        for error in refused {
            let error = error.unwrap_err();
            assert!(matches!(error, MemoriaError::NotDetached), "{error}");
            assert!(error.to_string().contains("call `detach`"));
        }
        assert!(memory.snapshot().unwrap().to_bytes().unwrap() == before);
        drop(copy);
        memory.detach();
        let output = layer.forward(hidden(2, &device), &mut memory).unwrap();
        drop(output.hidden.sum().backward());
        // A row that begins anew ends no window.
        memory.reset_rows(&[0]).unwrap();
        let error = layer.forward(hidden(2, &device), &mut memory).unwrap_err();
        assert!(matches!(error, MemoriaError::NotDetached), "{error}");
        // Without autodiff, and after what ends a window, there is nothing to be detached.
        memory.set_bptt(0);
        for _segment in 0..2 {
            let output = layer.forward(hidden(2, &device), &mut memory).unwrap();
            drop(output.hidden.sum().backward());
        }
    }
}

#[test]
fn after_a_reset_another_batch_may_come() {
    let device = Device::flex();
    for layer in layers(&device) {
        let mut memory = memory();
        for batch in [4, 3, 3, 1, 5] {
            for _segment in 0..3 {
                layer.forward(hidden(batch, &device), &mut memory).unwrap();
            }
            assert_eq!(memory.batch(), batch);
            let error = layer.forward(hidden(batch + 1, &device), &mut memory).unwrap_err();
            assert!(matches!(error, MemoriaError::WrongDimension { dimension: "batch", .. }));
            assert!(error.to_string().contains("`reset`"), "what to do is missing: {error}");
            memory.reset();
            memory.verify().unwrap();
        }
    }
}

#[test]
fn looking_ahead_after_a_reset_changes_nothing() {
    let device = Device::flex();
    for layer in layers(&device) {
        let mut memory = memory();
        // Nor before anything has come.
        layer.forward_peek(hidden(5, &device), &mut memory).unwrap();
        assert_eq!(memory.batch(), 0);
        for _segment in 0..3 {
            layer.forward(hidden(3, &device), &mut memory).unwrap();
        }
        let error = layer.forward_peek(hidden(5, &device), &mut memory).unwrap_err();
        assert!(matches!(error, MemoriaError::WrongDimension { dimension: "batch", .. }));
        memory.reset();
        let before = memory.snapshot().unwrap().to_bytes().unwrap();
        let output = layer.forward_peek(hidden(5, &device), &mut memory).unwrap();
        assert!(output.recall.reminded.is_none());
        memory.peek(hidden(2, &device)).unwrap();
        assert!(memory.snapshot().unwrap().to_bytes().unwrap() == before);
    }
}

/// Whatever stands where there is padding, which would be asked about otherwise.
#[rstest]
fn a_peek_with_padding_finds_what_a_recall_does(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
    #[values(f32::NAN, 30.0)] held: f32,
) {
    let device = Device::flex();
    let config =
        MemoriaConfig::new(2, 6, 3, 50.0, 3).with_long_term_search(LongTermSearch::Nearest);
    let mut memory = MemoriaStateConfig::new(config).init().unwrap();
    *memory.memoria() = Memoria::new(config).unwrap().with_storage(storage);
    // Of the last row nothing is read.
    let mut mask = [false; 12];
    mask[8..].fill(true);
    mask[0] = true;
    mask[6] = true;
    for far in [1.0, 20.0, 1.0, 20.0, 1.0, 1.0, 1.0] {
        let whole = hidden(3, &device) * far;
        let bad = whole.slice_fill([0..1, 0..1, 0..8], held).slice_fill([1..2, 2..3, 0..8], held);
        let input = || RecallInput::new(bad.clone()).padding(Padding::new(4, mask.to_vec()));
        let peeked = memory.peek(input()).unwrap();
        let recall = memory.recall(input()).unwrap();
        assert_eq!(peeked.stages(), recall.stages());
        let scores = [&peeked, &recall].map(|recall| recall.scores().map(Tensor::into_data));
        assert_eq!(scores[0], scores[1]);
        memory.reinforce(&recall, None).unwrap();
    }
    assert!(memory.state().unwrap().row(0).unwrap().counts().long_term > 3);
}

#[test]
fn a_query_without_working_memories_is_no_peek() {
    let device = Device::flex();
    let mut memory = memory();
    for _segment in 0..3 {
        let recall = memory.recall(hidden(2, &device)).unwrap();
        memory.reinforce(&recall, None).unwrap();
    }
    let asked = || RecallInput::new(Tensor::empty([2, 0, 8], &device)).query(hidden(2, &device));
    assert!(memory.peek(asked()).unwrap().reminded.is_none());
    assert!(memory.recall(asked()).unwrap().reminded.is_none());
}

#[test]
fn a_state_without_rows_ends_no_reset() {
    let device = Device::flex();
    let layer = &layers(&device)[0];
    let (mut memory, mut other) = (memory(), memory());
    layer.forward(hidden(2, &device), &mut memory).unwrap();
    memory.reset();
    memory.merge(&mut other).unwrap();
    assert!(memory.is_reset());
    layer.forward(hidden(3, &device), &mut other).unwrap();
    memory.merge(&mut other).unwrap();
    assert!(!memory.is_reset() && memory.batch() == 5);
}

/// A window does not follow them.
#[test]
fn rows_may_be_added_through_the_memory_itself() {
    let device = Device::flex().autodiff();
    let mut memory = memory();
    for rows in [2, 2, 3, 3] {
        let recall = memory.recall(hidden(rows, &device).require_grad()).unwrap();
        let is_tracked = recall.reminded.as_ref().is_some_and(|it| it.data.is_tracked());
        memory.reinforce(&recall, None).unwrap();
        if memory.batch() == 2 && is_tracked {
            memory.memoria().add_rows(1).unwrap();
        }
    }
    assert_eq!(memory.batch(), 3);
}

/// A snapshot may have anything attached to its rows.
#[test]
fn what_is_no_previous_segment_is_refused() {
    let device = Device::flex();
    for (attached, told) in [
        (Tensor::<1>::ones([8], &device).into_dispatch(), "[batch, positions, hidden_dim]"),
        (Tensor::<3>::ones([2, 4, 8], &device).into_dispatch(), "[batch, positions, hidden_dim]"),
        (Tensor::<2>::ones([4, 7], &device).into_dispatch(), "hidden"),
    ] {
        let layer = &layers(&device)[1];
        let mut memory = memory();
        for _segment in 0..2 {
            layer.forward(hidden(1, &device), &mut memory).unwrap();
        }
        memory.memoria().attach(0, "previous_segment", Attachment::Tensor(attached)).unwrap();
        let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
        let restored = Restore::new(device.as_dispatch()).read_bytes(&bytes).unwrap();
        let mut memory = MemoriaState::try_from(restored).unwrap();
        for error in [
            layer.forward(hidden(1, &device), &mut memory).unwrap_err(),
            layer.forward_peek(hidden(1, &device), &mut memory).unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(error.contains("previous_segment") && error.contains(told), "{error}");
        }
        assert!(memory.snapshot().unwrap().to_bytes().unwrap() == bytes);
        memory.reset_rows(&[0]).unwrap();
        layer.forward(hidden(1, &device), &mut memory).unwrap();
    }
}

#[test]
fn two_layers_need_two_memories() {
    let device = Device::flex();
    let ([one, ..], [two, causal, _]) = (layers(&device), layers(&device));
    let mut memory = memory();
    one.forward(hidden(2, &device), &mut memory).unwrap();
    for other in [&two, &causal] {
        let error = other.forward(hidden(2, &device), &mut memory).unwrap_err();
        assert!(matches!(error, MemoriaError::OtherLayer), "{error}");
        assert!(other.forward_peek(hidden(2, &device), &mut memory).is_err());
    }
    let mut others = self::memory();
    two.forward(hidden(2, &device), &mut others).unwrap();
    assert!(matches!(memory.merge(&mut others), Err(MemoriaError::OtherLayer)));
    // A copy of a layer is the same one, as is one that was trained.
    one.clone().forward(hidden(2, &device), &mut memory).unwrap();
    let mut part = memory.split(&[1]).unwrap();
    assert!(two.forward(hidden(1, &device), &mut part).is_err());
    memory.reset();
    two.forward(hidden(2, &device), &mut memory).unwrap();
    // Nor need the next one be as wide.
    memory.reset();
    let wide = MemoriaLayerConfig::causal(12, 2, 4).init(&device);
    for _segment in 0..3 {
        wide.forward(Tensor::ones([2, 4, 12], &device), &mut memory).unwrap();
    }
}

#[test]
fn it_is_shown_in_a_line() {
    let device = Device::flex();
    for layer in layers(&device) {
        let mut memory = memory();
        let mut output = None;
        for _segment in 0..9 {
            output = Some(layer.forward(hidden(64, &device), &mut memory).unwrap());
        }
        let shown = format!("{memory:?}");
        assert!(shown.len() < 800 && shown.contains("rows: 64"), "{shown}");
        let shown = format!("{:?}", output.unwrap());
        assert!(shown.len() < 600 && shown.contains("[64, 4, 8]"), "{shown}");
    }
}

#[test]
fn its_configuration_can_be_looked_at_and_its_window_changed() {
    let config = MemoriaStateConfig::new(MemoriaConfig::small()).with_lifespan_extend_scale(2.0);
    let mut memory = config.init().unwrap();
    assert_eq!(memory.config(), config);
    memory.set_bptt(3);
    assert_eq!(memory.config(), config.with_bptt(3));
    let device = Device::flex();
    let layer = MemoriaLayerConfig::bidirectional(8, 2, 2).init(&device);
    layer.forward(hidden(2, &device), &mut memory).unwrap();
    let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
    let restored = memoria_core::Restore::new(device.as_dispatch()).read_bytes(&bytes).unwrap();
    assert_eq!(MemoriaState::try_from(restored).unwrap().config(), config.with_bptt(3));
}

/// Rows that are absent have nothing, are reminded of nothing and attend to nothing; no time passes for them.
#[rstest]
fn absent_rows_take_no_part(#[values(false, true)] with_query: bool) {
    let device = Device::flex();
    let layer = MemoriaLayerConfig::bidirectional(8, 2, 2).init(&device);
    let mut memory = memory();
    let asked = |memories: Tensor<3>, absent: &[usize]| {
        let asked = RecallInput::new(memories).absent(absent);
        if with_query { asked.query(hidden(3, &device)) } else { asked }
    };
    for _segment in 0..3 {
        let recall = memory.recall(asked(hidden(3, &device), &[])).unwrap();
        memory.reinforce(&recall, None).unwrap();
    }
    let ages = |memory: &mut MemoriaState, row: usize| {
        let state = memory.state().unwrap();
        let row = state.row(row).unwrap();
        row.engrams().map(|e| (e.id, e.age, e.lifespan.to_bits())).collect::<Vec<_>>()
    };
    let before = ages(&mut memory, 1);
    let peeked = memory.peek(asked(hidden(3, &device), &[1])).unwrap();
    assert!(peeked.ids(1).is_empty() && !peeked.ids(0).is_empty());
    let working = hidden(3, &device);
    let recall = memory.recall(asked(working.clone(), &[1])).unwrap();
    assert!(recall.ids(1).is_empty() && !recall.ids(2).is_empty());
    let input = hidden(3, &device);
    let output = layer.attend(input.clone(), recall);
    memory.reinforce(&output.recall, output.weights).unwrap();
    assert_eq!(ages(&mut memory, 1), before);
    assert_ne!(ages(&mut memory, 0), before);
    // Whatever stands in its place, and what it gets is what a row without memories gets.
    let bias = layer.attention.output.bias.as_ref().unwrap().val().reshape([1, 1, 8]);
    let expected = input.narrow(0, 1, 1) + bias.clone() + bias;
    let got = output.hidden.narrow(0, 1, 1);
    assert_eq!(got.into_data(), expected.into_data());
}

#[test]
fn queries_that_do_not_fit_are_refused_before_anything_is_stored() {
    let device = Device::flex();
    let mut memory = memory();
    let recall = memory.recall(hidden(2, &device)).unwrap();
    memory.reinforce(&recall, None).unwrap();
    let before = memory.snapshot().unwrap().to_bytes().unwrap();
    let query = |shape: [usize; 3]| Tensor::<3>::ones(shape, &device);
    for wrong in [query([3, 1, 8]), query([2, 1, 7]), query([2, 0, 8])] {
        let asked = || RecallInput::new(hidden(2, &device)).query(wrong.clone());
        assert!(memory.recall(asked()).is_err() && memory.peek(asked()).is_err());
    }
    let double = query([2, 1, 8]).cast(burn::tensor::DType::F64);
    let error = memory.recall(RecallInput::new(hidden(2, &device)).query(double)).unwrap_err();
    assert!(matches!(error, MemoriaError::WrongDType { .. }), "{error}");
    assert!(memory.snapshot().unwrap().to_bytes().unwrap() == before);
}
