mod gains;

use std::path::Path;

use burn::{
    backend::Dispatch,
    config::Config,
    tensor::{Bool, Device, Tensor, TensorData},
};
use memoria_core::{
    Costs, Memoria, MemoriaConfig, MemoriaError, Reminded, Restore, Restored, Snapshot,
    SnapshotInfo, State, history::History,
};

pub use gains::accumulated;

use crate::{Recall, RemindedMemories, window::GradientWindow};

/// Configuration of a [`MemoriaState`].
#[derive(Config, Debug)]
pub struct MemoriaStateConfig {
    /// The memory itself.
    pub memoria: MemoriaConfig,
    /// α, steps of life that a reminded engram gains if it gets an average share of attention
    /// (`lifespan_extend_scale` of the package). Default: 8
    #[config(default = 8.0)]
    pub lifespan_extend_scale: f32,
    /// Segments for which an engram is tracked after the one it was made in: reminded within them, it is the
    /// tensor that it was made as; 0 for none. Default: 0
    ///
    /// It bounds one hop. An engram is made of hidden states that may have attended to tracked engrams
    /// themselves, so that gradients can go on from there, hop by hop, as far back as the last
    /// [`MemoriaState::detach`]: nothing else ends them, or the memory that graphs take.
    #[config(default = 0)]
    pub bptt: usize,
}

/// Names of what a snapshot of a [`MemoriaState`] has besides the memory.
const SCALE: &str = "lifespan_extend_scale";
const BPTT: &str = "bptt";

/// A memory with its gradient window: the explicit state that a model with memory is run with.
///
/// Passed along as `&mut`, as Burn's caches are, never kept in a module. For every segment
/// [`recall`](Self::recall), attend, [`reinforce`](Self::reinforce).
#[derive(Clone, Debug)]
pub struct MemoriaState {
    memory: Memoria<Dispatch>,
    window: GradientWindow,
    lifespan_extend_scale: f32,
}

impl MemoriaStateConfig {
    /// An empty memory.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`].
    pub fn init(&self) -> Result<MemoriaState, MemoriaError> {
        if !self.lifespan_extend_scale.is_finite() {
            return Err(MemoriaError::InvalidConfig {
                field: "lifespan_extend_scale",
                expected: "a finite number",
                got: self.lifespan_extend_scale.to_string(),
            });
        }
        Ok(MemoriaState {
            memory: Memoria::new(self.memoria)?,
            window: GradientWindow::new(self.bptt),
            lifespan_extend_scale: self.lifespan_extend_scale,
        })
    }
}

impl MemoriaState {
    /// Stores the working memories of a segment `[batch, n, d_model]`, detached, and reminds of what
    /// matters to them.
    ///
    /// Costs two device round trips at most; see [`Memoria::remind`]. Working memories without autodiff end
    /// the gradient window, and remind of nothing that is tracked.
    ///
    /// # Errors
    ///
    /// As [`Memoria::add_working_memory`] and [`Memoria::remind`].
    pub fn recall(&mut self, working: Tensor<3>) -> Result<Recall, MemoriaError> {
        self.recall_except(working, &[])
    }

    /// As [`recall`](Self::recall), but the rows in `begun_anew` have no working memories yet: they are
    /// emptied, are given nothing, no identities either, and are reminded of nothing. For models whose
    /// working memories come from the previous segment, which the first segment of a document does not
    /// have.
    ///
    /// # Errors
    ///
    /// As [`recall`](Self::recall) and [`reset_rows`](Self::reset_rows).
    pub fn recall_except(
        &mut self,
        working: Tensor<3>,
        begun_anew: &[usize],
    ) -> Result<Recall, MemoriaError> {
        let data = working.clone().inner().into_dispatch();
        self.memory.add_working_memory_except(data, begun_anew)?;
        if !begun_anew.is_empty() {
            self.memory.reset_rows(begun_anew)?;
        }
        let reminded = self.memory.remind()?;
        Ok(self.recalled(working, reminded))
    }

    /// As [`recall`](Self::recall), but the rows in `absent` take no part in the step: they keep what they
    /// hold, are given nothing, no identities either, and are reminded of nothing, and no time passes for
    /// them. For rows that have nothing but padding.
    ///
    /// # Errors
    ///
    /// As [`recall`](Self::recall), and [`MemoriaError::RowOutOfRange`].
    pub fn recall_without(
        &mut self,
        working: Tensor<3>,
        absent: &[usize],
    ) -> Result<Recall, MemoriaError> {
        let data = working.clone().inner().into_dispatch();
        self.memory.add_working_memory_except(data, absent)?;
        let reminded = self.memory.remind_except(absent)?;
        Ok(self.recalled(working, reminded))
    }

