//! The gradient window: working memories of the last segments, as the tracked tensors they were.

use std::collections::VecDeque;

use burn::{
    backend::Dispatch,
    tensor::{Device, Int, Tensor, TensorData},
};
use memoria_core::EngramId;

#[derive(Clone, Debug)]
struct Segment {
    /// `[batch, n, d_model]`.
    memories: Tensor<3>,
    /// Per row, the `n` engrams that were made of them.
    ids: Vec<Vec<EngramId>>,
}

/// Memories through which gradients still flow.
#[derive(Clone, Debug)]
pub(crate) struct GradientWindow {
    bptt: usize,
    segments: VecDeque<Segment>,
}

impl GradientWindow {
    pub(crate) fn new(bptt: usize) -> Self {
        Self { bptt, segments: VecDeque::new() }
    }

    pub(crate) fn bptt(&self) -> usize {
        self.bptt
    }

    pub(crate) fn clear(&mut self) {
        self.segments.clear();
    }

    /// Keeps the memories of a new segment, and drops those that are now too old.
    pub(crate) fn push(&mut self, memories: &Tensor<3>, reminded: &memoria_core::Recall<Dispatch>) {
        if self.bptt == 0 || !memories.is_autodiff() {
            return;
        }
        let count = memories.dims()[1];
        // The newest working engrams are those just made; a row that was reset since has none.
        let newest = |row| {
            let working = reminded.working(row);
            working[working.len().saturating_sub(count)..].to_vec()
        };
        let ids = (0..reminded.batch()).map(newest).collect();
        self.segments.push_back(Segment { memories: memories.clone(), ids });
        while self.segments.len() > self.bptt {
            self.segments.pop_front();
        }
    }

    /// Reminded memories `[batch, k, d_model]`, with those of the window's segments as they were made.
    pub(crate) fn track(
        &self,
        stored: Tensor<3>,
        reminded: &memoria_core::Recall<Dispatch>,
    ) -> Tensor<3> {
        let [batch, width, d_model] = stored.dims();
        let device = stored.device();
        // Everything flattened to rows of one matrix: first what is stored, then segment by segment.
        let mut choice: Vec<i64> = (0..(batch * width) as i64).collect();
        let mut parts = vec![stored.clone().reshape([batch * width, d_model])];
        let mut start = batch * width;
        for segment in &self.segments {
            let count = segment.memories.dims()[1];
            let mut used = false;
            for row in 0..batch {
                for (place, id) in reminded.ids(row).iter().enumerate() {
                    if let Ok(at) = segment.ids[row].binary_search(id) {
                        choice[row * width + place] = (start + row * count + at) as i64;
                        used = true;
                    }
                }
            }
            if used {
                parts.push(segment.memories.clone().reshape([batch * count, d_model]));
                start += batch * count;
            }
        }
        if parts.len() == 1 {
            return stored;
        }
        let choice = indices(choice, &device);
        Tensor::cat(parts, 0).select(0, choice).reshape([batch, width, d_model])
    }
}

fn indices(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
