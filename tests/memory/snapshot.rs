//! A memory continues unchanged after it was saved and restored, on every device.

use std::path::PathBuf;

use burn::{
    backend::{Backend, DType, Dispatch, Flex, TensorData, ops::FloatTensorOps, read_sync},
    tensor::Device,
};
use memoria::{Correlation, Memoria, MemoriaConfig, MemoriaError, Restore, SnapshotInfo, Storage};
use memoria_testing::{
    devices::devices,
    replay,
    story::{Size, Story},
    trace::Trace,
};
use rstest::rstest;

type DispatchDevice = <Dispatch as burn::backend::BackendTypes>::Device;

fn bytes<B: Backend>(memory: &mut Memoria<B>) -> Vec<u8> {
    memory.snapshot().unwrap().to_bytes().unwrap()
}

fn restored<B: Backend>(bytes: &[u8], device: &B::Device) -> Memoria<B> {
    Restore::new(device).read_bytes(bytes).unwrap().memory
}

/// Runs a whole trace, then cuts it after every `nth` step and at its ends. A memory that was saved on one device
/// continues on the other.
fn goes_on(trace: &Trace, saved_on: &DispatchDevice, restored_on: &DispatchDevice, nth: usize) {
    let whole = replay::run::<Dispatch>(trace, saved_on).unwrap();
    let mut memory = Memoria::<Dispatch>::new(trace.config).unwrap();
    let len = trace.steps.len();
    for cut in 0..=len {
        if cut.is_multiple_of(nth) || cut == len {
            let saved = bytes(&mut memory);
            let mut other = restored::<Dispatch>(&saved, restored_on);
            other.verify().unwrap();
            assert!(bytes(&mut other) == saved, "saved again after {cut} steps");
            let rest = replay::run_steps(&mut other, trace, cut..len, restored_on).unwrap();
            assert_eq!(rest, whole.steps[cut..], "cut after {cut} steps");
            assert_eq!(
                replay::cofire_counts(&mut other).unwrap(),
                whole.cofire,
                "after {cut} steps"
            );
        }
        if cut < len {
            replay::run_steps(&mut memory, trace, cut..cut + 1, saved_on).unwrap();
        }
    }
}

/// Saves and restores after every step, alternately from one device to the other and back.
fn goes_to_and_fro(trace: &Trace, one: &DispatchDevice, other: &DispatchDevice) {
    let whole = replay::run::<Dispatch>(trace, one).unwrap();
    let mut memory = Memoria::<Dispatch>::new(trace.config).unwrap();
    for step in 0..trace.steps.len() {
        let device = if step % 2 == 0 { other } else { one };
        memory = restored::<Dispatch>(&bytes(&mut memory), device);
        let steps = replay::run_steps(&mut memory, trace, step..step + 1, device).unwrap();
        assert_eq!(steps[..], whole.steps[step..=step], "step {step}");
    }
    assert_eq!(replay::cofire_counts(&mut memory).unwrap(), whole.cofire);
}

#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
fn ndarray() -> Device {
    Device::ndarray()
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Device {
    Device::wgpu(burn::tensor::DeviceKind::Cpu)
}

#[rstest]
#[case::flex_to_flex(Device::flex(), Device::flex(), 1)]
#[case::flex_to_ndarray(Device::flex(), ndarray(), 1)]
#[case::ndarray_to_flex(ndarray(), Device::flex(), 1)]
#[cfg_attr(feature = "wgpu", case::flex_to_wgpu(Device::flex(), wgpu(), 3))]
#[cfg_attr(feature = "wgpu", case::wgpu_to_ndarray(wgpu(), ndarray(), 3))]
#[cfg_attr(feature = "wgpu", case::wgpu_to_wgpu(wgpu(), wgpu(), 3))]
#[cfg_attr(feature = "cuda", case::cuda_to_flex(Device::cuda(0), Device::flex(), 1))]
#[cfg_attr(feature = "cuda", case::flex_to_cuda(Device::flex(), Device::cuda(0), 1))]
fn a_trace_goes_on(
    #[case] saved_on: Device,
    #[case] restored_on: Device,
    // A software GPU would take a minute for cuts after every step.
    #[case] nth: usize,
    #[files("tests/data/traces/*.json")] path: PathBuf,
) {
    let trace = Trace::read(&path).unwrap();
    goes_on(&trace, saved_on.as_dispatch(), restored_on.as_dispatch(), nth);
    goes_to_and_fro(&trace, saved_on.as_dispatch(), restored_on.as_dispatch());
}

/// On the same backend every bit must be equal, and also the draws of exploration.
#[rstest]
fn on_the_same_backend_every_bit_goes_on(
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(1, 2)] seed: u64,
) {
    let config = MemoriaConfig::new(5, 12, 4, 4.0, 6)
        .with_correlation(correlation)
        .with_ltm_exploration(3, seed);
    let size = Size { rows: 3, dim: 24, steps: 40, width: 6 };
    let story = Story::random(seed, size, config);
    for (name, device) in devices() {
        let device = device.as_dispatch();
        let whole = story.tell::<Dispatch>(device);
        for cut in [1, 7, 20, 33] {
            let mut memory = Memoria::<Dispatch>::new(config).unwrap();
            story.tell_to(&mut memory, 0..cut, device);
            let mut other = restored::<Dispatch>(&bytes(&mut memory), device);
            assert_eq!(story.tell_to(&mut other, cut..40, device), whole[cut..], "{name}, {cut}");
        }
    }
}

