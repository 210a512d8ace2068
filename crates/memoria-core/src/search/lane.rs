use super::SearchWorkspace;
use crate::{
    MemoriaConfig,
    id::Slot,
    invariant::{Finding, Invariant, ensure},
    row::Row,
};

/// A row with the buffers of its searches. The two stay together when the row moves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lane {
    pub(crate) row: Row,
    pub(crate) workspace: SearchWorkspace,
}

impl Lane {
    /// Empties the row and drops the codes of its vectors.
    pub(crate) fn clear(&mut self) -> Vec<Slot> {
        self.workspace = SearchWorkspace::default();
        self.row.clear()
    }

    /// Checks every invariant of the row, and that the buffers of the search are empty.
    pub(crate) fn verify(&self, config: &MemoriaConfig) -> Result<(), Finding> {
        self.row.verify(config)?;
        let is_clear = self.workspace.is_clear();
        ensure(is_clear, Invariant::Scratch, format_args!("marks are left"))
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.row.bytes() + self.workspace.bytes()
    }
}
