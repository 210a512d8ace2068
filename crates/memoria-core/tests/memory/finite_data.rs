//! Non-finite data is detected at the next read of the memory, and never kept.

use crate::support::{
    Memory, device, filled, go_on_alike, host_gains, lived, new, reminded, step, tensor,
};
use burn::backend::{Dispatch, tensor::Device};
use memoria_core::{LifespanGain, MemoriaError};
use rstest::rstest;

/// Adds data for two rows with one bad number, in the third vector of the second row.
fn add_bad(memory: &mut Memory, bad: f32, device: &Device<Dispatch>) {
    let mut numbers = vec![0.25; 2 * 3 * 4];
    numbers[12 + 2 * 4 + 1] = bad;
    memory.add_working_memory(filled(numbers, [2, 3, 4], device)).unwrap();
}

fn is_noticed<T>(result: Result<T, MemoriaError>) {
    let error = result.err();
    assert!(
        matches!(error, Some(MemoriaError::NonFiniteData { row: 1, position: 2, .. })),
        "{error:?}"
    );
}

#[rstest]
fn it_is_noticed_by_the_next_read_and_withdrawn(
    #[values("flex", "ndarray")] name: &str,
    #[values(f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e19, f32::MAX)] bad: f32,
    #[values("state", "remind", "peek")] noticed_by: &str,
) {
    let device = &device(name);
    let (mut memory, mut twin) = (lived(device), lived(device));
    let before = memory.costs().round_trips;
    add_bad(&mut memory, bad, device);
    assert_eq!(memory.costs().round_trips, before, "a round trip of its own");
    match noticed_by {
        "state" => is_noticed(memory.state()),
        "remind" => is_noticed(memory.remind()),
        _ => is_noticed(memory.peek(tensor(0, [2, 1, 4], device))),
    }
    assert_eq!(memory.costs().round_trips, before + 1);
    go_on_alike(&mut memory, &mut twin, None, device);
}

#[rstest]
fn what_was_added_with_it_is_withdrawn_too(#[values(false, true)] bad_first: bool) {
    let device = &device("flex");
    let (mut memory, mut twin) = (lived(device), lived(device));
    if bad_first {
        add_bad(&mut memory, f32::NAN, device);
    }
    memory.add_working_memory(tensor(8, [2, 5, 4], device)).unwrap();
    if !bad_first {
        add_bad(&mut memory, f32::NAN, device);
    }
    is_noticed(memory.remind());
    go_on_alike(&mut memory, &mut twin, None, device);
}

#[rstest]
fn gains_that_wait_outlive_it(#[values(false, true)] noticed_by_remind: bool) {
    let device = &device("flex");
    let (mut memory, open) = reminded(device);
    let gains = tensor(4, [2, open.width()], device);
    memory.adjust(&open, LifespanGain::Device(gains)).unwrap();
    let mut twin = memory.clone();
    add_bad(&mut memory, f32::NAN, device);
    if noticed_by_remind {
        is_noticed(memory.remind());
    } else {
        is_noticed(memory.state());
    }
    go_on_alike(&mut memory, &mut twin, None, device);
}

#[test]
fn an_adjustment_that_notices_it_can_be_made_again() {
    let device = &device("flex");
    let (mut memory, open) = reminded(device);
    let mut twin = memory.clone();
    add_bad(&mut memory, f32::INFINITY, device);
    is_noticed(memory.adjust(&open, LifespanGain::Host(host_gains(&open, 2.0))));
    go_on_alike(&mut memory, &mut twin, Some(&open), device);
}

#[test]
fn it_does_not_matter_in_a_row_that_was_reset_since() {
    let device = &device("flex");
    let (mut memory, mut twin) = (lived(device), lived(device));
    for (memory, number) in [(&mut memory, f32::NAN), (&mut twin, 0.5)] {
        add_bad(memory, number, device);
        memory.reset_rows(&[1]).unwrap();
    }
    go_on_alike(&mut memory, &mut twin, None, device);
}

#[test]
fn a_memory_that_began_with_it_begins_again() {
    let device = &device("flex");
    let (mut memory, mut twin) = (new(), new());
    add_bad(&mut memory, f32::NAN, device);
    is_noticed(memory.remind());
    for memory in [&mut memory, &mut twin] {
        assert_eq!(memory.remind().unwrap().width(), 0);
        (0..6).for_each(|seed| step(memory, seed, device));
    }
    go_on_alike(&mut memory, &mut twin, None, device);
}

#[test]
fn the_largest_distances_allowed_are_still_compared() {
    let device = &device("flex");
    let mut memory = new();
    // Squared norms just below the limit, in opposite directions.
    let far = (f32::MAX / 8.5 / 4.0).sqrt();
    for step in 0..6 {
        let sign = if step % 2 == 0 { 1.0 } else { -1.0 };
        let numbers = (0..24).map(|i| sign * far * (1.0 - i as f32 * 1e-3)).collect();
        memory.add_working_memory(filled(numbers, [2, 3, 4], device)).unwrap();
        let reminded = memory.remind().unwrap();
        memory.adjust(&reminded, LifespanGain::Host(host_gains(&reminded, 1.0))).unwrap();
    }
    assert!(memory.state().unwrap().row(0).unwrap().counts().total() > 0);
}
