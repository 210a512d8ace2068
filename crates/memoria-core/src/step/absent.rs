use crate::MemoriaError;

/// Rows that take no part in a step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Absent {
    /// By row; empty if all take part.
    is_absent: Vec<bool>,
}

impl Absent {
    /// Some of this many rows.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub(crate) fn among(rows: usize, absent: &[usize]) -> Result<Self, MemoriaError> {
        if absent.is_empty() {
            return Ok(Self::default());
        }
        let mut is_absent = vec![false; rows];
        for &row in absent {
            match is_absent.get_mut(row) {
                Some(is_absent) => *is_absent = true,
                None => return Err(MemoriaError::RowOutOfRange { got: row, rows }),
            }
        }
        Ok(Self { is_absent })
    }

    pub(crate) fn contains(&self, row: usize) -> bool {
        self.is_absent.get(row).copied().unwrap_or(false)
    }
}
