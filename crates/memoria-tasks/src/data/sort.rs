//! Sorting by frequency: the task of the ∞-former (arXiv 2109.00301), which is a test in the paper of Memoria.
//!
//! A document is a long sequence of symbols, then a separator and all symbols by descending count. Of equal counts the
//! smaller symbol comes first. The symbols' probabilities change linearly from a random distribution at the first place
//! to another one at the last place.

mod file;

use std::path::PathBuf;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::{Document, DocumentId, Measure, Question, Segment, Split, Task};
use crate::{TaskError, error::at_least};
pub use file::{SortExample, SortFile};

/// Configuration of the task `sort`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SortConfig {
    /// Number of symbols.
    pub symbols: usize,
    /// Length of the sequence to be sorted.
    pub length: usize,
    /// Tokens of a segment; at least the number of symbols.
    pub segment_length: usize,
    /// A file of sequences in the published format, used instead of new ones. Its `prompt_length` and `vocab_size`
    /// replace `length` and `symbols`.
    pub file: Option<PathBuf>,
}

/// The task `sort`; see the [configuration](SortConfig).
#[derive(Clone, Debug)]
pub struct Sort {
    symbols: usize,
    length: usize,
    segment_length: usize,
    file: Option<SortFile>,
}

impl Default for SortConfig {
    fn default() -> Self {
        Self { symbols: 20, length: 1000, segment_length: 256, file: None }
    }
}

impl SortConfig {
    /// Checks the sizes, and reads the file if there is one.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`]; as [`SortFile::read`].
    pub fn load(&self) -> Result<Sort, TaskError> {
        let file = self.file.as_deref().map(SortFile::read).transpose()?;
        let (symbols, length) = match &file {
            Some(file) => (file.vocab_size, file.prompt_length),
            None => (self.symbols, self.length),
        };
        at_least("data.symbols", symbols, 2)?;
        at_least("data.length", length, 1)?;
        at_least("data.segment_length", self.segment_length, symbols)?;
        Ok(Sort { symbols, length, segment_length: self.segment_length, file })
    }
}

impl Sort {
    /// Returns a sequence and its symbols by descending count.
    ///
    /// # Errors
    ///
    /// If the file has no such sequence.
    pub fn example(&self, id: DocumentId) -> Result<SortExample, TaskError> {
        if let Some(file) = &self.file {
            if id.longer != 1 {
                let expected = "1 for sequences of a file, which have one length";
                return Err(TaskError::option("lengths", expected, id.longer));
            }
            let examples = file.split(id.split);
            let example = examples.get(id.index as usize).cloned();
            return example.ok_or_else(|| {
                let expected = format!("at most {} for the file's sequences", examples.len());
                TaskError::option("documents", expected, id.index + 1)
            });
        }
        let rng = &mut id.rng();
        let [from, to] = [self.distribution(rng), self.distribution(rng)];
        let length = self.length * id.longer as usize;
        let token = |place: usize| {
            let share = if length == 1 { 0.0 } else { place as f64 / (length - 1) as f64 };
            let mut draw: f64 = rng.random();
            for (symbol, (from, to)) in from.iter().zip(&to).enumerate() {
                draw -= from * (1.0 - share) + to * share;
                if draw < 0.0 {
                    return symbol as u32;
                }
            }
            self.symbols as u32 - 1
        };
        let prompt_ids: Vec<u32> = (0..length).map(token).collect();
        let target_ids = by_count(&prompt_ids, self.symbols);
        Ok(SortExample { prompt_ids, target_ids })
    }

    /// Returns `counts` sequences of each split in the published format; `longer` multiplies their length.
    ///
    /// # Errors
    ///
    /// As [`example`](Self::example).
    pub fn file(&self, seed: u64, longer: u32, counts: [usize; 3]) -> Result<SortFile, TaskError> {
        let examples = |(split, count)| {
            let id = |index| DocumentId::new(split, seed, index as u64).longer(longer);
            let example = |index| self.example(id(index));
            (0..count).map(example).collect::<Result<Vec<_>, _>>()
        };
        let [train, dev, test] = counts;
        Ok(SortFile {
            prompt_length: self.length * longer as usize,
            vocab_size: self.symbols,
            train: examples((Split::Train, train))?,
            dev: examples((Split::Valid, dev))?,
            test: examples((Split::Test, test))?,
        })
    }

