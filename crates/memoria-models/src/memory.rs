mod batching;
mod previous;
mod snapshot;

use burn::{backend::Dispatch, tensor::Tensor};
use memoria_core::{MemoriaError, State};
use memoria_nn::{MemoriaState, MemoryMaking, Padding, Recall};

use previous::check_model;

/// The memory of a model, from segment to segment: an explicit value, passed as `&mut` and never kept in the model.
///
/// Made by [`MemoryConfig::init`](crate::MemoryConfig::init). One value belongs to one model and one stream of
/// documents per batch row. A model does not detect the memory of another model of the same width; its results are
/// then meaningless. [`save`](Self::save) and [`load`](Self::load) keep a memory on disk. A server batches the present
/// sessions with [`merge`](Self::merge) and [`split`](Self::split):
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::Device;
/// use memoria_core::MemoriaConfig;
/// use memoria_models::{Gpt2Config, MemoryConfig, ModelInput, ModelMemory};
///
/// # fn main() -> Result<(), memoria_models::ModelError> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let alice_file = folder.path().join("alice.memoria");
/// let device = Device::flex();
/// let memory = MemoryConfig::new(4, MemoriaConfig::new(3, 8, 4, 3.0, 3));
/// let model = Gpt2Config::new(101, 32, 32, 2, 4).with_memory(memory.clone()).init(&device)?;
/// let segments = |rows: &[Vec<i64>]| ModelInput::from_rows(rows, None, 101, &device);
///
/// let mut batch = memory.init()?;
/// model.forward(&segments(&[vec![5, 17, 3], vec![8, 2, 40]])?, Some(&mut batch))?;
/// batch.split(&[0])?.save(&alice_file)?; // Alice, who was in row 0, leaves; Bob is in row 0 now
/// model.forward(&segments(&[vec![11, 9, 30]])?, Some(&mut batch))?;
/// batch.merge(&mut ModelMemory::load(&alice_file, &device)?)?; // Alice is back, in row 1
/// model.forward(&segments(&[vec![6, 6, 41], vec![22, 1, 7]])?, Some(&mut batch))?;
/// # Ok(()) } main().unwrap(); }
/// ```
#[derive(Clone, Debug)]
pub struct ModelMemory {
    state: MemoriaState,
}

impl ModelMemory {
    pub(crate) fn new(state: MemoriaState) -> Self {
        Self { state }
    }

    /// Ends the gradient window. Call it after each `backward`, which frees the graph. No gradient flows from later
    /// segments to earlier ones. Nothing else ends [the chain](crate::MemoryConfig::bptt).
    pub fn detach(&mut self) {
        self.state.detach();
    }

    /// Empties all rows. The next segment is the first of its documents, and its batch may have another size, as the
    /// last one of an epoch or one for validation.
    pub fn reset(&mut self) {
        self.state.reset();
    }

    /// Empties some rows; their neighbours go on.
    ///
    /// In a model with working memories that come from the previous segment, the next segment of such a row
    /// has no memory, as any first segment.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub fn reset_rows(&mut self, rows: &[usize]) -> Result<(), MemoriaError> {
        self.state.reset_rows(rows)
    }

    /// Number of rows; 0 before the first segment.
    pub fn batch(&self) -> usize {
        self.state.batch()
    }

    /// A look into the memory.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::state`].
    pub fn state(&mut self) -> Result<State<'_, Dispatch>, MemoriaError> {
        self.state.state()
    }

    /// The state that the model is run with. The data of the previous segment that the model needs is
    /// [attached](memoria_core::Attachment) to its rows.
    pub fn memoria(&mut self) -> &mut MemoriaState {
        &mut self.state
    }

    /// The recall of the previous segment in a batch of `batch` rows, and the rows without memory: those that have no
    /// previous segment, and those in `absent`, which have nothing to read now and take no part. `None` if these are
    /// all rows. `embedding` `[_, d_model]` is the model's token embedding. If it has no autodiff, the result has none,
    /// and the gradient window ends.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::recall`]; for the memory of another model as [`check_model`].
    pub(crate) fn recall_previous(
        &mut self,
        batch: usize,
        absent: &[usize],
        embedding: &Tensor<2>,
        making: MemoryMaking<'_>,
    ) -> Result<Option<(Recall, Vec<usize>)>, MemoriaError> {
        self.check_batch(batch)?;
        if !embedding.is_autodiff() {
            self.detach();
        }
        let Some(previous) = self.state.previous_segment(&embedding.device())? else {
            return Ok(None);
        };
        check_model(&previous.hidden, embedding)?;
        let Some(source) = previous.source_without(absent) else { return Ok(None) };
        let without = source.absent();
        let recall = making.recall(source, |input| self.state.recall(input))?;
        Ok(Some((recall, without)))
    }

    /// Refuses a batch with another number of rows than the memory has, unless all were emptied.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::WrongDimension`].
    pub(crate) fn check_batch(&self, batch: usize) -> Result<(), MemoriaError> {
        match self.batch() {
            0 => Ok(()),
            expected if expected == batch || self.state.is_reset() => Ok(()),
            expected => {
                let (tensor, dimension) = ("input ids", "batch");
                Err(MemoriaError::WrongDimension { tensor, dimension, expected, got: batch })
            }
        }
    }

    /// Keeps a segment `[batch, seq, d_model]` for the next one, with its graph if there is a gradient
    /// window. Memories will be made of all positions except `left_out`. Rows where all positions are left out keep
    /// their last segment. Returns the segment that the model must continue with.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::keep_segment`].
    pub(crate) fn keep(
        &mut self,
        hidden: Tensor<3>,
        left_out: Option<Padding>,
    ) -> Result<Tensor<3>, MemoriaError> {
        self.state.keep_segment(hidden, left_out.as_ref())
    }
}

/// A memory that a model of this crate is run with; it must have been made for one.
impl From<MemoriaState> for ModelMemory {
    fn from(state: MemoriaState) -> Self {
        Self { state }
    }
}

impl From<ModelMemory> for MemoriaState {
    fn from(memory: ModelMemory) -> Self {
        memory.state
    }
}
