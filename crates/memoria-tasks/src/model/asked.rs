use burn::tensor::{Int, Tensor};

use super::contrast::indices;
use crate::training::Batch;

/// The segments with questions. The blocks above the memory are computed for these segments only.
pub(super) struct AskedSegments {
    /// Indices of these segments, counted through segments and rows.
    pub(super) segments: Tensor<1, Int>,
    /// `[asked]`: the places with questions, counted through these segments.
    pub(super) places: Tensor<1, Int>,
}

impl AskedSegments {
    /// Returns `None` if every segment of every row has a question. Without any question it returns the first segment.
    pub(super) fn of(batch: &Batch) -> Option<Self> {
        let [segments, rows, length] = batch.tokens.dims();
        let mut is_asked = vec![false; segments * rows];
        for question in &batch.questions {
            is_asked[question.segment * rows + question.row] = true;
        }
        if batch.questions.is_empty() {
            is_asked[..1].fill(true);
        }
        if !is_asked.contains(&false) {
            return None;
        }
        let mut chosen = Vec::new();
        let mut place_of = vec![0; is_asked.len()];
        for (segment, _) in is_asked.iter().enumerate().filter(|(_, is_asked)| **is_asked) {
            place_of[segment] = chosen.len();
            chosen.push(segment as i64);
        }
        let places = batch.questions.iter().flat_map(|question| {
            let first = place_of[question.segment * rows + question.row] * length + question.at;
            first..first + question.tokens
        });
        let (places, device) = (places.map(|place| place as i64).collect(), batch.tokens.device());
        Some(Self { places: indices(places, &device), segments: indices(chosen, &device) })
    }
}
