//! Reads a state: configuration, memory, history and costs.

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

    /// Starts or stops the recording of the memory's [history](memoria_core::history).
    ///
    /// See [`Memoria::record_history`].
    pub fn record_history(&mut self, record: bool) {
        self.memory.record_history(record);
    }

    /// Whether the history is recorded.
    pub fn records_history(&self) -> bool {
        self.memory.records_history()
    }

    /// The history up to now, if it is recorded.
    ///
    /// # Errors
    ///
    /// As [`Memoria::history`].
    pub fn history(&mut self) -> Result<History, MemoriaError> {
        self.memory.history()
    }

    /// The history up to now. The recording then begins anew.
    ///
    /// # Errors
    ///
    /// As [`Memoria::take_history`].
    pub fn take_history(&mut self) -> Result<History, MemoriaError> {
        self.memory.take_history()
    }

    /// The costs of the memory since it was made.
    pub fn costs(&self) -> Costs {
        self.memory.costs()
    }
}
