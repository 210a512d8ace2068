//! A loss that teaches what to be reminded of where a document tells it: the query of a question is to be nearer to
//! what was made of the segment that told the answer than to anything else of the batch.

use burn::tensor::{Int, Tensor, TensorData};

use crate::training::Batch;

/// What a segment was compared with, and what was made of it.
pub(super) struct Asking {
    /// `[rows, queries, width]`, of which the mean counts.
    pub(super) query: Tensor<3>,
    /// `[rows, memories, width]`; without a graph where nothing that reads a memory trains what wrote it.
    pub(super) memories: Tensor<3>,
}

/// For each question about an earlier segment of the batch, the negative logarithm of the share that this segment's
/// memories have in a softmax over the memories of all segments of all rows; on average, `[1]`. Scores are −‖q − m‖²
/// times `scale`. `None` if there is no such question.
///
/// Memories of other rows are what a store much longer than a document of the training holds: so the query learns to
/// tell its own from thousands. It must be known where an answer was told, and that one segment only tells it.
pub(super) fn contrast(batch: &Batch, segments: &[Asking], scale: f64) -> Option<Tensor<1>> {
    let [_, rows, _] = batch.tokens.dims();
    let place = |segment: usize, row: usize| (segment * rows + row) as i64;
    let questions = batch.questions.iter().filter_map(|question| {
        let told = question.segment.checked_sub(question.distance.filter(|&far| far > 0)?)?;
        Some((place(question.segment, question.row), place(told, question.row)))
    });
    let (asking, telling): (Vec<i64>, Vec<i64>) = questions.unzip();
    let first = segments.first().filter(|_| !asking.is_empty())?;
    let [_, count, width] = first.memories.dims();
    let device = first.memories.device();
    let queries = segments.iter().map(|segment| segment.query.clone().mean_dim(1)).collect();
    let queries = Tensor::cat(queries, 0).reshape([-1, width as i32]);
    let queries: Tensor<2> = queries.select(0, indices(asking, &device));
    let memories = segments.iter().map(|segment| segment.memories.clone()).collect();
    let memories: Tensor<2> = Tensor::cat(memories, 0).reshape([-1, width as i32]);
    // What all memories have in common for a query cancels.
    let lengths = memories.clone().square().sum_dim(1).transpose();
    let scores = (queries.matmul(memories.transpose()) * 2.0 - lengths) * scale;
    let [asked, all] = scores.dims();
    let right: Vec<i64> = telling
        .into_iter()
        .flat_map(|segment| (0..count as i64).map(move |memory| segment * count as i64 + memory))
        .collect();
    let right = indices(right, &device).reshape([asked, count]);
    let scores = scores.clone() - scores.max_dim(1).detach().expand([asked, all]);
    let right = scores.clone().gather(1, right).exp().sum_dim(1);
    // A share of nothing has no logarithm.
    let share = (right + f32::MIN_POSITIVE) / scores.exp().sum_dim(1);
    Some(-share.log().mean())
}

fn indices(values: Vec<i64>, device: &burn::tensor::Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::data::{Document, Question, Segment};
    use crate::model::drawing;

    /// Two rows of three segments, the last of which asks for the one that `told`.
    fn batch(told: [usize; 2], device: &Device) -> Batch {
        let documents = told.map(|told| {
            let question = Question { at: 0, answer: vec![1], told: Some(told) };
            let segment = |questions| Segment { tokens: vec![0, 1], questions };
            Document { segments: vec![segment(vec![]), segment(vec![]), segment(vec![question])] }
        });
        Batch::of_documents(&documents, device)
    }

    fn segments(count: usize, device: &Device) -> Vec<Asking> {
        let _alone = drawing();
        let normal = |shape: [usize; 3]| Tensor::random(shape, Distribution::Default, device);
        let one = |_| Asking { query: normal([2, 1, 4]), memories: normal([2, count, 4]) };
        (0..3).map(one).collect()
    }

    #[test]
    fn it_is_what_a_slow_twin_comes_to() {
        let device = Device::flex();
        for count in [1, 2] {
            let segments = segments(count, &device);
            let numbers = |tensor: &Tensor<3>| -> Vec<f64> { tensor.to_data().iter().collect() };
            let memories: Vec<Vec<f64>> = segments.iter().map(|s| numbers(&s.memories)).collect();
            let queries = numbers(&segments[2].query);
            let mut expected = 0.0;
            for (row, told) in [1, 0].into_iter().enumerate() {
                let query = &queries[row * 4..][..4];
                let (mut right, mut all) = (0.0, 0.0);
                for (segment, memories) in memories.iter().enumerate() {
                    for (number, memory) in memories.chunks(4).enumerate() {
                        let far: f64 =
                            memory.iter().zip(query).map(|(m, q)| (m - q) * (m - q)).sum();
                        let worth = (-far * 0.5).exp();
                        all += worth;
                        if segment == told && number / count == row {
                            right += worth;
                        }
                    }
                }
                expected -= f64::ln(right / all) / 2.0;
            }
            let got = contrast(&batch([1, 0], &device), &segments, 0.5).unwrap();
            let got: f64 = got.into_scalar::<f32>().into();
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
    }

    #[test]
    fn what_was_told_elsewhere_or_in_the_segment_itself_teaches_nothing() {
        let device = Device::flex();
        let segments = segments(1, &device);
        assert!(contrast(&batch([2, 2], &device), &segments, 0.5).is_none());
        assert!(contrast(&batch([2, 1], &device), &segments, 0.5).is_some());
    }
}
