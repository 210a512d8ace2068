//! What a model with learned recall leaves in a folder, and what a `config.json` can say of it.

use std::{collections::BTreeSet, fs, path::Path};

use burn::tensor::Device;
use memoria_core::{Correlation, Pooling, ShortTermSearch, Wiring};
use memoria_models::{
    EncoderConfig, EncoderKind, Gpt2Config, Gpt2LmHead, MemoryConfig, SequenceClassifier,
};
use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::learned::{
    SEQ, VOCABULARY, encoder_config, gpt2, gpt2_config, logits, memoria, memories, numbers,
    segment, stirred,
};

/// Names of tensors that a model with learned recall has more than the paper's.
fn names_of_more(with: &BTreeSet<String>, without: &BTreeSet<String>) -> Vec<String> {
    assert!(without.is_subset(with));
    with.difference(without).cloned().collect()
}

fn saved(save: impl FnOnce(&Path)) -> (BTreeSet<String>, Value) {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path());
    let bytes = fs::read(folder.path().join("model.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let names = header.keys().filter(|name| *name != "__metadata__").cloned().collect();
    let text = fs::read_to_string(folder.path().join("config.json")).unwrap();
    (names, serde_json::from_str(&text).unwrap())
}

#[test]
fn what_is_saved_is_called_after_what_it_is() {
    let device = Device::flex();
    let names = |memory: MemoryConfig| {
        let gpt2 = saved(|folder| {
            let config = gpt2_config(&memory);
            config.init(&device).unwrap().save_pretrained(&config, folder).unwrap();
        });
        let bert = saved(|folder| {
            let config = encoder_config(EncoderKind::Bert, &memory);
            config.init(&device).unwrap().save_pretrained(&config, folder).unwrap();
        });
        (gpt2, bert)
    };
    let ((gpt2, _), (bert, _)) = names(MemoryConfig::new(3, memoria()));
    let learned = MemoryConfig::causal(SEQ, memoria());
    let ((learned_gpt2, config), (learned_bert, _)) = names(learned.clone());
    let mut more = names_of_more(&learned_gpt2, &gpt2);
    more.retain(|name| !name.contains(".h.1."));
    let attention = "transformer.h.0.memory_attention";
    let expected = [
        "transformer.abs.norm.bias".to_owned(),
        "transformer.abs.norm.weight".to_owned(),
        "transformer.abs.places".to_owned(),
        "transformer.abs.recall_embeddings".to_owned(),
        format!("{attention}.nearness"),
        format!("{attention}.sink"),
        format!("{attention}_reminded.c_attn.bias"),
        format!("{attention}_reminded.c_attn.weight"),
        format!("{attention}_reminded.c_proj.bias"),
        format!("{attention}_reminded.c_proj.weight"),
        format!("{attention}_reminded.q_attn.bias"),
        format!("{attention}_reminded.q_attn.weight"),
        format!("{attention}_reminded.sink"),
    ];
    assert_eq!(more, expected);
    let mut more = names_of_more(&learned_bert, &bert);
    more.retain(|name| !name.contains(".layer.3."));
    let attention = "bert.encoder.layer.2.memory_attention";
    let mut expected = vec![
        "bert.encoder.abstractor.norm.bias".to_owned(),
        "bert.encoder.abstractor.norm.weight".to_owned(),
        "bert.encoder.abstractor.places".to_owned(),
        "bert.encoder.abstractor.recall_embeddings".to_owned(),
        format!("{attention}.self.sink"),
        format!("{attention}_reminded.self.sink"),
    ];
    for part in ["output.dense", "self.key", "self.query", "self.value"] {
        expected.push(format!("{attention}_reminded.{part}.bias"));
        expected.push(format!("{attention}_reminded.{part}.weight"));
    }
    expected.sort();
    assert_eq!(more, expected);

    let told: Map<String, Value> = config.as_object().unwrap().clone();
    let told = told.into_iter().filter(|(field, _)| field.starts_with("memoria_"));
    let expected = json!({
        "memoria_num_memories": 8, "memoria_lifespan_extend_scale": 8.0,
        "memoria_num_reminded_stm": 4, "memoria_num_reminded_ltm": 3, "memoria_stm_capacity": 6,
        "memoria_ltm_search_depth": 4, "memoria_initial_lifespan": 6.0,
        "memoria_remembers_padding": false, "memoria_bptt": 8, "memoria_num_queries": 1,
        "memoria_score_in_logits": true, "memoria_equal_length": true, "memoria_norm": true,
        "memoria_max_places": 6, "memoria_sink": true, "memoria_own_attention": true,
        "memoria_long_term_search": "nearest",
    });
    assert_eq!(Value::Object(told.collect()), expected);
}

#[test]
fn what_is_saved_is_as_it_was() {
    let device = Device::flex();
    for config in memories() {
        let folder = tempfile::tempdir().unwrap();
        let model = gpt2(&config, &device);
        model.save_pretrained(&gpt2_config(&config), &folder).unwrap();
        let loaded = Gpt2LmHead::from_pretrained(&folder, &device).unwrap();
        assert!(loaded.report.is_complete() && loaded.report.unused.is_empty());
        assert_eq!(loaded.config.memory, Some(config.clone()));
        let run = |model: &Gpt2LmHead| {
            let mut memory = config.init().unwrap();
            let run = |number| logits(model, &segment(number, 2, &device), &mut memory);
            (0..5).map(run).collect::<Vec<_>>()
        };
        assert!(run(&model) == run(&loaded.model), "{config:?}");

        for kind in [EncoderKind::Bert, EncoderKind::Roberta] {
            let folder = tempfile::tempdir().unwrap();
            let whole = encoder_config(kind, &config);
            let model = stirred(whole.init(&device).unwrap(), &device);
            model.save_pretrained(&whole, &folder).unwrap();
            let loaded = SequenceClassifier::from_pretrained(&folder, &device).unwrap();
            assert!(loaded.report.is_complete() && loaded.report.unused.is_empty());
            assert_eq!(loaded.config.memory, Some(config.clone()));
            let run = |model: &SequenceClassifier| {
                let mut memory = config.init().unwrap();
                let run = |number| {
                    let input = segment(number, 2, &device);
                    numbers(model.forward(&input, Some(&mut memory)).unwrap().logits)
                };
                (0..5).map(run).collect::<Vec<_>>()
            };
            assert!(run(&model) == run(&loaded.model), "{kind:?}, {config:?}");
        }
    }
}

/// The paper's checkpoints load into models that learn, and what they lack is reported.
#[test]
fn a_checkpoint_of_the_papers_may_learn() {
    let device = Device::flex();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/models/gpt2-memoria");
    let config = Gpt2Config::from_pretrained(folder).unwrap();
    let memory = config.memory.clone().unwrap();
    let num_memories = memory.num_memories;
    let learned = MemoryConfig::causal(config.n_positions, memory.memoria);
    let config = config.with_memory(learned.with_num_memories(num_memories));
    let loaded = config.load(folder, &device).unwrap();
    assert!(loaded.report.unused.is_empty() && loaded.report.initialized_memory.is_empty());
    assert!(loaded.report.missing.iter().all(|name| {
        ["recall_embeddings", "places", "norm", "nearness", "sink", "memory_attention_reminded"]
            .iter()
            .any(|part| name.contains(part))
    }));
    assert_eq!(loaded.report.missing.len(), 4 + loaded.model.transformer.h.len() * 9);
}

#[rstest]
#[case("memoria_num_queries", json!(-1))]
#[case("memoria_score_in_logits", json!(1))]
#[case("memoria_equal_length", json!("yes"))]
#[case("memoria_norm", json!(0.5))]
#[case("memoria_max_places", json!(0))]
#[case("memoria_max_places", json!("many"))]
#[case("memoria_sink", json!([]))]
#[case("memoria_own_attention", json!("true"))]
#[case("memoria_pooling", json!("median"))]
#[case("memoria_correlation", json!("cosine"))]
#[case("memoria_short_term_search", json!("oldest"))]
#[case("memoria_long_term_search", json!("best"))]
#[case("memoria_wiring", json!(3))]
fn a_field_that_cannot_be_is_named(#[case] field: &str, #[case] value: Value) {
    let refuses = |map: Map<String, Value>, is_gpt2: bool| {
        let error = match is_gpt2 {
            true => Gpt2Config::try_from(map).unwrap_err(),
            false => EncoderConfig::try_from(map).unwrap_err(),
        };
        assert!(error.to_string().contains(&format!("`{field}` must be ")), "{error}");
    };
    let memory = MemoryConfig::new(3, memoria());
    let with = |mut map: Map<String, Value>| {
        map.insert(field.to_owned(), value.clone());
        map
    };
    refuses(with(gpt2_config(&memory).into()), true);
    refuses(with(encoder_config(EncoderKind::Roberta, &memory).into()), false);
}

#[test]
fn a_norm_with_nothing_after_it_is_refused() {
    let memory = MemoryConfig::without_abstractor(memoria()).with_norm(true);
    let error = gpt2_config(&memory).validate().unwrap_err().to_string();
    assert!(error.contains("`memoria_norm` must be false where"), "{error}");
    assert!(gpt2_config(&memory.with_num_queries(1)).validate().is_ok());
}

#[test]
fn more_queries_or_places_than_memory_are_refused() {
    let learned = MemoryConfig::causal(SEQ, memoria());
    for memory in [
        learned.clone().with_num_queries(usize::MAX),
        learned.clone().with_max_places(Some(usize::MAX)),
        learned.with_num_memories(None).with_max_places(Some(1 << 40)),
    ] {
        assert!(gpt2_config(&memory).init(&Device::flex()).is_err(), "{memory:?}");
        if memory.num_memories.is_some() {
            let config = encoder_config(EncoderKind::Bert, &memory);
            assert!(config.init(&Device::flex()).is_err(), "{memory:?}");
        }
    }
}

/// All that a `config.json` can say of a memory, and nothing else, makes the model one with memory.
#[test]
fn every_field_says_that_there_is_a_memory() {
    let memoria = memoria()
        .with_correlation(Correlation::Gaussian)
        .with_pooling(Pooling::Max)
        .with_short_term_search(ShortTermSearch::Newest)
        .with_wiring(Wiring::Random)
        .with_long_term_probes(4)
        .with_ltm_exploration(2, 7);
    let memory = MemoryConfig::causal(SEQ, memoria).with_num_queries(3);
    let whole: Map<String, Value> = gpt2_config(&memory).into();
    assert_eq!(Gpt2Config::try_from(whole.clone()).unwrap().memory, Some(memory));
    let fields: Vec<_> = whole.keys().filter(|field| field.starts_with("memoria_")).collect();
    assert_eq!(fields.len(), 24);
    let plain: Map<String, Value> = Gpt2Config::new(VOCABULARY, SEQ, 16, 2, 2).into();
    for field in fields {
        let mut map = plain.clone();
        map.insert(field.clone(), whole[field].clone());
        map.remove("model_type");
        map.remove("architectures");
        let config = Gpt2Config::try_from(map).unwrap();
        assert!(config.memory.is_some(), "{field}");
    }
}
