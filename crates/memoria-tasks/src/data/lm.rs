//! Language modelling: the next byte, or the next token.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use super::{Split, Text, TextSplit, Vocabulary};
use crate::{
    TaskError,
    error::at_least,
    text::{Corpus, token_count},
};

/// The source of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Jane Austen's novels from the R package janeaustenr; *Persuasion* is held out.
    Austen,
    /// Any file.
    File,
    /// enwik8, with its splits.
    Enwik8,
    /// WikiText-103.
    Wikitext103,
    /// PG-19.
    Pg19,
}

/// Configuration of the task `lm`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LmConfig {
    /// The source of the texts.
    pub source: Source,
    /// Their file or folder; for `austen` the R package's folder, by default in Debian's place.
    pub path: Option<PathBuf>,
    /// A `tokenizer.json`. Without it bytes are the tokens.
    pub tokenizer: Option<PathBuf>,
    /// Tokens of a segment.
    pub segment_length: usize,
    /// Maximum number of documents of each split.
    pub documents: Option<usize>,
}

impl Default for LmConfig {
    fn default() -> Self {
        Self {
            source: Source::Austen,
            path: None,
            tokenizer: None,
            segment_length: 32,
            documents: None,
        }
    }
}

impl LmConfig {
    /// Reads any file byte by byte; its last two twentieths are for validation and tests.
    pub fn file(path: impl Into<PathBuf>, segment_length: usize) -> Self {
        Self { source: Source::File, path: Some(path.into()), segment_length, ..Self::default() }
    }

    /// Reads the texts and converts them into tokens.
    ///
    /// # Errors
    ///
    /// As the functions of [`Corpus`]; [`TaskError::Option`] or [`TaskError::Format`].
    pub fn load(&self) -> Result<Text, TaskError> {
        at_least("data.segment_length", self.segment_length, 1)?;
        let most = self.documents.unwrap_or(usize::MAX);
        at_least("data.documents", most, 1)?;
        let mut corpus = self.corpus(most)?;
        for documents in [&mut corpus.train, &mut corpus.valid, &mut corpus.test] {
            documents.retain(|document| !document.is_empty());
            documents.truncate(most);
        }
        let text = match &self.tokenizer {
            None => of_bytes(&corpus, self.segment_length),
            Some(path) => of_tokens(&corpus, path, self.segment_length)?,
        };
        let name = format!("{:?}", self.source).to_lowercase();
        for split in [Split::Train, Split::Valid, Split::Test] {
            at_least(&format!("tokens of {name} for {split:?}"), text.split(split).len(), 2)?;
        }
        Ok(text)
    }

    fn corpus(&self, most: usize) -> Result<Corpus, TaskError> {
        let path = || {
            let expected = "the file or folder of the texts";
            self.path.as_deref().ok_or_else(|| TaskError::option("data.path", expected, "nothing"))
        };
        match self.source {
            Source::Austen => Corpus::austen(self.path.as_deref()),
            Source::File => Corpus::file(path()?),
            Source::Enwik8 => Corpus::enwik8(path()?),
            Source::Wikitext103 => Corpus::wikitext(path()?),
            Source::Pg19 => Corpus::pg19(path()?, most),
        }
    }
}

/// Tokens for the bytes that occur in training, in their order, and one token for all other bytes if there are any.
fn of_bytes(corpus: &Corpus, segment_length: usize) -> Text {
    let mut occurs = [false; 256];
    corpus.train.iter().flatten().for_each(|&byte| occurs[usize::from(byte)] = true);
    let symbols: Vec<u8> = (0..=255).filter(|&byte| occurs[usize::from(byte)]).collect();
    let mut tokens = [symbols.len() as u32; 256];
    (0..).zip(&symbols).for_each(|(token, &byte)| tokens[usize::from(byte)] = token);
    let split = |documents: &[Vec<u8>]| {
        let mut split = TextSplit::default();
        for document in documents {
            let of_document = document.iter().map(|&byte| tokens[usize::from(byte)]);
            split.push(of_document, document.len());
        }
        split
    };
    let splits = [split(&corpus.train), split(&corpus.valid), split(&corpus.test)];
    let unknown = splits.iter().any(|split| split.contains(symbols.len() as u32));
    Text::new(Vocabulary::of_bytes(symbols, unknown), segment_length, splits)
}

