use std::ops::Range;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use memoria_core::MemoriaError;
use memoria_nn::MemoriaState;

use super::StepRows;
use crate::data::Document;

/// Segments of several rows, in order.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[segments, rows, length]`; padding is token 0.
    pub tokens: Tensor<3, Int>,
    /// `[segments, rows, length]`, true for padding; `None` if there is none. A row of a segment that is all padding
    /// has one place that is not, so that attention has a key.
    pub mask_pad: Option<Tensor<3, Bool>>,
    /// For each segment, the rows in which a document begins with it.
    pub begins: Vec<Vec<usize>>,
    /// `[asked]`: the places with questions, counted through segments, rows and length.
    pub asked: Tensor<1, Int>,
    /// `[asked]`: the right tokens.
    pub answers: Tensor<1, Int>,
    /// The questions. Each has one or several of the asked places, in order.
    pub questions: Vec<Asked>,
    /// The rows of the step that are in this batch; with several devices each has some.
    pub step_rows: StepRows,
    /// Facts about the other rows of the step.
    pub others: OtherRows,
}

/// Facts about the rows of a step that are not in a batch: those of other devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherRows {
    /// Number of places with questions.
    pub asked: usize,
    /// Whether a document begins with the first segment in each of them.
    pub begin: bool,
}

impl Default for OtherRows {
    /// No other rows.
    fn default() -> Self {
        Self { asked: 0, begin: true }
    }
}

/// One question of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its row.
    pub row: usize,
    /// Its segment, counted within the batch.
    pub segment: usize,
    /// The place in the segment at which the first token of its answer is asked for.
    pub at: usize,
    /// Number of tokens of its answer.
    pub tokens: usize,
    /// How many segments ago the answer was told, if one place told it.
    pub distance: Option<usize>,
    /// If an answer needs two facts: how many segments ago the leading fact was told.
    pub via: Option<usize>,
}

/// One segment of a batch.
#[derive(Clone, Debug)]
pub struct BatchSegment<'a> {
    /// `[rows, length]`.
    pub tokens: Tensor<2, Int>,
    /// `[rows, length]`, true for padding.
    pub mask_pad: Option<Tensor<2, Bool>>,
    /// The rows in which a document begins with it.
    pub begins: &'a [usize],
}

impl BatchSegment<'_> {
    /// Empties the rows of a memory in which a document begins.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::reset_rows`].
    pub fn begin_documents(&self, memory: &mut MemoriaState) -> Result<(), MemoriaError> {
        // A memory without rows is empty.
        if memory.batch() == 0 { Ok(()) } else { memory.reset_rows(self.begins) }
    }
}

/// A batch under construction on the host.
pub(super) struct Builder {
    step_rows: StepRows,
    others: OtherRows,
    length: usize,
    tokens: Vec<i64>,
    padding: Vec<bool>,
    begins: Vec<Vec<usize>>,
    asked: Vec<i64>,
    answers: Vec<i64>,
    questions: Vec<Asked>,
}

impl Builder {
    pub(super) fn new(step_rows: StepRows, others: OtherRows, length: usize) -> Self {
        let (tokens, padding, begins) = (vec![], vec![], vec![]);
        Self {
            step_rows,
            others,
            length,
            tokens,
            padding,
            begins,
            asked: vec![],
            answers: vec![],
            questions: vec![],
        }
    }

    fn rows(&self) -> usize {
        self.step_rows.range.len()
    }

    /// Appends a segment of padding.
    pub(super) fn segment(&mut self) {
        let places = (self.begins.len() + 1) * self.rows() * self.length;
        self.tokens.resize(places, 0);
        self.padding.resize(places, true);
        self.begins.push(Vec::new());
        for row in 0..self.rows() {
            let first = self.place(row, 0);
            self.padding[first] = false;
        }
    }

    /// Index of a row's place in the last segment.
    fn place(&self, row: usize, at: usize) -> usize {
        ((self.begins.len() - 1) * self.rows() + row) * self.length + at
    }

    /// Sets the tokens of a row in the last segment.
    pub(super) fn tokens(&mut self, row: usize, begins: bool, tokens: &[u32]) {
        if begins && let Some(rows) = self.begins.last_mut() {
            rows.push(row);
        }
        for (at, &token) in tokens.iter().enumerate() {
            let place = self.place(row, at);
            self.tokens[place] = i64::from(token);
            self.padding[place] = false;
        }
    }

    /// Adds a question to a row of the last segment.
    pub(super) fn ask(
        &mut self,
        row: usize,
        at: usize,
        answer: &[u32],
        [distance, via]: [Option<usize>; 2],
    ) {
        let first = self.place(row, at) as i64;
        self.asked.extend((0..answer.len() as i64).map(|token| first + token));
        self.answers.extend(answer.iter().map(|&token| i64::from(token)));
        let segment = self.begins.len() - 1;
        self.questions.push(Asked { row, segment, at, tokens: answer.len(), distance, via });
    }