    fn distribution(&self, rng: &mut impl Rng) -> Vec<f64> {
        let weights: Vec<f64> = (0..self.symbols).map(|_| rng.random()).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    fn separator(&self) -> u32 {
        self.symbols as u32
    }
}

/// Returns all symbols, the most frequent first.
fn by_count(tokens: &[u32], symbols: usize) -> Vec<u32> {
    let mut counts = vec![0usize; symbols];
    tokens.iter().for_each(|&token| counts[token as usize] += 1);
    let mut order: Vec<u32> = (0..symbols as u32).collect();
    order.sort_by_key(|&symbol| std::cmp::Reverse(counts[symbol as usize]));
    order
}

impl Task for Sort {
    /// The symbols and the separator.
    fn vocabulary(&self) -> usize {
        self.symbols + 1
    }

    fn segment_length(&self) -> usize {
        self.segment_length
    }

    fn measure(&self) -> Measure {
        Measure::Tokens
    }

    fn documents(&self, split: Split) -> Option<usize> {
        self.file.as_ref().map(|file| file.split(split).len())
    }

    /// The sequence in segments, of which the last may be shorter; then the separator and the answer without its last
    /// symbol. Each of these places asks for the next symbol.
    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        let SortExample { prompt_ids, target_ids } = self.example(id)?;
        let mut document = Document::cut(prompt_ids, self.segment_length, []);
        let mut tokens = vec![self.separator()];
        tokens.extend(&target_ids[..target_ids.len() - 1]);
        let question = Question { at: 0, answer: target_ids, told: None, via: None };
        document.segments.push(Segment { tokens, questions: vec![question] });
        Ok(document)
    }

    fn word(&self, token: u32) -> String {
        if token == self.separator() { "|".into() } else { token.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(symbols: usize, length: usize) -> Sort {
        SortConfig { symbols, length, ..SortConfig::default() }.load().unwrap()
    }

    #[test]
    fn answers_are_symbols_by_count() {
        let sort = sort(20, 1000);
        for index in 0..10 {
            let id = DocumentId::new(Split::Valid, 5, index).longer(2);
            let document = sort.document(id).unwrap();
            assert_eq!(document, sort.document(id).unwrap());
            let (last, rest) = document.segments.split_last().unwrap();
            let prompt: Vec<u32> = rest.iter().flat_map(|s| &s.tokens).copied().collect();
            assert_eq!((prompt.len(), rest.len()), (2000, 8));
            assert_eq!(last.tokens[0], 20);
            let answer = &last.questions[0].answer;
            assert_eq!(last.tokens[1..], answer[..19]);
            // Slow reference: counts each symbol separately.
            let count = |symbol: u32| prompt.iter().filter(|&&token| token == symbol).count();
            for pair in answer.windows(2) {
                let [first, second] = [count(pair[0]), count(pair[1])];
                assert!(first > second || first == second && pair[0] < pair[1]);
            }
            assert_eq!(answer.len(), 20);
        }
    }

    #[test]
    fn unseen_symbols_come_last() {
        assert_eq!(by_count(&[3, 1, 3], 5), [3, 1, 0, 2, 4]);
    }

    #[test]
    fn the_distribution_moves_from_one_end_to_the_other() {
        let sort = sort(4, 100_000);
        let example = sort.example(DocumentId::new(Split::Train, 0, 0)).unwrap();
        let rng = &mut DocumentId::new(Split::Train, 0, 0).rng();
        let ends = [sort.distribution(rng), sort.distribution(rng)];
        // In a slice around a place, the share of a symbol lies between its shares at the slice's ends.
        for (tenth, chunk) in example.prompt_ids.chunks(10_000).enumerate() {
            let place = (tenth as f64 + 0.5) / 10.0;
            for (symbol, (from, to)) in ends[0].iter().zip(&ends[1]).enumerate() {
                let share = chunk.iter().filter(|&&token| token == symbol as u32).count() as f64
                    / chunk.len() as f64;
                assert!((share - (from * (1.0 - place) + to * place)).abs() < 0.02);
            }
        }
    }

    #[test]
    fn a_segment_must_hold_the_answer() {
        let config = SortConfig { segment_length: 19, ..SortConfig::default() };
        assert!(config.load().unwrap_err().to_string().contains("at least 20, got 19"));
    }
}
