//! What is refused, with which error, and that nothing is lost by it.

use std::fs;

use burn::tensor::{Device, Int, Tensor};
use memoria_core::{MemoriaConfig, MemoriaError};
use memoria_models::{
    EncoderConfig, EncoderKind, Gpt2Cache, Gpt2Config, Gpt2LmHead, MemoryConfig, ModelError,
    ModelInput, model_type,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::checkpoint::{Checkpoint, models};

#[rstest]
fn a_missing_field_is_named(
    #[values("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")] missing: &str,
) {
    let checkpoint = Checkpoint::gpt2_memoria();
    checkpoint.edit_config(|config| drop(config.remove(missing)));
    let error = checkpoint.load_gpt2();
    assert!(matches!(&error, ModelError::MissingField { field } if field == missing), "{error}");
}

#[rstest]
fn a_missing_field_of_an_encoder_is_named(
    #[values(
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings"
    )]
    missing: &str,
) {
    let checkpoint = Checkpoint::bert_memoria();
    checkpoint.edit_config(|config| drop(config.remove(missing)));
    let error = checkpoint.load_encoder();
    assert!(matches!(&error, ModelError::MissingField { field } if field == missing), "{error}");
}

#[rstest]
#[case("activation_function", json!("swoosh"))]
#[case("activation_function", json!(3))]
#[case("model_type", json!("bert"))]
#[case("n_embd", json!("32"))]
#[case("n_embd", json!(-32))]
#[case("n_embd", json!(32.5))]
#[case("n_layer", json!(0))]
#[case("n_head", json!(5))]
#[case("n_inner", json!(0))]
#[case("attn_pdrop", json!(1.5))]
#[case("layer_norm_epsilon", json!(0))]
#[case("initializer_range", json!("small"))]
#[case("scale_attn_weights", json!("yes"))]
#[case("tie_word_embeddings", json!(1))]
#[case("memoria_initial_lifespan", json!(0))]
#[case("memoria_stm_capacity", json!(-1))]
#[case("memoria_correlation", json!("cosine"))]
fn a_value_that_a_field_cannot_have_is_told(#[case] name: &str, #[case] value: Value) {
    let checkpoint = Checkpoint::gpt2_memoria();
    checkpoint.edit_config(|config| drop(config.insert(name.to_owned(), value.clone())));
    let error = checkpoint.load_gpt2();
    let ModelError::InvalidField { field, got, .. } = &error else { panic!("{error}") };
    assert_eq!(field, name);
    assert_eq!(*got, value.to_string(), "{error}");
}

#[rstest]
#[case("hidden_act", json!("swoosh"))]
#[case("model_type", json!("gpt2"))]
#[case("num_attention_heads", json!(5))]
#[case("position_embedding_type", json!("relative_key"))]
#[case("is_decoder", json!(true))]
#[case("add_cross_attention", json!(true))]
#[case("memory_layer_index", json!(2))]
#[case("memoria_num_memories", json!(0))]
#[case("num_labels", json!(0))]
#[case("type_vocab_size", json!(0))]
#[case("classifier_dropout", json!(-0.1))]
#[case("hidden_dropout_prob", json!(1.1))]
#[case("initializer_range", json!(-0.02))]
fn a_value_that_a_field_of_an_encoder_cannot_have_is_told(
    #[case] name: &str,
    #[case] value: Value,
) {
    let checkpoint = Checkpoint::bert_memoria();
    checkpoint.edit_config(|config| drop(config.insert(name.to_owned(), value.clone())));
    let error = checkpoint.load_encoder();
    let ModelError::InvalidField { field, got, .. } = &error else { panic!("{error}") };
    assert_eq!(field, name);
    assert_eq!(*got, value.to_string(), "{error}");
}

#[test]
fn the_activations_there_are_are_told() {
    let json = r#"{"vocab_size":9,"n_positions":9,"n_embd":4,"n_layer":1,"n_head":2,
        "activation_function":"swoosh"}"#;
    let error = serde_json::from_str::<Gpt2Config>(json).unwrap_err().to_string();
    assert!(error.contains("activation_function") && error.contains("gelu_new"), "{error}");
    assert!(error.contains("swoosh"), "{error}");
}

