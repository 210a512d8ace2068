//! Adds, removes and exchanges rows.

use memoria_core::MemoriaError;

use super::ModelMemory;

impl ModelMemory {
    /// Takes rows out, as a memory of their own with the rows in the order given; the others close up.
    /// What was read last goes with them: a row goes on as it would have, whichever batches it is in.
    ///
    /// Both gradient windows end. See [`Memoria::split`](memoria_core::Memoria::split) for the costs.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::split`](memoria_nn::MemoriaState::split). All rows then stay where they are.
    pub fn split(&mut self, rows: &[usize]) -> Result<Self, MemoriaError> {
        Ok(Self { state: self.state.split(rows)? })
    }

    /// Appends the rows of another memory of the same model, which is left without any.
    ///
    /// What the two have read last need not be of equal length. Both gradient windows end. See
    /// [`Memoria::merge`](memoria_core::Memoria::merge) for the costs.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::merge`](memoria_nn::MemoriaState::merge). All rows then stay where they are.
    pub fn merge(&mut self, other: &mut Self) -> Result<(), MemoriaError> {
        self.state.merge(&mut other.state)
    }

    /// Exchanges a row with the only row of another memory of the same model, so that no other row
    /// moves.
    ///
    /// Both gradient windows end. See [`Memoria::replace_row`](memoria_core::Memoria::replace_row) for the
    /// costs.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::replace_row`](memoria_nn::MemoriaState::replace_row). All rows then stay where they are.
    pub fn replace_row(&mut self, row: usize, other: &mut Self) -> Result<(), MemoriaError> {
        self.state.replace_row(row, &mut other.state)
    }

    /// Appends empty rows, for documents that begin now. The gradient window ends.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::add_rows`](memoria_nn::MemoriaState::add_rows).
    pub fn add_rows(&mut self, count: usize) -> Result<(), MemoriaError> {
        self.state.add_rows(count)
    }
}