/// A concrete backend and the run-time backend give the same snapshot.
#[test]
fn a_snapshot_does_not_know_its_backend() {
    let config = MemoriaConfig::new(5, 12, 4, 4.0, 6);
    let size = Size { rows: 2, dim: 8, steps: 12, width: 4 };
    let story = Story::random(3, size, config);
    let mut memory = Memoria::<Flex>::new(config).unwrap();
    story.tell_to(&mut memory, 0..12, &Default::default());
    let expected = bytes(&mut memory);
    for (name, device) in devices() {
        let device = device.as_dispatch();
        let mut memory = Memoria::<Dispatch>::new(config).unwrap();
        story.tell_to(&mut memory, 0..12, device);
        assert!(bytes(&mut memory) == expected, "{name}");
    }
}

#[rstest]
fn it_is_restored_in_another_float_type(
    #[values(DType::F64, DType::F16, DType::BF16)] dtype: DType,
    #[values(Storage::Host, Storage::Device)] storage: Storage,
) {
    let config = MemoriaConfig::new(5, 12, 4, 4.0, 6);
    let story = Story::random(3, Size { rows: 2, dim: 8, steps: 12, width: 4 }, config);
    let (device, mut memory) = (Device::flex(), Memoria::<Dispatch>::new(config).unwrap());
    let device = device.as_dispatch();
    story.tell_to(&mut memory, 0..12, device);
    let saved = bytes(&mut memory);
    let restore = Restore::<Dispatch>::new(device).dtype(dtype).storage(storage);
    let mut other = restore.read_bytes(&saved).unwrap().memory;
    other.verify().unwrap();
    let vectors = |memory: &mut Memoria<Dispatch>| -> Vec<TensorData> {
        let state = memory.state().unwrap();
        let row = |row| {
            let row = state.row(row).unwrap();
            let ids: Vec<_> = row.engrams().map(|engram| engram.id).collect();
            let vectors = row.vectors(&ids).unwrap().unwrap();
            read_sync(Dispatch::float_into_data(vectors)).unwrap()
        };
        (0..2).map(row).collect()
    };
    for (converted, exact) in vectors(&mut other).into_iter().zip(vectors(&mut memory)) {
        assert_eq!(converted.dtype(), dtype);
        assert_eq!(converted, exact.convert_dtype(dtype));
    }
    let saved = bytes(&mut other);
    assert_eq!(SnapshotInfo::read(&saved[..]).unwrap().dtype, Some(dtype));
    restored::<Dispatch>(&saved, device).verify().unwrap();
}

#[test]
fn a_float_type_that_the_backend_lacks_is_refused() {
    let mut memory = Memoria::<Flex>::new(MemoriaConfig::new(1, 1, 1, 1.0, 1)).unwrap();
    let data = TensorData::zeros::<f32, _>([1, 2, 3]).convert_dtype(DType::F16);
    let data = Flex::float_from_data(data, &Default::default());
    memory.add_working_memory(data).unwrap();
    let saved = bytes(&mut memory);
    let device = ndarray();
    let restore = Restore::<Dispatch>::new(device.as_dispatch());
    let refused = restore.clone().read_bytes(&saved).unwrap_err();
    assert!(matches!(refused, MemoriaError::UnsupportedDType { dtype: DType::F16, .. }));
    restore.dtype(DType::F32).read_bytes(&saved).unwrap();
}

/// Returns a memory with three rows after twelve steps.
fn lived() -> Memoria<Flex> {
    let config = MemoriaConfig::new(5, 12, 4, 4.0, 6);
    let story = Story::random(3, Size { rows: 3, dim: 8, steps: 12, width: 4 }, config);
    let mut memory = Memoria::<Flex>::new(config).unwrap();
    story.tell_to(&mut memory, 0..12, &Default::default());
    memory
}

