//! A session has the same memories in changing batches as alone.

use burn::backend::{Dispatch, TensorData, ops::FloatTensorOps, read_sync};
use memoria::{
    Correlation, Engram, LifespanGain, Memoria, MemoriaConfig, MemoriaError, Stages, Storage,
};
use memoria_testing::devices::devices;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rstest::rstest;

type Device = <Dispatch as burn::backend::BackendTypes>::Device;

const DIM: usize = 12;
const WIDTH: usize = 4;

/// The memories of one row in one step.
#[derive(Debug, PartialEq)]
struct Page {
    recollection: Stages,
    vectors: Vec<u32>,
    engrams: Vec<Engram>,
    counts: Vec<u32>,
}

/// Takes one step of several sessions, each with its own number and age.
fn step(memory: &mut Memoria<Dispatch>, who: &[(usize, usize)], device: &Device) -> Vec<Page> {
    step_except(memory, who, &[], false, device)
}

/// Takes a step without the absent rows; their numbers are NaN. No time passes for them if they `rest`.
fn step_except(
    memory: &mut Memoria<Dispatch>,
    who: &[(usize, usize)],
    absent: &[usize],
    rest: bool,
    device: &Device,
) -> Vec<Page> {
    let mut numbers = Vec::new();
    for (row, &(session, age)) in who.iter().enumerate() {
        if absent.contains(&row) {
            numbers.extend([f32::NAN; WIDTH * DIM]);
            continue;
        }
        let mut rng = ChaCha8Rng::seed_from_u64((session * 1000 + age) as u64);
        let topic = (session + rng.random_range(0..3)) as f32;
        let number = |i| (topic * i as f32).sin() + rng.random_range(-0.5..0.5);
        numbers.extend((0..WIDTH * DIM).map(number));
    }
    let data = TensorData::new::<f32, _>(numbers, [who.len(), WIDTH, DIM]);
    memory.add_working_memory_except(Dispatch::float_from_data(data, device), absent).unwrap();
    let reminded = if rest { memory.remind_except(absent) } else { memory.remind() }.unwrap();
    let width = reminded.width();
    let gains = who.iter().flat_map(|&(session, age)| {
        let mut rng = ChaCha8Rng::seed_from_u64((session * 7 + age) as u64);
        (0..width).map(move |_| rng.random_range(-0.5..3.0)).collect::<Vec<f32>>()
    });
    let gains = TensorData::new(gains.collect(), [who.len(), width]);
    let gains = LifespanGain::Device(Dispatch::float_from_data(gains, device));
    memory.adjust(&reminded, gains).unwrap();
    let vectors: Vec<u32> = match reminded.data() {
        Some(data) => {
            let data = read_sync(Dispatch::float_into_data(data.clone())).unwrap();
            data.iter::<f32>().map(f32::to_bits).collect()
        }
        None => Vec::new(),
    };
    let mut look = memory.clone();
    let state = look.state().unwrap();
    let page = |(row, recollection): (usize, &Stages)| {
        let held = state.row(row).unwrap();
        let engrams: Vec<Engram> = held.engrams().collect();
        let counts = engrams.iter().flat_map(|engram| {
            held.strongest_connections(engram.id, 9).unwrap().into_iter().map(|c| c.cofire_count)
        });
        let known = recollection.reminded.len() * DIM;
        Page {
            recollection: recollection.clone(),
            vectors: vectors[row * width * DIM..][..known].to_vec(),
            counts: counts.collect(),
            engrams,
        }
    };
    reminded.stages().iter().enumerate().map(page).collect()
}

fn config(correlation: Correlation) -> MemoriaConfig {
    MemoriaConfig::new(4, 10, 4, 4.0, 5).with_correlation(correlation).with_ltm_exploration(1, 3)
}

