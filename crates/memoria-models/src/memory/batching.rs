//! Rows that come and go.

use memoria_core::MemoriaError;
#[cfg(doc)]
use memoria_nn::MemoriaState;

use super::{ModelMemory, previous::Previous};

impl ModelMemory {
    /// Takes rows out, as a memory of their own with the rows in the order given; the others close up.
    /// What was read last goes with them: a row goes on as it would have, whichever batches it is in.
    ///
    /// Both gradient windows end. See [`Memoria::split`](memoria_core::Memoria::split) for the costs.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::split`]. All rows then stay where they are.
    pub fn split(&mut self, rows: &[usize]) -> Result<Self, MemoriaError> {
        self.check_previous()?;
        let staying: Vec<usize> = (0..self.batch()).filter(|row| !rows.contains(row)).collect();
        let state = self.state.split(rows)?;
        let previous = self.previous.take();
        self.previous = previous.as_ref().and_then(|previous| previous.rows(&staying));
        Ok(Self { state, previous: previous.and_then(|previous| previous.rows(rows)) })
    }

    /// Appends the rows of another memory of the same model, which is left without any.
    ///
    /// What the two have read last need not be of equal length. Both gradient windows end. See
    /// [`Memoria::merge`](memoria_core::Memoria::merge) for the costs.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::merge`]. All rows then stay where they are.
    pub fn merge(&mut self, other: &mut Self) -> Result<(), MemoriaError> {
        self.check_previous()?;
        other.check_previous()?;
        let rows = [self.batch(), other.batch()];
        self.state.merge(&mut other.state)?;
        let parts = [(self.previous.as_ref(), rows[0]), (other.previous.as_ref(), rows[1])];
        self.previous = Previous::join(parts);
        other.previous = None;
        Ok(())
    }

    /// Exchanges a row with the only row of another memory of the same model, so that nobody else
    /// moves.
    ///
    /// Both gradient windows end. See [`Memoria::replace_row`](memoria_core::Memoria::replace_row) for the
    /// costs.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::replace_row`]. All rows then stay where they are.
    pub fn replace_row(&mut self, row: usize, other: &mut Self) -> Result<(), MemoriaError> {
        self.check_previous()?;
        other.check_previous()?;
        self.state.replace_row(row, &mut other.state)?;
        let batch = self.batch();
        let (before, after): (Vec<usize>, Vec<usize>) =
            ((0..row).collect(), (row + 1..batch).collect());
        let rows = |rows: &[usize]| self.previous.as_ref().and_then(|held| held.rows(rows));
        let (first, leaving, last) = (rows(&before), rows(&[row]), rows(&after));
        self.previous = Previous::join([
            (first.as_ref(), before.len()),
            (other.previous.as_ref(), 1),
            (last.as_ref(), after.len()),
        ]);
        other.previous = leaving;
        Ok(())
    }

    /// Appends empty rows, for documents that begin now. The gradient window ends.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::add_rows`].
    pub fn add_rows(&mut self, count: usize) -> Result<(), MemoriaError> {
        self.check_previous()?;
        let batch = self.batch();
        self.state.add_rows(count)?;
        self.previous = Previous::join([(self.previous.as_ref(), batch), (None, count)]);
        Ok(())
    }

    /// Refuses a memory whose state was given other rows behind its back, through
    /// [`memoria`](Self::memoria).
    pub(super) fn check_previous(&self) -> Result<(), MemoriaError> {
        match self.previous.as_ref().map(Previous::batch) {
            Some(got) if got != self.batch() => {
                let (tensor, dimension) = ("the previous segment", "batch");
                Err(MemoriaError::WrongDimension { tensor, dimension, expected: self.batch(), got })
            }
            _ => Ok(()),
        }
    }
}
