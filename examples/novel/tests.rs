//! A text is cut into pages whatever its characters, and passages of it are told.

use std::path::Path;

use clap::Parser;
use rstest::rstest;
use tokenizers::Tokenizer;

use super::{book::Book, options::Options};

fn open(path: &Path, tokenizer: Option<Tokenizer>) -> Book {
    let arguments = ["novel", "--quick", "--text", path.to_str().unwrap()];
    Book::open(&Options::parse_from(arguments), tokenizer, 12, 257).unwrap()
}

/// Every passage of a book of these words, with what is between them.
fn passages(between: &str, tokenizer: Option<Tokenizer>) -> Vec<String> {
    let words = ["Über", "naïve", "日本", "words", "🦀"].map(|word| [word, between].concat());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, words.concat().repeat(8)).unwrap();
    let book = open(file.path(), tokenizer);
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

/// Of a tokenizer with bytes as its tokens.
#[rstest]
fn a_token_may_be_a_part_of_a_character(#[values(" ", "\u{3000}")] between: &str) {
    let file = "tests/data/field-cases/last-character-cut/tokenizer.json";
    let text = std::fs::read_to_string(file).unwrap();
    // BERT's marks.
    let text = text.replace("<|endoftext|>", "[CLS]").replace("\"Ā\":0", "\"[SEP]\":0");
    let tokenizer: Tokenizer = text.parse().unwrap();
    assert!(passages(between, Some(tokenizer)).iter().any(|passage| passage.contains("🦀")));
}

#[test]
fn a_text_with_no_break_spaces_only_is_read() {
    let book = open(Path::new("tests/data/field-cases/novel-no-break-space/text.txt"), None);
    assert!(book.pages.len() > 1 && book.token_count() > 12);
    assert!(book.passage(1, 3, 12).contains('['), "{}", book.name);
}