/// Serves sessions in batches that change in every round, and compares each with itself alone.
fn serve(config: MemoriaConfig, storage: Storage, device: &Device, seed: u64) {
    const SESSIONS: usize = 7;
    let new = || Memoria::<Dispatch>::new(config).unwrap().with_storage(storage);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut alone: Vec<Memoria<Dispatch>> = (0..SESSIONS).map(|_| new()).collect();
    let mut away: Vec<Option<Memoria<Dispatch>>> = (0..SESSIONS).map(|_| None).collect();
    let mut ages = [0; SESSIONS];
    // The session of each row.
    let (mut batch, mut present): (_, Vec<usize>) = (new(), Vec::new());
    for round in 0..60 {
        let mut sessions: Vec<usize> = (0..SESSIONS).collect();
        sessions.shuffle(&mut rng);
        let wanted = &sessions[..rng.random_range(1..=SESSIONS)];
        let mut leaving: Vec<usize> =
            (0..present.len()).filter(|&row| !wanted.contains(&present[row])).collect();
        let mut coming: Vec<usize> =
            wanted.iter().copied().filter(|session| !present.contains(session)).collect();
        // Sometimes one session replaces another in its row.
        if rng.random_bool(0.3)
            && let (Some(&row), Some(&session)) = (leaving.last(), coming.last())
            && let Some(mut memory) = away[session].take()
        {
            batch.replace_row(row, &mut memory).unwrap();
            away[std::mem::replace(&mut present[row], session)] = Some(memory);
            leaving.pop();
            coming.pop();
        }
        let mut gone = batch.split(&leaving).unwrap();
        for &row in leaving.iter().rev() {
            let last = gone.batch() - 1;
            away[present.remove(row)] = Some(gone.split(&[last]).unwrap());
        }
        // New sessions are last: before the first step they have nothing to merge.
        coming.sort_by_key(|&session| away[session].is_none());
        for session in coming {
            match &mut away[session] {
                Some(memory) => {
                    batch.merge(memory).unwrap();
                    away[session] = None;
                }
                None if batch.batch() > 0 => batch.add_rows(1).unwrap(),
                None => {}
            }
            present.push(session);
        }
        batch.verify().unwrap();
        if rng.random_bool(0.1) && batch.batch() > 0 {
            let row = rng.random_range(0..batch.batch());
            batch.reset_rows(&[row]).unwrap();
            alone[present[row]].reset();
        }
        let who: Vec<(usize, usize)> = present.iter().map(|&s| (s, ages[s])).collect();
        let together = step(&mut batch, &who, device);
        for (page, &(session, age)) in together.into_iter().zip(&who) {
            let expected = step(&mut alone[session], &[(session, age)], device);
            assert_eq!(page, expected.into_iter().next().unwrap(), "{round}: session {session}");
            ages[session] += 1;
        }
    }
    assert!(ages.iter().all(|&age| age > 10), "{ages:?}");
}

#[rstest]
fn sessions_in_changing_batches_are_alone(
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(Storage::Auto, Storage::Device)] storage: Storage,
    #[values(1, 2)] seed: u64,
) {
    for (_, device) in devices() {
        serve(config(correlation), storage, device.as_dispatch(), seed);
    }
}

/// Rows that are absent for some steps begin in the same way as alone, with the same identities.
#[rstest]
fn a_row_that_was_absent_begins_as_if_alone(
    #[values(Storage::Auto, Storage::Device)] storage: Storage,
    #[values(false, true)] together: bool,
) {
    for (_, device) in devices() {
        let device = device.as_dispatch();
        let config = config(Correlation::NegSquaredL2);
        let new = || Memoria::<Dispatch>::new(config).unwrap().with_storage(storage);
        let (mut batch, mut alone) = (new(), [new(), new(), new()]);
        let mut ages = [0; 3];
        for round in 0..24 {
            // The document of row 2 ends; the documents of all rows end.
            let ended: &[usize] = match round {
                9 => &[2],
                15 if together => &[0, 1, 2],
                _ => &[],
            };
            let absent = if round < 4 { &[1][..] } else { ended };
            if !ended.is_empty() {
                batch.reset_rows(ended).unwrap();
                ended.iter().for_each(|&row| alone[row].reset());
            }
            let who: Vec<(usize, usize)> = ages.into_iter().enumerate().collect();
            let pages = step_except(&mut batch, &who, absent, false, device);
            for (row, page) in pages.into_iter().enumerate() {
                if absent.contains(&row) {
                    assert!(page.engrams.is_empty() && page.recollection.reminded.is_empty());
                    continue;
                }
                let expected = step(&mut alone[row], &[(row, ages[row])], device);
                assert_eq!(page, expected.into_iter().next().unwrap(), "{round}: row {row}");
                ages[row] += 1;
            }
            batch.verify().unwrap();
        }
        let data = TensorData::zeros::<f32, _>([3, WIDTH, DIM]);
        let data = Dispatch::float_from_data(data, device);
        let error = batch.add_working_memory_except(data, &[0, 3]).unwrap_err();
        assert!(matches!(error, MemoriaError::RowOutOfRange { got: 3, rows: 3 }), "{error}");
    }
}