    pub(super) fn build(self, device: &Device) -> Batch {
        let shape = [self.begins.len(), self.rows(), self.length];
        let padded = self.padding.contains(&true);
        let padding = padded.then(|| TensorData::new(self.padding, shape));
        let asked = [self.asked.len()];
        Batch {
            tokens: Tensor::from_data(TensorData::new(self.tokens, shape), device),
            mask_pad: padding.map(|padding| Tensor::from_data(padding, device)),
            begins: self.begins,
            asked: Tensor::from_data(TensorData::new(self.asked, asked), device),
            answers: Tensor::from_data(TensorData::new(self.answers, asked), device),
            questions: self.questions,
            step_rows: self.step_rows,
            others: self.others,
        }
    }
}

impl Batch {
    /// Makes a batch with one document per row; all begin with the first segment. Shorter ones end in padding.
    pub fn of_documents(documents: &[Document], device: &Device) -> Self {
        Self::of_step(documents, 0..documents.len(), device)
    }

    /// Makes a batch of some rows of a step, with `documents` as its rows; see [`of_documents`](Self::of_documents).
    ///
    /// # Panics
    ///
    /// If the step does not have these rows.
    pub fn of_step(documents: &[Document], rows: Range<usize>, device: &Device) -> Self {
        let others = || documents[..rows.start].iter().chain(&documents[rows.end..]);
        let asked = |document: &Document| -> usize {
            let questions = document.segments.iter().flat_map(|segment| &segment.questions);
            questions.map(|question| question.answer.len()).sum()
        };
        let others = OtherRows {
            asked: others().map(asked).sum(),
            begin: others().all(|document| !document.segments.is_empty()),
        };
        let of = documents.len();
        let documents = &documents[rows.clone()];
        let rows = StepRows { range: rows, of };
        let builder = Builder::new(rows, others, length(documents));
        Self::of_segments(builder, documents, 0..longest(documents), device)
    }

    /// Splits documents into batches of at most `places` places, or of one segment. So long documents need not be held
    /// as a whole. The memory is passed from each batch to the next.
    pub fn parts<'a>(
        documents: &'a [Document],
        places: usize,
        device: &'a Device,
    ) -> impl Iterator<Item = Self> + 'a {
        let longest = longest(documents);
        let segments = (places / (documents.len() * length(documents)).max(1)).max(1);
        (0..longest).step_by(segments).map(move |first| {
            let builder = Builder::new(
                StepRows::all(documents.len()),
                OtherRows::default(),
                length(documents),
            );
            Self::of_segments(builder, documents, first..longest.min(first + segments), device)
        })
    }

    /// Makes a batch of some segments of the documents.
    fn of_segments(
        mut builder: Builder,
        documents: &[Document],
        segments: Range<usize>,
        device: &Device,
    ) -> Self {
        for index in segments {
            builder.segment();
            for (row, document) in documents.iter().enumerate() {
                let Some(segment) = document.segments.get(index) else { continue };
                builder.tokens(row, index == 0, &segment.tokens);
                for question in &segment.questions {
                    let ago = [question.distance(index), question.distance_via(index)];
                    builder.ask(row, question.at, &question.answer, ago);
                }
            }
        }
        builder.build(device)
    }

    /// Makes a batch of one segment in one row, with a question after its last token.
    ///
    /// # Panics
    ///
    /// If `tokens` is empty.
    pub fn of_segment(tokens: &[u32], begins: bool, device: &Device) -> Self {
        let mut builder = Builder::new(StepRows::all(1), OtherRows::default(), tokens.len());
        builder.segment();
        builder.tokens(0, begins, tokens);
        // The right token is unknown.
        builder.ask(0, tokens.len() - 1, &[0], [None; 2]);
        builder.build(device)
    }

    /// Returns its segments in order.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = BatchSegment<'_>> {
        self.begins.iter().enumerate().map(|(index, begins)| BatchSegment {
            tokens: self.tokens.clone().narrow(0, index, 1).squeeze_dim(0),
            mask_pad: self.mask_pad.clone().map(|mask| mask.narrow(0, index, 1).squeeze_dim(0)),
            begins,
        })
    }

    /// Selects hidden states `[asked, width]` at the places with questions. `hidden` contains those of all segments in
    /// order, each `[rows, length, width]`.
    ///
    /// # Panics
    ///
    /// If their shapes differ from those of the segments.
    pub fn asked(&self, hidden: Vec<Tensor<3>>) -> Tensor<2> {
        let [segments, rows, length] = self.tokens.dims();
        let hidden = Tensor::cat(hidden, 0);
        let [all, _, width] = hidden.dims();
        assert_eq!(all, segments * rows, "hidden states must be of {segments} segments");
        hidden.reshape([all * length, width]).select(0, self.asked.clone())
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.tokens.dims()[1]
    }

    /// Its share of the places with questions in all rows of the step; 1 if it has all rows.
    pub fn share(&self) -> f64 {
        let asked = self.answers.dims()[0];
        asked as f64 / (asked + self.others.asked).max(1) as f64
    }

    /// Whether a document begins with the first segment in every row of the step, so that no earlier memory is needed.
    pub fn begins_anew(&self) -> bool {
        self.others.begin && self.begins.first().is_none_or(|begins| begins.len() == self.rows())
    }
}

