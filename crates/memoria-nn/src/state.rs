use burn::{
    backend::Dispatch,
    config::Config,
    tensor::{Bool, Tensor, TensorData},
};
use memoria_core::{
    Costs, LifespanGain, Memoria, MemoriaConfig, MemoriaError, Reminded, State, history::History,
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
        self.memory.add_working_memory(working.clone().inner().into_dispatch())?;
        let reminded = self.memory.remind()?;
        let recall = self.attended(working.clone(), reminded);
        self.window.push(&working, &recall.ids);
        Ok(recall)
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
    /// or nobody attended. An engram gains its weight, averaged over layers, heads and queries, times
    /// the number of engrams its row was reminded of, times α: over a row the gains sum to
    /// α × (number reminded). No device round trip of its own.
    ///
    /// # Errors
    ///
    /// As [`Memoria::adjust`].
    pub fn reinforce(
        &mut self,
        recall: &Recall,
        weights: impl IntoIterator<Item = Tensor<4>>,
    ) -> Result<(), MemoriaError> {
        let mut layers = Vec::new();
        for weights in weights {
            let [batch, heads, queries, width] = weights.dims();
            let fixed =
                [("batch", recall.ids.batch(), batch), ("reminded", recall.ids.width(), width)];
            for (dimension, expected, got) in fixed {
                if expected != got {
                    let tensor = "attention weights";
                    return Err(MemoriaError::WrongDimension { tensor, dimension, expected, got });
                }
            }
            let mean = weights.inner().reshape([batch, heads * queries, width]).mean_dim(1);
            layers.push(mean.reshape([batch, width]));
        }
        let Some(first) = layers.first() else {
            return self.memory.adjust(&recall.ids, LifespanGain::Zero);
        };
        let (device, [batch, _]) = (first.device(), first.dims());
        let scale = self.lifespan_extend_scale / layers.len() as f32;
        let per_row = (0..batch).map(|row| recall.ids(row).len() as f32 * scale).collect();
        let per_row =
            Tensor::<2>::from_data(TensorData::new::<f32, _>(per_row, [batch, 1]), &device);
        let total = layers.into_iter().reduce(|a, b| a + b).expect("there is a first layer");
        let gain = total * per_row;
        self.memory.adjust(&recall.ids, LifespanGain::Device(gain.into_dispatch()))
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

    fn attended(&self, working: Tensor<3>, ids: Reminded<Dispatch>) -> Recall {
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
