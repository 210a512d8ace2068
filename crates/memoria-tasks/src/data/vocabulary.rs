use std::path::Path;

use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use crate::{TaskError, files, text::TextStream};

/// The tokens that a model is trained with: a word for each. If tokens are text, it also converts text into tokens and
/// back.
///
/// It is saved beside trained models as `vocabulary.json`, so that later texts get the same tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vocabulary {
    words: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    coding: Option<Coding>,
}

/// How text becomes tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Coding {
    /// The byte of each token; the token after them is for all other bytes.
    Bytes(Vec<u8>),
    Tokenizer(Box<Tokenizer>),
}

/// Converts tokens into text, one by one.
#[derive(Clone, Debug)]
pub enum TextDecoder<'a> {
    /// Tokens that are bytes.
    Bytes(&'a [u8]),
    /// Tokens of a tokenizer.
    Tokens(TextStream<'a>),
    /// Tokens that are words.
    Words(&'a [String]),
}

impl Vocabulary {
    /// Creates one of tokens that are not text.
    pub fn of_words(words: Vec<String>) -> Self {
        Self { words, coding: None }
    }

    /// Creates one of bytes, in order, with a token for all other bytes if `others`.
    pub fn of_bytes(bytes: Vec<u8>, others: bool) -> Self {
        let word = |&byte: &u8| match byte {
            b'\n' => "⏎".into(),
            0x20..0x7f => char::from(byte).into(),
            byte => format!("<{byte:02x}>"),
        };
        let mut words: Vec<String> = bytes.iter().map(word).collect();
        if others {
            words.push("<unk>".into());
        }
        Self { words, coding: Some(Coding::Bytes(bytes)) }
    }

    /// Creates one of a tokenizer with `count` tokens.
    pub fn of_tokenizer(tokenizer: Tokenizer, count: usize) -> Self {
        let word = |token| tokenizer.id_to_token(token).unwrap_or_else(|| format!("<{token}>"));
        let words = (0..count as u32).map(word).collect();
        Self { words, coding: Some(Coding::Tokenizer(Box::new(tokenizer))) }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Returns a readable form of a token.
    pub fn word(&self, token: u32) -> &str {
        self.words.get(token as usize).map_or("?", String::as_str)
    }

    /// Converts a text into tokens.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] if the tokens are not text, if a byte has no token, or with the tokenizer's message.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TaskError> {
        let refused = |expected: String, got: String| TaskError::option("the text", expected, got);
        match &self.coding {
            None => {
                Err(refused("for a model of text, as `lm` trains".into(), "another task".into()))
            }
            Some(Coding::Bytes(bytes)) => {
                let others = (self.words.len() > bytes.len()).then_some(bytes.len() as u32);
                let token = |(place, byte): (usize, u8)| {
                    let known = bytes.binary_search(&byte).ok().map(|token| token as u32);
                    known.or(others).ok_or_else(|| {
                        let expected = "of bytes that the model was trained with".into();
                        refused(expected, format!("byte 0x{byte:02x} at place {place}"))
                    })
                };
                text.bytes().enumerate().map(token).collect()
            }
            Some(Coding::Tokenizer(tokenizer)) => {
                let encoded = tokenizer.encode(text, false);
                let encoded = encoded.map_err(|error| {
                    refused("what the tokenizer takes".into(), error.to_string())
                })?;
                Ok(encoded.get_ids().to_vec())
            }
        }
    }

    /// Returns a converter of tokens into text.
    pub fn decoder(&self) -> TextDecoder<'_> {
        match &self.coding {
            None => TextDecoder::Words(&self.words),
            Some(Coding::Bytes(bytes)) => TextDecoder::Bytes(bytes),
            Some(Coding::Tokenizer(tokenizer)) => TextDecoder::Tokens(TextStream::new(tokenizer)),
        }
    }

    /// Writes the file completely, or leaves the old one unchanged.
    ///
    /// # Errors
    ///
    /// [`TaskError::File`].
    pub fn write(&self, path: &Path) -> Result<(), TaskError> {
        let json =
            serde_json::to_vec(self).map_err(|error| TaskError::format(path, error.to_string()))?;
        files::write(path, &json)
    }

    /// Reads the file of [`write`](Self::write); `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`TaskError::File`] or [`TaskError::Format`].
    pub fn read(path: &Path) -> Result<Option<Self>, TaskError> {
        if !path.is_file() {
            return Ok(None);
        }
        let vocabulary = serde_json::from_slice(&files::read(path, "")?)
            .map_err(|error| TaskError::format(path, format!("not a vocabulary: {error}")))?;
        Ok(Some(vocabulary))
    }

    /// Refuses a vocabulary other than the one that a model was trained with.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check_trained(&self, trained: &Self) -> Result<(), TaskError> {
        if self.words == trained.words {
            return Ok(());
        }
        let mut pairs = self.words.iter().zip(&trained.words);
        let other = pairs.position(|(now, then)| now != then);
        let at = other.unwrap_or_else(|| self.len().min(trained.len())) as u32;
        let expected = format!(
            "the one that the model was trained with, {} tokens: give it the table `data` of then and, where \
                `data.path` names them, the same files",
            trained.len()
        );
        let (now, then) = (self.word(at), trained.word(at));
        let got = format!("{} tokens, of which token {at} is `{now}` and was `{then}`", self.len());
        Err(TaskError::option("the vocabulary", expected, got))
    }
}

