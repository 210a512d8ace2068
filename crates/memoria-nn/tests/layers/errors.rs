//! What states and modules refuse, and how.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Bool, Device, Tensor};
use memoria_core::{Memoria, MemoriaConfig, MemoriaError};
use memoria_nn::{
    AbstractorConfig, MemoriaLayerConfig, MemoriaState, MemoriaStateConfig, MemoryAttentionConfig,
    MemoryAttentionInput, Padding, RecallInput, recall_scores,
};
use rstest::rstest;

fn config() -> MemoriaStateConfig {
    MemoriaStateConfig::new(MemoriaConfig::new(3, 6, 3, 3.0, 3)).with_bptt(1)
}

fn ones<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::ones(shape, &Device::flex())
}

/// Two rows that have lived for three segments.
fn lived() -> MemoriaState {
    let mut state = config().init().unwrap();
    for _ in 0..3 {
        let recall = state.recall(ones([2, 2, 4])).unwrap();
        state.reinforce(&recall, None).unwrap();
    }
    state
}

/// The error of a call that must fail, after which the state is as it was.
fn refused<T>(call: impl FnOnce(&mut MemoriaState) -> Result<T, MemoriaError>) -> MemoriaError {
    let mut state = lived();
    let before = state.snapshot().unwrap().to_bytes().unwrap();
    let error = call(&mut state).err().expect("the call should be refused");
    assert!(state.snapshot().unwrap().to_bytes().unwrap() == before, "{error}");
    error
}

#[rstest]
#[case(f32::NAN)]
#[case(f32::INFINITY)]
fn a_scale_that_is_not_finite_makes_no_state(#[case] scale: f32) {
    let error = config().with_lifespan_extend_scale(scale).init().unwrap_err();
    assert!(matches!(error, MemoriaError::InvalidConfig { field: "lifespan_extend_scale", .. }));
    let error = MemoriaStateConfig::new(MemoriaConfig::new(1, 1, 1, -1.0, 1)).init().unwrap_err();
    assert!(matches!(error, MemoriaError::InvalidConfig { field: "initial_lifespan", .. }));
}

#[test]
fn working_memories_that_do_not_fit_are_refused() {
    use MemoriaError::{EmptyDimension, NonFiniteData, NonFiniteQuery, WrongDimension};
    for is_peek in [false, true] {
        let give = |shape: [usize; 3]| {
            refused(|state| match is_peek {
                true => state.peek(ones(shape)),
                false => state.recall(ones(shape)),
            })
        };
        assert!(matches!(give([3, 2, 4]), WrongDimension { dimension: "batch", .. }));
        assert!(matches!(give([2, 2, 5]), WrongDimension { dimension: "hidden", .. }));
        assert!(matches!(give([0, 2, 4]), EmptyDimension { dimension: "batch", .. }));
        assert!(matches!(give([2, 2, 0]), EmptyDimension { dimension: "hidden", .. }));
        let error = refused(|state| match is_peek {
            true => state.peek(ones([2, 2, 4]) * f32::NAN),
            false => state.recall(ones([2, 2, 4]) * f32::NAN),
        });
        assert!(matches!(error, NonFiniteData { .. } | NonFiniteQuery { .. }), "{error}");
    }
}

#[test]
fn padding_of_other_memories_is_refused_before_anything_is_stored() {
    for (rows, positions) in [(2, 3), (2, 1), (3, 2), (1, 2)] {
        let mut mask = vec![false; rows * positions];
        mask[0] = true;
        let padding = Padding::new(positions, mask);
        let input = || RecallInput::new(ones([2, 2, 4])).padding(padding.clone());
        for error in [
            refused(|state| state.recall(input())),
            refused(|state| state.peek(input())),
            refused(|state| state.keep_segment(ones([2, 2, 4]), padding.as_ref())),
            refused(|state| state.checking(&ones([2, 2, 4]), padding.as_ref(), |_| Ok(()))),
        ] {
            let is_padding =
                matches!(error, MemoriaError::WrongDimension { tensor: "padding", .. });
            assert!(is_padding, "{rows} rows of {positions}: {error}");
        }
    }
}

/// A query that is a view may have any size, and is compared from all of it.
#[test]
fn of_a_segment_that_fails_halfway_nothing_is_stored() {
    let query = ones([2, 1, 4]).expand([2, 1usize << 40, 4]);
    let error = refused(|state| state.recall(RecallInput::new(ones([2, 2, 4])).query(query)));
    assert!(matches!(error, MemoriaError::OutOfMemory { .. }), "{error}");
    // The first two places fit beside what is there, the others do not.
    let mut state = config().init().unwrap();
    *state.memoria() = Memoria::new(config().memoria).unwrap().with_memory_limit(20 * 16);
    let padding = (0..2 * 42).map(|place| place >= 42 + 2).collect();
    let too_long = RecallInput::new(ones([2, 42, 4])).padding(Padding::new(42, padding));
    for rows in [0, 2] {
        let before = state.snapshot().unwrap().to_bytes().unwrap();
        let error = state.recall(too_long.clone()).unwrap_err();
        assert!(matches!(error, MemoriaError::OutOfMemory { .. }), "{error}");
        assert_eq!(state.batch(), rows);
        assert!(state.snapshot().unwrap().to_bytes().unwrap() == before);
        state.verify().unwrap();
        let recall = state.recall(ones([2, 1, 4])).unwrap();
        state.reinforce(&recall, None).unwrap();
    }
}

