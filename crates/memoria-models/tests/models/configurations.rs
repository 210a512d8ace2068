//! Configurations as they exist: fields that are absent, null, or say what other programs say with them.

use std::fs;

use burn::tensor::{Device, Int, Tensor};
use memoria_core::MemoriaConfig;
use memoria_models::{
    Encoder, EncoderConfig, EncoderKind, Gpt2Config, Gpt2LmHead, MemoryConfig, ModelError,
    ModelInput, SequenceClassifier, end_tokens, model_type,
};
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::checkpoint::{Checkpoint, data, models};

/// As much of a configuration as there must be, with further fields.
fn config(base: Value, further: Value) -> Map<String, Value> {
    let mut map = base.as_object().unwrap().clone();
    map.extend(further.as_object().unwrap().clone());
    map
}

fn gpt2(further: Value) -> Result<Gpt2Config, ModelError> {
    let base = json!({"vocab_size": 31, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2});
    config(base, further).try_into()
}

fn encoder(further: Value) -> Result<EncoderConfig, ModelError> {
    let base = json!({"vocab_size": 31, "hidden_size": 8, "num_hidden_layers": 12,
        "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": 12});
    config(base, further).try_into()
}

fn input(vocab_size: usize, shift: i64) -> ModelInput {
    let rows = [vec![5, 17, 3, 8], vec![8, 2, 30, 4]];
    let rows = rows.map(|row| row.into_iter().map(|token| (token + shift) % 31).collect());
    ModelInput::from_rows(&rows, None, vocab_size, &Device::flex()).unwrap()
}

#[test]
fn absent_fields_of_a_memory_are_as_in_the_package() {
    let memory = gpt2(json!({"model_type": "gpt2_with_memoria"})).unwrap().memory.unwrap();
    assert_eq!(memory, MemoryConfig::new(50, MemoriaConfig::new(50, 400, 10, 9.0, 50)));
    let told = gpt2(json!({"memoria_stm_capacity": 7, "memoria_num_reminded_ltm": null})).unwrap();
    assert_eq!(told.memory.unwrap().memoria, MemoriaConfig::new(50, 7, 10, 9.0, 50));
    // What is neither of the memory nor of the model makes no memory.
    assert!(
        gpt2(json!({"memoria_device": "cpu", "memoria_reset_period": 5})).unwrap().memory.is_none()
    );
    for model_type in ["memoria_bert", "memoria_roberta"] {
        let config = encoder(json!({"model_type": model_type})).unwrap();
        let expected = MemoryConfig::new(64, MemoriaConfig::new(64, 128, 10, 12.0, 64));
        let expected = expected.with_remembers_padding(true);
        assert_eq!((config.memory, config.memory_layer_index), (Some(expected), 9));
    }
}

/// In the package no layer of it attends to memories, nor is any made.
#[test]
fn too_few_layers_for_the_packages_default_are_a_model_without_memory() {
    for layers in [1, 3, 10] {
        let further = json!({"model_type": "memoria_bert", "num_hidden_layers": layers});
        let config = encoder(further).unwrap();
        assert!(config.memory.is_none(), "{layers}");
        let mut memory = MemoryConfig::new(2, MemoriaConfig::new(1, 1, 1, 1.0, 1)).init().unwrap();
        let model = config.init(&Device::flex()).unwrap();
        let error = model.forward(&input(31, 0), Some(&mut memory)).unwrap_err();
        assert!(error.to_string().contains("memory_layer_index"), "{error}");
        let saved = Map::from(config);
        assert!(saved["model_type"] == "bert" && saved.keys().all(|key| !key.contains("memor")));
    }
    // One that is said must leave a layer.
    let said =
        json!({"model_type": "memoria_bert", "num_hidden_layers": 3, "memory_layer_index": 2});
    assert!(
        matches!(encoder(said), Err(ModelError::InvalidField { field, .. }) if field == "memory_layer_index")
    );
}

