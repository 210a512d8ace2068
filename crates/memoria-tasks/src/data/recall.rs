//! Recall: facts that are told once; questions about them come segments later.
//!
//! Each segment tells facts among filler; a fact is a key and its value. It also asks for the value of a key that an
//! earlier segment told. A question is a question mark, the key, and a blank for each token of the value except the
//! first. The first token is expected at the end of the key. If nothing can be asked for yet, a segment asks for its
//! own key; that does not count.

mod layout;
mod story;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::{
    Document, DocumentId, Question, Segment, Task,
    keys::{self, Keys},
};
use crate::{TaskError, error::at_least};
use layout::Layout;
use story::Story;

/// Configuration of the task `recall`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recall {
    /// Segments of a training document.
    pub segments: usize,
    /// Tokens of a segment.
    pub segment_length: usize,
    /// Number of different tokens in keys.
    pub keys: usize,
    /// Number of different tokens in values.
    pub values: usize,
    /// Number of different filler tokens.
    pub fillers: usize,
    /// Tokens of a key.
    pub key_tokens: usize,
    /// Share of documents with keys hard to distinguish. At each place such keys use the fewest tokens that allow
    /// twice as many keys as the document needs.
    pub close_keys: f64,
    /// Tokens of a value.
    pub value_tokens: usize,
    /// Facts per segment.
    pub facts: usize,
    /// Questions per segment.
    pub questions: usize,
    /// Whether facts and questions are at random places of a segment. Otherwise facts are at its beginning, after one
    /// filler, and questions at its end.
    pub anywhere: bool,
    /// Share of facts about a key that was told before; the last value counts.
    pub retold: f64,
    /// Number of facts that an answer needs, 1 or 2. With 2, the value of a key is another key in every other segment;
    /// questions ask for the value of that other key.
    pub hops: usize,
}

impl Default for Recall {
    fn default() -> Self {
        Self {
            segments: 8,
            segment_length: 8,
            keys: 512,
            values: 8,
            fillers: 4,
            key_tokens: 1,
            close_keys: 0.0,
            value_tokens: 1,
            facts: 1,
            questions: 1,
            anywhere: false,
            retold: 0.0,
            hops: 1,
        }
    }
}

impl Recall {
    /// Checks the options.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(&self) -> Result<(), TaskError> {
        at_least("data.segments", self.segments, 2)?;
        at_least("data.keys", self.keys, 2)?;
        at_least("data.values", self.values, 2)?;
        at_least("data.fillers", self.fillers, 1)?;
        at_least("data.key_tokens", self.key_tokens, 1)?;
        self.different_keys().check()?;
        at_least("data.value_tokens", self.value_tokens, 1)?;
        at_least("data.facts", self.facts, 1)?;
        at_least("data.questions", self.questions, 1)?;
        let room = 1 + self.facts * self.fact_length() + self.questions * self.question_length();
        at_least("data.segment_length", self.segment_length, room)?;
        if !(0.0..1.0).contains(&self.retold) {
            return Err(TaskError::option("data.retold", "a share from 0 to below 1", self.retold));
        }
        match self.hops {
            1 => Ok(()),
            2 if self.retold > 0.0 => {
                Err(TaskError::option("data.retold", "0 where data.hops is 2", self.retold))
            }
            2 if self.segments < 3 => {
                Err(TaskError::option("data.segments", "at least 3 for two hops", self.segments))
            }
            2 => Ok(()),
            hops => Err(TaskError::option("data.hops", "1 or 2", hops)),
        }
    }

    /// Tokens of the longest kind of fact: with two hops a key may be in the place of a value.
    fn fact_length(&self) -> usize {
        let longest =
            if self.hops == 2 { self.key_tokens.max(self.value_tokens) } else { self.value_tokens };
        self.key_tokens + longest
    }

    fn question_length(&self) -> usize {
        self.key_tokens + self.value_tokens
    }

    fn different_keys(&self) -> Keys {
        Keys { symbols: self.keys, tokens: self.key_tokens, close: self.close_keys }
    }

    fn key(&self, number: usize) -> Vec<u32> {
        keys::key(number, self.keys, self.key_tokens)
    }

    fn first_value(&self) -> u32 {
        self.keys as u32
    }

    fn first_filler(&self) -> u32 {
        (self.keys + self.values) as u32
    }

    fn question_mark(&self) -> u32 {
        (self.keys + self.values + self.fillers) as u32
    }

    fn blank(&self) -> u32 {
        self.question_mark() + 1
    }
}

impl Task for Recall {
    /// Keys' tokens, values' tokens, fillers, the question mark and the blank.
    fn vocabulary(&self) -> usize {
        self.keys + self.values + self.fillers + 2
    }

    fn segment_length(&self) -> usize {
        self.segment_length
    }

    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        let rng = &mut id.rng();
        let segments = self.segments * id.longer as usize;
        let mut story = Story::new(self, segments, rng)?;
        let mut document = Document::default();
        for segment in 0..segments {
            let facts = story.tell(segment, rng);
            let mut layout = Layout::new(self, rng);
            for fact in &facts {
                layout.fact([self.key(fact.key), fact.value.clone()].concat());
            }
            for _ in 0..self.questions {
                let asked = story.ask(segment, &facts, rng);
                let mut tokens = vec![self.question_mark()];
                tokens.extend(self.key(asked.key));
                tokens.resize(self.question_length(), self.blank());
                layout.question(tokens, asked);
            }
            let (tokens, asked) = layout.tokens(rng);
            let question = |(place, asked): (usize, story::Asked)| Question {
                at: place + self.key_tokens,
                answer: asked.answer,
                told: Some(asked.told),
                via: asked.via,
            };
            let counted = asked.into_iter().filter(|(_, asked)| asked.counts);
            let questions = counted.map(question).collect();
            document.segments.push(Segment { tokens, questions });
        }
        Ok(document)
    }

    fn word(&self, token: u32) -> String {
        let (value, filler) = (self.first_value(), self.first_filler());
        match token {
            token if token == self.question_mark() => "?".into(),
            token if token == self.blank() => "_".into(),
            token if token >= filler => ".".into(),
            token if token >= value => format!("v{}", token - value),
            key => format!("k{key}"),
        }
    }
}