#[test]
fn files_that_are_missing_or_no_json_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let error = Gpt2LmHead::from_pretrained(&nowhere, &Device::flex()).unwrap_err();
    assert!(matches!(&error, ModelError::Io { path, .. } if path.ends_with("config.json")));
    let error = Gpt2Config::new(9, 9, 4, 1, 2).load(&nowhere, &Device::flex()).unwrap_err();
    assert!(matches!(&error, ModelError::Io { path, .. } if *path == nowhere), "{error}");

    let checkpoint = Checkpoint::gpt2_memoria();
    fs::write(checkpoint.path("config.json"), "{").unwrap();
    assert!(matches!(checkpoint.load_gpt2(), ModelError::Json { .. }));
    assert!(matches!(model_type(checkpoint.folder()).unwrap_err(), ModelError::Json { .. }));
    fs::write(checkpoint.path("config.json"), "[]").unwrap();
    assert!(matches!(checkpoint.load_gpt2(), ModelError::Json { .. }));
}

#[test]
fn a_folder_without_weights_is_told_what_is_looked_for() {
    let checkpoint = Checkpoint::gpt2_memoria();
    fs::remove_file(checkpoint.path("model.safetensors")).unwrap();
    let error = checkpoint.load_gpt2().to_string();
    for name in ["model.safetensors", "pytorch_model.bin", "model.safetensors.index.json"] {
        assert!(error.contains(name), "{error}");
    }
}

/// Every length up to 64 bytes, a few in the midst, and all but the last byte.
fn cuts(length: usize) -> Vec<usize> {
    (0..64).chain((1..24).map(|part| part * length / 24)).chain([length - 1]).collect()
}

#[rstest]
#[case(Checkpoint::gpt2_memoria(), "model.safetensors")]
#[case(Checkpoint::pytorch(), "pytorch_model.bin")]
fn a_truncated_file_is_refused_wherever_it_ends(
    #[case] checkpoint: Checkpoint,
    #[case] file: &str,
) {
    let whole = fs::read(checkpoint.path(file)).unwrap();
    for cut in cuts(whole.len()) {
        fs::write(checkpoint.path(file), &whole[..cut]).unwrap();
        let error = checkpoint.load_gpt2();
        let named = match &error {
            ModelError::UnreadableWeights { path, .. } => path.ends_with(file),
            ModelError::UnreadableTensor { .. } => true,
            _ => false,
        };
        assert!(named, "cut after {cut} of {} bytes: {error}", whole.len());
    }
}