/// The working memories are the hidden states: of the previous segment in a GPT-2, of the layer in a BERT.
#[test]
fn without_abstractor_hidden_states_are_the_working_memories() {
    let null = json!({"memoria_num_memories": null, "memoria_stm_capacity": 100});
    let of_gpt2 = gpt2(null.clone()).unwrap();
    assert_eq!(of_gpt2.memory.as_ref().unwrap().num_memories, None);
    // So the package's reads 0, too.
    let zero = json!({"memoria_num_memories": 0, "memoria_stm_capacity": 100});
    assert_eq!(gpt2(zero).unwrap(), of_gpt2);
    assert_eq!(Map::from(of_gpt2.clone())["memoria_num_memories"], Value::Null);
    let model = of_gpt2.init(&Device::flex()).unwrap();
    let mut memory = of_gpt2.memory.unwrap().init().unwrap();
    let first = model.forward(&input(31, 0), Some(&mut memory)).unwrap();
    assert!(first.recall.is_none());
    let second = model.forward(&input(31, 1), Some(&mut memory)).unwrap();
    let working = second.recall.unwrap().working;
    assert_eq!(working.into_data(), first.hidden.into_data());
    assert_eq!(memory.state().unwrap().row(0).unwrap().counts().total(), 4);
    let third = model.forward(&input(31, 2), Some(&mut memory)).unwrap();
    assert!(third.gains.is_some());
    assert_eq!(memory.state().unwrap().row(1).unwrap().counts().total(), 8);

    let further = json!({"model_type": "memoria_bert"});
    let of_bert = encoder(config(null, further).into()).unwrap();
    let model: Encoder = of_bert.init_model(&Device::flex()).unwrap();
    assert!(model.abstractor.is_none());
    let mut memory = of_bert.memory.unwrap().init().unwrap();
    for segment in 1..4 {
        let output = model.forward(&input(31, segment), Some(&mut memory)).unwrap();
        assert_eq!(output.recall.unwrap().working.dims(), [2, 4, 8]);
        let row = memory.state().unwrap().row(0).unwrap().counts().total();
        assert_eq!(row, 4 * segment as usize);
    }
}

#[test]
fn generating_without_abstractor_comes_to_the_memory_of_reading() {
    let config = gpt2(json!({"memoria_num_memories": null})).unwrap();
    let model = config.init(&Device::flex()).unwrap();
    let generation = memoria_models::GenerationConfig::new(13).with_segment_len(4);
    let mut written = config.memory.as_ref().unwrap().init().unwrap();
    let prompt = vec![5, 17, 3];
    let rows =
        model.generate(std::slice::from_ref(&prompt), &generation, Some(&mut written)).unwrap();
    let mut read = config.memory.as_ref().unwrap().init().unwrap();
    let all = [prompt, rows[0].tokens.clone()].concat();
    for segment in all.chunks(4) {
        let input = ModelInput::from_rows(&[segment.to_vec()], None, 31, &Device::flex()).unwrap();
        model.forward(&input, Some(&mut read)).unwrap();
    }
    let engrams = |memory: &mut memoria_models::ModelMemory| {
        let state = memory.state().unwrap();
        let ids: Vec<_> = state.row(0).unwrap().engrams().map(|engram| engram.id).collect();
        ids
    };
    assert_eq!(engrams(&mut written), engrams(&mut read));
}

#[rstest]
#[case(json!({"pad_token_id": -1}))]
#[case(json!({"pad_token_id": null}))]
#[case(json!({"pad_token_id": -31}))]
#[case(json!({"initializer_range": 0}))]
#[case(json!({"hidden_dropout_prob": 1, "attention_probs_dropout_prob": 1.0}))]
#[case(json!({"classifier_dropout": 1}))]
#[case(json!({"embedding_size": 4}))]
#[case(json!({"embedding_size": 0}))]
#[case(json!({"embedding_size": "unused"}))]
#[case(json!({"id2label": {}, "label2id": {}}))]
#[case(json!({"id2label": {"0": "a", "1": "b"}, "num_labels": 5}))]
fn an_encoder_is_read_as_by_transformers(#[case] further: Value) {
    let original = data().join("checkpoints/bert-model");
    let checkpoint = Checkpoint::copy_of(&original);
    checkpoint.edit_config(|config| config.extend(further.as_object().unwrap().clone()));
    let device = Device::flex();
    let run = |folder| {
        let loaded = Encoder::from_pretrained(folder, &device).unwrap();
        assert!(loaded.report.is_complete(), "{}", loaded.report);
        assert_eq!(loaded.config.num_labels, 2);
        loaded.model.forward(&input(31, 0), None).unwrap().hidden.into_data()
    };
    assert_eq!(run(checkpoint.folder()), run(&original));
    // With a head, too, which the file lacks.
    assert!(SequenceClassifier::from_pretrained(checkpoint.folder(), &device).is_ok());
}

