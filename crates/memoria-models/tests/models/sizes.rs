//! Sizes at the edge of what there can be: an error that says which, and never an overflow.

use burn::tensor::Device;
use memoria_core::MemoriaConfig;
use memoria_models::{EncoderConfig, EncoderKind, Gpt2Config, MemoryConfig, ModelError};
use rstest::rstest;
use serde_json::{Map, Value};

fn memory() -> MemoryConfig {
    MemoryConfig::new(2, MemoriaConfig::new(3, 8, 4, 3.0, 3))
}

fn gpt2() -> Gpt2Config {
    Gpt2Config::new(11, 8, 6, 2, 3).with_memory(memory())
}

fn roberta() -> EncoderConfig {
    EncoderConfig::new(EncoderKind::Roberta, 11, 6, 3, 2, 7, 9).with_memory(memory(), 1)
}

/// The same configuration with another value in one field of its file.
fn with<C>(config: C, field: &str, value: usize) -> Result<C, ModelError>
where
    C: Into<Map<String, Value>> + TryFrom<Map<String, Value>, Error = ModelError>,
{
    let mut map = config.into();
    map.insert(field.to_owned(), value.into());
    C::try_from(map)
}

fn out_of_memory<T>(made: Result<T, ModelError>) {
    match made {
        Err(ModelError::OutOfMemory { requested, available }) => assert!(requested > available),
        other => panic!("{:?}", other.err()),
    }
}

fn refuses_field<C>(made: Result<C, ModelError>, expected: &str) {
    match made {
        Err(ModelError::InvalidField { field, .. }) => assert_eq!(field, expected),
        other => panic!("{:?}", other.err()),
    }
}

#[rstest]
fn a_gpt2_beyond_memory_is_refused(
    #[values("vocab_size", "n_positions", "n_layer", "n_embd", "n_inner", "memoria_num_memories")]
    field: &str,
    #[values(usize::MAX, usize::MAX / 4 + 1, 3 << 50)] value: usize,
) {
    // A multiple of the number of heads.
    let value = if field == "n_embd" { value / 3 * 3 } else { value };
    let config = with(gpt2(), field, value).unwrap();
    assert_eq!(Gpt2Config::try_from(Map::from(config.clone())).unwrap().n_embd, config.n_embd);
    out_of_memory(config.init(&Device::flex()));
    out_of_memory(config.init_model(&Device::flex()));
}

#[rstest]
fn an_encoder_beyond_memory_is_refused(
    #[values(
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "intermediate_size",
        "max_position_embeddings",
        "embedding_size",
        "type_vocab_size",
        "memoria_num_memories"
    )]
    field: &str,
    #[values(usize::MAX - 1, usize::MAX / 4 + 1, 3 << 50)] value: usize,
) {
    let config = with(roberta(), field, value).unwrap();
    out_of_memory(config.init(&Device::flex()));
    out_of_memory(config.init_model(&Device::flex()));
}

#[test]
fn more_labels_than_memory_are_refused_where_there_is_a_head() {
    let config = with(roberta(), "num_labels", usize::MAX).unwrap();
    out_of_memory(config.init(&Device::flex()));
    config.init_model(&Device::flex()).unwrap();
}

#[rstest]
#[case("pad_token_id", "pad_token_id")]
#[case("memory_layer_index", "memory_layer_index")]
#[case("num_attention_heads", "num_attention_heads")]
fn the_field_that_is_too_large_is_named(
    #[case] field: &str,
    #[case] named: &str,
    #[values(usize::MAX, usize::MAX - 1)] value: usize,
) {
    refuses_field(with(roberta(), field, value), named);
}

#[test]
fn as_many_heads_as_there_are_numbers_are_refused() {
    refuses_field(with(gpt2(), "n_head", usize::MAX), "n_head");
}

/// A folder's `config.json` that promises more than its weights hold.
#[test]
fn a_checkpoint_that_promises_too_much_is_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/models/gpt2-memoria");
    let config = Gpt2Config::from_pretrained(folder).unwrap();
    for field in ["n_positions", "n_layer"] {
        out_of_memory(with(config.clone(), field, 3 << 50).unwrap().load(folder, &Device::flex()));
    }
}

#[test]
fn a_seed_that_is_not_used_is_kept() {
    let mut memory = memory();
    memory.memoria.seed = 5;
    let config = gpt2().with_memory(memory);
    assert_eq!(Gpt2Config::try_from(Map::from(config.clone())).unwrap().memory, config.memory);
}
