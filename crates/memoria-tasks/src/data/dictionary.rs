//! Dictionary lookup, the test of the Focused Transformer (arXiv 2307.03170): records with keys and values of four
//! tokens, then questions about them.
//!
//! A record is `<k> k1 k2 k3 k4 <v> v1 v2 v3 v4`, a question `<q> k1 k2 k3 k4 <v> v1 v2 v3 v4`. In a question each
//! value is expected one place before its own.

use std::collections::HashMap;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::{
    Document, DocumentId, Question, Segment, Task,
    keys::{self, Keys},
};
use crate::{TaskError, error::at_least};

/// Tokens of a key, and of a value.
const KEY: usize = 4;
/// Tokens of a record, and of a question.
const RECORD: usize = 2 * (KEY + 1);
/// `<k>`, `<v>` and `<q>` come after the free tokens.
const MARKERS: usize = 3;

/// Configuration of the task `dictionary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dictionary {
    /// Number of tokens; three of them are markers.
    pub vocabulary: usize,
    /// Records of a training document.
    pub records: usize,
    /// Questions of a document of any length.
    pub questions: usize,
    /// Records or questions per segment.
    pub records_per_segment: usize,
    /// Whether each key is defined once. Otherwise keys are drawn independently, and the last definition counts.
    pub unique: bool,
    /// If keys are unique: share of documents with keys hard to distinguish. At each place such keys use the
    /// fewest tokens that allow twice as many keys as the document needs.
    pub close_keys: f64,
    /// Whether a question contains its own values, as in token-by-token prediction. Otherwise `<v>` replaces them.
    pub shown: bool,
}

impl Default for Dictionary {
    fn default() -> Self {
        let (records, questions) = (25, 25);
        Self {
            vocabulary: 64,
            records,
            questions,
            records_per_segment: 1,
            unique: true,
            close_keys: 0.0,
            shown: false,
        }
    }
}

impl Dictionary {
    /// Checks the sizes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(&self) -> Result<(), TaskError> {
        at_least("data.vocabulary", self.vocabulary, MARKERS + 2)?;
        at_least("data.records", self.records, 1)?;
        at_least("data.questions", self.questions, 1)?;
        at_least("data.records_per_segment", self.records_per_segment, 1)?;
        self.different_keys().check()
    }

    fn different_keys(&self) -> Keys {
        Keys { symbols: self.free(), tokens: KEY, close: self.close_keys }
    }

    fn free(&self) -> usize {
        self.vocabulary - MARKERS
    }

    fn marker(&self, number: usize) -> u32 {
        (self.free() + number) as u32
    }

    fn keys(&self, count: usize, rng: &mut impl Rng) -> Result<Vec<usize>, TaskError> {
        if self.unique {
            return self.different_keys().draw(count, "data.vocabulary", rng);
        }
        let there = keys::different(self.free(), KEY);
        Ok((0..count).map(|_| rng.random_range(0..there)).collect())
    }

    fn question(&self, key: &[u32], value: &[u32]) -> Vec<u32> {
        let [_, v, q] = [0, 1, 2].map(|marker| self.marker(marker));
        let mut tokens = vec![q];
        tokens.extend(key);
        tokens.push(v);
        if self.shown {
            tokens.extend(value);
        } else {
            tokens.extend([v; KEY]);
        }
        tokens
    }
}

impl Task for Dictionary {
    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn segment_length(&self) -> usize {
        self.records_per_segment * RECORD
    }

    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        let rng = &mut id.rng();
        let count = self.records * id.longer as usize;
        let keys = self.keys(count, rng)?;
        let values: Vec<usize> =
            (0..count).map(|_| rng.random_range(0..keys::different(self.free(), KEY))).collect();
        let tokens_of = |number| keys::key(number, self.free(), KEY);
        let [k, v] = [0, 1].map(|marker| self.marker(marker));
        let record = |index: usize| {
            [vec![k], tokens_of(keys[index]), vec![v], tokens_of(values[index])].concat()
        };
        let mut document = Document::default();
        for first in (0..count).step_by(self.records_per_segment) {
            let records = first..count.min(first + self.records_per_segment);
            let tokens = records.flat_map(record).collect();
            document.segments.push(Segment { tokens, questions: vec![] });
        }
        let last: HashMap<usize, usize> = keys.iter().copied().zip(0..).collect();
        let mut segment = Segment::default();
        for number in 0..self.questions {
            let index = last[&keys[rng.random_range(0..count)]];
            let (key, answer) = (tokens_of(keys[index]), tokens_of(values[index]));
            let told = Some(index / self.records_per_segment);
            let at = segment.tokens.len() + KEY + 1;
            segment.tokens.extend(self.question(&key, &answer));
            segment.questions.push(Question { at, answer, told, via: None });
            if (number + 1) % self.records_per_segment == 0 || number + 1 == self.questions {
                document.segments.push(std::mem::take(&mut segment));
            }
        }
        Ok(document)
    }

    fn word(&self, token: u32) -> String {
        match (token as usize).checked_sub(self.free()) {
            None => token.to_string(),
            Some(marker) => ["<k>", "<v>", "<q>"].get(marker).copied().unwrap_or("?").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;

    /// Finds the answer to every question in the tokens, from the last record to the first.
    fn check(dictionary: &Dictionary, longer: u32) -> usize {
        dictionary.check().unwrap();
        let id = DocumentId::new(Split::Test, 1, 4).longer(longer);
        let document = dictionary.document(id).unwrap();
        assert_eq!(document, dictionary.document(id).unwrap());
        let tokens: Vec<u32> = document.tokens().collect();
        let records: Vec<&[u32]> =
            tokens.chunks(RECORD).filter(|c| dictionary.word(c[0]) == "<k>").collect();
        assert_eq!(records.len(), dictionary.records * longer as usize);
        let mut asked = 0;
        for (at, question) in document.questions() {
            let tokens = &document.segments[at].tokens[question.at - KEY - 1..][..RECORD];
            assert_eq!([&dictionary.word(tokens[0]), &dictionary.word(tokens[5])], ["<q>", "<v>"]);
            let found = records.iter().rposition(|record| record[1..=KEY] == tokens[1..=KEY]);
            let found = found.expect("defined before");
            assert_eq!(records[found][KEY + 2..], question.answer[..]);
            assert_eq!(question.told, Some(found / dictionary.records_per_segment));
            let shown = dictionary.shown && tokens[6..] == question.answer[..];
            assert!(shown || tokens[6..] == [tokens[5]; KEY]);
            asked += 1;
        }
        assert_eq!(asked, dictionary.questions);
        let mut keys: Vec<&[u32]> = records.iter().map(|record| &record[1..=KEY]).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.len()
    }

    #[test]
    fn answers_are_the_last_definitions() {
        let unique = Dictionary::default();
        assert_eq!(check(&unique, 1), 25);
        assert_eq!(check(&unique, 400), 10_000);
        assert_eq!(check(&Dictionary { records_per_segment: 6, shown: true, ..unique }, 4), 100);
        // With 16 keys most are defined several times.
        let again = Dictionary { vocabulary: 5, unique: false, ..Dictionary::default() };
        assert!(check(&again, 4) <= 16);
    }

    #[test]
    fn a_document_is_half_questions_by_default() {
        let document = Dictionary::default().document(DocumentId::new(Split::Train, 0, 0)).unwrap();
        assert_eq!(document.tokens().count(), 500);
        let few = Dictionary { vocabulary: 5, ..Dictionary::default() };
        let error = few.document(DocumentId::new(Split::Train, 0, 0)).unwrap_err();
        assert!(error.to_string().contains("got 16 keys"), "{error}");
    }
}