fn of_tokens(corpus: &Corpus, path: &Path, segment_length: usize) -> Result<Text, TaskError> {
    if !path.is_file() {
        let hint = "data.tokenizer names a tokenizer.json, as Hugging Face's models have; leave it out for bytes";
        return Err(TaskError::Missing { path: path.into(), hint: hint.into() });
    }
    let wrong = |problem: String| TaskError::format(path, problem);
    let mut tokenizer =
        Tokenizer::from_file(path).map_err(|error| wrong(format!("not a tokenizer: {error}")))?;
    tokenizer.with_truncation(None).map_err(|error| wrong(error.to_string()))?.with_padding(None);
    let mut splits = [(); 3].map(|()| TextSplit::default());
    for (split, documents) in splits.iter_mut().zip([&corpus.train, &corpus.valid, &corpus.test]) {
        for document in documents {
            let mut tokens: Vec<u32> = Vec::new();
            for piece in pieces(document) {
                let piece = String::from_utf8_lossy(piece);
                let encoding = tokenizer.encode(&*piece, false);
                let encoding = encoding.map_err(|error| wrong(error.to_string()))?;
                tokens.extend(encoding.get_ids());
            }
            split.push(tokens.into_iter(), document.len());
        }
    }
    let count = token_count(&tokenizer);
    let vocabulary = Vocabulary::of_tokenizer(tokenizer, count);
    Ok(Text::new(vocabulary, segment_length, splits))
}

/// Splits a document into pieces of some whole lines, so that a tokenizer need not process a book at once.
fn pieces(document: &[u8]) -> Vec<&[u8]> {
    const LENGTH: usize = 1 << 14;
    let mut pieces = Vec::new();
    let mut rest = document;
    while !rest.is_empty() {
        let least = rest.len().min(LENGTH);
        let end = rest[least..].iter().position(|&byte| byte == b'\n');
        let (piece, after) = rest.split_at(end.map_or(rest.len(), |end| least + end + 1));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn bytes_are_numbered_by_what_occurs_in_training() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        // The last twentieths contain a letter that training does not.
        fs::write(&path, format!("{}{}", "abba ".repeat(18), "xabba aaaa")).unwrap();
        let config = LmConfig { source: Source::File, path: Some(path), ..LmConfig::default() };
        let text = config.load().unwrap();
        assert_eq!(text.vocabulary().len(), 4);
        let tokens = |split| text.split(split).tokens(0..5);
        assert_eq!(tokens(Split::Train), [1, 2, 2, 1, 0]);
        assert_eq!(tokens(Split::Valid), [3, 1, 2, 2, 1]);
        assert_eq!(text.word(3), "<unk>");
        assert_eq!(text.split(Split::Train).bytes(), 90);
        let missing = LmConfig { source: Source::Enwik8, ..LmConfig::default() }.load();
        assert!(missing.unwrap_err().to_string().contains("data.path must be"));
    }

    #[test]
    fn tokens_are_those_of_a_tokenizer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        fs::write(&path, "sea and sea\n".repeat(20)).unwrap();
        let tokenizer = folder.path().join("tokenizer.json");
        let json = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"sea": 0, "and": 1, "[UNK]": 2}, "unk_token": "[UNK]"}}"#;
        fs::write(&tokenizer, json).unwrap();
        let path = Some(path);
        let config = LmConfig {
            source: Source::File,
            path,
            tokenizer: Some(tokenizer.clone()),
            ..LmConfig::default()
        };
        let text = config.load().unwrap();
        assert_eq!((text.vocabulary().len(), text.split(Split::Train).bytes()), (3, 216));
        assert_eq!(text.split(Split::Train).tokens(0..4), [0, 1, 0, 0]);
        fs::write(&tokenizer, "{}").unwrap();
        assert!(config.load().unwrap_err().to_string().contains("not a tokenizer"));
        fs::remove_file(&tokenizer).unwrap();
        assert!(config.load().unwrap_err().to_string().contains("tokenizer.json"));
    }

    #[test]
    fn pieces_are_whole_lines() {
        let document = [vec![b'a'; 20_000], vec![b'\n'], vec![b'b'; 100]].concat();
        let pieces = pieces(&document);
        assert_eq!(pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(), [20_001, 100]);
    }
}
