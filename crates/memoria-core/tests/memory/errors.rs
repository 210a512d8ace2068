//! Refused calls and their errors. A refused call changes nothing.

use crate::support::{device, filled, go_on_alike, lived, new, refused, reminded, tensor};
use burn::backend::{Dispatch, Flex, TensorData, ops::FloatTensorOps};
use memoria_core::{EngramId, LifespanGain, Memoria, MemoriaConfig, MemoriaError};
use rstest::rstest;

#[test]
fn a_lifespan_out_of_range_makes_no_memory() {
    let error = Memoria::<Flex>::new(MemoriaConfig::new(1, 1, 1, 0.0, 1)).unwrap_err();
    assert!(matches!(error, MemoriaError::InvalidConfig { field: "initial_lifespan", .. }));
}

#[rstest]
fn working_memory_of_another_shape_is_refused(#[values("flex", "ndarray")] name: &str) {
    use MemoriaError::{EmptyDimension, WrongDimension, WrongRank};
    let device = &device(name);
    let add = |data| refused(lived(device), None, device, |m| m.add_working_memory(data));
    assert!(matches!(add(tensor(0, [2, 4], device)), WrongRank { got, .. } if got == [2, 4]));
    assert!(matches!(add(tensor(0, [1, 2, 1, 4], device)), WrongRank { .. }));
    assert!(matches!(
        add(tensor(0, [3, 1, 4], device)),
        WrongDimension { dimension: "batch", expected: 2, got: 3, .. }
    ));
    assert!(matches!(
        add(tensor(0, [2, 1, 5], device)),
        WrongDimension { dimension: "hidden", expected: 4, got: 5, .. }
    ));
    assert!(matches!(add(tensor(0, [0, 1, 4], device)), EmptyDimension { dimension: "batch", .. }));
    assert!(matches!(
        add(tensor(0, [2, 1, 0], device)),
        EmptyDimension { dimension: "hidden", .. }
    ));
}

#[rstest]
fn a_first_working_memory_without_rows_or_numbers_is_refused(
    #[values("flex", "ndarray")] name: &str,
    #[values([0, 1, 4], [2, 1, 0], [0, 0, 0])] shape: [usize; 3],
) {
    let device = &device(name);
    let error = refused(new(), None, device, |m| m.add_working_memory(tensor(0, shape, device)));
    assert!(matches!(error, MemoriaError::EmptyDimension { .. }));
}

#[rstest]
fn no_working_memories_are_none(#[values("flex", "ndarray")] name: &str) {
    let device = &device(name);
    let (mut memory, mut twin) = (lived(device), lived(device));
    memory.add_working_memory(tensor(0, [2, 0, 4], device)).unwrap();
    go_on_alike(&mut memory, &mut twin, None, device);
    let mut empty = new();
    empty.add_working_memory(tensor(0, [2, 0, 4], device)).unwrap();
    assert_eq!(empty.remind().unwrap().width(), 0);
}

#[rstest]
fn gains_for_no_engram_may_be_an_empty_tensor(#[values("flex", "ndarray")] name: &str) {
    let device = &device(name);
    let (mut memory, mut twin) = (new(), new());
    for (memory, on_device) in [(&mut memory, true), (&mut twin, false)] {
        memory.add_working_memory(tensor(0, [2, 3, 4], device)).unwrap();
        let reminded = memory.remind().unwrap();
        assert_eq!((reminded.width(), reminded.data().is_some()), (0, false));
        let gain = match on_device {
            true => LifespanGain::Device(tensor(0, [2, 0], device)),
            false => LifespanGain::Zero,
        };
        memory.adjust(&reminded, gain).unwrap();
    }
    go_on_alike(&mut memory, &mut twin, None, device);
}

#[rstest]
fn working_memory_of_another_float_type_is_refused(#[values("flex", "ndarray")] name: &str) {
    let device = &device(name);
    let double = TensorData::new(vec![0.5f64; 8], [2, 1, 4]);
    let double = Dispatch::float_from_data(double, device);
    let error = refused(lived(device), None, device, |m| m.add_working_memory(double.clone()));
    assert!(matches!(error, MemoriaError::WrongDType { .. }), "{error}");
    let error = refused(lived(device), None, device, |m| m.peek(double));
    assert!(matches!(error, MemoriaError::WrongDType { .. }), "{error}");
}