/// Its positions begin at 0, and every token is counted.
#[test]
fn a_roberta_without_padding_token_counts_all_tokens() {
    let original = data().join("checkpoints/roberta-model");
    let checkpoint = Checkpoint::copy_of(&original);
    checkpoint.edit_config(|config| drop(config.insert("pad_token_id".to_owned(), json!(-1))));
    let device = Device::flex();
    let model = Encoder::from_pretrained(checkpoint.folder(), &device).unwrap().model;
    assert_eq!(model.max_tokens(), 14);
    let ids = input(31, 0).input_ids;
    let positions = Tensor::<1, Int>::arange(0..4, &device).unsqueeze::<2>().expand([2, 4]);
    let run = |input| model.forward(&input, None).unwrap().hidden.into_data();
    let counted = run(ModelInput::new(ids.clone()));
    assert_eq!(counted, run(ModelInput::new(ids).position_ids(positions)));
    let refused = encoder(json!({"model_type": "roberta", "pad_token_id": -2}));
    assert!(
        matches!(refused, Err(ModelError::InvalidField { field, .. }) if field == "pad_token_id")
    );
}

#[rstest]
#[case(json!({"initializer_range": 0}))]
#[case(json!({"attn_pdrop": 1, "resid_pdrop": 1.0, "embd_pdrop": 1}))]
#[case(json!({"pad_token_id": -1, "id2label": {}, "embedding_size": -3}))]
fn a_gpt2_is_read_as_by_transformers(#[case] further: Value) {
    let config = gpt2(further).unwrap();
    let logits = config.init(&Device::flex()).unwrap().forward(&input(31, 0), None).unwrap().logits;
    assert!(logits.into_data().iter::<f32>().all(f32::is_finite));
}

/// All is dropped, and nothing becomes of it but zeros.
#[test]
fn a_dropout_of_all_is_finite_in_training() {
    let config = gpt2(json!({"attn_pdrop": 1, "resid_pdrop": 1, "embd_pdrop": 1})).unwrap();
    let device = Device::flex().autodiff();
    let model = config.init(&device).unwrap();
    let ids = Tensor::<2, Int>::ones([2, 4], &device);
    let output = model.forward(&ModelInput::new(ids), None).unwrap();
    assert!(output.hidden.into_data().iter::<f32>().all(|number| number == 0.0));
}

#[rstest]
#[case("NaN")]
#[case("[-Infinity, Infinity]")]
#[case("{\"NaN\": NaN}")]
fn numbers_of_python_are_read_where_they_are_not_needed(#[case] value: &str) {
    let checkpoint = Checkpoint::gpt2_memoria();
    let path = checkpoint.path("config.json");
    let text =
        fs::read_to_string(&path).unwrap().replacen('{', &format!("{{\"best\": {value},"), 1);
    fs::write(&path, &text).unwrap();
    let loaded = Gpt2LmHead::from_pretrained(checkpoint.folder(), &Device::flex()).unwrap();
    assert!(loaded.config.other.contains_key("best"));
    // But not where a number is needed.
    fs::write(&path, text.replacen("\"best\"", "\"attn_pdrop\"", 1)).unwrap();
    let error = checkpoint.load_gpt2();
    assert!(
        matches!(&error, ModelError::InvalidField { field, .. } if field == "attn_pdrop"),
        "{error}"
    );
}

