//! Weights of which nothing finite comes: what they spoil is told of, and the other rows lose nothing.

use burn::{
    module::Param,
    tensor::{Device, Tensor},
};
use memoria_core::{MemoriaConfig, MemoriaError};
use memoria_models::{
    Encoder, EncoderConfig, EncoderKind, Gpt2Config, Gpt2LmHead, MemoryConfig, ModelError,
    ModelInput, ModelMemory,
};
use rstest::rstest;

const D: usize = 16;
/// The token with an embedding that is not finite.
const BAD: i64 = 7;

fn spoiled(weight: Param<Tensor<2>>) -> Param<Tensor<2>> {
    let at = BAD as usize;
    weight.map(|weight| weight.slice_fill([at..at + 1, 3..4], f32::NAN))
}

fn input(rows: [[i64; 3]; 2]) -> ModelInput {
    ModelInput::from_rows(&rows.map(Vec::from), None, 31, &Device::flex()).unwrap()
}

fn good(number: i64) -> [[i64; 3]; 2] {
    [[10, 20, 30], [11, 21, 12]].map(|row| row.map(|token| (token + number) % 20 + 8))
}

fn numbers(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}

fn row_0(memory: &ModelMemory) -> Vec<u8> {
    let mut row = memory.clone().split(&[0]).unwrap();
    row.memoria().snapshot().unwrap().to_bytes().unwrap()
}

/// A decoder knows of its last hidden states when it has read the segment.
#[rstest]
fn a_decoder_tells_of_a_row_and_goes_on_with_the_others(
    #[values(Some(3), None)] num_memories: Option<usize>,
    #[values(0, 3)] before: i64,
) {
    let memory = MemoryConfig::causal(3, MemoriaConfig::small()).with_num_memories(num_memories);
    let config = Gpt2Config::new(31, 8, D, 2, 2).with_memory(memory.clone());
    let mut model: Gpt2LmHead = config.init(&Device::flex()).unwrap();
    model.transformer.wte.weight = spoiled(model.transformer.wte.weight);
    let (mut held, mut twin) = (memory.init().unwrap(), memory.init().unwrap());
    let read = |rows: [[i64; 3]; 2], held: &mut ModelMemory| {
        model.forward(&input(rows), Some(held)).map(|output| numbers(output.hidden))
    };
    for number in 0..before {
        read(good(number), &mut held).unwrap();
        read(good(number), &mut twin).unwrap();
    }
    let mut bad = good(before);
    bad[1][1] = BAD;
    let error = read(bad, &mut held).unwrap_err();
    let ModelError::Memory(error) = error else { panic!("{error}") };
    let (told, row) = match error {
        MemoriaError::NonFiniteHidden { row, .. } => (true, row),
        MemoriaError::NonFiniteAttention { row, .. } => (false, row),
        error => panic!("{error}"),
    };
    assert_eq!(row, 1);
    assert!(told || before > 0, "{error}");
    read(good(before), &mut twin).unwrap();
    assert!(row_0(&held) == row_0(&twin));
    held.memoria().verify().unwrap();
    for number in before + 1..before + 4 {
        let [got, expected] = [&mut held, &mut twin].map(|it| read(good(number), it).unwrap());
        assert!(got.iter().all(|number| number.is_finite()));
        assert!(got[..3 * D] == expected[..3 * D]);
    }
}

#[rstest]
fn an_encoder_refuses_the_segment(
    #[values(EncoderKind::Bert, EncoderKind::Roberta)] kind: EncoderKind,
    #[values(Some(3), None)] num_memories: Option<usize>,
    #[values(0, 3)] before: i64,
) {
    let memory =
        MemoryConfig::bidirectional(3, MemoriaConfig::small()).with_num_memories(num_memories);
    let config = EncoderConfig::new(kind, 31, D, 3, 2, 32, 16).with_memory(memory.clone(), 1);
    let mut model: Encoder = config.init_model(&Device::flex()).unwrap();
    model.embeddings.word.weight = spoiled(model.embeddings.word.weight);
    let (mut held, mut twin) = (memory.init().unwrap(), memory.init().unwrap());
    let read = |rows: [[i64; 3]; 2], held: &mut ModelMemory| {
        model.forward(&input(rows), Some(held)).map(|output| numbers(output.hidden))
    };
    for number in 0..before {
        read(good(number), &mut held).unwrap();
        read(good(number), &mut twin).unwrap();
    }
    let mut bad = good(before);
    bad[1][1] = BAD;
    let error = read(bad, &mut held).unwrap_err();
    let is_told =
        |error: &MemoriaError| matches!(error, MemoriaError::NonFiniteHidden { row: 1, .. });
    assert!(matches!(&error, ModelError::Memory(error) if is_told(error)), "{error}");
    for number in before..before + 3 {
        let [got, expected] = [&mut held, &mut twin].map(|it| read(good(number), it).unwrap());
        assert!(got == expected);
    }
}
