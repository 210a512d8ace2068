//! Adjustments that are refused, at once or when the gains arrive. They change nothing.

use crate::support::{
    device, filled, go_on_alike, host_gains, lived, new, refused, reminded, step, tensor,
};
use burn::backend::{Dispatch, tensor::Device};
use memoria_core::{EngramId, LifespanGain, MemoriaError};
use rstest::rstest;

/// Returns gains on the device for two rows; all are 1 except one.
fn gains_with(
    bad: f32,
    row: usize,
    width: usize,
    device: &Device<Dispatch>,
) -> LifespanGain<Dispatch> {
    let mut gains = vec![1.0; 2 * width];
    gains[row * width] = bad;
    LifespanGain::Device(filled(gains, [2, width], device))
}

#[test]
fn without_a_remind_there_is_nothing_to_adjust() {
    let device = &device("flex");
    let adjust =
        |memory, open: &_| refused(memory, None, device, |m| m.adjust(open, LifespanGain::Zero));
    for on_device in [false, true] {
        let (mut memory, open) = reminded(device);
        let gain =
            if on_device { gains_with(1.0, 0, open.width(), device) } else { LifespanGain::Zero };
        memory.adjust(&open, gain).unwrap();
        assert!(matches!(adjust(memory.clone(), &open), MemoriaError::NothingReminded), "twice");
        memory.add_working_memory(tensor(9, [2, 1, 4], device)).unwrap();
        assert!(matches!(adjust(memory, &open), MemoriaError::NothingReminded), "not reminded yet");
    }
    let (mut memory, open) = reminded(device);
    memory.reset();
    assert!(matches!(adjust(memory, &open), MemoriaError::NothingReminded), "after a reset");
    let (_, open) = reminded(device);
    assert!(matches!(adjust(new(), &open), MemoriaError::NothingReminded), "never reminded");
}

#[test]
fn only_the_last_remind_of_the_same_memory_can_be_adjusted_with() {
    let device = &device("flex");
    let (mut memory, first) = reminded(device);
    let second = memory.remind().unwrap();
    let (mut other, of_another) = reminded(device);
    let peeked = memory.peek(tensor(3, [2, 1, 4], device)).unwrap();
    for stale in [&first, &of_another, &peeked] {
        let error = refused(memory.clone(), Some(&second), device, |m| {
            m.adjust(stale, LifespanGain::Host(host_gains(stale, 5.0)))
        });
        assert!(matches!(error, MemoriaError::StaleReminded), "{error}");
    }
    memory.adjust(&second, LifespanGain::Zero).unwrap();
    memory.reset();
    other.reset();
    let empty = other.remind().unwrap();
    memory.remind().unwrap();
    assert!(matches!(memory.adjust(&empty, LifespanGain::Zero), Err(MemoriaError::StaleReminded)));
}

#[test]
fn a_reset_between_two_steps_makes_results_of_the_first_stale() {
    let device = &device("flex");
    let (mut memory, old) = reminded(device);
    memory.reset();
    step(&mut memory, 1, device);
    memory.add_working_memory(tensor(2, [2, 3, 4], device)).unwrap();
    let open = memory.remind().unwrap();
    let gain = LifespanGain::Host(host_gains(&old, 5.0));
    let error = refused(memory, Some(&open), device, |m| m.adjust(&old, gain));
    assert!(matches!(error, MemoriaError::StaleReminded), "{error}");
}

#[rstest]
fn gains_of_another_shape_are_refused(#[values("flex", "ndarray")] name: &str) {
    use MemoriaError::{WrongDimension, WrongGainCount, WrongRank};
    let device = &device(name);
    let (memory, open) = reminded(device);
    let width = open.width();
    let adjust = |gain| refused(memory.clone(), Some(&open), device, |m| m.adjust(&open, gain));
    let on_device = |rows, width| LifespanGain::Device(tensor(0, [rows, width], device));

    let mut gains = host_gains(&open, 1.0);
    gains.pop();
    let error = adjust(LifespanGain::Host(gains));
    assert!(matches!(&error, WrongGainCount { what, expected: 2, got: 1 } if what == "rows"));
    let mut gains = host_gains(&open, 1.0);
    gains[1].push(1.0);
    let long = gains[1].len();
    let error = adjust(LifespanGain::Host(gains));
    assert!(
        matches!(error, WrongGainCount { expected, got, .. } if (expected + 1, got) == (long, long))
    );

    let flat = LifespanGain::Device(tensor(0, [2 * width], device));
    assert!(matches!(adjust(flat), WrongRank { tensor: "lifespan gains", .. }));
    let error = adjust(on_device(3, width));
    assert!(matches!(error, WrongDimension { dimension: "batch", expected: 2, got: 3, .. }));
    let error = adjust(on_device(2, width + 1));
    assert!(
        matches!(error, WrongDimension { dimension: "reminded", expected, .. } if expected == width)
    );
    let error = adjust(on_device(2, 0));
    assert!(matches!(error, WrongDimension { dimension: "reminded", got: 0, .. }));
}

