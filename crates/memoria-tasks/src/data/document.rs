use clap::ValueEnum;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The use of documents. No two splits share a document, except by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Training.
    Train,
    /// Validation during training.
    Valid,
    /// Tests after training.
    Test,
}

/// Identifies a document: the same id gives the same document on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DocumentId {
    /// Its split.
    pub split: Split,
    /// The run's seed.
    pub seed: u64,
    /// Counted from 0.
    pub index: u64,
    /// Length as a multiple of the trained length.
    pub longer: u32,
    /// The stage of a curriculum, from 0.
    pub stage: u32,
}

/// A document: the segments between two resets of a memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Document {
    /// Its segments in order; their lengths may differ.
    pub segments: Vec<Segment>,
}

/// The part of a document that a model sees at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Token ids, below the task's vocabulary size.
    pub tokens: Vec<u32>,
    /// Questions in order of place; they do not overlap.
    pub questions: Vec<Question>,
}

/// An answer to be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The place in the segment with the answer's first token as its output. The next tokens belong to the next
    /// places.
    pub at: usize,
    /// The answer's tokens.
    pub answer: Vec<u32>,
    /// The segment of the document that told the answer last, if one place told it.
    pub told: Option<usize>,
    /// If an answer needs two facts: the segment that told the leading fact.
    pub via: Option<usize>,
}

impl DocumentId {
    /// Identifies a document with the trained length.
    pub fn new(split: Split, seed: u64, index: u64) -> Self {
        Self { split, seed, index, longer: 1, stage: 0 }
    }

    /// Identifies the document with the same number at another length.
    pub fn longer(self, longer: u32) -> Self {
        Self { longer, ..self }
    }

    /// Returns the random number generator of this document.
    pub fn rng(self) -> ChaCha8Rng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&self.index.to_le_bytes());
        seed[16..20].copy_from_slice(&self.longer.to_le_bytes());
        seed[20..24].copy_from_slice(&self.stage.to_le_bytes());
        seed[24] = self.split as u8;
        ChaCha8Rng::from_seed(seed)
    }
}

impl Document {
    /// All tokens, one segment after the other.
    pub fn tokens(&self) -> impl Iterator<Item = u32> {
        self.segments.iter().flat_map(|segment| &segment.tokens).copied()
    }

    /// All questions, each with the index of its segment.
    pub fn questions(&self) -> impl Iterator<Item = (usize, &Question)> {
        let of = |(at, segment)| -> Vec<(usize, &Question)> {
            let segment: &Segment = segment;
            segment.questions.iter().map(|question| (at, question)).collect()
        };
        self.segments.iter().enumerate().flat_map(of)
    }

    /// Cuts tokens into segments of one length; the last one may be shorter. A question is `(place, answer, place that
    /// told it)`; places count from the document's start. An answer must not span segments.
    pub fn cut(
        tokens: Vec<u32>,
        length: usize,
        questions: impl IntoIterator<Item = (usize, Vec<u32>, Option<usize>)>,
    ) -> Self {
        let segment = |tokens: &[u32]| Segment { tokens: tokens.to_vec(), questions: vec![] };
        let mut segments: Vec<Segment> = tokens.chunks(length).map(segment).collect();
        for (place, answer, told) in questions {
            let question = Question {
                at: place % length,
                answer,
                told: told.map(|place| place / length),
                via: None,
            };
            segments[place / length].questions.push(question);
        }
        Self { segments }
    }
}

impl Question {
    /// How many segments ago the answer was told.
    pub fn distance(&self, segment: usize) -> Option<usize> {
        self.told.map(|told| segment - told)
    }

    /// If the answer needs two facts: how many segments ago the leading fact was told.
    pub fn distance_via(&self, segment: usize) -> Option<usize> {
        self.via.map(|via| segment - via)
    }
}
