use std::sync::Arc;

use super::Absent;
use crate::{id::Member, search::Found};

/// What was found in an open step. The memory keeps it until it is adjusted.
#[derive(Clone, Debug)]
pub(crate) struct OpenStep {
    pub(crate) ticket: u64,
    width: usize,
    pub(crate) found: Arc<Vec<Found>>,
    absent: Absent,
    /// Whether a row gets no gain if its gains are not finite.
    pub(crate) forgives: bool,
}

impl OpenStep {
    pub(crate) fn new(ticket: u64, found: Arc<Vec<Found>>, absent: Absent) -> Self {
        Self { ticket, width: width(&found), found, absent, forgives: false }
    }

    /// Whether a row takes no part in the step.
    pub(crate) fn is_absent(&self, row: usize) -> bool {
        self.absent.contains(row)
    }

    /// The second dimension of its gains: the width when the rows were reminded.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn row(&self, row: usize) -> &[Member] {
        self.found[row].reminded()
    }

    /// The reminded engrams of the rows.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &[Member]> {
        self.found.iter().map(Found::reminded)
    }

    /// Adds rows that were made since and are reminded of nothing.
    pub(crate) fn grow(&mut self, rows: usize) {
        if rows > self.found.len() {
            Arc::make_mut(&mut self.found).resize(rows, Found::default());
        }
    }

    /// Drops a row that was reset.
    pub(crate) fn forget(&mut self, row: usize) {
        Arc::make_mut(&mut self.found)[row] = Found::default();
    }
}

/// The largest number of reminded engrams of any row.
pub(crate) fn width(found: &[Found]) -> usize {
    found.iter().map(|found| found.reminded().len()).max().unwrap_or(0)
}
