//! A text with any characters is cut into pages, and its passages are shown.

use std::fs;

use memoria_tasks::text::MarkedTokens;
use rstest::rstest;

use super::book::Book;

const FIELD_CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/field-cases");

fn book(text: String, tokenizer: Option<&MarkedTokens>) -> Book {
    Book::new("a text", text, tokenizer, 12, 257).unwrap()
}

/// All passages of a book of these words, with `between` after each word.
fn passages(between: &str, tokenizer: Option<&MarkedTokens>) -> Vec<String> {
    let words = ["Über", "naïve", "日本", "words", "🦀"].map(|word| [word, between].concat());
    let book = book(words.concat().repeat(8), tokenizer);
    let places = |page: usize| (0..book.pages[page].ids.len()).map(move |at| (page, at));
    let all = (0..book.pages.len()).flat_map(places);
    all.flat_map(|(page, at)| [0, 1, 12].map(|around| book.passage(page, at, around))).collect()
}

#[rstest]
fn white_space_may_have_several_bytes(
    #[values(" ", "\u{85}", "\u{A0}", "\u{1680}", "\u{2003}", "\u{2028}", "\u{3000}", "\u{A0}\n ")]
    between: &str,
) {
    for passage in passages(between, None) {
        assert!(passage.contains('[') && passage.contains(']'), "{passage}");
    }
}

/// With a tokenizer of bytes.
#[rstest]
fn a_token_may_be_a_part_of_a_character(#[values(" ", "\u{3000}")] between: &str) {
    let file = format!("{FIELD_CASES}/last-character-cut/tokenizer.json");
    let text = fs::read_to_string(file).unwrap();
    // BERT's marks.
    let text = text.replace("<|endoftext|>", "[CLS]").replace("\"Ā\":0", "\"[SEP]\":0");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tokenizer.json"), text).unwrap();
    let tokenizer = MarkedTokens::of_checkpoint(folder.path()).unwrap();
    assert!(passages(between, Some(&tokenizer)).iter().any(|passage| passage.contains("🦀")));
}

#[test]
fn a_text_with_no_break_spaces_only_is_read() {
    let text = fs::read_to_string(format!("{FIELD_CASES}/novel-no-break-space/text.txt")).unwrap();
    let book = book(text, None);
    assert!(book.pages.len() > 1 && book.token_count() > 12);
    assert!(book.passage(1, 3, 12).contains('['));
}

#[test]
fn a_text_without_words_and_a_page_without_places_are_refused() {
    let refused = |text: &str, length| {
        Book::new("empty.txt", text.into(), None, length, 257).unwrap_err().to_string()
    };
    let error = refused(" \n", 12);
    assert!(error.contains("the text must be of one word at least, got empty.txt"), "{error}");
    assert!(refused("a word", 2).contains("at least 3"));
}
