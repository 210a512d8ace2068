use std::{ops::Range, path::Path};

use tokenizers::{Encoding, Tokenizer};

use super::{token_count, tokenizer, tokenizer_file};
use crate::TaskError;

/// Converts text into the tokens of a checkpoint, in segments with its marks at both ends, such as `[CLS]` and `[SEP]`.
#[derive(Clone, Debug)]
pub struct MarkedTokens {
    tokenizer: Tokenizer,
    marks: [u32; 2],
    count: usize,
}

/// Names of the marks: of BERT, of RoBERTa.
const MARKS: [[&str; 2]; 2] = [["[CLS]", "<s>"], ["[SEP]", "</s>"]];

impl MarkedTokens {
    /// Reads the `tokenizer.json` of a folder.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`] if there is none; [`TaskError::Format`] if it cannot be read or has no marks.
    pub fn of_checkpoint(folder: &Path) -> Result<Self, TaskError> {
        let path = tokenizer_file(folder)?;
        let format = |problem: String| TaskError::format(&path, problem);
        let Some(tokenizer) = tokenizer(folder).map_err(format)? else {
            return Err(format("not there any more".into()));
        };
        let mark = |names: [&str; 2]| {
            let id = names.iter().find_map(|name| tokenizer.token_to_id(name));
            let names = names.join("` or `");
            id.ok_or_else(|| format(format!("it has no `{names}`, which BERT or RoBERTa expects")))
        };
        let marks = [mark(MARKS[0])?, mark(MARKS[1])?];
        Ok(Self { count: token_count(&tokenizer), tokenizer, marks })
    }

    /// Number of tokens.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The mark at the beginning of a segment, and the mark at its end.
    pub fn marks(&self) -> [u32; 2] {
        self.marks
    }

    /// Returns the tokens of a text and the bytes that each covers. A token of a part of a character covers the whole
    /// character.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] with the tokenizer's message.
    pub fn places(&self, text: &str) -> Result<Vec<(u32, Range<usize>)>, TaskError> {
        let encoded = self.encode(text)?;
        let places = encoded
            .get_offsets()
            .iter()
            .map(|&(start, end)| text.floor_char_boundary(start)..text.ceil_char_boundary(end));
        Ok(encoded.get_ids().iter().copied().zip(places).collect())
    }

    fn encode(&self, text: &str) -> Result<Encoding, TaskError> {
        self.tokenizer.encode(text, false).map_err(|error| {
            TaskError::option("the text", "what the tokenizer takes", error.to_string())
        })
    }

    /// Cuts a text into segments of at most `length` tokens, marks included; at least one segment.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] with the tokenizer's message.
    pub fn segments(&self, text: &str, length: usize) -> Result<Vec<Vec<u32>>, TaskError> {
        let encoded = self.encode(text)?;
        let [first, last] = self.marks;
        let marked = |tokens: &[u32]| [&[first], tokens, &[last]].concat();
        let tokens = encoded.get_ids();
        if tokens.is_empty() {
            return Ok(vec![marked(&[])]);
        }
        Ok(tokens.chunks(length.saturating_sub(2).max(1)).map(marked).collect())
    }

    /// Returns a readable form of a token.
    pub fn word(&self, token: u32) -> String {
        self.tokenizer.id_to_token(token).unwrap_or_else(|| format!("<{token}>"))
    }
}
