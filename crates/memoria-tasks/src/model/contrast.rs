//! A loss that teaches what to be reminded of, for documents that name the telling segment. The query of a question
//! must be nearer to the memories of the segment that told the answer than to all others of the batch.

use burn::tensor::{Device, Int, Tensor, TensorData};
use memoria_core::{Correlation, MemoriaConfig, Pooling};
use serde::{Deserialize, Serialize};

use crate::training::Batch;

/// The query of a segment that a question trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// The mean of all queries, for a search that ranks by it.
    Together,
    /// One query: the first question of a segment trains the first query, and so on. With more questions than queries
    /// it begins again with the first query.
    ByNumber,
}

/// The memories of a segment that a query must find.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Any of them: one memory that contains the answer is enough.
    #[default]
    Any,
    /// Each of them, where several contain parts of an answer.
    Each,
}

impl Asks {
    /// Follows the search of a memory.
    pub(super) fn of(memory: &MemoriaConfig) -> Self {
        match (memory.pooling, memory.correlation) {
            (Pooling::Mean, Correlation::NegSquaredL2) => Self::Together,
            _ => Self::ByNumber,
        }
    }
}

/// The queries and the memories of a segment.
pub(super) struct Asking {
    /// `[rows, queries, width]`, for each reading of the segment.
    pub(super) queries: Vec<Tensor<3>>,
    /// `[rows, memories, width]`; without a graph if reading a memory does not train its writer.
    pub(super) memories: Tensor<3>,
}

/// Computes the loss `[1]`, a mean over all questions about an earlier segment of the batch. A question's loss is the
/// negative logarithm of the share of that segment's memories in a softmax. The softmax is over the memories of all
/// segments of all rows. Scores are −‖q − m‖² times `scale`, with q the query that the question trains. `None` if there
/// is no such question.
///
/// With [`Wanted::Each`] the loss of a question is the mean over the segment's memories, each taken alone.
///
/// If an answer needs two facts, the first reading of a segment looks for the fact that leads to the other one.
///
/// The memories of other rows stand for a store much longer than a training document: the query learns to distinguish
/// its own memories from thousands. The segment that told the answer must be known, and no other segment may tell it.
pub(super) fn contrast(
    batch: &Batch,
    segments: &[Asking],
    (asks, wanted): (Asks, Wanted),
    scale: f64,
) -> Option<Tensor<1>> {
    let first = segments.first()?;
    let [rows, queries, _] = first.queries.first()?.dims();
    let queries = if asks == Asks::Together { 1 } else { queries };
    let place = |segment: usize, row: usize| segment * rows + row;
    let mut numbers = vec![0; segments.len() * rows];
    let (mut asking, mut telling) = (Vec::new(), Vec::new());
    for question in &batch.questions {
        let at = place(question.segment, question.row);
        let number = numbers[at] % queries;
        numbers[at] += 1;
        for read in 0..first.queries.len() {
            let ago = question.via.filter(|_| read == 0).or(question.distance);
            let told = ago.filter(|&ago| ago > 0).and_then(|ago| question.segment.checked_sub(ago));
            let Some(told) = told else { continue };
            asking.push(((read * numbers.len() + at) * queries + number) as i64);
            telling.push(place(told, question.row) as i64);
        }
    }
    if asking.is_empty() {
        return None;
    }
    let [_, count, width] = first.memories.dims();
    let device = first.memories.device();
    let of_read = |read: usize| segments.iter().map(move |segment| segment.queries[read].clone());
    let queries = (0..first.queries.len()).flat_map(of_read).map(|query| match asks {
        Asks::Together => query.mean_dim(1),
        Asks::ByNumber => query,
    });
    let queries = Tensor::cat(queries.collect(), 0).reshape([-1, width as i32]);
    let queries: Tensor<2> = queries.select(0, indices(asking, &device));
    let memories = segments.iter().map(|segment| segment.memories.clone()).collect();
    let memories: Tensor<2> = Tensor::cat(memories, 0).reshape([-1, width as i32]);
    // Terms that all memories share for one query cancel.
    let lengths = memories.clone().square().sum_dim(1).transpose();
    let scores = (queries.matmul(memories.transpose()) * 2.0 - lengths) * scale;
    let [asked, all] = scores.dims();
    let right: Vec<i64> = telling
        .into_iter()
        .flat_map(|segment| (0..count as i64).map(move |memory| segment * count as i64 + memory))
        .collect();
    let right = indices(right, &device).reshape([asked, count]);
    let scores = scores.clone() - scores.max_dim(1).detach().expand([asked, all]);
    let right = scores.clone().gather(1, right).exp();
    let right = if wanted == Wanted::Any { right.sum_dim(1) } else { right };
    // Avoids the logarithm of zero.
    let share = (right + f32::MIN_POSITIVE) / scores.exp().sum_dim(1);
    Some(-share.log().mean())
}

