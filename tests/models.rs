//! Compares models with recorded outputs, on every backend: logits, reminded engrams, gains and survivors.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use memoria_testing::{forward, segments};
use rstest::rstest;
use serde_json::Value;

/// Allowed difference of logits.
const LOGITS: f64 = 1e-4;
/// Allowed difference of lifespan gains and lifespans.
const LIFESPANS: f64 = 1e-3;

/// Runs the segments of a file through the checkpoint of its folder, and compares the outputs with the expected ones.
fn agrees(config: &Path, device: &Device) {
    let folder = config.parent().unwrap();
    let file = folder.join("expected.json");
    let loaded = forward::load(folder, None, device).unwrap();
    assert!(loaded.report.is_complete() && loaded.report.unused.is_empty(), "{}", loaded.report);
    let got = serde_json::to_value(loaded.run(&segments::read(&file).unwrap()).unwrap()).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let expected = expected["segments"].as_array().unwrap();
    assert_eq!(got["segments"].as_array().unwrap().len(), expected.len());
    for (index, (got, expected)) in
        got["segments"].as_array().unwrap().iter().zip(expected).enumerate()
    {
        let close = |got, expected, tolerance, what: &str| {
            let difference = difference(got, expected);
            let place = format!("segment {index}: {what}");
            let difference = difference.unwrap_or_else(|| panic!("{place}: other shapes"));
            assert!(difference <= tolerance, "{place} differs by {difference}");
        };
        close(&got["logits"], &expected["logits"], LOGITS, "logits");
        assert_eq!(got.get("memory").is_some(), expected.get("memory").is_some());
        let Some(rows) = expected.get("memory").and_then(Value::as_array) else { continue };
        assert_eq!(got["memory"].as_array().unwrap().len(), rows.len());
        for (row, expected) in rows.iter().enumerate() {
            let got = &got["memory"][row];
            for exact in ["reminded", "alive", "kind"] {
                assert_eq!(got[exact], expected[exact], "segment {index}, row {row}: {exact}");
            }
            for near in ["gain", "lifespan"] {
                close(&got[near], &expected[near], LIFESPANS, &format!("row {row}, {near}"));
            }
        }
    }
}

/// Returns the largest difference of two nested lists of numbers; `None` if their shapes differ.
fn difference(got: &Value, expected: &Value) -> Option<f64> {
    match (got, expected) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).try_fold(0.0, |most: f64, (a, b)| Some(most.max(difference(a, b)?)))
        }
        (Value::Number(a), Value::Number(b)) => Some((a.as_f64()? - b.as_f64()?).abs()),
        _ => None,
    }
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
#[cfg_attr(feature = "cuda", case::cuda(Device::cuda(0)))]
fn agrees_on(#[case] device: Device, #[files("tests/data/models/*/config.json")] config: PathBuf) {
    agrees(&config, &device);
}
