use clap::ValueEnum;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What documents are for. No two splits share a document, unless by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Trained on.
    Train,
    /// Looked at while training, to see how it goes.
    Valid,
    /// Looked at once, at the end.
    Test,
}

/// Which document: the same one for the same id, on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DocumentId {
    /// What it is for.
    pub split: Split,
    /// The run's seed.
    pub seed: u64,
    /// Counted from 0.
    pub index: u64,
    /// How many times as long as trained on.
    pub longer: u32,
    /// The stage of a curriculum, from 0.
    pub stage: u32,
}

/// A document: what a memory goes through from one reset to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Document {
    /// In order. They need not be of one length.
    pub segments: Vec<Segment>,
}

/// What a model sees at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Tokens, below the task's vocabulary.
    pub tokens: Vec<u32>,
    /// What is asked, in order of place; they do not overlap.
    pub questions: Vec<Question>,
}

/// Something to be predicted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The place in the segment at which the output should be the first token of the answer; the next ones
    /// belong to the places after it.
    pub at: usize,
    /// The answer's tokens.
    pub answer: Vec<u32>,
    /// The segment of the document in which the answer was told last, if it was told at one place.
    pub told: Option<usize>,
    /// The segment that told which one that is, where an answer needs two facts.
    pub via: Option<usize>,
}

impl DocumentId {
    /// A document of a split, as long as trained on.
    pub fn new(split: Split, seed: u64, index: u64) -> Self {
        Self { split, seed, index, longer: 1, stage: 0 }
    }

    /// The same number among documents of another length.
    pub fn longer(self, longer: u32) -> Self {
        Self { longer, ..self }
    }

    /// Random numbers that are this document's own.
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

    /// Every question with the segment it is asked in.
    pub fn questions(&self) -> impl Iterator<Item = (usize, &Question)> {
        let of = |(at, segment)| -> Vec<(usize, &Question)> {
            let segment: &Segment = segment;
            segment.questions.iter().map(|question| (at, question)).collect()
        };
        self.segments.iter().enumerate().flat_map(of)
    }

    /// Cuts tokens into segments of one length, the last one maybe shorter. A question `(place, answer,
    /// place it was told at)` counts places from the document's start; an answer must not span segments.
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
    /// How many segments ago it was told.
    pub fn distance(&self, segment: usize) -> Option<usize> {
        self.told.map(|told| segment - told)
    }

    /// How many segments ago it was told which segment that is, if that was needed.
    pub fn distance_via(&self, segment: usize) -> Option<usize> {
        self.via.map(|via| segment - via)
    }
}
