//! Text as the `config.json` of a model, separately and in a checkpoint's folder. It gives an error, or a configuration
//! that is written and read again unchanged. Models of small sizes are created and read segments, with and without
//! their memory. Sizes that fit in no machine's memory are refused.

use std::fs;

use burn::tensor::Device;
use memoria::models::{
    EncoderConfig, Gpt2Config, MemoryConfig, ModelError, ModelInput, ModelMemory, model_type,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Maximum size of which models are created.
const SMALL: usize = 24;
/// Texts of a multiple of this length are also read from a folder, which is slow.
const IN_A_FOLDER: usize = 16;
/// No machine has memory for this many of anything.
const BEYOND_MEMORY: usize = 1 << 48;

/// Runs the target on an input. Returns whether the input was accepted.
pub fn run(text: &str) -> bool {
    let (gpt2_config, encoder_config) = (serde_json::from_str(text), serde_json::from_str(text));
    if let Ok(config) = &gpt2_config {
        comes_back(config, |config: &mut Gpt2Config| config.other.clear());
        gpt2(config);
    }
    if let Ok(config) = &encoder_config {
        comes_back(config, |config: &mut EncoderConfig| config.other.clear());
        encoder(config);
    }
    let taken = [gpt2_config.is_ok(), encoder_config.is_ok()];
    if text.len().is_multiple_of(IN_A_FOLDER) {
        in_a_folder(text, taken);
    }
    taken.contains(&true)
}

/// Writes a configuration and reads it again: nothing is lost, and a second round changes nothing.
fn comes_back<C>(config: &C, forget_others: impl Fn(&mut C))
where
    C: Clone + PartialEq + Serialize + DeserializeOwned,
{
    let again: C = serde_json::from_str(&serde_json::to_string(config).unwrap()).unwrap();
    let and_again: C = serde_json::from_str(&serde_json::to_string(&again).unwrap()).unwrap();
    assert_same(&again, &and_again);
    // Fields that were added when writing are kept among the others.
    let [mut config, mut again] = [config.clone(), again];
    forget_others(&mut config);
    forget_others(&mut again);
    assert_same(&config, &again);
}

fn assert_same<C: PartialEq + Serialize>(config: &C, again: &C) {
    let [one, other] = [config, again].map(|config| serde_json::to_value(config).unwrap());
    assert!(is_same(&one, &other), "{one}\n{other}");
    assert!(one != other || config == again, "not all of it is written: {one}");
}

/// Numbers with a fraction may differ in their last digit, since `serde_json` reads them inexactly.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let of_field = |(field, value)| other.get(field).is_some_and(|o| is_same(value, o));
            one.len() == other.len() && one.iter().all(of_field)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, o)| is_same(one, o))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let [one, other] = [one, other].map(|number| number.as_f64().unwrap());
            (one - other).abs() <= 4.0 * f64::EPSILON * one.abs().max(f64::MIN_POSITIVE)
        }
        _ => one == other,
    }
}

fn gpt2(config: &Gpt2Config) {
    let inner = config.n_inner.unwrap_or(config.n_embd);
    let sizes = [config.vocab_size, config.n_positions, config.n_embd, config.n_layer, inner];
    let device = Device::flex();
    if !may_be_made(&sizes, config.memory.as_ref(), || config.init(&device).err()) {
        return;
    }
    let model = config.init(&device).unwrap();
    read_segments(
        config.vocab_size,
        config.n_positions,
        config.memory.as_ref(),
        |input, memory| {
            let output = model.forward(input, memory)?;
            assert_eq!(output.logits.dims()[2], config.vocab_size);
            Ok(())
        },
    );
}

fn encoder(config: &EncoderConfig) {
    let sizes = [
        config.vocab_size,
        config.hidden_size,
        config.num_hidden_layers,
        config.intermediate_size,
        config.max_position_embeddings,
        config.embedding_size.unwrap_or(1),
        config.type_vocab_size,
        config.num_labels,
    ];
    let device = Device::flex();
    let mut memory = config.memory.clone();
    if let Some(memory) = &mut memory
        && memory.num_memories.is_none()
        && memory.num_queries == 0
    {
        // If hidden states are the memories and there are no queries, places have no effect.
        memory.max_places = None;
    }
    if !may_be_made(&sizes, memory.as_ref(), || config.init(&device).err()) {
        return;
    }
    let model = config.init(&device).unwrap();
    let most = model.encoder.max_tokens();
    read_segments(config.vocab_size, most, config.memory.as_ref(), |input, memory| {
        let output = model.forward(input, memory)?;
        assert_eq!(output.logits.dims()[1], config.num_labels);
        Ok(())
    });
}

/// Whether a model is small. One that fits in no machine's memory must be refused.
fn may_be_made(
    sizes: &[usize],
    memory: Option<&MemoryConfig>,
    init: impl FnOnce() -> Option<ModelError>,
) -> bool {
    let of_memory = memory.into_iter().flat_map(|memory| {
        let (memories, places) = (memory.num_memories, memory.max_places);
        [memories.unwrap_or(0), memory.num_queries, places.unwrap_or(0)]
    });
    let largest = sizes.iter().copied().chain(of_memory).max();
    if largest > Some(BEYOND_MEMORY) {
        let error = init();
        assert!(matches!(error, Some(ModelError::OutOfMemory { .. })), "{error:?}");
    }
    largest <= Some(SMALL)
}

/// Reads a segment without memory and, if the model has one, three with it.
fn read_segments(
    vocab_size: usize,
    most: usize,
    memory: Option<&MemoryConfig>,
    forward: impl Fn(&ModelInput, Option<&mut ModelMemory>) -> Result<(), ModelError>,
) {
    let token = |place: usize| (place % vocab_size) as i64;
    let rows =
        [0, 1].map(|row| (0..most.min(3)).map(|i| token(row + vocab_size - 1 + i)).collect());
    let input = ModelInput::from_rows(&rows, None, vocab_size, &Device::flex()).unwrap();
    forward(&input, None).unwrap();
    let Some(config) = memory else { return };
    let mut memory = config.init().unwrap();
    for _ in 0..3 {
        match forward(&input, Some(&mut memory)) {
            // Products of large weights can be infinite.
            Ok(()) | Err(ModelError::Memory(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Checks the same text as the `config.json` of a checkpoint.
fn in_a_folder(text: &str, taken: [bool; 2]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), text).unwrap();
    let is_map = serde_json::from_str::<Map<String, Value>>(text);
    match (model_type(folder.path()), is_map) {
        // Numbers that Python writes and JSON does not have.
        (_, Err(_)) if text.contains("NaN") || text.contains("Infinity") => return,
        (Ok(kind), Ok(map)) => {
            let said = map.get("model_type").filter(|said| !said.is_null());
            assert!(said.is_none_or(|said| *said == kind));
        }
        (Err(ModelError::UnknownModelType), Ok(map)) => {
            assert!(map.get("model_type").is_none_or(Value::is_null));
        }
        (Err(ModelError::InvalidField { field, .. }), Ok(map)) => {
            assert!(map.get(&field).is_some_and(|value| !value.is_string()));
        }
        (Err(ModelError::Json { .. }), Err(_)) => {}
        (other, _) => panic!("{other:?}"),
    }
    let gpt2_config = Gpt2Config::from_pretrained(folder.path());
    let encoder_config = EncoderConfig::from_pretrained(folder.path());
    assert_eq!([gpt2_config.is_ok(), encoder_config.is_ok()], taken);
}
