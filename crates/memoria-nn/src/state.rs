use std::path::Path;

use burn::{
    backend::Dispatch,
    config::Config,
    tensor::{Bool, Device, Tensor, TensorData},
};
use memoria_core::{
    Costs, LifespanGain, Memoria, MemoriaConfig, MemoriaError, Restore, Restored, Snapshot,
    SnapshotInfo, State, history::History,
};

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
    /// Segments that gradients flow back through reminded memories; 0 for none. Default: 0
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
    /// Costs two device round trips at most; see [`Memoria::remind`].
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
        let recall = self.attended(working.clone(), reminded);
        self.window.push(&working, &recall.ids);
        Ok(recall)
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
        let reminded = self.memory.peek(working.clone().inner().into_dispatch())?;
        Ok(self.attended(working, reminded))
    }

    /// Lets what was attended to live on, and time pass.
    ///
    /// `weights` are attention weights over the reminded memories before dropout, each
    /// `[batch, heads, queries, k]`, one tensor per layer that attended; nothing if nobody was reminded
    /// or nobody attended. An engram gains as [`gains`](Self::gains) says. No device round trip of its
    /// own.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::WrongDimension`], [`MemoriaError::EmptyDimension`], [`MemoriaError::WrongDType`] or
    /// [`MemoriaError::WrongDevice`] for weights that do not fit the recall or each other; as
    /// [`Memoria::adjust`].
    pub fn reinforce(
        &mut self,
        recall: &Recall,
        weights: impl IntoIterator<Item = Tensor<4>>,
    ) -> Result<(), MemoriaError> {
        let gains = self.gains(recall, weights)?;
        self.adjust(recall, gains)
    }

    /// The lifespan gains `[batch, k]` of reminded memories, for attention weights as in
    /// [`reinforce`](Self::reinforce); `None` if there are no weights.
    ///
    /// An engram gains its weight, averaged over layers, heads and queries, times the number of engrams
    /// its row was reminded of, times α: over a row the gains sum to α × (number reminded).
    ///
    /// # Errors
    ///
    /// [`MemoriaError::WrongDimension`] if the weights are not those of this recall.
    pub fn gains(
        &self,
        recall: &Recall,
        weights: impl IntoIterator<Item = Tensor<4>>,
    ) -> Result<Option<Tensor<2>>, MemoriaError> {
        let mut layers: Vec<Tensor<2>> = Vec::new();
        for weights in weights {
            let [batch, heads, queries, width] = weights.dims();
            check_weights(recall, &weights, layers.first())?;
            let mean = weights.inner().reshape([batch, heads * queries, width]).mean_dim(1);
            layers.push(mean.reshape([batch, width]));
        }
        let Some(first) = layers.first() else { return Ok(None) };
        let (device, [batch, _]) = (first.device(), first.dims());
        let scale = self.lifespan_extend_scale / layers.len() as f32;
        let per_row = (0..batch).map(|row| recall.ids(row).len() as f32 * scale).collect();
        let per_row =
            Tensor::<2>::from_data(TensorData::new::<f32, _>(per_row, [batch, 1]), &device);
        let total = layers.into_iter().reduce(|a, b| a + b).expect("there is a first layer");
        Ok(Some(total * per_row))
    }

    /// Gives reminded memories the lifespan gains `[batch, k]`, and lets time pass: the second half of
    /// [`reinforce`](Self::reinforce), for models that make the gains piece by piece.
    ///
    /// # Errors
    ///
    /// As [`Memoria::adjust`].
    pub fn adjust(
        &mut self,
        recall: &Recall,
        gains: Option<Tensor<2>>,
    ) -> Result<(), MemoriaError> {
        let gains = match gains {
            None => LifespanGain::Zero,
            Some(gains) => LifespanGain::Device(gains.inner().into_dispatch()),
        };
        self.memory.adjust(&recall.ids, gains)
    }

    /// Ends the gradient window: to be called after each `backward`, which frees the graph.
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

    /// Segments that gradients flow back.
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

    fn attended(&self, working: Tensor<3>, ids: memoria_core::Recall<Dispatch>) -> Recall {
        let device = working.device();
        let reminded = ids.data().cloned().map(|data| {
            let shape = [ids.batch(), ids.width()];
            RemindedMemories {
                data: self.window.track(Tensor::from_dispatch(data), &ids),
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

/// Refuses attention weights that do not fit what was recalled, or the first layer's.
fn check_weights(
    recall: &Recall,
    weights: &Tensor<4>,
    first: Option<&Tensor<2>>,
) -> Result<(), MemoriaError> {
    let tensor = "attention weights";
    let [batch, heads, queries, width] = weights.dims();
    let fixed = [("batch", recall.ids.batch(), batch), ("reminded", recall.ids.width(), width)];
    for (dimension, expected, got) in fixed {
        if expected != got {
            return Err(MemoriaError::WrongDimension { tensor, dimension, expected, got });
        }
    }
    for (dimension, size) in [("heads", heads), ("queries", queries)] {
        if size == 0 {
            let got = weights.dims().to_vec();
            return Err(MemoriaError::EmptyDimension { tensor, dimension, got });
        }
    }
    let Some(first) = first else { return Ok(()) };
    let (expected, got) = (first.device(), weights.device().inner());
    if expected != got {
        let (expected, got) = (format!("{expected:?}"), format!("{got:?}"));
        return Err(MemoriaError::WrongDevice { tensor, expected, got });
    }
    let (expected, got) = (first.dtype(), weights.dtype());
    if expected != got {
        return Err(MemoriaError::WrongDType { tensor, expected, got });
    }
    Ok(())
}

/// An attribute of a snapshot that has as many bytes as it should.
fn attribute<const N: usize>(
    info: &SnapshotInfo,
    name: &'static str,
) -> Result<[u8; N], MemoriaError> {
    let value = info.attributes.get(name).and_then(|value| value[..].try_into().ok());
    value.ok_or(MemoriaError::MissingAttribute { name })
}
