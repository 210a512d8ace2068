//! Checkpoints, configurations and texts as they exist in practice, with their expected results. The cases are in
//! `tests/data/field-cases`.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use memoria::models::{GenerationConfig, Gpt2LmHead, ModelError, end_tokens};
use memoria_tasks::text::{TextStream, missing_tokenizer, tokenizer};
use memoria_testing::{forward, segments};
use rstest::rstest;
use serde_json::Value;

fn folder(case: &str) -> PathBuf {
    Path::new("tests/data/field-cases").join(case)
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn flat(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

#[rstest]
#[case::order_of_files("stale-bin-beside-shards")]
#[case::file_of_a_training("lightning-checkpoint")]
#[case::no_abstractor("memoria-num-memories-null")]
#[case::defaults_of_the_package("memoria-fields-absent")]
#[case::recognized_by_its_fields("bert-without-model-type")]
#[case::numbers_of_python("config-nan")]
fn a_checkpoint_comes_to_what_it_was_made_for(#[case] case: &str) {
    let folder = folder(case);
    let loaded = forward::load(&folder, None, &Device::flex()).unwrap();
    let output = loaded.run(&segments::read(&folder.join("segments.json")).unwrap()).unwrap();
    let got = flat(&serde_json::to_value(&output.segments[0].logits).unwrap());
    let expected = flat(&read_json(&folder.join("expected.json"))["logits"]);
    assert_eq!(got.len(), expected.len());
    let difference = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn token_types_that_a_model_has_none_of_are_refused() {
    let folder = folder("token-types-of-roberta");
    let loaded = forward::load(&folder, None, &Device::flex()).unwrap();
    let segments = segments::read(&folder.join("probe.json")).unwrap();
    let error = loaded.run(&segments).map(|_| ()).unwrap_err();
    assert!(error.contains("token type"), "{error}");
}

#[test]
fn a_pointer_of_git_lfs_is_named_as_what_it_is() {
    let error =
        forward::load(&folder("lfs-pointer-safetensors"), None, &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("Git LFS pointer"), "{error}");
}

#[test]
fn two_models_in_one_file_are_refused() {
    let error = forward::load(&folder("two-copies-gpt2"), None, &Device::flex()).unwrap_err();
    assert!(matches!(error, ModelError::TwoTensors { .. }), "{error}");
}

#[test]
fn what_is_saved_says_its_type() {
    let loaded = Gpt2LmHead::from_pretrained(folder("saved-type-gpt2"), &Device::flex()).unwrap();
    let target = tempfile::tempdir().unwrap();
    loaded.model.save_pretrained(&loaded.config, &target).unwrap();
    let config = read_json(&target.path().join("config.json"));
    assert_eq!((&config["dtype"], &config["torch_dtype"]), (&"float32".into(), &"float32".into()));
}

/// The expected text is the output of the example `generate`.
#[rstest]
#[case("eos-beyond-vocabulary")]
#[case("eos-list")]
#[case("last-character-cut")]
fn a_text_ends_where_and_as_it_should(#[case] case: &str) {
    let folder = folder(case);
    let wanted = read_json(&folder.join("text.json"));
    let arguments: Vec<&str> =
        wanted["arguments"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    let ["--prompt", prompt, "-n", count] = arguments[..] else { panic!("{arguments:?}") };
    let tokenizer = tokenizer(&folder).unwrap().unwrap();
    let prompt = tokenizer.encode(prompt, false).unwrap();
    let prompt = prompt.get_ids().iter().copied().map(i64::from).collect();
    let loaded = Gpt2LmHead::from_pretrained(&folder, &Device::flex()).unwrap();
    let vocab_size = loaded.config.vocab_size as i64;
    let stop = end_tokens(&folder).unwrap().into_iter().filter(|token| *token < vocab_size);
    let config = GenerationConfig::new(count.parse().unwrap()).with_stop_tokens(stop);
    let rows = loaded.model.generate(&[prompt], &config, None).unwrap();
    let mut stream = TextStream::new(&tokenizer);
    let told: String =
        rows[0].tokens.iter().map(|&token| stream.add(token as u32).unwrap()).collect();
    assert_eq!(told + &stream.finish().unwrap(), wanted["text"].as_str().unwrap());
}

/// For any bytes, all pieces together are the text of all tokens, and no piece ends within a complete character.
#[test]
fn a_text_in_pieces_is_the_text() {
    let tokenizer = tokenizer(&folder("last-character-cut")).unwrap().unwrap();
    let texts =
        ["one two", "ein schöner Tag", "日本語 🦀 e\u{301}", "a\u{FFFD}b", "\u{2028}\u{3000}"];
    let vocabulary = tokenizer.get_vocab_size(false) as u32;
    let mut number = 1u32;
    let mut random = move || {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        number >> 8
    };
    let mut rows: Vec<Vec<u32>> = texts
        .iter()
        .flat_map(|text| {
            let ids = tokenizer.encode(*text, false).unwrap().get_ids().to_vec();
            (1..=ids.len()).map(move |len| ids[..len].to_vec()).collect::<Vec<_>>()
        })
        .collect();
    rows.extend((0..60).map(|_| (0..1 + random() % 24).map(|_| random() % vocabulary).collect()));
    for ids in rows {
        let mut stream = TextStream::new(&tokenizer);
        let pieces: Vec<String> = ids.iter().map(|&id| stream.add(id).unwrap()).collect();
        let text = pieces.concat() + &stream.finish().unwrap();
        assert_eq!(text, tokenizer.decode(&ids, true).unwrap(), "{ids:?}");
        let whole = texts.iter().find(|whole| **whole == text);
        assert!(whole.is_none_or(|_| pieces.iter().all(|piece| !piece.ends_with('\u{FFFD}'))));
    }
}

#[test]
fn a_vocabulary_without_its_tokenizer_is_named() {
    let folder = folder("novel-vocab-txt-only");
    assert!(tokenizer(&folder).unwrap().is_none());
    let missing = missing_tokenizer(&folder);
    assert!(missing.contains("tokenizer.json") && missing.contains("vocab.txt"), "{missing}");
}
