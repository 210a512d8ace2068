//! What cannot be written from is refused, and leaves the memory as it was.

use burn::tensor::Device;
use memoria_core::MemoriaError;
use memoria_models::{GenerationConfig, ModelError};
use rstest::rstest;

use crate::support::{load, prompt, told};

#[rstest]
#[case("max_new_tokens", GenerationConfig::new(0))]
#[case("temperature", GenerationConfig::new(1).with_temperature(-0.1))]
#[case("temperature", GenerationConfig::new(1).with_temperature(f64::NAN))]
#[case("temperature", GenerationConfig::new(1).with_temperature(f64::INFINITY))]
#[case("top_k", GenerationConfig::new(1).with_top_k(0))]
#[case("top_p", GenerationConfig::new(1).with_top_p(0.0))]
#[case("top_p", GenerationConfig::new(1).with_top_p(1.1))]
#[case("top_p", GenerationConfig::new(1).with_top_p(-1.0))]
#[case("top_p", GenerationConfig::new(1).with_top_p(f64::NAN))]
#[case("stop_tokens", GenerationConfig::new(1).with_stop_tokens([3, 101]))]
#[case("stop_tokens", GenerationConfig::new(1).with_stop_tokens([-1]))]
#[case("segment_len", GenerationConfig::new(1).with_segment_len(0))]
#[case("segment_len", GenerationConfig::new(1).with_segment_len(33))]
fn a_configuration_out_of_range_is_refused(
    #[case] expected: &str,
    #[case] config: GenerationConfig,
) {
    let (model, _) = load("gpt2", &Device::flex());
    let error = model.generate(&[prompt(5, 0)], &config, None).unwrap_err();
    assert!(
        matches!(&error, ModelError::InvalidField { field, .. } if field == expected),
        "{error}"
    );
}

/// Files of Hugging Face mean another thing by the names that are the same.
#[test]
fn fields_that_are_not_known_are_refused() {
    let read = serde_json::from_str::<GenerationConfig>;
    assert_eq!(read(r#"{"max_new_tokens": 3}"#).unwrap(), GenerationConfig::new(3));
    let error = read(r#"{"max_new_tokens": 3, "do_sample": true}"#).unwrap_err().to_string();
    assert!(error.contains("do_sample"), "{error}");
}

#[test]
fn prompts_that_do_not_fit_are_refused_and_change_nothing() {
    let device = Device::flex();
    let (model, memory_config) = load("gpt2-memoria", &device);
    let memory_config = memory_config.unwrap();
    let config = GenerationConfig::new(3).with_segment_len(4);
    let mut memory = memory_config.init().unwrap();
    let two = [prompt(9, 0), prompt(9, 1)];
    model.generate(&two, &config, Some(&mut memory)).unwrap();
    let before = [told(&mut memory, 0), told(&mut memory, 1)];
    let mut refused = |prompts: &[Vec<i64>]| {
        let error = model.generate(prompts, &config, Some(&mut memory)).unwrap_err();
        assert_eq!([told(&mut memory, 0), told(&mut memory, 1)], before);
        error
    };
    assert!(matches!(refused(&[]), ModelError::EmptyInput { what: "prompts" }));
    assert!(matches!(refused(&[vec![1], vec![]]), ModelError::EmptyPrompt { row: 1 }));
    assert!(matches!(
        refused(&[vec![1, 2], vec![3, 101]]),
        ModelError::InvalidInput { what: "token", row: 1, position: 1, got: 101, .. }
    ));
    assert!(matches!(
        refused(&[vec![1, -1], vec![3, 4]]),
        ModelError::InvalidInput { got: -1, .. }
    ));
    assert!(matches!(
        refused(&[vec![1, 2], vec![3]]),
        ModelError::UnequalPrompts { row: 1, expected: 2, got: 1 }
    ));
    assert!(matches!(
        refused(&[vec![1, 2]]),
        ModelError::Memory(MemoriaError::WrongDimension { expected: 2, got: 1, .. })
    ));
    let (plain, _) = load("gpt2", &device);
    let error = plain.generate(&two, &config, Some(&mut memory)).unwrap_err();
    assert!(matches!(error, ModelError::NoMemory));
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let device = Device::flex();
    let (mut model, memory_config) = load("gpt2-memoria", &device);
    model.transformer.ln_f.gamma =
        model.transformer.ln_f.gamma.map(|gamma| gamma.mul_scalar(f32::NAN));
    let mut memory = memory_config.unwrap().init().unwrap();
    let error = model.generate(&[prompt(5, 0)], &GenerationConfig::new(3), Some(&mut memory));
    assert!(matches!(error, Err(ModelError::InvalidLogit { row: 0, token: 0, .. })));
}