#[rstest]
#[case("gpt2", "gpt2")]
#[case("gpt2-memoria", "gpt2")]
#[case("bert", "bert")]
#[case("roberta", "roberta")]
fn a_model_that_does_not_say_its_type_is_recognized(#[case] name: &str, #[case] expected: &str) {
    let checkpoint = Checkpoint::copy_of(&models().join(name));
    checkpoint.edit_config(|config| {
        config.remove("model_type");
        if expected != "gpt2" {
            // As transformers writes them.
            let is_bert = expected == "bert";
            config.insert("pad_token_id".to_owned(), json!(if is_bert { 0 } else { 1 }));
        }
    });
    assert_eq!(model_type(checkpoint.folder()).unwrap(), expected);
    match expected {
        "gpt2" => {
            assert!(Gpt2LmHead::from_pretrained(checkpoint.folder(), &Device::flex()).is_ok())
        }
        _ => assert!(
            SequenceClassifier::from_pretrained(checkpoint.folder(), &Device::flex()).is_ok()
        ),
    }
}

#[test]
fn a_kind_that_nothing_tells_can_be_stated() {
    let checkpoint = Checkpoint::copy_of(&models().join("roberta"));
    checkpoint.edit_config(|config| drop(config.remove("model_type")));
    assert!(matches!(model_type(checkpoint.folder()), Err(ModelError::UnknownModelType)));
    let error = checkpoint.load_encoder();
    assert!(matches!(error, ModelError::UnknownModelType), "{error}");
    let config =
        EncoderConfig::from_pretrained_as(EncoderKind::Roberta, checkpoint.folder()).unwrap();
    assert_eq!((config.kind, config.pad_token_id), (EncoderKind::Roberta, 1));
    assert!(config.load(checkpoint.folder(), &Device::flex()).unwrap().report.is_complete());
    // What is said is not overruled.
    let said = EncoderConfig::from_pretrained_as(EncoderKind::Bert, models().join("roberta"));
    assert!(matches!(said, Err(ModelError::InvalidField { field, .. }) if field == "model_type"));
}

#[rstest]
#[case(json!(7), None, &[7])]
#[case(json!([7, 9]), None, &[7, 9])]
#[case(json!(50256), Some(json!({"eos_token_id": [9.0, 3]})), &[9, 3])]
#[case(json!([7, 9]), Some(json!({"eos_token_id": null})), &[7, 9])]
#[case(json!(7), Some(json!({"max_length": 5})), &[7])]
#[case(json!(null), None, &[])]
fn end_tokens_are_one_or_several(
    #[case] in_config: Value,
    #[case] in_generation: Option<Value>,
    #[case] expected: &[i64],
) {
    let checkpoint = Checkpoint::gpt2_memoria();
    checkpoint.edit_config(|config| drop(config.insert("eos_token_id".to_owned(), in_config)));
    if let Some(generation) = in_generation {
        fs::write(checkpoint.path("generation_config.json"), generation.to_string()).unwrap();
    }
    assert_eq!(end_tokens(checkpoint.folder()).unwrap(), expected);
}

#[test]
fn an_end_token_that_is_none_is_refused() {
    for value in [json!("stop"), json!([1, "stop"]), json!(1.5)] {
        let checkpoint = Checkpoint::gpt2_memoria();
        checkpoint.edit_config(|config| drop(config.insert("eos_token_id".to_owned(), value)));
        let error = end_tokens(checkpoint.folder()).unwrap_err();
        assert!(
            matches!(&error, ModelError::InvalidField { field, .. } if field == "eos_token_id")
        );
    }
}

#[test]
fn rows_of_types_and_positions_are_checked() {
    let rows = |rows: &[Vec<i64>]| input(31, 0).token_type_rows(rows).map(|_| ());
    assert!(rows(&[vec![0; 4], vec![1; 4]]).is_ok());
    let told = |error: ModelError| error.to_string();
    assert!(
        told(rows(&[vec![0; 4]]).unwrap_err()).contains("token_type_ids must have 2 rows, got 1")
    );
    assert!(told(rows(&[vec![0; 4], vec![0; 3]]).unwrap_err()).contains("row of token_type_ids 1"));
    let error = input(31, 0).position_rows(&[vec![0; 4], vec![0, 1, -1, 2]]).unwrap_err();
    assert!(told(error).contains("position -1 at position 2 of row 1 must be 0 or more"));
}
