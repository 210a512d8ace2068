//! A memory that was saved and restored goes on as if it had not been, wherever it is restored.

#[path = "../examples/replay/run.rs"]
mod run;
mod support;
#[path = "../examples/replay/trace.rs"]
mod trace;

use std::path::PathBuf;

use burn::{
    backend::{Backend, DType, Dispatch, Flex, TensorData},
    tensor::Device,
};
use memoria::{Correlation, Memoria, MemoriaConfig, MemoriaError, Restore, SnapshotInfo, Storage};
use rstest::rstest;
use support::{
    devices,
    story::{Size, Story},
};
use trace::Trace;

type DispatchDevice = <Dispatch as burn::backend::BackendTypes>::Device;

fn bytes<B: Backend>(memory: &mut Memoria<B>) -> Vec<u8> {
    memory.snapshot().unwrap().to_bytes().unwrap()
}

fn restored<B: Backend>(bytes: &[u8], device: &B::Device) -> Memoria<B> {
    Restore::new(device).from_bytes(bytes).unwrap().memory
}

/// Runs a trace as a whole, then cut at every step: what was saved on one device goes on on the other.
fn goes_on(trace: &Trace, saved_on: &DispatchDevice, restored_on: &DispatchDevice) {
    let whole = run::run::<Dispatch>(trace, saved_on).unwrap();
    let mut memory = Memoria::<Dispatch>::new(trace.config).unwrap();
    let len = trace.steps.len();
    for cut in 0..=len {
        let saved = bytes(&mut memory);
        let mut other = restored::<Dispatch>(&saved, restored_on);
        other.verify().unwrap();
        assert!(bytes(&mut other) == saved, "saved again after {cut} steps");
        let rest = run::run_steps(&mut other, trace, cut..len, restored_on).unwrap();
        assert_eq!(rest, whole.steps[cut..], "cut after {cut} steps");
        assert_eq!(run::cofire_counts(&mut other).unwrap(), whole.cofire, "after {cut} steps");
        if cut < len {
            run::run_steps(&mut memory, trace, cut..cut + 1, saved_on).unwrap();
        }
    }
}

/// Saves and restores after every step, from one device to the other and back.
fn goes_to_and_fro(trace: &Trace, one: &DispatchDevice, other: &DispatchDevice) {
    let whole = run::run::<Dispatch>(trace, one).unwrap();
    let mut memory = Memoria::<Dispatch>::new(trace.config).unwrap();
    for step in 0..trace.steps.len() {
        let device = if step % 2 == 0 { other } else { one };
        memory = restored::<Dispatch>(&bytes(&mut memory), device);
        let steps = run::run_steps(&mut memory, trace, step..step + 1, device).unwrap();
        assert_eq!(steps[..], whole.steps[step..=step], "step {step}");
    }
    assert_eq!(run::cofire_counts(&mut memory).unwrap(), whole.cofire);
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
#[case::flex_to_flex(Device::flex(), Device::flex())]
#[case::flex_to_ndarray(Device::flex(), ndarray())]
#[case::ndarray_to_flex(ndarray(), Device::flex())]
#[cfg_attr(feature = "wgpu", case::flex_to_wgpu(Device::flex(), wgpu()))]
#[cfg_attr(feature = "wgpu", case::wgpu_to_ndarray(wgpu(), ndarray()))]
#[cfg_attr(feature = "wgpu", case::wgpu_to_wgpu(wgpu(), wgpu()))]
#[cfg_attr(feature = "cuda", case::cuda_to_flex(Device::cuda(0), Device::flex()))]
#[cfg_attr(feature = "cuda", case::flex_to_cuda(Device::flex(), Device::cuda(0)))]
fn a_trace_goes_on(
    #[case] saved_on: Device,
    #[case] restored_on: Device,
    #[files("tests/data/traces/*.json")] path: PathBuf,
) {
    let trace = Trace::read(&path).unwrap();
    goes_on(&trace, saved_on.as_dispatch(), restored_on.as_dispatch());
    goes_to_and_fro(&trace, saved_on.as_dispatch(), restored_on.as_dispatch());
}

/// Where no seed and no rounding may differ: every bit, and what exploration draws.
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

/// A concrete backend's snapshot is that of the run-time one.
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
    let mut other = restore.from_bytes(&saved).unwrap().memory;
    other.verify().unwrap();
    let vectors = |memory: &mut Memoria<Dispatch>| -> Vec<TensorData> {
        let state = memory.state().unwrap();
        let row =
            |row| {
                let row = state.row(row).unwrap();
                let ids: Vec<_> = row.engrams().map(|engram| engram.id).collect();
                let vectors = row.vectors(&ids).unwrap().unwrap();
                burn::backend::read_sync(<Dispatch as burn::backend::ops::FloatTensorOps<
                    Dispatch,
                >>::float_into_data(vectors))
                .unwrap()
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
    let data = <Flex as burn::backend::ops::FloatTensorOps<Flex>>::float_from_data(
        data,
        &Default::default(),
    );
    memory.add_working_memory(data).unwrap();
    let saved = bytes(&mut memory);
    let device = ndarray();
    let restore = Restore::<Dispatch>::new(device.as_dispatch());
    let refused = restore.clone().from_bytes(&saved).unwrap_err();
    assert!(matches!(refused, MemoriaError::UnsupportedDType { dtype: DType::F16, .. }));
    restore.dtype(DType::F32).from_bytes(&saved).unwrap();
}
