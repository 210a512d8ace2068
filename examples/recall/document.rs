//! Documents that tell facts and ask for them later.
//!
//! A document has several segments. Each tells one fact, a key and its value, between filler, and ends
//! with a question mark and a key told in an earlier segment; the answer is that key's value. No key is
//! told twice in a document. The first segment has nothing to ask for: it asks for its own key, which
//! does not count.

use rand::{Rng, RngExt, SeedableRng, seq::index};
use rand_chacha::ChaCha8Rng;

/// Sizes of documents, in tokens and segments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DocumentSizes {
    pub(crate) keys: usize,
    pub(crate) values: usize,
    pub(crate) fillers: usize,
    pub(crate) segments: usize,
    pub(crate) segment_length: usize,
}

/// One document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// `segments × segment_length` tokens.
    pub(crate) tokens: Vec<i64>,
    /// Per segment, the value asked for, counted from 0.
    pub(crate) answers: Vec<i64>,
    /// Per segment, how many segments ago it was told; 0 in the first.
    pub(crate) distances: Vec<usize>,
}

impl DocumentSizes {
    /// Keys, values, fillers and the question mark.
    pub(crate) fn vocabulary(&self) -> usize {
        self.keys + self.values + self.fillers + 1
    }

    /// The document with a given number; the same number gives the same document.
    pub(crate) fn document(&self, number: u64) -> Document {
        let mut rng = ChaCha8Rng::seed_from_u64(number);
        let keys = index::sample(&mut rng, self.keys, self.segments).into_vec();
        let values: Vec<usize> = keys.iter().map(|_| rng.random_range(0..self.values)).collect();
        let mut document =
            Document { tokens: Vec::new(), answers: Vec::new(), distances: Vec::new() };
        for segment in 0..self.segments {
            let asked = if segment == 0 { 0 } else { rng.random_range(0..segment) };
            let fact = (keys[segment], values[segment]);
            document.tokens.extend(self.segment(fact, keys[asked], &mut rng));
            document.answers.push(values[asked] as i64);
            document.distances.push(segment - asked);
        }
        document
    }

    fn segment(&self, fact: (usize, usize), asked: usize, rng: &mut impl Rng) -> Vec<i64> {
        let filler = self.keys + self.values;
        let question_mark = filler + self.fillers;
        let mut tokens: Vec<usize> = (0..self.segment_length - 2)
            .map(|_| filler + rng.random_range(0..self.fillers))
            .collect();
        tokens[1..3].copy_from_slice(&[fact.0, self.keys + fact.1]);
        tokens.extend([question_mark, asked]);
        tokens.into_iter().map(|token| token as i64).collect()
    }
}