/// Rows are the same if they are saved alone, restored alone or split off.
#[test]
fn some_rows_are_saved_or_restored() {
    let mut memory = lived();
    let restore = Restore::<Flex>::new(&Default::default());
    let all = bytes(&mut memory);
    for rows in [&[2, 0][..], &[1], &[0, 1, 2], &[]] {
        let snapshot = memory.snapshot().unwrap().rows(rows).unwrap();
        assert_eq!(snapshot.info().rows, rows.len());
        let some = snapshot.to_bytes().unwrap();
        let mut chosen = restore.clone().rows(rows).read_bytes(&all).unwrap().memory;
        chosen.verify().unwrap();
        assert!(bytes(&mut chosen) == some, "{rows:?} of all");
        assert!(bytes(&mut restored::<Flex>(&some, &Default::default())) == some, "{rows:?}");
        let mut split = memory.clone().split(rows).unwrap();
        assert!(bytes(&mut split) == some, "{rows:?} split off");
    }
    for (rows, twice) in [(&[0, 3][..], false), (&[1, 1], true)] {
        let saving = memory.snapshot().unwrap().rows(rows).unwrap_err();
        let restoring = restore.clone().rows(rows).read_bytes(&all).unwrap_err();
        for error in [saving, restoring] {
            match error {
                MemoriaError::RowTwice { row: 1 } if twice => {}
                MemoriaError::RowOutOfRange { got: 3, rows: 3 } if !twice => {}
                other => panic!("{other}"),
            }
        }
    }
}

#[test]
fn snapshots_may_follow_each_other_in_a_stream() {
    let mut stream = Vec::new();
    let mut memory = lived();
    for row in 0..3 {
        memory.snapshot().unwrap().rows(&[row]).unwrap().write(&mut stream).unwrap();
    }
    let (mut reader, restore) = (&stream[..], Restore::<Flex>::new(&Default::default()));
    let mut whole = restore.read(&mut reader).unwrap().memory;
    for _ in 1..3 {
        whole.merge(&mut restore.read(&mut reader).unwrap().memory).unwrap();
    }
    assert!(reader.is_empty());
    assert!(bytes(&mut whole) == bytes(&mut memory));
    let refused = restore.read_bytes(&stream).unwrap_err();
    assert!(matches!(refused, MemoriaError::Damaged { .. }), "{refused}");
}

#[rstest]
fn what_does_not_fit_where_it_is_restored_is_refused(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
) {
    let mut memory = lived();
    let restore = Restore::<Flex>::new(&Default::default()).storage(storage);
    let refused = restore.clone().memory_limit(1000).read_bytes(&bytes(&mut memory)).unwrap_err();
    assert!(matches!(refused, MemoriaError::OutOfMemory { available: 1000, .. }), "{refused}");
    let refused = restore.clone().dtype(DType::I32).read_bytes(&bytes(&mut memory)).unwrap_err();
    assert!(matches!(refused, MemoriaError::UnsupportedDType { dtype: DType::I32, .. }));
    // Half precision ends at 65,504.
    let mut large = Memoria::<Flex>::new(MemoriaConfig::new(1, 1, 1, 1.0, 1)).unwrap();
    let data = TensorData::new(vec![1.0f32, 2.0, 3.0, 1e5], [2, 1, 2]);
    large.add_working_memory(Flex::float_from_data(data, &Default::default())).unwrap();
    let saved = bytes(&mut large);
    match restore.clone().dtype(DType::F16).read_bytes(&saved) {
        Err(MemoriaError::NonFiniteData { row: 1, position: 0, .. }) => {}
        other => panic!("{other:?}"),
    }
    restore.dtype(DType::BF16).read_bytes(&saved).unwrap();
}

/// The limit of a restore also holds for engrams that are added later.
#[test]
fn a_limit_of_restoring_is_the_memorys() {
    let saved = bytes(&mut lived());
    let restore = Restore::<Flex>::new(&Default::default()).memory_limit(8 << 10);
    let mut memory = restore.read_bytes(&saved).unwrap().memory;
    let data = Flex::float_from_data(TensorData::zeros::<f32, _>([3, 99, 8]), &Default::default());
    let refused = memory.add_working_memory(data).unwrap_err();
    assert!(matches!(refused, MemoriaError::OutOfMemory { available: 8192, .. }), "{refused}");
}

/// The largest possible settings, for a memory without limits, are saved and restored.
#[test]
fn settings_without_limits_come_back() {
    let most = usize::MAX;
    let config = MemoriaConfig::new(most, most, most, f32::MAX, most);
    let config = config.with_ltm_exploration(most, u64::MAX);
    let mut memory = Memoria::<Flex>::new(config).unwrap();
    let saved = bytes(&mut memory);
    let mut again = restored::<Flex>(&saved, &Default::default());
    assert_eq!(*again.config(), config);
    assert!(bytes(&mut again) == saved);
}
