//! Compares every trace in every field at every step, on every backend.

use std::path::PathBuf;

use burn::{
    backend::{Backend, Dispatch, Flex},
    tensor::Device,
};
use memoria_testing::{replay, trace::Trace};
use rstest::rstest;
use serde_json::Value;

/// Replays a trace and compares it with the expected results of the file.
fn conforms<B: Backend>(path: &PathBuf, device: &B::Device) {
    let trace = Trace::read(path).unwrap();
    let got = serde_json::to_value(replay::run::<B>(&trace, device).unwrap()).unwrap();
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let steps = file["steps"].as_array().unwrap();
    assert_eq!(got["steps"].as_array().unwrap().len(), steps.len());
    for (index, step) in steps.iter().enumerate() {
        for (row, expected) in step["expect"].as_array().unwrap().iter().enumerate() {
            for (field, expected) in expected.as_object().unwrap() {
                let got = &got["steps"][index][row][field];
                assert!(
                    same(got, expected),
                    "step {index}, row {row}: `{field}` is {got}, not {expected}"
                );
            }
        }
    }
    assert!(same(&got["cofire"], &file["cofire"]), "co-firing counts at the end");
}

/// Whether both are equal; numbers are compared in single precision.
fn same(got: &Value, expected: &Value) -> bool {
    match (got, expected) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().unwrap() as f32 == b.as_f64().unwrap() as f32
        }
        _ => got == expected,
    }
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
#[cfg_attr(feature = "cuda", case::cuda(Device::cuda(0)))]
fn conforms_on(#[case] device: Device, #[files("tests/data/traces/*.json")] path: PathBuf) {
    conforms::<Dispatch>(&path, device.as_dispatch());
}

#[rstest]
fn conforms_on_a_concrete_backend(#[files("tests/data/traces/*.json")] path: PathBuf) {
    conforms::<Flex>(&path, &Default::default());
}
