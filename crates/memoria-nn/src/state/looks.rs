//! What a state tells of itself.

use burn::backend::Dispatch;
use memoria_core::{Costs, Memoria, MemoriaError, State, history::History};

use super::{MemoriaState, MemoriaStateConfig};

impl MemoriaState {
    /// The configuration, as it is now.
    pub fn config(&self) -> MemoriaStateConfig {
        MemoriaStateConfig {
            memoria: *self.memory.config(),
            lifespan_extend_scale: self.lifespan_extend_scale,
            bptt: self.bptt(),
        }
    }

    /// The memory itself, without the gradient window. Call [`detach`](Self::detach) before you move rows through it:
    /// the window does not follow them.
    pub fn memoria(&mut self) -> &mut Memoria<Dispatch> {
        &mut self.memory
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
}
