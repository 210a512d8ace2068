use std::{ops::Range, path::Path};

use tokenizers::{Encoding, Tokenizer};

use super::{token_count, tokenizer, tokenizer_file};
use crate::TaskError;

/// Text in the tokens of a checkpoint, cut into segments that have its marks at both ends, such as `[CLS]` and `[SEP]`.
#[derive(Clone, Debug)]
pub struct MarkedTokens {
    tokenizer: Tokenizer,
    marks: [u32; 2],
    count: usize,
}

/// How marks are called: those of BERT, those of RoBERTa.
const MARKS: [[&str; 2]; 2] = [["[CLS]", "<s>"], ["[SEP]", "</s>"]];

impl MarkedTokens {
    /// Of a folder's `tokenizer.json`.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`] if there is none; [`TaskError::Format`] if it cannot be read, or has no marks.
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

    /// Tokens there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What begins a segment, and what ends it.
    pub fn marks(&self) -> [u32; 2] {
        self.marks
    }

    /// The tokens of a text, with the bytes of it that each stands for: all of a character, for a part of one.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`]: what the tokenizer says.
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

    /// A text in segments of at most so many tokens, marks included: at least one segment.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`]: what the tokenizer says.
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

    /// A token for people.
    pub fn word(&self, token: u32) -> String {
        self.tokenizer.id_to_token(token).unwrap_or_else(|| format!("<{token}>"))
    }
}