#[rstest]
#[case(Checkpoint::gpt2_memoria(), "model.safetensors")]
#[case(Checkpoint::pytorch(), "pytorch_model.bin")]
fn a_file_of_something_else_is_refused(#[case] checkpoint: Checkpoint, #[case] file: &str) {
    let garbage: Vec<u8> =
        (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [&garbage[..], b"{\"a\": 1}", &[0; 100], &[255; 100]] {
        fs::write(checkpoint.path(file), bytes).unwrap();
        let error = checkpoint.load_gpt2();
        assert!(matches!(error, ModelError::UnreadableWeights { .. }), "{error}");
    }
}

#[rstest]
fn a_corrupt_header_is_refused(#[values(8, 20, 50, 100, 500)] at: usize) {
    let checkpoint = Checkpoint::gpt2_memoria();
    let path = checkpoint.path("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] = b'\\';
    fs::write(&path, bytes).unwrap();
    let error = checkpoint.load_gpt2();
    assert!(matches!(error, ModelError::UnreadableWeights { .. }), "{error}");
}

#[rstest]
#[case(json!({}))]
#[case(json!({"weight_map": {"a": 1}}))]
#[case(json!({"weight_map": {"a": "../elsewhere.safetensors"}}))]
fn a_list_of_files_that_is_none_is_refused(#[case] index: Value) {
    let checkpoint = Checkpoint::gpt2_memoria();
    fs::remove_file(checkpoint.path("model.safetensors")).unwrap();
    fs::write(checkpoint.path("model.safetensors.index.json"), index.to_string()).unwrap();
    let error = checkpoint.load_gpt2();
    assert!(matches!(error, ModelError::UnreadableWeights { .. }), "{error}");
}

#[rstest]
#[case("n_positions", 31, "transformer.wpe.weight", &[31, 32], &[32, 32])]
#[case("n_embd", 4_000_000, "transformer.wte.weight", &[101, 4_000_000], &[101, 32])]
#[case("vocab_size", 100, "transformer.wte.weight", &[100, 32], &[101, 32])]
#[case("n_inner", 64, "transformer.h.0.mlp.c_fc.weight", &[32, 64], &[32, 128])]
#[case("memoria_num_memories", 5, "transformer.abs.query_embeddings", &[1, 5, 32], &[1, 4, 32])]
fn a_wrong_shape_is_told_as_pytorch_has_it(
    #[case] field: &str,
    #[case] value: usize,
    #[case] name: &str,
    #[case] shape: &[usize],
    #[case] in_file: &[usize],
) {
    let checkpoint = Checkpoint::gpt2_memoria();
    checkpoint.edit_config(|config| drop(config.insert(field.to_owned(), json!(value))));
    let error = checkpoint.load_gpt2();
    let ModelError::WrongShape { tensor, expected, found } = &error else { panic!("{error}") };
    assert_eq!((&tensor[..], &expected[..], &found[..]), (name, shape, in_file));
}

#[test]
fn a_wrong_shape_of_a_linear_layer_is_told_as_pytorch_has_it() {
    let checkpoint = Checkpoint::bert_memoria();
    checkpoint.edit_config(|config| drop(config.insert("intermediate_size".to_owned(), json!(48))));
    let error = checkpoint.load_encoder();
    let ModelError::WrongShape { tensor, expected, found } = &error else { panic!("{error}") };
    assert_eq!(tensor, "bert.encoder.layer.0.intermediate.dense.weight");
    assert_eq!((&expected[..], &found[..]), (&[48, 32][..], &[64, 32][..]));
}

#[test]
fn sizes_beyond_all_memory_are_refused_as_any_others() {
    let checkpoint = Checkpoint::bert_memoria();
    checkpoint
        .edit_config(|config| drop(config.insert("hidden_size".to_owned(), json!(4_000_000))));
    let error = checkpoint.load_encoder();
    assert!(matches!(&error, ModelError::WrongShape { expected, .. } if expected[0] == 4_000_000));
}

#[test]
fn numbers_that_are_whole_are_refused() {
    let checkpoint = Checkpoint::gpt2_memoria();
    let path = checkpoint.path("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    // The first tensor's type, as wide as it was.
    let at = bytes.windows(5).position(|window| window == b"\"F32\"").unwrap();
    let bytes = [&bytes[..at], b"\"I32\"", &bytes[at + 5..]].concat();
    fs::write(&path, bytes).unwrap();
    let error = checkpoint.load_gpt2();
    assert!(matches!(&error, ModelError::UnreadableTensor { tensor, .. } if !tensor.is_empty()));
    assert!(error.to_string().contains("I32"), "{error}");
}

#[test]
fn weights_of_another_model_are_refused() {
    let gpt2 = Gpt2Config::from_pretrained(models().join("gpt2")).unwrap();
    let error = gpt2.load(models().join("bert"), &Device::flex()).unwrap_err();
    let ModelError::NothingLoaded { expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!(expected, "transformer.wte.weight");
    assert!(!found.is_empty());
}

#[test]
fn what_cannot_be_written_is_told() {
    let checkpoint = Checkpoint::gpt2_memoria();
    let loaded = Gpt2LmHead::from_pretrained(checkpoint.folder(), &Device::flex()).unwrap();
    let file = checkpoint.path("config.json");
    let error = loaded.model.save_pretrained(&loaded.config, &file).unwrap_err();
    assert!(matches!(error, ModelError::Io { .. }), "{error}");
    // A folder where the weights should be.
    let target = checkpoint.path("target");
    fs::create_dir_all(target.join("model.safetensors/inside")).unwrap();
    let error = loaded.model.save_pretrained(&loaded.config, &target).unwrap_err();
    assert!(matches!(error, ModelError::UnwritableWeights { .. }), "{error}");
}

#[test]
fn a_plain_checkpoint_gets_a_memory_and_it_is_reported() {
    let memory = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3));
    let device = Device::flex();
    let gpt2 = Gpt2Config::from_pretrained(models().join("gpt2")).unwrap();
    let loaded = gpt2.with_memory(memory.clone()).load(models().join("gpt2"), &device).unwrap();
    let report = &loaded.report;
    assert!(report.missing.is_empty() && report.unused.is_empty(), "{report}");
    // Per block two norms and three linear layers, and the abstractor.
    assert_eq!(report.initialized_memory.len(), 2 * (2 * 2 + 3 * 2) + 9, "{report}");
    assert!(!report.is_complete());
    assert!(report.to_string().contains("transformer.abs.query_embeddings"));

    let bert = EncoderConfig::from_pretrained(models().join("bert")).unwrap();
    let loaded = bert.with_memory(memory, 1).load(models().join("bert"), &device).unwrap();
    let report = &loaded.report;
    assert!(report.missing.is_empty() && report.unused.is_empty(), "{report}");
    // In the last of three layers a norm and four linear layers, and the abstractor.
    assert_eq!(report.initialized_memory.len(), 2 + 4 * 2 + 9, "{report}");
}

#[test]
fn what_is_missing_and_unused_is_reported() {
    let device = Device::flex();
    // A layer fewer than the file has, and one more.
    let mut config = Gpt2Config::from_pretrained(models().join("gpt2")).unwrap();
    config.n_layer = 1;
    let report = config.clone().load(models().join("gpt2"), &device).unwrap().report;
    assert!(report.missing.is_empty());
    assert!(report.unused.iter().all(|name| name.starts_with("transformer.h.1.")), "{report}");
    assert_eq!(report.unused.len(), 12);
    config.n_layer = 3;
    let report = config.load(models().join("gpt2"), &device).unwrap().report;
    assert!(report.unused.is_empty());
    assert!(report.missing.iter().all(|name| name.starts_with("transformer.h.2.")), "{report}");
    assert_eq!(report.missing.len(), 12);
}

fn gpt2() -> Gpt2LmHead {
    let memory = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3));
    Gpt2Config::new(31, 8, 16, 2, 2).with_memory(memory).init(&Device::flex()).unwrap()
}

