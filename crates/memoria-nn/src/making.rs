use burn::{
    module::Module,
    tensor::{Bool, Tensor},
};
use memoria_core::MemoriaError;

use crate::{
    Abstractor, Recall, RecallInput, abstractor::equally_long, finite::without_padding,
    padding::Padding,
};

/// Hidden states that memories and queries are made of.
#[derive(Clone)]
pub struct MemorySource {
    /// `[batch, seq, d_model]`, zeros at positions that take no part.
    hidden: Tensor<3>,
    /// `[batch, seq]`, true for positions that take no part.
    mask: Option<Tensor<2, Bool>>,
    /// Positions that are not stored, those of rows that take no part included.
    padding: Option<Padding>,
    /// Which segment's they are, in errors.
    of: &'static str,
}

impl MemorySource {
    /// Hidden states `[batch, seq, d_model]`. Their positions in `left_out` are not read, NaN included, and those in
    /// `not_stored` not stored: the same, and all of rows that take no part.
    pub fn new(hidden: Tensor<3>, left_out: Option<Padding>, not_stored: Option<Padding>) -> Self {
        let mask = left_out.map(|padding| padding.mask(&hidden.device()));
        let hidden = match &mask {
            Some(mask) => without_padding(hidden, mask.clone()),
            None => hidden,
        };
        Self { hidden, mask, padding: not_stored, of: "the segment" }
    }

    /// Hidden states of the previous segment.
    pub(crate) fn of_previous(self) -> Self {
        Self { of: "the previous segment", ..self }
    }

    /// Rows of which nothing is stored, in ascending order.
    pub fn absent(&self) -> Vec<usize> {
        self.padding.as_ref().map(Padding::empty_rows).unwrap_or_default()
    }
}

/// How a model makes memories and queries of hidden states, as [`MemoriaLayer`](crate::MemoriaLayer) does: for models
/// with their own parts.
#[derive(Clone, Copy, Debug)]
pub struct MemoryMaking<'a> {
    /// Makes memories and queries or, if memories are the hidden states, queries alone, as its memories; with
    /// none, hidden states are both.
    pub abstractor: Option<&'a Abstractor>,
    /// Whether memories are the hidden states.
    pub keeps_hidden: bool,
    /// Whether hidden states that are the memories are made equally long; an abstractor knows for itself.
    pub equal_length: bool,
    /// Whether [scores](Recall::scores) will be read, which have a gradient.
    pub reads_scores: bool,
}

impl MemoryMaking<'_> {
    /// What a memory recalls that is asked by `recall`: [`MemoriaState::recall`] or [`MemoriaState::peek`].
    ///
    /// # Errors
    ///
    /// As of `recall`, but [`MemoriaError::NonFiniteMemory`] if what is made is not finite.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit the abstractor.
    ///
    /// [`MemoriaState::recall`]: crate::MemoriaState::recall
    /// [`MemoriaState::peek`]: crate::MemoriaState::peek
    pub fn recall(
        &self,
        source: MemorySource,
        recall: impl FnOnce(RecallInput) -> Result<Recall, MemoriaError>,
    ) -> Result<Recall, MemoriaError> {
        let of = source.of;
        let recalled = match self.abstractor {
            Some(abstractor) if self.keeps_hidden => self.asked(abstractor, source, recall),
            Some(abstractor) => recall(made_by(abstractor, source)),
            None => recall(self.kept(source)),
        };
        recalled.map_err(|error| match error {
            MemoriaError::NonFiniteData { row, squared_norm, .. }
            | MemoriaError::NonFiniteQuery { row, squared_norm, .. } => {
                MemoriaError::NonFiniteMemory { of, row, squared_norm }
            }
            error => error,
        })
    }

    /// Hidden states as memories.
    fn kept(&self, source: MemorySource) -> RecallInput {
        let MemorySource { hidden, padding, .. } = source;
        let working = if self.equal_length { equally_long(hidden) } else { hidden };
        RecallInput::new(working).padding(padding)
    }

    /// Hidden states as memories, and queries of an abstractor. What is recalled shows whether a graph of the
    /// queries is read; if not, none is made: see [`Abstractor::forward`].
    fn asked(
        &self,
        abstractor: &Abstractor,
        source: MemorySource,
        recall: impl FnOnce(RecallInput) -> Result<Recall, MemoriaError>,
    ) -> Result<Recall, MemoriaError> {
        let (hidden, mask) = (source.hidden.clone(), source.mask.clone());
        let query = abstractor.clone().no_grad().forward(hidden.clone().detach(), mask.clone());
        let recall = recall(self.kept(source).query(query.memories))?;
        let is_trained = abstractor.query_embeddings.val().is_autodiff();
        if !(self.reads_scores && recall.reminded.is_some() && is_trained) {
            return Ok(recall);
        }
        let query = abstractor.forward(hidden, mask).memories;
        Ok(Recall { query: Some(query), ..recall })
    }
}

/// Memories and queries of an abstractor.
fn made_by(abstractor: &Abstractor, source: MemorySource) -> RecallInput {
    let absent = source.absent();
    let MemorySource { hidden, mask, .. } = source;
    let made = abstractor.forward(hidden, mask);
    let asked = RecallInput::new(made.memories).absent(&absent);
    match made.queries {
        Some(query) => asked.query(query),
        None => asked,
    }
}
