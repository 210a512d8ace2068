//! Memories on several threads at once, and a panic in a user's code.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use burn::{
    backend::{Dispatch, TensorData, ops::FloatTensorOps},
    tensor::{Device, Tensor},
};
use memoria::{
    LifespanGain, Memoria, MemoriaConfig,
    nn::{MemoriaState, MemoriaStateConfig},
};
use memoria_testing::{
    devices::devices,
    story::{Size, Story},
};

const THREADS: u64 = 8;
/// Maximum time of a test; a deadlock takes longer.
const PATIENCE: Duration = Duration::from_secs(300);

fn config() -> MemoriaConfig {
    MemoriaConfig::new(5, 12, 4, 4.0, 6).with_ltm_exploration(2, 9)
}

fn story(seed: u64) -> Story {
    Story::random(seed, Size { rows: 2, dim: 24, steps: 30, width: 5 }, config())
}

/// Runs a function on a separate thread, and fails if it never ends.
fn in_time(what: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let worker = thread::spawn(move || {
        what();
        let _ = sender.send(());
    });
    match receiver.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a deadlock"),
        _ => worker.join().unwrap(),
    }
}

/// Each thread has its own memories. Meanwhile other threads make and drop memories, within steps and with data that
/// waits to be read.
#[test]
fn memories_on_several_threads_do_not_mix() {
    in_time(|| {
        for (name, device) in devices() {
            let expected: Vec<_> = (0..THREADS)
                .map(|seed| story(seed).tell::<Dispatch>(device.as_dispatch()))
                .collect();
            let stop = Arc::new(AtomicBool::new(false));
            let droppers: Vec<_> = (0..2)
                .map(|seed| {
                    let (stop, device) = (stop.clone(), device.clone());
                    thread::spawn(move || make_and_drop(&stop, seed, &device))
                })
                .collect();
            let tellers: Vec<_> = (0..THREADS)
                .map(|seed| {
                    let device = device.clone();
                    thread::spawn(move || story(seed).tell::<Dispatch>(device.as_dispatch()))
                })
                .collect();
            for (teller, expected) in tellers.into_iter().zip(expected) {
                assert_eq!(teller.join().unwrap(), expected, "{name}");
            }
            stop.store(true, Ordering::Relaxed);
            for dropper in droppers {
                assert!(dropper.join().unwrap() > 0);
            }
        }
    });
}

fn make_and_drop(stop: &AtomicBool, seed: u64, device: &Device) -> usize {
    let mut dropped = 0;
    while dropped == 0 || !stop.load(Ordering::Relaxed) {
        let mut memory = Memoria::<Dispatch>::new(config()).unwrap();
        story(seed + 100).tell_to(&mut memory, 0..5, device.as_dispatch());
        let bytes = memory.snapshot().unwrap().to_bytes().unwrap();
        let restored = memoria::Restore::<Dispatch>::new(device.as_dispatch()).read_bytes(&bytes);
        let data = TensorData::zeros::<f32, _>([2, 3, 24]);
        memory.add_working_memory(Dispatch::float_from_data(data, device.as_dispatch())).unwrap();
        let clone = memory.clone();
        drop(memory.remind().unwrap());
        drop((memory, restored, clone));
        dropped += 1;
    }
    dropped
}

/// A memory moves to another thread in every step.
#[test]
fn a_memory_may_change_threads_at_any_time() {
    in_time(|| {
        for (name, device) in devices() {
            let expected = story(1).tell::<Dispatch>(device.as_dispatch());
            let mut memory = Memoria::<Dispatch>::new(config()).unwrap();
            for (step, expected) in expected.into_iter().enumerate() {
                let device = device.clone();
                let (page, back) = thread::spawn(move || {
                    let pages = story(1).tell_to(&mut memory, step..step + 1, device.as_dispatch());
                    (pages, memory)
                })
                .join()
                .unwrap();
                assert_eq!(page, [expected], "{name}, step {step}");
                memory = back;
            }
        }
    });
}

fn working(seed: usize, device: &Device) -> Tensor<3> {
    let numbers: Vec<f32> = (0..2 * 3 * 8).map(|i| ((i * 7 + seed) as f32).sin()).collect();
    Tensor::from_data(TensorData::new(numbers, [2, 3, 8]), device)
}

fn segment(state: &mut MemoriaState, seed: usize, device: &Device) {
    let recall = state.recall(working(seed, device)).unwrap();
    state.reinforce(&recall, None).unwrap();
}

/// After a panic between recall and reinforce, the memory is as it was after the recall.
#[test]
fn a_panic_of_the_user_leaves_a_usable_memory() {
    let device = Device::flex();
    let config = MemoriaStateConfig::new(config()).with_bptt(1);
    let (mut state, mut twin) = (config.init().unwrap(), config.init().unwrap());
    for seed in 0..4 {
        segment(&mut state, seed, &device);
        segment(&mut twin, seed, &device);
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _recall = state.recall(working(4, &device)).unwrap();
        panic!("the user's own");
    }));
    assert!(panicked.is_err());
    state.verify().unwrap();
    // The same without a panic: a step that did not end.
    drop(twin.recall(working(4, &device)).unwrap());
    for seed in 5..9 {
        segment(&mut state, seed, &device);
        segment(&mut twin, seed, &device);
        state.verify().unwrap();
    }
    let bytes = |state: &mut MemoriaState| state.snapshot().unwrap().to_bytes().unwrap();
    assert!(bytes(&mut state) == bytes(&mut twin));

    // The step can also be ended, by another remind and an adjust with its result.
    let mut memory = Memoria::<Dispatch>::new(config.memoria).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        memory.add_working_memory(working(1, &device).into_dispatch()).unwrap();
        let _reminded = memory.remind().unwrap();
        panic!("the user's own");
    }));
    assert!(panicked.is_err());
    let reminded = memory.remind().unwrap();
    memory.adjust(&reminded, LifespanGain::Zero).unwrap();
    memory.snapshot().unwrap();
}
