use core::fmt;

use burn::{
    backend::Dispatch,
    tensor::{Bool, Tensor},
};
use memoria_core::{Correlation, EngramId, Pooling, SearchTrace, Stages};

use crate::{
    padding::Padding,
    score::{Query, scores_for},
};

/// Input of [`MemoriaState::recall`](crate::MemoriaState::recall) and
/// [`peek`](crate::MemoriaState::peek): working memories alone, or with a query, absent rows and padding.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Distribution, Tensor};
/// use memoria_core::MemoriaConfig;
/// use memoria_nn::{MemoriaStateConfig, RecallInput};
///
/// # fn main() -> Result<(), memoria_core::MemoriaError> {
/// let mut memory = MemoriaStateConfig::new(MemoriaConfig::new(4, 16, 5, 3.0, 4)).init()?;
/// let normal = |count| Tensor::<3>::random([2, count, 64], Distribution::Default, &Device::flex());
/// for _segment in 0..2 {
///     let input = RecallInput::new(normal(8)).query(normal(1)).absent(&[1]);
///     let recall = memory.recall(input)?;
///     memory.reinforce(&recall, None)?;
/// }
/// assert_eq!(memory.state()?.row(0)?.engrams().count(), 16);
/// assert_eq!(memory.state()?.row(1)?.engrams().count(), 0);
/// # Ok(()) } main().unwrap(); }
/// ```
#[derive(Clone)]
pub struct RecallInput {
    /// Working memories to store and to attend to, `[batch, n, d_model]`.
    pub working: Tensor<3>,
    /// The query that engrams are compared with, `[batch, q, d_model]`; if not given, the working memories. It is not
    /// stored.
    pub query: Option<Tensor<3>>,
    /// Rows that take no part.
    pub absent: Vec<usize>,
    /// Places of `working` that hold no memory, beside those of absent rows.
    pub(crate) padding: Option<Padding>,
}

impl RecallInput {
    /// Working memories `[batch, n, d_model]`. They are stored in all rows, and engrams are compared with them.
    pub fn new(working: Tensor<3>) -> Self {
        Self { working, query: None, absent: Vec::new(), padding: None }
    }

    /// Compares engrams with `query` `[batch, q, d_model]` instead of the working memories.
    pub fn query(mut self, query: Tensor<3>) -> Self {
        self.query = Some(query);
        self
    }

    /// Leaves out rows. Their memories stay the same and do not age. They get no engrams and no ids, are reminded of
    /// nothing and attend to nothing. Use it for rows of padding alone and, in a model that makes memories of the
    /// previous segment, for rows that begin a document.
    pub fn absent(mut self, rows: &[usize]) -> Self {
        self.absent = rows.to_vec();
        self
    }

    /// Leaves out working memories at padding: they are not stored, have no ids and are not attended to. A row of
    /// padding alone is [absent](Self::absent).
    pub fn padding(mut self, padding: Option<Padding>) -> Self {
        self.padding = padding;
        self
    }
}

impl From<Tensor<3>> for RecallInput {
    fn from(working: Tensor<3>) -> Self {
        Self::new(working)
    }
}

/// The shapes; the numbers are many.
impl fmt::Debug for RecallInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecallInput")
            .field("working", &self.working.dims())
            .field("query", &self.query.as_ref().map(Tensor::dims))
            .field("absent", &self.absent)
            .finish_non_exhaustive()
    }
}

/// The working and reminded memories that a model attends to in one segment.
#[derive(Clone)]
pub struct Recall {
    /// The working memories as they were given, `[batch, n, d_model]`.
    pub working: Tensor<3>,
    /// `[batch, n]`, true where `working` holds no memory; `None` if it does everywhere.
    pub mask_working: Option<Tensor<2, Bool>>,
    /// The query that engrams were compared with, `[batch, q, d_model]`, with its graph; `None` if it was the working
    /// memories.
    pub query: Option<Tensor<3>>,
    /// The reminded memories, or `None` if no row is reminded of anything.
    pub reminded: Option<RemindedMemories>,
    pub(crate) ids: memoria_core::Recall<Dispatch>,
    /// How engrams were compared.
    pub(crate) metric: (Correlation, Pooling),
}

/// Reminded memories of all rows.
#[derive(Clone)]
pub struct RemindedMemories {
    /// `[batch, k, d_model]`, short- and long-term, in order of id, then zeros. Engrams made within the
    /// gradient window are tracked, the others constants.
    pub data: Tensor<3>,
    /// `[batch, k]`, true for padding; `None` if all rows are reminded of as many.
    pub mask_pad: Option<Tensor<2, Bool>>,
}

impl Recall {
    /// The reminded engrams of a row, in the order of its memories.
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn ids(&self, row: usize) -> &[EngramId] {
        self.ids.ids(row)
    }

    /// The [scores](crate::recall_scores) `[batch, k]` of the reminded memories. Gradients flow to the query and to the
    /// engrams of the gradient window. `None` if no row is reminded of anything.
    pub fn scores(&self) -> Option<Tensor<2>> {
        let RemindedMemories { data, mask_pad } = self.reminded.clone()?;
        let query = match &self.query {
            Some(query) => Query { vectors: query.clone(), mask_pad: None },
            None => Query { vectors: self.working.clone(), mask_pad: self.mask_working.clone() },
        };
        Some(scores_for(query, data, mask_pad, self.metric))
    }

    /// The [scores](Self::scores) times `scale` as a [bias](crate::MemoryAttentionInput::bias)
    /// `[batch, 1, 1, k]`; `None` for a scale of 0, and if no row is reminded of anything.
    pub fn score_bias(&self, scale: f64) -> Option<Tensor<4>> {
        if scale == 0.0 {
            return None;
        }
        let scores = self.scores()?;
        let [batch, k] = scores.dims();
        Some(scores.mul_scalar(scale).reshape([batch, 1, 1, k]))
    }

    /// The trace of each row's search.
    pub fn stages(&self) -> &[Stages] {
        self.ids.stages()
    }

    /// Why a row is reminded of each engram: its score, the stage of the search, and the connection by which the search
    /// reached it. `None` if searches are not [traced](memoria_core::Memoria::trace_searches)
    /// (`memory.memoria().trace_searches(true)`), or if the row is reminded of nothing.
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn trace(&self, row: usize) -> Option<&SearchTrace> {
        self.ids.trace(row)
    }
}

/// Shapes and counts; the numbers are many.
impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reminded: Vec<usize> = (0..self.ids.batch()).map(|row| self.ids(row).len()).collect();
        f.debug_struct("Recall")
            .field("working", &self.working.dims())
            .field("query", &self.query.as_ref().map(Tensor::dims))
            .field("reminded", &reminded)
            .finish_non_exhaustive()
    }
}

/// The shape; the numbers are many.
impl fmt::Debug for RemindedMemories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemindedMemories").field("data", &self.data.dims()).finish_non_exhaustive()
    }
}