#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
fn elsewhere() -> Device {
    Device::ndarray()
}

#[test]
fn tensors_on_another_device_are_refused() {
    let away = || Tensor::<3>::ones([2, 2, 4], &elsewhere());
    let error = refused(|state| state.recall(away()));
    assert!(matches!(error, MemoriaError::WrongDevice { .. }), "{error}");
    let error = refused(|state| state.peek(away()));
    assert!(matches!(error, MemoriaError::WrongDevice { .. }), "{error}");
    let mut state = lived();
    let recall = state.recall(ones([2, 2, 4])).unwrap();
    let width = recall.ids(0).len();
    let away = Tensor::<4>::ones([2, 1, 1, width], &elsewhere());
    for weights in [vec![away.clone()], vec![ones([2, 1, 1, width]), away]] {
        let error = state.reinforce(&recall, weights).unwrap_err();
        assert!(matches!(error, MemoriaError::WrongDevice { .. }), "{error}");
    }
    state.reinforce(&recall, Some(ones([2, 1, 1, width]))).unwrap();
}

#[test]
fn weights_that_do_not_fit_are_refused_and_others_can_be_given() {
    let mut state = lived();
    let recall = state.recall(ones([2, 2, 4])).unwrap();
    let width = recall.ids(0).len();
    for shape in [[3, 1, 1, width], [2, 1, 1, width + 1], [2, 1, 1, 0]] {
        let error = state.reinforce(&recall, Some(ones(shape))).unwrap_err();
        assert!(matches!(error, MemoriaError::WrongDimension { .. }), "{error}");
    }
    let double = ones([2, 1, 1, width]).cast(burn::tensor::DType::F64);
    let error = state.reinforce(&recall, [ones([2, 1, 1, width]), double]).unwrap_err();
    assert!(matches!(error, MemoriaError::WrongDType { .. }), "{error}");
    for shape in [[2, 0, 1, width], [2, 1, 0, width]] {
        let error = state.reinforce(&recall, Some(ones(shape))).unwrap_err();
        assert!(matches!(error, MemoriaError::EmptyDimension { .. }), "{error}");
    }
    let padding =
        |shape: [usize; 2], device: &Device| Tensor::<2, Bool>::full(shape, false, device);
    let (here, queries) = (Device::flex(), || Some(ones([2, 1, 3, width])));
    for shape in [[3, 3], [2, 4]] {
        let padding = padding(shape, &here);
        let error = state.reinforce_except(&recall, queries(), Some(&padding)).unwrap_err();
        assert!(matches!(error, MemoriaError::WrongDimension { .. }), "{error}");
    }
    // Also where nothing was attended to.
    let error = state.reinforce_except(&recall, None, Some(&padding([3, 3], &here))).unwrap_err();
    assert!(matches!(error, MemoriaError::WrongDimension { dimension: "batch", .. }), "{error}");
    let away = padding([2, 3], &elsewhere());
    let error = state.reinforce_except(&recall, queries(), Some(&away)).unwrap_err();
    assert!(matches!(error, MemoriaError::WrongDevice { .. }), "{error}");
    state.reinforce_except(&recall, queries(), Some(&padding([2, 3], &here))).unwrap();
    let error = state.reinforce(&recall, None).unwrap_err();
    assert!(matches!(error, MemoriaError::NothingReminded), "{error}");

    let old = state.recall(ones([2, 2, 4])).unwrap();
    let new = state.recall(ones([2, 2, 4])).unwrap();
    assert!(matches!(state.reinforce(&old, None).unwrap_err(), MemoriaError::StaleReminded));
    let peeked = lived().peek(ones([2, 2, 4])).unwrap();
    assert!(matches!(state.reinforce(&peeked, None).unwrap_err(), MemoriaError::StaleReminded));
    // Weights that are not finite are noticed at the next read; then the step is open again.
    let width = new.ids(0).len();
    state.reinforce(&new, Some(ones([2, 1, 1, width]) * f32::NAN)).unwrap();
    assert!(matches!(state.state().err(), Some(MemoriaError::NonFiniteGain { .. })));
    state.reinforce(&new, Some(ones([2, 1, 1, width]))).unwrap();
}

