use burn::{
    backend::Dispatch,
    tensor::{Bool, Tensor},
};
use memoria_core::{MemoriaError, State};
use memoria_nn::{MemoriaState, Recall};

/// The memory of a model, from segment to segment: an explicit value that a model is run with, passed as
/// `&mut` and never kept in the model.
///
/// Made by [`MemoryConfig::init`](crate::MemoryConfig::init). One value belongs to one model and one
/// stream of documents per batch row.
#[derive(Clone, Debug)]
pub struct ModelMemory {
    state: MemoriaState,
    previous: Option<Previous>,
}

/// The previous segment of a model whose working memories are made of it.
#[derive(Clone, Debug)]
struct Previous {
    /// `[batch, seq, d_model]`.
    hidden: Tensor<3>,
    /// `[batch, seq]`, true for positions that memories are not made of.
    left_out: Option<Tensor<2, Bool>>,
    /// Rows that have no previous segment, as they were reset since; in ascending order.
    begun_anew: Vec<usize>,
}

impl ModelMemory {
    pub(crate) fn new(state: MemoriaState) -> Self {
        Self { state, previous: None }
    }

    /// Ends the gradient window: to be called after each `backward`, which frees the graph.
    pub fn detach(&mut self) {
        self.state.detach();
        if let Some(previous) = &mut self.previous {
            previous.hidden = previous.hidden.clone().detach();
        }
    }

    /// Empties all rows: the next segment is the first of its documents.
    pub fn reset(&mut self) {
        self.state.reset();
        self.previous = None;
    }

    /// Empties some rows; their neighbours go on.
    ///
    /// In a model whose working memories come from the previous segment, the next segment of such a row
    /// has no memory, as any first segment. What its neighbours' segments bring takes ids in it, too, so
    /// that the ids of its engrams may be higher than they would be in a batch of their own.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub fn reset_rows(&mut self, rows: &[usize]) -> Result<(), MemoriaError> {
        let known = self.previous.as_ref().map(|previous| previous.hidden.dims()[0]);
        let batch = known.unwrap_or(0).max(self.state()?.batch());
        if let Some(&got) = rows.iter().find(|&&row| row >= batch) {
            return Err(MemoriaError::RowOutOfRange { got, rows: batch });
        }
        if self.state()?.batch() > 0 {
            self.state.reset_rows(rows)?;
        }
        if let Some(previous) = &mut self.previous {
            previous.begun_anew.extend(rows);
            previous.begun_anew.sort_unstable();
            previous.begun_anew.dedup();
        }
        Ok(())
    }

    /// A look into the memory.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::state`].
    pub fn state(&mut self) -> Result<State<'_, Dispatch>, MemoriaError> {
        self.state.state()
    }

    /// The memory without the model's previous segment.
    pub fn memoria(&mut self) -> &mut MemoriaState {
        &mut self.state
    }

    /// What the previous segment reminds of in a batch of so many rows, and the rows that have none;
    /// `None` if no row has.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::recall`].
    pub(crate) fn recall_previous(
        &mut self,
        batch: usize,
        abstractor: impl FnOnce(Tensor<3>, Option<Tensor<2, Bool>>) -> Tensor<3>,
    ) -> Result<Option<(Recall, Vec<usize>)>, MemoriaError> {
        let Some(previous) = &self.previous else { return Ok(None) };
        self.check_batch(batch)?;
        let begun_anew = previous.begun_anew.clone();
        if begun_anew.len() == previous.hidden.dims()[0] {
            return Ok(None);
        }
        let working = abstractor(previous.hidden.clone(), previous.left_out.clone());
        Ok(Some((self.state.recall_except(working, &begun_anew)?, begun_anew)))
    }

    /// Refuses a batch of other rows than the previous segment's.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::WrongDimension`].
    pub(crate) fn check_batch(&self, batch: usize) -> Result<(), MemoriaError> {
        match self.previous.as_ref().map(|previous| previous.hidden.dims()[0]) {
            Some(expected) if expected != batch => {
                let (tensor, dimension) = ("input ids", "batch");
                Err(MemoriaError::WrongDimension { tensor, dimension, expected, got: batch })
            }
            _ => Ok(()),
        }
    }

    /// Ends the gradient window, for models that are on no autodiff device.
    pub(crate) fn leave_autodiff(&mut self) {
        self.detach();
        if let Some(previous) = &mut self.previous
            && previous.hidden.is_autodiff()
        {
            previous.hidden = previous.hidden.clone().inner();
        }
    }

    /// Keeps a segment `[batch, seq, d_model]` for the next one, with its graph if there is a gradient
    /// window. Memories will be made of all positions but those in `left_out` `[batch, seq]`.
    pub(crate) fn keep(&mut self, hidden: Tensor<3>, left_out: Option<Tensor<2, Bool>>) {
        let hidden = if self.state.bptt() > 0 { hidden } else { hidden.detach() };
        self.previous = Some(Previous { hidden, left_out, begun_anew: Vec::new() });
    }
}
