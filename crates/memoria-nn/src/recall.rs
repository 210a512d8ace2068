use burn::{
    backend::Dispatch,
    tensor::{Bool, Tensor},
};
use memoria_core::{EngramId, Stages};

/// What a model attends to in one segment.
#[derive(Clone, Debug)]
pub struct Recall {
    /// The working memories as they were given, `[batch, n, d_model]`.
    pub working: Tensor<3>,
    /// The reminded memories, or `None` if no row is reminded of anything.
    pub reminded: Option<RemindedMemories>,
    pub(crate) ids: memoria_core::Recall<Dispatch>,
}

/// Reminded memories of all rows.
#[derive(Clone, Debug)]
pub struct RemindedMemories {
    /// `[batch, k, d_model]`, short- and long-term, in order of id, then zeros. Engrams made within the
    /// gradient window are tracked, the others constants.
    pub data: Tensor<3>,
    /// `[batch, k]`, true for padding.
    pub mask_pad: Tensor<2, Bool>,
}

impl Recall {
    /// The reminded engrams of a row, in the order of its memories.
    ///
    /// # Panics
    ///
    /// If the row is out of range.
    pub fn ids(&self, row: usize) -> &[EngramId] {
        self.ids.ids(row)
    }

    /// Whether some row is reminded of fewer engrams than another, so that its memories end in padding.
    pub fn has_padding(&self) -> bool {
        (0..self.ids.batch()).any(|row| self.ids(row).len() < self.ids.width())
    }

    /// How each row came to be reminded.
    pub fn stages(&self) -> &[Stages] {
        self.ids.stages()
    }
}