/// Rows rest in random steps, with and without a recorded history.
#[rstest]
fn no_time_passes_for_rows_that_rest(
    #[values(Storage::Auto, Storage::Device)] storage: Storage,
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(false, true)] is_recorded: bool,
) {
    for (_, device) in devices() {
        let device = device.as_dispatch();
        let new = || {
            let memory = Memoria::<Dispatch>::new(config(correlation)).unwrap();
            let memory = memory.with_storage(storage);
            if is_recorded { memory.with_history() } else { memory }
        };
        let (mut batch, mut alone) = (new(), [new(), new(), new()]);
        let (mut ages, mut rng) = ([0; 3], ChaCha8Rng::seed_from_u64(5));
        for round in 0..40 {
            let mut absent: Vec<usize> = (0..3).filter(|_| rng.random_bool(0.4)).collect();
            if round < 4 {
                absent = vec![1];
            }
            let who: Vec<(usize, usize)> = ages.into_iter().enumerate().collect();
            let pages = step_except(&mut batch, &who, &absent, true, device);
            for (row, page) in pages.into_iter().enumerate() {
                if absent.contains(&row) {
                    assert!(page.recollection.reminded.is_empty());
                    let state = alone[row].state().unwrap();
                    let mut kept = Vec::new();
                    if state.batch() > 0 {
                        kept.extend(state.row(0).unwrap().engrams());
                    }
                    assert_eq!(page.engrams, kept, "{round}: row {row}");
                    continue;
                }
                let expected = step(&mut alone[row], &[(row, ages[row])], device);
                assert_eq!(page, expected.into_iter().next().unwrap(), "{round}: row {row}");
                ages[row] += 1;
            }
            batch.verify().unwrap();
        }
        assert!(ages.iter().all(|&age| age > 10), "{ages:?}");
        if is_recorded {
            let together = batch.history().unwrap();
            for (row, alone) in alone.iter_mut().enumerate() {
                let alone = alone.history().unwrap();
                let [got, expected] = [together.row(row), alone.row(0)].map(Result::unwrap);
                assert_eq!(got.steps().count(), ages[row]);
                assert_eq!(
                    got.summaries().collect::<Vec<_>>(),
                    expected.summaries().collect::<Vec<_>>()
                );
            }
        }
        // A row that already has working memories keeps them while it rests.
        let data = TensorData::ones::<f32, _>([3, WIDTH, DIM]);
        batch.add_working_memory(Dispatch::float_from_data(data, device)).unwrap();
        let error = batch.remind_except(&[3]).unwrap_err();
        assert!(matches!(error, MemoriaError::RowOutOfRange { got: 3, rows: 3 }), "{error}");
        let reminded = batch.remind_except(&[0, 2]).unwrap();
        batch.adjust(&reminded, LifespanGain::Zero).unwrap();
        let working = |batch: &mut Memoria<Dispatch>| {
            let state = batch.state().unwrap();
            [0, 1, 2].map(|row| state.row(row).unwrap().counts().working)
        };
        assert_eq!(working(&mut batch), [WIDTH, 0, WIDTH]);
        let reminded = batch.remind().unwrap();
        assert_eq!(reminded.working(0).len(), WIDTH);
        batch.adjust(&reminded, LifespanGain::Zero).unwrap();
        assert_eq!(working(&mut batch), [0, 0, 0]);
        batch.verify().unwrap();
    }
}

fn lived(rows: usize, device: &Device) -> Memoria<Dispatch> {
    let mut memory = Memoria::new(config(Correlation::NegSquaredL2)).unwrap();
    for age in 0..6 {
        let who: Vec<_> = (0..rows).map(|session| (session, age)).collect();
        step(&mut memory, &who, device);
    }
    memory
}

fn saved(memory: &mut Memoria<Dispatch>) -> Vec<u8> {
    memory.snapshot().unwrap().to_bytes().unwrap()
}

/// Makes a call that must fail and checks that it changed nothing.
fn refused<T>(
    memory: &mut Memoria<Dispatch>,
    call: impl FnOnce(&mut Memoria<Dispatch>) -> Result<T, MemoriaError>,
) -> MemoriaError {
    let before = saved(memory);
    let error = call(memory).err().expect("the call should be refused");
    memory.verify().unwrap();
    assert!(saved(memory) == before, "a refused call changed the memory");
    error
}