impl TextDecoder<'_> {
    /// Returns the bytes that one more token adds. They are UTF-8 if the text was UTF-8.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] with the tokenizer's message.
    pub fn add(&mut self, token: u32) -> Result<Vec<u8>, TaskError> {
        Ok(match self {
            Self::Bytes(bytes) => match bytes.get(token as usize) {
                Some(&byte) => vec![byte],
                None => "\u{FFFD}".into(),
            },
            Self::Tokens(stream) => stream.add(token).map_err(refused)?.into(),
            Self::Words(words) => {
                words.get(token as usize).map_or("? ".into(), |word| format!("{word} ")).into()
            }
        })
    }

    /// Returns the rest: bytes that are not a complete character.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn finish(self) -> Result<Vec<u8>, TaskError> {
        match self {
            Self::Tokens(stream) => Ok(stream.finish().map_err(refused)?.into()),
            Self::Bytes(_) | Self::Words(_) => Ok(Vec::new()),
        }
    }
}

fn refused(problem: String) -> TaskError {
    TaskError::option("tokens", "what the tokenizer decodes", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(vocabulary: &Vocabulary, tokens: &[u32]) -> Vec<u8> {
        let mut decoder = vocabulary.decoder();
        let mut text: Vec<u8> =
            tokens.iter().flat_map(|&token| decoder.add(token).unwrap()).collect();
        text.extend(decoder.finish().unwrap());
        text
    }

    #[test]
    fn bytes_come_back() {
        let vocabulary = Vocabulary::of_bytes(b" abc".to_vec(), false);
        let tokens = vocabulary.encode("a cab").unwrap();
        assert_eq!(tokens, [1, 0, 3, 1, 2]);
        assert_eq!(text(&vocabulary, &tokens), b"a cab");
        let error = vocabulary.encode("cä").unwrap_err().to_string();
        assert!(error.contains("byte 0xc3 at place 1"), "{error}");
        let with_others = Vocabulary::of_bytes(b"ab".to_vec(), true);
        assert_eq!(with_others.encode("a!").unwrap(), [0, 2]);
        assert_eq!(text(&with_others, &[2]), "\u{FFFD}".as_bytes());
    }

    #[test]
    fn another_vocabulary_is_told_by_its_first_difference() {
        let [one, other] =
            [b"ab".to_vec(), b"ac!".to_vec()].map(|bytes| Vocabulary::of_bytes(bytes, false));
        one.check_trained(&one.clone()).unwrap();
        let error = other.check_trained(&one).unwrap_err().to_string();
        assert!(error.contains("3 tokens, of which token 1 is `c` and was `b`"), "{error}");
        assert!(error.contains("data.path"));
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vocabulary.json");
        assert!(Vocabulary::read(&path).unwrap().is_none());
        Vocabulary::of_bytes(vec![0, b'x'], true).write(&path).unwrap();
        let read = Vocabulary::read(&path).unwrap().unwrap();
        assert_eq!((read.encode("x").unwrap(), read.len()), (vec![1], 3));
        std::fs::write(&path, "{}").unwrap();
        assert!(Vocabulary::read(&path).unwrap_err().to_string().contains("not a vocabulary"));
        let words = Vocabulary::of_words(vec!["k1".into()]);
        assert!(words.encode("x").unwrap_err().to_string().contains("another task"));
        assert_eq!(text(&words, &[0]), b"k1 ");
    }
}