    /// Makes the rows of a batch that is like `hidden` `[batch, n, d_model]`, without any memories: batch,
    /// size, float type and device are fixed from now on. If there are rows, checks that they are like
    /// it.
    ///
    /// # Errors
    ///
    /// As [`Memoria::add_working_memory`].
    pub fn prepare(&mut self, hidden: &Tensor<3>) -> Result<(), MemoriaError> {
        let [batch, _, d_model] = hidden.dims();
        let options = (&hidden.device().inner(), hidden.dtype());
        let nothing = Tensor::<3>::empty([batch, 0, d_model], options);
        self.memory.add_working_memory(nothing.into_dispatch())
    }

    /// What [`recall`](Self::recall) would remind of, without storing, firing or changing anything: for
    /// evaluation and generation.
    ///
    /// # Errors
    ///
    /// As [`Memoria::peek`].
    pub fn peek(&mut self, working: Tensor<3>) -> Result<Recall, MemoriaError> {
        self.peek_without(working, &[])
    }

    /// What [`recall_without`](Self::recall_without) would remind of, without changing anything.
    ///
    /// # Errors
    ///
    /// As [`Memoria::peek_except`].
    pub fn peek_without(
        &mut self,
        working: Tensor<3>,
        absent: &[usize],
    ) -> Result<Recall, MemoriaError> {
        let data = working.clone().inner().into_dispatch();
        let reminded = self.memory.peek_except(data, absent)?;
        Ok(self.attended(working, reminded))
    }

    /// Ends the gradient window: to be called after each `backward`, which frees the graph. No gradient
    /// flows from what comes after to what was before.
    pub fn detach(&mut self) {
        self.window.clear();
    }

    /// Empties all rows and ends the gradient window.
    pub fn reset(&mut self) {
        self.memory.reset();
        self.window.clear();
    }

    /// Empties some rows; their neighbours go on.
    ///
    /// # Errors
    ///
    /// As [`Memoria::reset_rows`].
    pub fn reset_rows(&mut self, rows: &[usize]) -> Result<(), MemoriaError> {
        self.memory.reset_rows(rows)
    }

    /// Takes rows out, as a state of their own; see [`Memoria::split`]. Both gradient windows end.
    ///
    /// # Errors
    ///
    /// As [`Memoria::split`].
    pub fn split(&mut self, rows: &[usize]) -> Result<Self, MemoriaError> {
        let memory = self.memory.split(rows)?;
        self.window.clear();
        let (window, lifespan_extend_scale) =
            (GradientWindow::new(self.window.bptt()), self.lifespan_extend_scale);
        Ok(Self { memory, window, lifespan_extend_scale })
    }

    /// Appends the rows of another state; see [`Memoria::merge`]. Both gradient windows end.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`] if the other one's `lifespan_extend_scale` is another; as
    /// [`Memoria::merge`].
    pub fn merge(&mut self, other: &mut Self) -> Result<(), MemoriaError> {
        self.check_scale(other)?;
        self.memory.merge(&mut other.memory)?;
        self.window.clear();
        other.window.clear();
        Ok(())
    }

    /// Exchanges a row with the only row of another state; see [`Memoria::replace_row`]. Both gradient
    /// windows end.
    ///
    /// # Errors
    ///
    /// As [`merge`](Self::merge) and [`Memoria::replace_row`].
    pub fn replace_row(&mut self, row: usize, other: &mut Self) -> Result<(), MemoriaError> {
        self.check_scale(other)?;
        self.memory.replace_row(row, &mut other.memory)?;
        self.window.clear();
        other.window.clear();
        Ok(())
    }

    /// Appends empty rows; see [`Memoria::add_rows`]. The gradient window ends.
    ///
    /// # Errors
    ///
    /// As [`Memoria::add_rows`].
    pub fn add_rows(&mut self, count: usize) -> Result<(), MemoriaError> {
        self.memory.add_rows(count)?;
        self.window.clear();
        Ok(())
    }