fn ids(shape: [usize; 2]) -> Tensor<2, Int> {
    Tensor::zeros(shape, &Device::flex())
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let model = gpt2();
    let forward = |input: ModelInput| model.forward(&input, None).map(|_| ()).unwrap_err();
    let error = forward(ModelInput::new(ids([2, 9])));
    assert!(matches!(error, ModelError::TooManyTokens { limit: 8, got: 9 }));
    let error = forward(ModelInput::new(ids([2, 0])));
    assert!(matches!(error, ModelError::EmptyInput { .. }));
    let error = forward(ModelInput::new(ids([2, 4])).position_ids(ids([2, 3])));
    let ModelError::WrongInputShape { tensor: "position_ids", expected, got } = error else {
        panic!("{error}")
    };
    assert_eq!((expected, got), ([2, 4], [2, 3]));
    let mut cache = Gpt2Cache::new();
    model.forward_cached(&ModelInput::new(ids([2, 3])), &mut cache).unwrap();
    let error = model.forward_cached(&ModelInput::new(ids([3, 1])), &mut cache).unwrap_err();
    assert!(matches!(error, ModelError::WrongInputShape { expected: [2, 1], got: [3, 1], .. }));
    let told = "input_ids that go on from a cache must have the shape [2, 1], got [3, 1]";
    assert_eq!(error.to_string(), told);
    model.forward_cached(&ModelInput::new(ids([2, 1])), &mut cache).unwrap();
    let mask = ids([1, 4]).bool();
    let error = forward(ModelInput::new(ids([2, 4])).mask_pad(mask));
    assert!(matches!(error, ModelError::WrongInputShape { tensor: "mask_pad", .. }));
    let error = forward(ModelInput::new(ids([2, 4])).token_type_ids(ids([2, 5])));
    assert!(matches!(error, ModelError::WrongInputShape { tensor: "token_type_ids", .. }));

    // RoBERTa has no positions for those up to its padding token's.
    let config = EncoderConfig::new(EncoderKind::Roberta, 31, 16, 2, 2, 24, 10);
    let model = config.init(&Device::flex()).unwrap();
    assert!(model.forward(&ModelInput::new(ids([1, 8])), None).is_ok());
    let error = model.forward(&ModelInput::new(ids([1, 9])), None).unwrap_err();
    assert!(matches!(error, ModelError::TooManyTokens { limit: 8, got: 9 }));
}

