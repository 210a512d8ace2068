//! Retaining: a stream of facts for a store that cannot keep all. A few are asked for again and again, and most never.
//!
//! Each segment tells one fact, a key and its value after one filler. It then asks for one needed fact that was told
//! before, as `recall` does. As long as there is none, a segment asks for its own key; that does not count.

use rand::{RngExt, seq::index};
use serde::{Deserialize, Serialize};

use super::{
    Document, DocumentId, Question, Segment, Task,
    keys::{self, Keys},
};
use crate::{TaskError, error::at_least};

/// Configuration of the task `retain`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retain {
    /// Segments of a training document.
    pub segments: usize,
    /// Number of facts that are asked for, in documents of any length.
    pub needed: usize,
    /// Share of a training document, from its start, that tells the needed facts.
    pub told_within: f64,
    /// Number of different tokens in keys.
    pub keys: usize,
    /// Tokens of a key.
    pub key_tokens: usize,
    /// Share of documents with keys hard to distinguish. At each place such keys use the fewest tokens that allow
    /// twice as many keys as the document needs.
    pub close_keys: f64,
    /// Number of different values, of one token each.
    pub values: usize,
    /// Number of different filler tokens.
    pub fillers: usize,
    /// Tokens of a segment.
    pub segment_length: usize,
}

impl Default for Retain {
    fn default() -> Self {
        Self {
            segments: 32,
            needed: 4,
            told_within: 0.5,
            keys: 512,
            key_tokens: 1,
            close_keys: 0.0,
            values: 8,
            fillers: 4,
            segment_length: 8,
        }
    }
}

impl Retain {
    /// Checks the sizes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(&self) -> Result<(), TaskError> {
        at_least("data.segments", self.segments, 2)?;
        at_least("data.keys", self.keys, 2)?;
        at_least("data.key_tokens", self.key_tokens, 1)?;
        self.different_keys().check()?;
        at_least("data.values", self.values, 2)?;
        at_least("data.fillers", self.fillers, 1)?;
        at_least("data.needed", self.needed, 1)?;
        at_least("data.segment_length", self.segment_length, 2 * self.key_tokens + 3)?;
        if !(self.told_within > 0.0 && self.told_within <= 1.0) {
            let expected = "a share above 0, at most 1";
            return Err(TaskError::option("data.told_within", expected, self.told_within));
        }
        if self.needed > self.told_within() {
            let expected = format!("at most {}, the segments they are told in", self.told_within());
            return Err(TaskError::option("data.needed", expected, self.needed));
        }
        Ok(())
    }

    /// Number of segments that needed facts may be told in.
    fn told_within(&self) -> usize {
        ((self.segments as f64 * self.told_within) as usize).max(1)
    }

    fn different_keys(&self) -> Keys {
        Keys { symbols: self.keys, tokens: self.key_tokens, close: self.close_keys }
    }

    fn question_mark(&self) -> u32 {
        (self.keys + self.values + self.fillers) as u32
    }
}

impl Task for Retain {
    /// Keys' tokens, values, fillers and the question mark.
    fn vocabulary(&self) -> usize {
        self.keys + self.values + self.fillers + 1
    }

    fn segment_length(&self) -> usize {
        self.segment_length
    }

    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        let rng = &mut id.rng();
        let segments = self.segments * id.longer as usize;
        let keys = self.different_keys().draw(segments, "data.keys", rng)?;
        let mut needed = index::sample(rng, self.told_within(), self.needed).into_vec();
        needed.sort_unstable();
        let first_value = self.keys as u32;
        let first_filler = first_value + self.values as u32;
        let values: Vec<u32> =
            keys.iter().map(|_| first_value + rng.random_range(0..self.values as u32)).collect();
        let mut document = Document::default();
        for segment in 0..segments {
            let mut filler = || first_filler + rng.random_range(0..self.fillers as u32);
            let mut tokens: Vec<u32> = (0..self.segment_length).map(|_| filler()).collect();
            let told = needed.partition_point(|&fact| fact < segment);
            let fact = if told == 0 { segment } else { needed[rng.random_range(0..told)] };
            let key = |fact: usize| keys::key(keys[fact], self.keys, self.key_tokens);
            tokens[1..1 + self.key_tokens].copy_from_slice(&key(segment));
            tokens[1 + self.key_tokens] = values[segment];
            let ask = self.segment_length - self.key_tokens - 1;
            tokens[ask] = self.question_mark();
            tokens[ask + 1..].copy_from_slice(&key(fact));
            let (at, answer) = (self.segment_length - 1, vec![values[fact]]);
            let question = Question { at, answer, told: Some(fact), via: None };
            let questions = if told == 0 { vec![] } else { vec![question] };
            document.segments.push(Segment { tokens, questions });
        }
        Ok(document)
    }

    fn word(&self, token: u32) -> String {
        let (value, filler) = (self.keys as u32, (self.keys + self.values) as u32);
        match token {
            token if token == self.question_mark() => "?".into(),
            token if token >= filler => ".".into(),
            token if token >= value => format!("v{}", token - value),
            key => format!("k{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::data::Split;

    fn check(retain: &Retain, longer: u32) {
        retain.check().unwrap();
        let id = DocumentId::new(Split::Test, 0, 3).longer(longer);
        let document = retain.document(id).unwrap();
        assert_eq!(document, retain.document(id).unwrap());
        let segments = retain.segments * longer as usize;
        assert_eq!(document.segments.len(), segments);
        let (mut told, mut asked) = (HashMap::new(), HashSet::new());
        for (segment, Segment { tokens, questions }) in document.segments.iter().enumerate() {
            let key = tokens[retain.segment_length - retain.key_tokens..].to_vec();
            for question in questions {
                let (fact, value) = told[&key];
                assert_eq!((&question.answer[..], question.told), (&[value][..], Some(fact)));
                assert!(fact < retain.told_within() && fact < segment);
                asked.insert(fact);
            }
            let fact = tokens[1..=retain.key_tokens].to_vec();
            let value = tokens[retain.key_tokens + 1];
            assert!(told.insert(fact, (segment, value)).is_none(), "no key is told of twice");
        }
        assert_eq!(asked.len(), retain.needed);
        let questions = document.questions().count();
        assert!(questions >= segments - retain.told_within());
    }

    #[test]
    fn few_facts_are_asked_for_again_and_again() {
        check(&Retain::default(), 1);
        check(&Retain::default(), 16);
        check(&Retain { key_tokens: 2, keys: 40, ..Retain::default() }, 40);
        let message = Retain { needed: 17, ..Retain::default() }.check().unwrap_err().to_string();
        assert!(message.contains("at most 16"), "{message}");
    }
}