#[test]
fn rows_that_do_not_exist_are_refused() {
    use MemoriaError::{NoRows, RowOutOfRange, RowTwice};
    assert!(matches!(refused(|state| state.reset_rows(&[2])), RowOutOfRange { got: 2, rows: 2 }));
    assert!(matches!(refused(|state| state.split(&[2])), RowOutOfRange { got: 2, rows: 2 }));
    assert!(matches!(refused(|state| state.split(&[0, 0])), RowTwice { row: 0 }));
    let working = || ones([2, 2, 4]);
    let error = refused(|state| state.recall(RecallInput::new(working()).absent(&[2])));
    assert!(matches!(error, RowOutOfRange { got: 2, rows: 2 }), "{error}");
    let error = refused(|state| state.peek(RecallInput::new(working()).absent(&[0, 2])));
    assert!(matches!(error, RowOutOfRange { got: 2, rows: 2 }), "{error}");
    let mut one = lived().split(&[0]).unwrap();
    let error = refused(|state| state.replace_row(2, &mut one));
    assert!(matches!(error, RowOutOfRange { got: 2, rows: 2 }), "{error}");
    assert!(matches!(config().init().unwrap().add_rows(1), Err(NoRows)));
}

/// Nothing can be remembered of it.
#[test]
fn a_segment_without_positions_is_refused() {
    let layer = MemoriaLayerConfig::bidirectional(4, 2, 2).init(&Device::flex());
    for error in [
        refused(|state| layer.forward(ones([2, 0, 4]), state)),
        refused(|state| layer.forward_peek(ones([2, 0, 4]), state)),
    ] {
        let MemoriaError::EmptyDimension { dimension: "sequence", got, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(got[..], [2, 0, 4]);
    }
}

/// Programming mistakes panic, as in Burn's own modules, and say what was expected.
#[test]
fn modules_panic_at_shapes_that_do_not_fit() {
    let device = Device::flex();
    let panics = |call: &dyn Fn()| catch_unwind(AssertUnwindSafe(call)).is_err();
    assert!(panics(&|| drop(MemoryAttentionConfig::new(10, 3).init(&device))));
    assert!(panics(&|| drop(MemoryAttentionConfig::new(10, 0).init(&device))));
    assert!(panics(&|| drop(MemoriaLayerConfig::bidirectional(10, 3, 2).init(&device))));
    let causal = MemoriaLayerConfig::causal(4, 2, 3);
    for none in [
        MemoriaLayerConfig::bidirectional(4, 2, 0),
        causal.clone().with_num_memories(Some(0)),
        causal.clone().with_num_memories(None).with_num_queries(0),
        causal.clone().with_max_places(Some(0)),
        causal.with_recency(Some(0)),
    ] {
        assert!(panics(&|| drop(none.init(&device))), "{none:?}");
    }
    assert!(panics(&|| drop(AbstractorConfig::new(4, 0).init(&device))));
    assert!(panics(&|| drop(AbstractorConfig::new(4, 2).init_queries(&device))));
    let (metric, pooling) = Default::default();
    let scores =
        |queries| recall_scores(ones([2, queries, 4]), ones([2, 3, 4]), None, metric, pooling);
    assert!(panics(&|| drop(scores(0))) && scores(1).dims() == [2, 3]);
    let abstractor = AbstractorConfig::new(4, 2).init(&device);
    assert!(panics(&|| drop(abstractor.forward(ones([2, 3, 5]), None).memories)));
    let mask = Tensor::<2, Bool>::from_data([[true, false]], &device);
    assert!(panics(&|| drop(abstractor.forward(ones([2, 3, 4]), Some(mask.clone())))));
    let attention = MemoryAttentionConfig::new(4, 2).init(&device);
    let attend = |memories: [usize; 3]| {
        attention.forward(MemoryAttentionInput::new(ones([2, 3, 4]), ones(memories)))
    };
    assert!(panics(&|| drop(attend([3, 3, 4]))));
    assert!(panics(&|| drop(attend([2, 3, 5]))));
    let layer = MemoriaLayerConfig::bidirectional(4, 2, 2).init(&device);
    assert!(panics(&|| drop(layer.forward(ones([2, 3, 5]), &mut lived()))));
    assert!(panics(&|| drop(layer.forward_peek(ones([2, 3, 5]), &mut lived()))));
    let recall = lived().recall(ones([2, 2, 4])).unwrap();
    assert!(panics(&|| assert!(recall.ids(2).is_empty())));
    assert!(panics(&|| drop(layer.attend(ones([2, 3, 5]), recall.clone()))));
    // A memory of another size is the memory's to refuse.
    let error = layer.forward(ones([3, 3, 4]), &mut lived()).unwrap_err();
    assert!(matches!(error, MemoriaError::WrongDimension { dimension: "batch", .. }), "{error}");
}
