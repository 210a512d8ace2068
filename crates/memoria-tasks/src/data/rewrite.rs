//! Rewriting (arXiv 2407.04841): values of few keys are told again and again, one pair per segment. The last segment
//! asks for a key's value; the last one told counts.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{Document, DocumentId, Task, keys, pairs::Pairs};
use crate::TaskError;

/// Configuration of the task `rewrite`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rewrite {
    /// Number of symbols that keys and values are made of.
    pub symbols: usize,
    /// Symbols of a key.
    pub key_tokens: usize,
    /// Maximum number of pairs of a document, for each stage of the training. Tests use that of the last stage.
    pub curriculum: Vec<usize>,
    /// Whether training documents have the maximum number of pairs; otherwise the number is drawn from 1 to the
    /// maximum.
    pub fixed_length: bool,
}

impl Default for Rewrite {
    fn default() -> Self {
        let curriculum = vec![1, 2, 3, 5, 10, 20, 40, 50];
        Self { symbols: 16, key_tokens: 1, curriculum, fixed_length: false }
    }
}

impl Rewrite {
    /// Checks the sizes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(&self) -> Result<(), TaskError> {
        self.pairs().check()
    }

    fn pairs(&self) -> Pairs<'_> {
        let &Self { symbols, key_tokens, fixed_length, .. } = self;
        Pairs { symbols, key_tokens, fixed_length, curriculum: &self.curriculum }
    }
}

impl Task for Rewrite {
    /// Symbols, `<sep>`, `<eos>` and `<gen>`.
    fn vocabulary(&self) -> usize {
        self.symbols + 3
    }

    fn segment_length(&self) -> usize {
        self.key_tokens + 3
    }

    fn stages(&self) -> usize {
        self.curriculum.len()
    }

    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        let (rng, pairs) = (&mut id.rng(), self.pairs());
        let there = keys::different(self.symbols, self.key_tokens);
        let count = pairs.count(id, rng);
        let told: Vec<usize> = (0..count).map(|_| rng.random_range(0..there)).collect();
        Ok(pairs.document(&told, rng))
    }

    fn word(&self, token: u32) -> String {
        self.pairs().word(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Remember, Split};

    /// Returns the pairs of a document, and the key that it asks for.
    fn read(document: &Document, separator: u32) -> (Vec<(Vec<u32>, u32)>, Vec<u32>) {
        let (last, told) = document.segments.split_last().unwrap();
        let pair = |tokens: &Vec<u32>| {
            let at = tokens.iter().position(|&token| token == separator).unwrap();
            assert_eq!((tokens.len(), tokens[at + 2]), (at + 3, separator + 1));
            (tokens[..at].to_vec(), tokens[at + 1])
        };
        let (generate, key) = last.tokens.split_last().unwrap();
        assert_eq!(*generate, separator + 2);
        (told.iter().map(|segment| pair(&segment.tokens)).collect(), key.to_vec())
    }

    /// Returns the number of pairs, and of different keys.
    fn check(task: &dyn Task, id: DocumentId) -> (usize, usize) {
        let document = task.document(id).unwrap();
        assert_eq!(document, task.document(id).unwrap());
        let (pairs, asked) = read(&document, 16);
        let (segment, question) = document.questions().next().unwrap();
        assert_eq!((segment, question.at), (pairs.len(), asked.len()));
        let last = pairs.iter().rposition(|(key, _)| *key == asked).unwrap();
        assert_eq!((&question.answer[..], question.told), (&[pairs[last].1][..], Some(last)));
        let mut keys: Vec<&Vec<u32>> = pairs.iter().map(|(key, _)| key).collect();
        keys.sort();
        keys.dedup();
        (pairs.len(), keys.len())
    }

    #[test]
    fn the_last_value_counts() {
        let rewrite = Rewrite::default();
        let id = DocumentId::new(Split::Test, 0, 0);
        assert_eq!(check(&rewrite, id).0, 50);
        assert!(check(&rewrite, id.longer(10)).1 <= 16);
        let lengths: Vec<usize> = (0..200)
            .map(|index| {
                let id = DocumentId::new(Split::Train, 0, index);
                check(&rewrite, DocumentId { stage: 3, ..id }).0
            })
            .collect();
        assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&1), Some(&5)));
    }

    #[test]
    fn remembered_keys_are_unique() {
        let remember = Remember::default();
        let id = DocumentId::new(Split::Test, 0, 0);
        assert_eq!(check(&remember, id), (200, 200));
        assert_eq!(check(&remember, id.longer(20)), (4000, 4000));
        let error = remember.document(id.longer(21)).unwrap_err().to_string();
        assert!(error.contains("4200 keys") && error.contains("got 4096"), "{error}");
        let stage = DocumentId { stage: 2, ..DocumentId::new(Split::Train, 0, 7) };
        let fixed = Remember { fixed_length: true, ..remember };
        assert_eq!(check(&fixed, stage), (3, 3));
        assert_eq!(check(&fixed, stage.longer(2)), (6, 6), "in training, too");
    }
}
