//! Rows that come and go.

use burn::module::ParamId;
#[cfg(doc)]
use memoria_core::Memoria;
use memoria_core::MemoriaError;

use super::{MemoriaState, Previous};
use crate::window::GradientWindow;

impl MemoriaState {
    /// Takes rows out, as a state of their own; see [`Memoria::split`]. Both gradient windows end.
    ///
    /// # Errors
    ///
    /// As [`Memoria::split`].
    pub fn split(&mut self, rows: &[usize]) -> Result<Self, MemoriaError> {
        let staying: Vec<usize> = (0..self.batch()).filter(|row| !rows.contains(row)).collect();
        let memory = self.memory.split(rows)?;
        self.detach();
        let previous = self.previous.take();
        self.previous = previous.as_ref().and_then(|previous| previous.pick(&staying));
        Ok(Self {
            memory,
            window: GradientWindow::new(self.bptt()),
            previous: previous.and_then(|previous| previous.pick(rows)),
            ..*self
        })
    }

    /// Appends the rows of another state of the same layer; see [`Memoria::merge`]. Both gradient windows
    /// end.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`] if the other one's `lifespan_extend_scale` is another,
    /// [`MemoriaError::OtherLayer`] if it is another layer's; as [`Memoria::merge`].
    pub fn merge(&mut self, other: &mut Self) -> Result<(), MemoriaError> {
        let layer = self.common_layer(other)?;
        let counts = [self.batch(), other.batch()];
        self.memory.merge(&mut other.memory)?;
        let parts = [(self.previous.as_ref(), counts[0]), (other.previous.as_ref(), counts[1])];
        self.previous = Previous::join(parts);
        other.previous = None;
        self.exchanged(other, layer);
        Ok(())
    }

    /// Exchanges a row with the only row of another state; see [`Memoria::replace_row`]. Both gradient
    /// windows end.
    ///
    /// # Errors
    ///
    /// As [`merge`](Self::merge) and [`Memoria::replace_row`].
    pub fn replace_row(&mut self, row: usize, other: &mut Self) -> Result<(), MemoriaError> {
        let layer = self.common_layer(other)?;
        self.memory.replace_row(row, &mut other.memory)?;
        let (before, after): (Vec<usize>, Vec<usize>) =
            ((0..row).collect(), (row + 1..self.batch()).collect());
        let held = |rows: &[usize]| self.previous.as_ref().and_then(|held| held.pick(rows));
        let (first, leaving, last) = (held(&before), held(&[row]), held(&after));
        self.previous = Previous::join([
            (first.as_ref(), before.len()),
            (other.previous.as_ref(), 1),
            (last.as_ref(), after.len()),
        ]);
        other.previous = leaving;
        self.exchanged(other, layer);
        Ok(())
    }

    /// Appends empty rows; see [`Memoria::add_rows`]. The gradient window ends.
    ///
    /// # Errors
    ///
    /// As [`Memoria::add_rows`].
    pub fn add_rows(&mut self, count: usize) -> Result<(), MemoriaError> {
        let batch = self.batch();
        self.memory.add_rows(count)?;
        self.detach();
        self.previous = Previous::join([(self.previous.as_ref(), batch), (None, count)]);
        Ok(())
    }

    /// Rows have gone from one to the other, which are the same layer's.
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
                field: super::snapshot::SCALE,
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