/// Number of segments of the longest document.
fn longest(documents: &[Document]) -> usize {
    documents.iter().map(|document| document.segments.len()).max().unwrap_or(0)
}

/// Number of tokens of the longest segment.
fn length(documents: &[Document]) -> usize {
    let all = documents.iter().flat_map(|document| &document.segments);
    all.map(|segment| segment.tokens.len()).max().unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Question, Segment};

    #[test]
    fn documents_of_several_lengths_are_padded() {
        let segment = |tokens: &[u32], questions: &[(usize, &[u32], usize)]| Segment {
            tokens: tokens.to_vec(),
            questions: questions
                .iter()
                .map(|&(at, answer, told)| Question {
                    at,
                    answer: answer.to_vec(),
                    told: Some(told),
                    via: None,
                })
                .collect(),
        };
        let first = [segment(&[1, 2, 3], &[]), segment(&[4, 5], &[(0, &[8, 9], 0)])];
        let second = [segment(&[6], &[(0, &[7], 0)])];
        let documents = [first.to_vec(), second.to_vec()].map(|segments| Document { segments });
        let batch = Batch::of_documents(&documents, &Device::flex());
        assert_eq!(batch.tokens.dims(), [2, 2, 3]);
        let tokens: Vec<i64> = batch.tokens.to_data().iter::<i64>().collect();
        assert_eq!(tokens, [1, 2, 3, 6, 0, 0, 4, 5, 0, 0, 0, 0]);
        let padding: Vec<bool> =
            batch.mask_pad.as_ref().unwrap().to_data().iter::<bool>().collect();
        let real = [true, true, true, true, false, false, true, true, false, true, false, false];
        assert_eq!(padding, real.map(|real| !real));
        assert_eq!(batch.begins, [vec![0, 1], vec![]]);
        assert!(batch.begins_anew());
        let segments: Vec<BatchSegment<'_>> = batch.segments().collect();
        assert_eq!((segments.len(), segments[1].begins.len()), (2, 0));
        let second: Vec<i64> = segments[1].tokens.to_data().iter::<i64>().collect();
        assert_eq!(second, [4, 5, 0, 0, 0, 0]);
        // The hidden states are the tokens, so the asked places can be recognized.
        let hidden = |segment: &BatchSegment<'_>| segment.tokens.clone().float().unsqueeze_dim(2);
        let asked = batch.asked(segments.iter().map(hidden).collect());
        assert_eq!(asked.to_data().iter::<i64>().collect::<Vec<_>>(), [6, 4, 5]);
        let asked: Vec<i64> = batch.asked.to_data().iter::<i64>().collect();
        assert_eq!(asked, [3, 6, 7]);
        assert_eq!(
            batch.questions[1],
            Asked { row: 0, segment: 1, at: 0, tokens: 2, distance: Some(1), via: None }
        );
    }

    #[test]
    fn parts_of_documents_are_the_documents() {
        let segment = |token: u32| Segment {
            tokens: vec![token; 3],
            questions: vec![Question { at: 2, answer: vec![token], told: Some(0), via: None }],
        };
        let documents =
            [5, 3].map(|count| Document { segments: (0..count).map(segment).collect() });
        let device = Device::flex();
        let whole = Batch::of_documents(&documents, &device);
        for (places, parts) in [(1, 5), (12, 3), (1000, 1)] {
            let all: Vec<Batch> = Batch::parts(&documents, places, &device).collect();
            assert_eq!(all.len(), parts);
            let tokens = Tensor::cat(all.iter().map(|part| part.tokens.clone()).collect(), 0);
            assert_eq!(tokens.into_data(), whole.tokens.to_data());
            assert!(all[0].begins_anew() && !all[1..].iter().any(Batch::begins_anew));
            let mut questions = Vec::new();
            for part in all {
                let before: usize = questions.last().map_or(0, |last: &Asked| last.segment + 1);
                questions.extend(
                    part.questions
                        .into_iter()
                        .map(|question| Asked { segment: before + question.segment, ..question }),
                );
            }
            assert_eq!(questions, whole.questions);
        }
    }
}
