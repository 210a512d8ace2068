//! The common part of `rewrite` and `remember` (arXiv 2407.04841): one pair per segment, and a key at the end.

use rand::{Rng, RngExt};

use super::{Document, DocumentId, Question, Segment, keys};
use crate::{TaskError, error::at_least};

/// The numbers of pairs in documents, and the parts of keys.
pub(super) struct Pairs<'a> {
    pub(super) symbols: usize,
    pub(super) key_tokens: usize,
    pub(super) curriculum: &'a [usize],
    pub(super) fixed_length: bool,
}

impl Pairs<'_> {
    pub(super) fn check(&self) -> Result<(), TaskError> {
        at_least("data.symbols", self.symbols, 2)?;
        at_least("data.key_tokens", self.key_tokens, 1)?;
        at_least("entries of data.curriculum", self.curriculum.len(), 1)?;
        self.curriculum.iter().try_for_each(|&pairs| at_least("data.curriculum", pairs, 1))
    }

    pub(super) fn separator(&self) -> u32 {
        self.symbols as u32
    }

    /// Returns the number of pairs of a document. Training and validation use up to the number of the curriculum's
    /// current stage, tests exactly the number of its last stage. Both are multiplied by the length.
    pub(super) fn count(&self, id: DocumentId, rng: &mut impl Rng) -> usize {
        let (last, longer) = (self.curriculum.len() - 1, id.longer as usize);
        if id.split == super::Split::Test {
            return self.curriculum[last] * longer;
        }
        let most = self.curriculum[last.min(id.stage as usize)] * longer;
        if self.fixed_length { most } else { rng.random_range(1..=most) }
    }

    /// Makes a document that tells the values of numbered keys and asks for one.
    pub(super) fn document(&self, told: &[usize], rng: &mut impl Rng) -> Document {
        let [separator, end, generate] = [0, 1, 2].map(|marker| self.separator() + marker);
        let key = |number| keys::key(number, self.symbols, self.key_tokens);
        let values: Vec<u32> = told.iter().map(|_| rng.random_range(0..separator)).collect();
        let pair = |(&number, &value): (&usize, &u32)| Segment {
            tokens: [key(number), vec![separator, value, end]].concat(),
            questions: vec![],
        };
        let mut segments: Vec<Segment> = told.iter().zip(&values).map(pair).collect();
        let asked = told[rng.random_range(0..told.len())];
        let last = told.iter().rposition(|&number| number == asked).unwrap_or(0);
        let question = Question {
            at: self.key_tokens,
            answer: vec![values[last]],
            told: Some(last),
            via: None,
        };
        let tokens = [key(asked), vec![generate]].concat();
        segments.push(Segment { tokens, questions: vec![question] });
        Document { segments }
    }

    pub(super) fn word(&self, token: u32) -> String {
        match token.checked_sub(self.separator()) {
            None => token.to_string(),
            Some(marker) => {
                ["<sep>", "<eos>", "<gen>"].get(marker as usize).unwrap_or(&"?").to_string()
            }
        }
    }
}