#[test]
fn tensors_on_another_device_are_refused() {
    let (flex, ndarray) = (&device("flex"), &device("ndarray"));
    let elsewhere = tensor(0, [2, 1, 4], ndarray);
    let error = refused(lived(flex), None, flex, |m| m.add_working_memory(elsewhere.clone()));
    assert!(matches!(error, MemoriaError::WrongDevice { tensor: "working memory", .. }));
    let error = refused(lived(flex), None, flex, |m| m.peek(elsewhere));
    assert!(matches!(error, MemoriaError::WrongDevice { tensor: "query", .. }));
    let (memory, open) = reminded(flex);
    let gain = LifespanGain::Device(tensor(0, [2, open.width()], ndarray));
    let error = refused(memory, Some(&open), flex, |m| m.adjust(&open, gain));
    assert!(matches!(error, MemoriaError::WrongDevice { tensor: "lifespan gains", .. }));
}

#[test]
fn a_peek_that_does_not_fit_is_refused() {
    use MemoriaError::{EmptyDimension, WrongDimension, WrongRank};
    let device = &device("flex");
    let peek = |shape| refused(lived(device), None, device, |m| m.peek(tensor(0, shape, device)));
    assert!(matches!(peek([3, 1, 4]), WrongDimension { tensor: "query", .. }));
    assert!(matches!(peek([2, 1, 5]), WrongDimension { tensor: "query", .. }));
    assert!(matches!(peek([2, 1, 0]), EmptyDimension { tensor: "query", .. }));
    let flat = refused(lived(device), None, device, |m| m.peek(tensor(0, [2, 4], device)));
    assert!(matches!(flat, WrongRank { tensor: "query", .. }));
}

#[rstest]
#[case(f32::NAN)]
#[case(f32::INFINITY)]
#[case(1e19)]
fn a_peek_with_numbers_that_are_not_finite_is_refused_and_changes_nothing(#[case] bad: f32) {
    let device = &device("flex");
    let (mut memory, open) = reminded(device);
    let mut twin = memory.clone();
    let mut numbers = vec![0.5; 16];
    numbers[13] = bad;
    let error = memory.peek(filled(numbers, [2, 2, 4], device)).unwrap_err();
    assert!(matches!(error, MemoriaError::NonFiniteQuery { row: 1, position: 1, .. }), "{error}");
    go_on_alike(&mut memory, &mut twin, Some(&open), device);
}

#[test]
fn rows_and_engrams_that_do_not_exist_are_refused() {
    let device = &device("flex");
    let error = refused(lived(device), None, device, |m| m.reset_rows(&[0, 2]));
    assert!(matches!(error, MemoriaError::RowOutOfRange { got: 2, rows: 2 }));
    assert!(matches!(new().reset_rows(&[0]), Err(MemoriaError::RowOutOfRange { got: 0, rows: 0 })));
    let mut memory = lived(device);
    let state = memory.state().unwrap();
    assert!(matches!(state.row(2), Err(MemoriaError::RowOutOfRange { got: 2, rows: 2 })));
    let row = state.row(1).unwrap();
    let (unborn, known) = (EngramId(15), row.engrams().next().unwrap().id);
    let unknown = |error: Option<MemoriaError>| matches!(error, Some(MemoriaError::NoSuchEngram { row: 1, engram }) if engram == unborn);
    assert!(unknown(row.engram(unborn).err()));
    assert!(unknown(row.vectors(&[known, unborn]).err()));
    assert!(unknown(row.cofire_count(unborn, known).err()));
    assert!(unknown(row.cofire_count(known, unborn).err()));
    assert!(unknown(row.connection_weight(known, unborn).err()));
    assert!(unknown(row.strongest_connections(unborn, 3).err()));
}