#[test]
fn rows_that_do_not_fit_are_refused_and_nothing_is_lost() {
    let (flex, ndarray) = (devices()[0].1.clone(), devices()[1].1.clone());
    let (flex, ndarray) = (flex.as_dispatch(), ndarray.as_dispatch());
    let memory = &mut lived(3, flex);
    let split = |rows: &'static [usize]| move |m: &mut Memoria<Dispatch>| m.split(rows);
    assert!(matches!(
        refused(memory, split(&[0, 3])),
        MemoriaError::RowOutOfRange { got: 3, rows: 3 }
    ));
    assert!(matches!(refused(memory, split(&[1, 1])), MemoriaError::RowTwice { row: 1 }));

    let mut elsewhere = lived(1, ndarray);
    let before = saved(&mut elsewhere);
    let error = refused(memory, |m| m.merge(&mut elsewhere));
    assert!(matches!(error, MemoriaError::WrongDevice { .. }), "{error}");
    let error = refused(memory, |m| m.replace_row(0, &mut elsewhere));
    assert!(matches!(error, MemoriaError::WrongDevice { .. }), "{error}");
    assert!(saved(&mut elsewhere) == before);

    let mut other = Memoria::new(config(Correlation::Gaussian)).unwrap();
    let error = refused(memory, |m| m.merge(&mut other));
    assert!(matches!(error, MemoriaError::OtherConfig { .. }), "{error}");

    let mut wide = Memoria::new(config(Correlation::NegSquaredL2)).unwrap();
    let data = TensorData::zeros::<f32, _>([1, 1, DIM + 1]);
    wide.add_working_memory(Dispatch::float_from_data(data, flex)).unwrap();
    let error = refused(memory, |m| m.merge(&mut wide));
    assert!(matches!(error, MemoriaError::WrongDimension { expected: 12, got: 13, .. }), "{error}");
    let mut double = Memoria::new(config(Correlation::NegSquaredL2)).unwrap();
    let data = TensorData::zeros::<f64, _>([1, 1, DIM]);
    double.add_working_memory(Dispatch::float_from_data(data, flex)).unwrap();
    let error = refused(memory, |m| m.merge(&mut double));
    assert!(matches!(error, MemoriaError::WrongDType { .. }), "{error}");

    let mut two = lived(2, flex);
    let error = refused(memory, |m| m.replace_row(0, &mut two));
    assert!(matches!(error, MemoriaError::WrongDimension { expected: 1, got: 2, .. }), "{error}");
    let mut one = lived(1, flex);
    let error = refused(memory, |m| m.replace_row(7, &mut one));
    assert!(matches!(error, MemoriaError::RowOutOfRange { got: 7, rows: 3 }), "{error}");

    let mut new = Memoria::<Dispatch>::new(config(Correlation::NegSquaredL2)).unwrap();
    assert!(matches!(new.add_rows(1), Err(MemoriaError::NoRows)));
}

#[test]
fn in_the_middle_of_a_step_no_row_comes_or_goes() {
    let device = devices()[0].1.clone();
    let device = device.as_dispatch();
    let mut memory = lived(2, device);
    let mut other = lived(1, device);
    memory.remind().unwrap();
    let open = |error: Option<MemoriaError>| {
        assert!(matches!(error, Some(MemoriaError::OpenStep { .. })), "{error:?}");
    };
    open(memory.split(&[0]).err());
    open(memory.merge(&mut other).err());
    open(other.merge(&mut memory).err());
    open(memory.replace_row(0, &mut other).err());
    open(memory.add_rows(1).err());
    open(memory.snapshot().err());
    let reminded = memory.remind().unwrap();
    memory.adjust(&reminded, LifespanGain::Zero).unwrap();
    memory.split(&[0]).unwrap();
}

#[test]
fn no_memory_for_more_rows_leaves_both_as_they_were() {
    let device = devices()[0].1.clone();
    let device = device.as_dispatch();
    for storage in [Storage::Host, Storage::Device] {
        let limited = Memoria::new(config(Correlation::NegSquaredL2)).unwrap();
        let mut limited = limited.with_storage(storage).with_memory_limit(4 << 10);
        let mut coming = lived(9, device);
        let before = saved(&mut coming);
        let error = limited.merge(&mut coming).unwrap_err();
        assert!(matches!(error, MemoriaError::OutOfMemory { available: 4096, .. }), "{error}");
        assert!(saved(&mut coming) == before && limited.batch() == 0);
        coming.verify().unwrap();
        let mut one = coming.split(&[2]).unwrap();
        limited.merge(&mut one).unwrap();
        limited.verify().unwrap();
        assert_eq!(limited.state().unwrap().row(0).unwrap().engrams().next().unwrap().id, {
            one = lived(3, device);
            one.state().unwrap().row(2).unwrap().engrams().next().unwrap().id
        });
    }
}