#[rstest]
fn gains_on_the_host_must_be_finite(
    #[values(f32::NAN, f32::INFINITY, f32::NEG_INFINITY)] bad: f32,
    #[values(0, 1)] row: usize,
) {
    let device = &device("flex");
    let (memory, open) = reminded(device);
    let mut gains = host_gains(&open, 1.0);
    *gains[row].last_mut().unwrap() = bad;
    let id: EngramId = *open.ids(row).last().unwrap();
    let error =
        refused(memory, Some(&open), device, |m| m.adjust(&open, LifespanGain::Host(gains)));
    let MemoriaError::NonFiniteGain { row: of_row, engram, .. } = error else { panic!("{error}") };
    assert_eq!((of_row, engram), (row, id));
}

/// A remind, a state or a peek detects them. The memory is then as after the remind to which they belong.
#[rstest]
fn gains_on_the_device_must_be_finite_and_may_be_given_again(
    #[values("flex", "ndarray")] name: &str,
    #[values(f32::NAN, f32::INFINITY)] bad: f32,
    #[values("state", "remind", "peek")] noticed_by: &str,
    #[values(false, true)] added_since: bool,
) {
    let device = &device(name);
    let (mut memory, open) = reminded(device);
    let mut twin = memory.clone();
    let id = open.ids(1)[0];
    memory.adjust(&open, gains_with(bad, 1, open.width(), device)).unwrap();
    if added_since {
        memory.add_working_memory(tensor(77, [2, 2, 4], device)).unwrap();
    }
    let error = match noticed_by {
        "state" => memory.state().err(),
        "remind" => memory.remind().err(),
        _ => memory.peek(tensor(1, [2, 1, 4], device)).err(),
    };
    let Some(MemoriaError::NonFiniteGain { row: 1, engram, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(engram, id);
    go_on_alike(&mut memory, &mut twin, Some(&open), device);
}

#[test]
fn gains_of_rows_that_were_reset_since_do_not_matter() {
    let device = &device("flex");
    let (mut memory, open) = reminded(device);
    let mut twin = memory.clone();
    for (memory, gain) in [(&mut memory, f32::NAN), (&mut twin, 1.0)] {
        memory.adjust(&open, gains_with(gain, 1, open.width(), device)).unwrap();
        memory.reset_rows(&[1]).unwrap();
    }
    go_on_alike(&mut memory, &mut twin, None, device);
}

#[test]
fn gains_for_padding_do_not_matter() {
    let device = &device("flex");
    let (mut memory, _) = reminded(device);
    memory.reset_rows(&[1]).unwrap();
    let open = memory.remind().unwrap();
    assert!(open.ids(1).is_empty());
    let mut twin = memory.clone();
    memory.adjust(&open, gains_with(f32::NAN, 1, open.width(), device)).unwrap();
    twin.adjust(&open, gains_with(1.0, 1, open.width(), device)).unwrap();
    go_on_alike(&mut memory, &mut twin, None, device);
}

#[test]
fn gains_on_the_device_wait_for_no_one() {
    let device = &device("flex");
    let (mut memory, open) = reminded(device);
    let before = memory.costs().round_trips;
    memory.adjust(&open, gains_with(1.0, 0, open.width(), device)).unwrap();
    memory.add_working_memory(tensor(5, [2, 3, 4], device)).unwrap();
    assert_eq!(memory.costs().round_trips, before);
    memory.remind().unwrap();
    assert!(memory.costs().round_trips <= before + 2);
    assert!(lived(device).costs().round_trips <= 10);
}
