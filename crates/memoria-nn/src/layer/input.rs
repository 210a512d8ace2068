use core::fmt;

use burn::tensor::{Bool, Tensor};

use crate::Recall;

/// Input of [`MemoriaLayer`](crate::MemoriaLayer): hidden states alone, or with padding and the place where a piece of
/// a segment begins.
#[derive(Clone)]
pub struct MemoriaLayerInput {
    /// `[batch, seq, d_model]`.
    pub hidden: Tensor<3>,
    /// `[batch, seq]`, true for padding.
    pub mask_pad: Option<Tensor<2, Bool>>,
    /// Place within the segment of the first position.
    pub start: usize,
}

impl MemoriaLayerInput {
    /// Hidden states `[batch, seq, d_model]`, none of which is padding.
    pub fn new(hidden: Tensor<3>) -> Self {
        Self { hidden, mask_pad: None, start: 0 }
    }

    /// Takes positions for padding where `mask_pad` `[batch, seq]`, if there is any, is true.
    pub fn mask_pad(mut self, mask_pad: impl Into<Option<Tensor<2, Bool>>>) -> Self {
        self.mask_pad = mask_pad.into();
        self
    }

    /// Puts the first position at the place `start` of the segment: for a segment that is processed piece by
    /// piece, as in generation with a cache.
    pub fn start(mut self, start: usize) -> Self {
        self.start = start;
        self
    }
}

impl From<Tensor<3>> for MemoriaLayerInput {
    fn from(hidden: Tensor<3>) -> Self {
        Self::new(hidden)
    }
}

/// The shapes; the numbers are many.
impl fmt::Debug for MemoriaLayerInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoriaLayerInput")
            .field("hidden", &self.hidden.dims())
            .field("mask_pad", &self.mask_pad.as_ref().map(Tensor::dims))
            .field("start", &self.start)
            .finish()
    }
}

/// Output of [`MemoriaLayer::forward`](crate::MemoriaLayer::forward).
#[derive(Clone)]
pub struct MemoriaLayerOutput {
    /// `[batch, seq, d_model]`.
    pub hidden: Tensor<3>,
    /// What was attended to.
    pub recall: Recall,
    /// Weights over the reminded memories before dropout, `[batch, n_heads, seq, k]`; `None` if no row
    /// was reminded of anything.
    pub weights: Option<Tensor<4>>,
}

/// Shapes and counts; the numbers are many.
impl fmt::Debug for MemoriaLayerOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoriaLayerOutput")
            .field("hidden", &self.hidden.dims())
            .field("recall", &self.recall)
            .field("weights", &self.weights.as_ref().map(Tensor::dims))
            .finish()
    }
}
