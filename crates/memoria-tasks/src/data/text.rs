use std::ops::Range;

use super::{Split, Vocabulary};

/// A text for language modelling: the tokens of documents, one after the other, in splits.
#[derive(Clone, Debug)]
pub struct Text {
    vocabulary: Vocabulary,
    segment_length: usize,
    splits: [TextSplit; 3],
}

/// The tokens of a split.
#[derive(Clone, Debug, Default)]
pub struct TextSplit {
    tokens: Tokens,
    starts: Vec<usize>,
    bytes: usize,
}

/// Stored as small as possible: texts of a hundred million bytes are usual.
#[derive(Clone, Debug)]
enum Tokens {
    Narrow(Vec<u8>),
    Wide(Vec<u32>),
}

impl Default for Tokens {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl Text {
    /// Creates a text from its vocabulary and its splits: training, validation, tests.
    pub fn new(vocabulary: Vocabulary, segment_length: usize, splits: [TextSplit; 3]) -> Self {
        Self { vocabulary, segment_length, splits }
    }

    /// Returns its vocabulary.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Number of tokens of a segment.
    pub fn segment_length(&self) -> usize {
        self.segment_length
    }

    /// Returns a readable form of a token.
    pub fn word(&self, token: u32) -> &str {
        self.vocabulary.word(token)
    }

    /// Returns the tokens of a split.
    pub fn split(&self, split: Split) -> &TextSplit {
        &self.splits[split as usize]
    }
}

impl TextSplit {
    /// Appends a document; `bytes` is its size in bytes.
    pub fn push(&mut self, tokens: impl Iterator<Item = u32>, bytes: usize) {
        self.starts.push(self.len());
        self.bytes += bytes;
        for token in tokens {
            match &mut self.tokens {
                Tokens::Wide(wide) => wide.push(token),
                Tokens::Narrow(narrow) => match u8::try_from(token) {
                    Ok(token) => narrow.push(token),
                    Err(_) => {
                        let mut wide: Vec<u32> = narrow.iter().copied().map(u32::from).collect();
                        wide.push(token);
                        self.tokens = Tokens::Wide(wide);
                    }
                },
            }
        }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        match &self.tokens {
            Tokens::Narrow(tokens) => tokens.len(),
            Tokens::Wide(tokens) => tokens.len(),
        }
    }

    /// Whether there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of bytes of the documents.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The place of each document's first token.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// Returns some of the tokens.
    ///
    /// # Panics
    ///
    /// If the range is beyond the end.
    pub fn tokens(&self, range: Range<usize>) -> Vec<u32> {
        match &self.tokens {
            Tokens::Narrow(tokens) => tokens[range].iter().copied().map(u32::from).collect(),
            Tokens::Wide(tokens) => tokens[range].to_vec(),
        }
    }

    /// Whether a token occurs.
    pub fn contains(&self, token: u32) -> bool {
        match &self.tokens {
            Tokens::Narrow(tokens) => {
                u8::try_from(token).is_ok_and(|token| tokens.contains(&token))
            }
            Tokens::Wide(tokens) => tokens.contains(&token),
        }
    }

    /// Returns the range of the document that contains a place.
    pub fn document(&self, place: usize) -> Range<usize> {
        let next = self.starts.partition_point(|&start| start <= place);
        let end = self.starts.get(next).copied().unwrap_or(self.len());
        self.starts[next.saturating_sub(1)]..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_grow_wide_when_they_must() {
        let mut split = TextSplit::default();
        split.push([1, 2].into_iter(), 2);
        split.push([3, 300, 4].into_iter(), 9);
        assert_eq!((split.len(), split.bytes(), split.starts()), (5, 11, &[0, 2][..]));
        assert_eq!(split.tokens(1..5), [2, 3, 300, 4]);
        assert!(split.contains(300) && !split.contains(5));
        assert_eq!([split.document(1), split.document(2), split.document(4)], [0..2, 2..5, 2..5]);
    }
}