#[rstest]
#[case(&[], None, "input_ids")]
#[case(&[vec![]], None, "input_ids")]
#[case(&[vec![1, 2], vec![1]], None, "row of input_ids 1 must have 2 entries, got 1")]
#[case(&[vec![1, 31]], None, "token 31 at position 1 of row 0")]
#[case(&[vec![-1]], None, "token -1 at position 0 of row 0")]
#[case(&[vec![1]], Some(&[][..]), "attention_mask must have 1 rows, got 0")]
#[case(&[vec![1]], Some(&[vec![1, 1]][..]), "row of attention_mask 0 must have 1 entries, got 2")]
#[case(&[vec![1]], Some(&[vec![2]][..]), "attention_mask 2 at position 0 of row 0 must be 0 or 1")]
fn rows_that_do_not_fit_are_refused(
    #[case] input_ids: &[Vec<i64>],
    #[case] mask: Option<&[Vec<i64>]>,
    #[case] told: &str,
) {
    let error =
        ModelInput::from_rows(input_ids, mask, 31, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains(told), "{error}");
}

#[test]
fn a_plain_model_refuses_a_memory() {
    let mut memory = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3)).init().unwrap();
    let input = ModelInput::new(ids([1, 4]));
    let model = Gpt2Config::new(31, 8, 16, 2, 2).init(&Device::flex()).unwrap();
    assert!(matches!(model.forward(&input, Some(&mut memory)), Err(ModelError::NoMemory)));
    let config = EncoderConfig::new(EncoderKind::Bert, 31, 16, 2, 2, 24, 10);
    let model = config.init(&Device::flex()).unwrap();
    assert!(matches!(model.forward(&input, Some(&mut memory)), Err(ModelError::NoMemory)));
}

#[test]
fn a_refused_segment_leaves_the_memory_as_it_was() {
    let device = Device::flex();
    let folder = models().join("gpt2-memoria");
    let loaded = Gpt2LmHead::from_pretrained(&folder, &device).unwrap();
    let segment = |seed: i64, rows: i64| {
        let row = |row| (0..6).map(|at| (seed * 31 + row * 7 + at * 5) % 101).collect();
        let rows: Vec<Vec<i64>> = (0..rows).map(row).collect();
        ModelInput::from_rows(&rows, None, 101, &device).unwrap()
    };
    let run = |is_disturbed: bool| -> Vec<f32> {
        let mut memory = loaded.config.memory.as_ref().unwrap().init().unwrap();
        let mut logits = Vec::new();
        for seed in 0..5 {
            if is_disturbed {
                let other = loaded.model.forward(&segment(seed, 3), Some(&mut memory));
                match other {
                    // The first segment makes the rows; all of them leave.
                    Ok(_) if seed == 0 => drop(memory.split(&[0, 1, 2]).unwrap()),
                    Err(ModelError::Memory(MemoriaError::WrongDimension {
                        expected, got, ..
                    })) => {
                        assert_eq!((expected, got), (2, 3));
                    }
                    other => panic!("{other:?}"),
                }
                let too_long = ModelInput::new(Tensor::zeros([2, 33], &device));
                assert!(loaded.model.forward(&too_long, Some(&mut memory)).is_err());
            }
            let output = loaded.model.forward(&segment(seed, 2), Some(&mut memory)).unwrap();
            logits.extend(output.logits.into_data().iter::<f32>());
        }
        logits
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn a_configuration_is_written_as_it_is_read() {
    for name in ["gpt2", "gpt2-memoria"] {
        let config = Gpt2Config::from_pretrained(models().join(name)).unwrap();
        let text = serde_json::to_string(&config).unwrap();
        let again: Gpt2Config = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        assert_eq!((again.n_embd, again.memory), (config.n_embd, config.memory));
    }
    for name in ["bert", "bert-memoria", "roberta", "roberta-memoria"] {
        let config = EncoderConfig::from_pretrained(models().join(name)).unwrap();
        let text = serde_json::to_string(&config).unwrap();
        let again: EncoderConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        assert_eq!((again.kind, again.memory), (config.kind, config.memory));
    }
    // What is not known is kept.
    let json = r#"{"model_type":"bert","vocab_size":9,"hidden_size":4,"num_hidden_layers":2,
        "num_attention_heads":2,"intermediate_size":8,"max_position_embeddings":9,
        "id2label":{"0":"a","1":"b","2":"c"},"finetuning_task":"none"}"#;
    let config: EncoderConfig = serde_json::from_str(json).unwrap();
    assert_eq!(config.num_labels, 3);
    let written = serde_json::to_value(&config).unwrap();
    assert_eq!(written["finetuning_task"], "none");
    assert_eq!(written["id2label"]["2"], "c");
    let written = serde_json::to_value(config.with_num_labels(4)).unwrap();
    assert!(written.get("id2label").is_none());
}
