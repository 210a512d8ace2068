//! The gradient window: working memories of the last segments, as the tracked tensors they were.
//!
//! It bounds how long an engram is tracked, not how far its gradient flows: the hidden states it was made of may have
//! attended to tracked engrams, too.

use std::collections::VecDeque;

use burn::{backend::Dispatch, tensor::Tensor};
use memoria_core::EngramId;

use crate::{padding::Padding, places::indices, tape::Tape};

#[derive(Clone, Debug)]
struct Segment {
    /// `[batch, n, d_model]`.
    memories: Tensor<3>,
    /// Per row, the engrams that were made of them, in ascending order, and which of the `n` each was made
    /// of.
    made: Vec<Vec<(EngramId, usize)>>,
    tape: Tape,
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

    /// Sets the length of the window and drops older memories.
    pub(crate) fn set_bptt(&mut self, bptt: usize) {
        self.bptt = bptt;
        self.drop_old();
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn clear(&mut self) {
        self.segments.clear();
    }

    /// Whether a `backward` has gone through what is kept.
    pub(crate) fn is_consumed(&self) -> bool {
        self.segments.iter().any(|segment| segment.tape.is_consumed())
    }

    /// Keeps the memories `[batch, n, d_model]` of a new segment, and drops those that are now too old.
    /// Places where there is padding hold none. Returns the memories as they are to be attended to. A segment
    /// without autodiff ends the window.
    pub(crate) fn push(
        &mut self,
        memories: Tensor<3>,
        padding: Option<&Padding>,
        reminded: &memoria_core::Recall<Dispatch>,
    ) -> Tensor<3> {
        if !memories.is_autodiff() {
            self.clear();
        }
        if self.bptt == 0 || !memories.is_autodiff() {
            return memories;
        }
        let count = memories.dims()[1];
        // The newest working engrams are those just made; a row that was reset since has none.
        let made = |row| {
            let places = match padding {
                None => (0..count).collect(),
                Some(padding) => padding.read_positions(row),
            };
            let working = reminded.working(row);
            let newest = &working[working.len().saturating_sub(places.len())..];
            newest.iter().copied().zip(places).collect()
        };
        let made = (0..reminded.batch()).map(made).collect();
        let (memories, tape) = Tape::mark(memories);
        self.segments.push_back(Segment { memories: memories.clone(), made, tape });
        self.drop_old();
        memories
    }

    fn drop_old(&mut self) {
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
        // The rows of a segment of another batch have moved without the window.
        for segment in self.segments.iter().filter(|segment| segment.made.len() == batch) {
            let count = segment.memories.dims()[1];
            let mut used = false;
            for row in 0..batch {
                let made = &segment.made[row];
                for (place, id) in reminded.ids(row).iter().enumerate() {
                    if let Ok(at) = made.binary_search_by_key(id, |&(id, _)| id) {
                        choice[row * width + place] = (start + row * count + made[at].1) as i64;
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
