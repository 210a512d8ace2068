//! Inputs as tensors: what is in them is not known before a model sees them, and is looked at before its memory
//! takes part.

use burn::tensor::{Device, Int, Tensor};
use memoria_core::MemoriaConfig;
use memoria_models::{
    EncoderConfig, EncoderKind, Gpt2Config, MemoryConfig, ModelError, ModelInput, ModelMemory,
};
use rstest::rstest;

/// A model's forward pass with a memory.
type Forward = Box<dyn Fn(&ModelInput, &mut ModelMemory) -> Result<(), ModelError>>;

#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
fn ndarray() -> Device {
    Device::ndarray()
}

/// Models with 31 tokens, 12 positions and, in an encoder, 2 token types.
fn models_on(device: &Device) -> Vec<(&'static str, MemoryConfig, Forward)> {
    let memory = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3));
    let gpt2 = Gpt2Config::new(31, 12, 16, 2, 2).with_memory(memory.clone());
    let gpt2 = gpt2.init(device).unwrap();
    let forward: Forward =
        Box::new(move |input, memory| gpt2.forward(input, Some(memory)).map(|_| ()));
    let mut all = vec![("gpt2", memory.clone(), forward)];
    for (name, kind) in [("bert", EncoderKind::Bert), ("roberta", EncoderKind::Roberta)] {
        let config = EncoderConfig::new(kind, 31, 16, 2, 2, 24, 12).with_memory(memory.clone(), 0);
        let model = config.init(device).unwrap();
        let forward: Forward =
            Box::new(move |input, memory| model.forward(input, Some(memory)).map(|_| ()));
        all.push((name, memory.clone(), forward));
    }
    all
}

#[rstest]
fn numbers_out_of_range_leave_the_memory_as_it_was(
    #[values(Device::flex(), ndarray(), Device::flex().autodiff())] device: Device,
) {
    let of = |rows: [[i64; 3]; 2]| Tensor::<2, Int>::from_data(rows, &device);
    let good = || ModelInput::new(of([[5, 6, 7], [8, 9, 10]]));
    for (name, memory, forward) in models_on(&device) {
        let mut memory = memory.init().unwrap();
        for _ in 0..3 {
            forward(&good(), &mut memory).unwrap();
        }
        let token_type = if name == "gpt2" { 31 } else { 2 };
        let far = i64::from(i32::MAX);
        let bad = [
            ("token", 31, ModelInput::new(of([[1, 2, 3], [4, 31, 3]]))),
            ("token", -1, ModelInput::new(of([[1, 2, 3], [4, -1, 3]]))),
            ("token", far, ModelInput::new(of([[1, 2, 3], [4, far, 3]]))),
            ("position", 12, good().position_ids(of([[1, 2, 3], [1, 12, 3]]))),
            ("position", -7, good().position_ids(of([[1, 2, 3], [1, -7, 3]]))),
            ("token type", -1, good().token_type_ids(of([[0, 1, 0], [0, -1, 1]]))),
            ("token type", token_type, good().token_type_ids(of([[0, 1, 0], [0, token_type, 1]]))),
        ];
        for (expected, number, input) in bad {
            let before = memory.snapshot().unwrap().to_bytes().unwrap();
            let error = forward(&input, &mut memory).unwrap_err();
            assert!(
                matches!(&error, ModelError::InvalidInput { what, row: 1, position: 1, got, .. }
                    if *what == expected && *got == number),
                "{name}: {error}"
            );
            assert!(memory.snapshot().unwrap().to_bytes().unwrap() == before, "{name}: {error}");
        }
        let elsewhere =
            if device.clone().inner() == Device::flex() { ndarray() } else { Device::flex() };
        let far_mask = Tensor::<2, Int>::zeros([2, 3], &elsewhere).bool();
        let away = [
            ("input_ids", ModelInput::new(Tensor::zeros([2, 3], &elsewhere))),
            ("mask_pad", good().mask_pad(far_mask)),
        ];
        for (expected, input) in away {
            let error = forward(&input, &mut memory).unwrap_err();
            assert!(
                matches!(&error, ModelError::WrongInputDevice { tensor, .. } if *tensor == expected),
                "{name}: {error}"
            );
        }
        forward(&good(), &mut memory).unwrap();
    }
}
