//! Adds, removes and exchanges rows.

use burn::module::ParamId;
use memoria_core::MemoriaError;

use super::{MemoriaState, snapshot::SCALE};
use crate::window::GradientWindow;

impl MemoriaState {
    /// Takes rows out, as a state of their own; see [`Memoria::split`](memoria_core::Memoria::split). Both gradient
    /// windows end.
    ///
    /// # Errors
    ///
    /// As [`Memoria::split`](memoria_core::Memoria::split).
    pub fn split(&mut self, rows: &[usize]) -> Result<Self, MemoriaError> {
        let memory = self.memory.split(rows)?;
        self.detach();
        Ok(Self { memory, window: GradientWindow::new(self.bptt()), graph: None, ..*self })
    }

    /// Appends the rows of another state of the same layer; see [`Memoria::merge`](memoria_core::Memoria::merge). Both
    /// gradient windows end.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`] if the other one's `lifespan_extend_scale` is another,
    /// [`MemoriaError::OtherLayer`] if it is another layer's; as [`Memoria::merge`](memoria_core::Memoria::merge).
    pub fn merge(&mut self, other: &mut Self) -> Result<(), MemoriaError> {
        let layer = self.common_layer(other)?;
        let stays_reset = self.is_reset && other.batch() == 0;
        self.memory.merge(&mut other.memory)?;
        self.exchanged(other, layer);
        self.is_reset = stays_reset;
        Ok(())
    }

    /// Exchanges a row with the only row of another state; see
    /// [`Memoria::replace_row`](memoria_core::Memoria::replace_row). Both gradient windows end.
    ///
    /// # Errors
    ///
    /// As [`merge`](Self::merge) and [`Memoria::replace_row`](memoria_core::Memoria::replace_row).
    pub fn replace_row(&mut self, row: usize, other: &mut Self) -> Result<(), MemoriaError> {
        let layer = self.common_layer(other)?;
        self.memory.replace_row(row, &mut other.memory)?;
        self.exchanged(other, layer);
        Ok(())
    }

    /// Appends empty rows; see [`Memoria::add_rows`](memoria_core::Memoria::add_rows). The gradient window ends.
    ///
    /// # Errors
    ///
    /// As [`Memoria::add_rows`](memoria_core::Memoria::add_rows).
    pub fn add_rows(&mut self, count: usize) -> Result<(), MemoriaError> {
        self.memory.add_rows(count)?;
        self.detach();
        Ok(())
    }

    /// Updates both states after rows were moved between them. Both belong to the same layer.
    fn exchanged(&mut self, other: &mut Self, layer: Option<ParamId>) {
        for state in [self, other] {
            state.detach();
            state.layer = layer;
            state.is_reset = false;
        }
    }

    /// The layer that both are the memory of. Rows gain as much in one state as in the other.
    fn common_layer(&self, other: &Self) -> Result<Option<ParamId>, MemoriaError> {
        let scales = [self, other].map(|state| state.lifespan_extend_scale);
        if scales[0] != scales[1] {
            return Err(MemoriaError::InvalidConfig {
                field: SCALE,
                expected: "the same for rows that go from one state to another",
                got: format!("{} and {}", scales[0], scales[1]),
            });
        }
        match (self.layer, other.layer) {
            (Some(own), Some(others)) if own != others => Err(MemoriaError::OtherLayer),
            (own, others) => Ok(own.or(others)),
        }
    }
}
