//! A query that differs from the stored memories.

use crate::support::{device, filled, go_on_alike, host_gains, picture, refused, step, tensor};
use burn::backend::Dispatch;
use memoria_core::{
    LifespanGain, LongTermSearch, Memoria, MemoriaConfig, MemoriaError, Pooling, Recall, Storage,
};
use rstest::rstest;

/// Returns a memory with two rows and dimension 4, after five steps.
fn lived(storage: Storage, pooling: Pooling) -> Memoria<Dispatch> {
    let config = MemoriaConfig::new(3, 6, 3, 3.0, 3)
        .with_ltm_exploration(1, 11)
        .with_long_term_search(LongTermSearch::WalkAndNearest)
        .with_pooling(pooling);
    let mut memory = Memoria::new(config).unwrap().with_storage(storage);
    (0..5).for_each(|seed| step(&mut memory, seed, &device("flex")));
    memory
}

fn adjust(memory: &mut Memoria<Dispatch>, reminded: &Recall<Dispatch>) {
    memory.adjust(reminded, LifespanGain::Host(host_gains(reminded, 2.0))).unwrap();
}

#[rstest]
fn a_query_of_the_working_vectors_reminds_as_they_do(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
    #[values(Pooling::Mean, Pooling::Max)] pooling: Pooling,
) {
    let device = &device("flex");
    let (mut memory, mut twin) = (lived(storage, pooling), lived(storage, pooling));
    let working = tensor(50, [2, 3, 4], device);
    for memory in [&mut memory, &mut twin] {
        memory.add_working_memory(working.clone()).unwrap();
    }
    let round_trips = [&memory, &twin].map(|memory| memory.costs().round_trips);
    let (got, expected) = (memory.remind_for(working).unwrap(), twin.remind().unwrap());
    assert_eq!(got.stages(), expected.stages());
    assert_eq!(got.working(1), expected.working(1));
    assert_eq!(
        memory.costs().round_trips - round_trips[0],
        twin.costs().round_trips - round_trips[1]
    );
    adjust(&mut memory, &got);
    adjust(&mut twin, &expected);
    go_on_alike(&mut memory, &mut twin, None, device);
}

/// It finds the same engrams as a peek with the query. They fire together with the working ones.
#[rstest]
fn a_query_finds_what_a_peek_finds_and_is_not_stored(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
    #[values(Pooling::Mean, Pooling::Max)] pooling: Pooling,
) {
    let device = &device("flex");
    let mut memory = lived(storage, pooling);
    let query = tensor(3, [2, 2, 4], device);
    let peeked = memory.peek(query.clone()).unwrap();
    memory.add_working_memory(tensor(50, [2, 3, 4], device)).unwrap();
    let reminded = memory.remind_for(query).unwrap();
    assert_eq!(reminded.stages(), peeked.stages());
    let state = memory.state().unwrap();
    let row = state.row(0).unwrap();
    assert_eq!((row.counts().working, reminded.working(0).len()), (3, 3));
    let (working, found) = (reminded.working(0)[0], reminded.ids(0)[0]);
    assert_eq!(row.cofire_count(working, found).unwrap(), 1);
}

#[rstest]
fn a_row_without_working_engrams_is_reminded_of_nothing(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
) {
    let device = &device("flex");
    let mut memory = lived(storage, Pooling::Mean);
    memory.add_working_memory_except(tensor(50, [2, 3, 4], device), &[1]).unwrap();
    // The row's part of the query is not read.
    let mut numbers = vec![0.25; 2 * 2 * 4];
    numbers[2 * 4] = f32::NAN;
    let reminded = memory.remind_for(filled(numbers, [2, 2, 4], device)).unwrap();
    assert!(!reminded.ids(0).is_empty());
    assert!(reminded.ids(1).is_empty() && reminded.working(1).is_empty());
    adjust(&mut memory, &reminded);
    memory.verify().unwrap();
}

#[test]
fn a_memory_without_rows_is_reminded_of_nothing() {
    let mut memory = Memoria::<Dispatch>::new(MemoriaConfig::new(1, 1, 1, 1.0, 1)).unwrap();
    let reminded = memory.remind_for(tensor(0, [2, 1, 4], &device("flex"))).unwrap();
    assert_eq!(reminded.width(), 0);
}

#[rstest]
fn a_query_that_does_not_fit_is_refused(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
) {
    use MemoriaError::{EmptyDimension, WrongDimension, WrongRank};
    let device = &device("flex");
    let ask = |shape| {
        let mut memory = lived(storage, Pooling::Mean);
        memory.add_working_memory(tensor(50, [2, 3, 4], device)).unwrap();
        let query = tensor(0, shape, device);
        refused(memory, None, device, |memory| memory.remind_for(query))
    };
    assert!(matches!(ask([3, 1, 4]), WrongDimension { tensor: "query", dimension: "batch", .. }));
    assert!(matches!(ask([2, 1, 5]), WrongDimension { tensor: "query", dimension: "hidden", .. }));
    assert!(
        matches!(ask([2, 0, 4]), EmptyDimension { tensor: "query", got, .. } if got == [2, 0, 4])
    );
    let flat = refused(lived(storage, Pooling::Mean), None, device, |memory| {
        memory.remind_for(tensor(0, [2, 4], device))
    });
    assert!(matches!(flat, WrongRank { tensor: "query", .. }));
}

/// Nothing fires, added memories stay, and waiting gains are applied. The remind can be repeated.
#[rstest]
fn a_query_that_is_not_finite_is_refused_and_can_be_repeated(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
    #[values(f32::NAN, f32::INFINITY, 1e19)] bad: f32,
    #[values(false, true)] gains_wait: bool,
) {
    let device = &device("flex");
    let (mut memory, mut twin) = (lived(storage, Pooling::Max), lived(storage, Pooling::Max));
    for memory in [&mut memory, &mut twin] {
        if gains_wait {
            memory.add_working_memory(tensor(40, [2, 3, 4], device)).unwrap();
            let reminded = memory.remind().unwrap();
            let gains = tensor(4, [2, reminded.width()], device);
            memory.adjust(&reminded, LifespanGain::Device(gains)).unwrap();
        }
        memory.add_working_memory(tensor(50, [2, 3, 4], device)).unwrap();
    }
    let mut numbers = vec![0.25; 2 * 2 * 4];
    numbers[3 * 4 + 2] = bad;
    let error = memory.remind_for(filled(numbers, [2, 2, 4], device)).unwrap_err();
    assert!(matches!(error, MemoriaError::NonFiniteQuery { row: 1, position: 1, .. }), "{error}");
    memory.verify().unwrap();
    assert_eq!(picture(&memory).unwrap(), picture(&twin).unwrap());
    let query = tensor(7, [2, 2, 4], device);
    let (got, expected) =
        (memory.remind_for(query.clone()).unwrap(), twin.remind_for(query).unwrap());
    assert_eq!(got.stages(), expected.stages());
    adjust(&mut memory, &got);
    adjust(&mut twin, &expected);
    go_on_alike(&mut memory, &mut twin, None, device);
}
