//! A malformed file of segments, or one that does not fit the checkpoint, is refused with the place of the error.

use std::path::Path;

use burn::tensor::Device;
use memoria_testing::{forward as checkpoint, segments};
use rstest::rstest;

const SEGMENTS: &str = r#"{"segments": [
  {"input_ids": [[1, 2, 3], [4, 5, 6]], "attention_mask": [[1, 1, 1], [1, 1, 0]]},
  {"input_ids": [[7, 8], [9, 10]]}
]}"#;

/// Returns the result of a file with this text.
fn forward(model: &str, text: &str) -> Result<checkpoint::Output, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    let segments = segments::read(file.path());
    let folder = Path::new("tests/data/models").join(model);
    checkpoint::load(&folder, None, &Device::flex()).unwrap().run(&segments?)
}

#[rstest]
fn a_sound_file_is_run(
    #[values("gpt2", "gpt2-memoria", "bert", "bert-memoria", "roberta", "roberta-memoria")]
    model: &str,
) {
    let output = forward(model, SEGMENTS).unwrap();
    assert_eq!(output.segments.len(), 2);
    assert_eq!(output.segments[1].memory.is_some(), model.ends_with("memoria"));
    // A GPT-2 has no memory in its first segment, since memories are made of the previous segment.
    let remembers_at_once = model.ends_with("memoria") && !model.starts_with("gpt2");
    assert_eq!(output.segments[0].memory.is_some(), remembers_at_once);
}

#[rstest]
#[case::cut_off(&SEGMENTS[..60], "", "line 2")]
#[case::misspelt("input_ids", "input_idz", "missing field `input_ids`")]
#[case::no_number("[7, 8]", "[7, true]", "line 3")]
#[case::fraction("[7, 8]", "[7, 8.5]", "line 3")]
#[case::no_segments("segments", "sediments", "missing field `segments`")]
#[case::no_rows("[[7, 8], [9, 10]]", "[]", "segments[1]: input_ids must not be empty")]
#[case::no_tokens("[[7, 8], [9, 10]]", "[[], []]", "segments[1]: the first row of input_ids")]
#[case::uneven("[9, 10]", "[9]", "segments[1]: row of input_ids 1 must have 2 entries, got 1")]
#[case::unknown("[9, 10]", "[9, 101]", "segments[1]: token 101 at position 1 of row 1")]
#[case::negative("[9, 10]", "[-9, 10]", "segments[1]: token -9 at position 0 of row 1")]
#[case::mask("[1, 1, 0]", "[1, 1, 2]", "segments[0]: attention_mask 2 at position 2 of row 1")]
#[case::short_mask("[1, 1, 0]", "[1, 1]", "row of attention_mask 1 must have 3 entries, got 2")]
fn a_malformed_one_is_refused_with_the_place(
    #[case] what: &str,
    #[case] instead: &str,
    #[case] place: &str,
    #[values("gpt2-memoria", "bert")] model: &str,
) {
    // A case without a replacement is a whole file.
    let text = if instead.is_empty() { what.to_owned() } else { SEGMENTS.replace(what, instead) };
    let error = forward(model, &text).unwrap_err();
    assert!(error.contains(place), "{error}");
}

#[rstest]
#[case("gpt2-memoria", 33, 32)]
#[case("bert", 41, 40)]
#[case("roberta", 39, 38)]
fn a_segment_that_is_too_long_is_refused(
    #[case] model: &str,
    #[case] tokens: usize,
    #[case] limit: usize,
) {
    let row = vec!["2"; tokens].join(",");
    let text = format!(r#"{{"segments": [{{"input_ids": [[{row}]]}}]}}"#);
    let error = forward(model, &text).unwrap_err();
    let told = format!("segments[0]: the model has positions for {limit} tokens, got {tokens}");
    assert_eq!(error, told);
}

#[rstest]
fn a_batch_that_changes_is_refused(#[values("gpt2-memoria", "bert-memoria")] model: &str) {
    let text = SEGMENTS.replace("[[7, 8], [9, 10]]", "[[7, 8]]");
    let error = forward(model, &text).unwrap_err();
    assert!(
        error.starts_with("segments[1]") && error.contains("must have batch 2, got 1"),
        "{error}"
    );
}