    /// What is needed to save the memory, this state's configuration included.
    ///
    /// The gradient window is not saved: a restored state's is empty, as after [`detach`](Self::detach).
    ///
    /// # Errors
    ///
    /// As [`Memoria::snapshot`].
    pub fn snapshot(&mut self) -> Result<Snapshot<'_, Dispatch>, MemoriaError> {
        let (scale, bptt) = (self.lifespan_extend_scale, self.bptt() as u64);
        let snapshot = self.memory.snapshot()?;
        Ok(snapshot.attribute(SCALE, scale.to_le_bytes()).attribute(BPTT, bptt.to_le_bytes()))
    }

    /// [Saves](Snapshot::save) all rows to a file, or leaves the one that was there.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot) and [`Snapshot::save`].
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<(), MemoriaError> {
        self.snapshot()?.save(path)
    }

    /// Restores all rows from a file to a device, without autodiff if it has that. With a
    /// [`Restore`] of more choices, use `MemoriaState::try_from`.
    ///
    /// # Errors
    ///
    /// As [`Restore::load`]; [`MemoriaError::MissingAttribute`] if it is the snapshot of a [`Memoria`]
    /// that was in no `MemoriaState`.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self, MemoriaError> {
        let device = device.clone().inner();
        Restore::new(device.as_dispatch()).load(path)?.try_into()
    }

    /// Checks every rule that the memory keeps; see [`Memoria::verify`].
    ///
    /// # Errors
    ///
    /// As [`Memoria::verify`].
    pub fn verify(&self) -> Result<(), MemoriaError> {
        self.memory.verify()
    }

    /// Number of rows; 0 before the first working memories.
    pub fn batch(&self) -> usize {
        self.memory.batch()
    }

    /// A look into the memory.
    ///
    /// # Errors
    ///
    /// As [`Memoria::state`].
    pub fn state(&mut self) -> Result<State<'_, Dispatch>, MemoriaError> {
        self.memory.state()
    }

    /// Records [what happens](memoria_core::history) in the memory from now on, or no longer.
    ///
    /// See [`Memoria::record_history`].
    pub fn record_history(&mut self, record: bool) {
        self.memory.record_history(record);
    }

    /// Whether what happens is recorded.
    pub fn records_history(&self) -> bool {
        self.memory.records_history()
    }

    /// What happened up to now, if it is recorded.
    ///
    /// # Errors
    ///
    /// As [`Memoria::history`].
    pub fn history(&mut self) -> Result<History, MemoriaError> {
        self.memory.history()
    }

    /// What happened up to now, after which the recording begins anew.
    ///
    /// # Errors
    ///
    /// As [`Memoria::take_history`].
    pub fn take_history(&mut self) -> Result<History, MemoriaError> {
        self.memory.take_history()
    }

    /// What the memory has cost since it was made.
    pub fn costs(&self) -> Costs {
        self.memory.costs()
    }

    /// Segments for which engrams are [tracked](MemoriaStateConfig::bptt).
    pub fn bptt(&self) -> usize {
        self.window.bptt()
    }

    /// Rows gain as much in one state as in the other.
    fn check_scale(&self, other: &Self) -> Result<(), MemoriaError> {
        let scales = [self, other].map(|state| state.lifespan_extend_scale);
        if scales[0] != scales[1] {
            return Err(MemoriaError::InvalidConfig {
                field: SCALE,
                expected: "the same for rows that go from one state to another",
                got: format!("{} and {}", scales[0], scales[1]),
            });
        }
        Ok(())
    }

    /// What was recalled in a step that has begun, of which the window takes note.
    fn recalled(&mut self, working: Tensor<3>, reminded: Reminded<Dispatch>) -> Recall {
        let recall = self.attended(working, reminded);
        self.window.push(&recall.working, &recall.ids);
        recall
    }

    fn attended(&self, working: Tensor<3>, ids: Reminded<Dispatch>) -> Recall {
        let device = working.device();
        let reminded = ids.data().cloned().map(|data| {
            let shape = [ids.batch(), ids.width()];
            let stored = Tensor::from_dispatch(data);
            // A pass without autodiff must not come to it through a memory.
            let is_tracked = device.is_autodiff();
            RemindedMemories {
                data: if is_tracked { self.window.track(stored, &ids) } else { stored },
                mask_pad: Tensor::<2, Bool>::from_data(
                    TensorData::new(ids.padding(), shape),
                    &device,
                ),
            }
        });
        Recall { working, reminded, ids }
    }
}

/// A state from the snapshot of one, with an empty gradient window.
impl TryFrom<Restored<Dispatch>> for MemoriaState {
    type Error = MemoriaError;

    fn try_from(restored: Restored<Dispatch>) -> Result<Self, MemoriaError> {
        let Restored { memory, info, .. } = restored;
        let scale = f32::from_le_bytes(attribute(&info, SCALE)?);
        let bptt = u64::from_le_bytes(attribute(&info, BPTT)?);
        let bptt = usize::try_from(bptt).unwrap_or(usize::MAX);
        let config =
            MemoriaStateConfig { memoria: info.config, lifespan_extend_scale: scale, bptt };
        Ok(Self { memory, ..config.init()? })
    }
}

/// An attribute of a snapshot that has as many bytes as it should.
fn attribute<const N: usize>(
    info: &SnapshotInfo,
    name: &'static str,
) -> Result<[u8; N], MemoriaError> {
    let value = info.attributes.get(name).and_then(|value| value[..].try_into().ok());
    value.ok_or(MemoriaError::MissingAttribute { name })
}