/// `[count]`, to select by.
pub(super) fn indices(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;
    use crate::data::{Document, Question, Segment};
    use crate::model::drawing;

    /// Two rows of three segments; the last one asks two questions about the segments in `told`.
    fn batch(told: [[usize; 2]; 2], device: &Device) -> Batch {
        let documents = told.map(|told| {
            let question =
                |at: usize| Question { at, answer: vec![1], told: Some(told[at]), via: None };
            let segment = |questions| Segment { tokens: vec![0, 1], questions };
            let asking = segment(vec![question(0), question(1)]);
            Document { segments: vec![segment(vec![]), segment(vec![]), asking] }
        });
        Batch::of_documents(&documents, device)
    }

    fn segments(count: usize, device: &Device) -> Vec<Asking> {
        let _alone = drawing();
        let normal = |shape: [usize; 3]| Tensor::random(shape, Distribution::Default, device);
        let one = |_| Asking {
            queries: vec![normal([2, 2, 4]), normal([2, 2, 4])],
            memories: normal([2, count, 4]),
        };
        (0..3).map(one).collect()
    }

    #[test]
    fn it_is_what_a_slow_twin_comes_to() {
        let device = Device::flex();
        for (count, asks, wanted) in [
            (1, Asks::Together, Wanted::Any),
            (2, Asks::Together, Wanted::Any),
            (2, Asks::Together, Wanted::Each),
            (2, Asks::ByNumber, Wanted::Any),
        ] {
            let segments = segments(count, &device);
            let numbers = |tensor: &Tensor<3>| -> Vec<f64> { tensor.to_data().iter().collect() };
            let memories: Vec<Vec<f64>> = segments.iter().map(|s| numbers(&s.memories)).collect();
            // The first question of the first row needs two facts: it looks for the leading fact first.
            let told = [[1, 0], [0, 0]];
            let via = |read, row, number| read == 0 && row == 0 && number == 0;
            let mut batch = batch(told, &device);
            batch.questions[0].via = Some(2);
            let mut expected = 0.0;
            let places = [(0, 0), (0, 1), (1, 0), (1, 1)];
            for (read, (row, number)) in places.into_iter().flat_map(|at| [(0, at), (1, at)]) {
                let queries = numbers(&segments[2].queries[read]);
                let of_row = &queries[row * 8..][..8];
                let told = if via(read, row, number) { 0 } else { told[row][number] };
                let query: Vec<f64> = match asks {
                    Asks::Together => (0..4).map(|i| (of_row[i] + of_row[4 + i]) / 2.0).collect(),
                    Asks::ByNumber => of_row[number * 4..][..4].to_vec(),
                };
                let (mut right, mut all) = (vec![], 0.0);
                for (segment, memories) in memories.iter().enumerate() {
                    for (place, memory) in memories.chunks(4).enumerate() {
                        let far: f64 =
                            memory.iter().zip(&query).map(|(m, q)| (m - q) * (m - q)).sum();
                        let worth = (-far * 0.5).exp();
                        all += worth;
                        if segment == told && place / count == row {
                            right.push(worth);
                        }
                    }
                }
                let found = match wanted {
                    Wanted::Any => f64::ln(right.iter().sum::<f64>() / all),
                    Wanted::Each => {
                        right.iter().map(|right| f64::ln(right / all)).sum::<f64>() / count as f64
                    }
                };
                expected -= found / 8.0;
            }
            let got = contrast(&batch, &segments, (asks, wanted), 0.5).unwrap();
            let got: f64 = got.into_scalar::<f32>().into();
            assert!((got - expected).abs() < 1e-5, "{asks:?}, {wanted:?}: {got} {expected}");
        }
    }

    #[test]
    fn what_was_told_elsewhere_or_in_the_segment_itself_teaches_nothing() {
        let device = Device::flex();
        let segments = segments(1, &device);
        assert!(
            contrast(&batch([[2; 2]; 2], &device), &segments, (Asks::Together, Wanted::Any), 0.5)
                .is_none()
        );
        assert!(
            contrast(
                &batch([[2; 2], [2, 1]], &device),
                &segments,
                (Asks::Together, Wanted::Any),
                0.5
            )
            .is_some()
        );
    }
}
