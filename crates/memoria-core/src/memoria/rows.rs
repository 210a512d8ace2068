//! The same for every row, on as many threads as it is worth.

use crate::{row::Row, threads::share};

/// Calls `each` with every row and its index. Rows share nothing, so that who computes them, and in
/// which order, makes no difference; several threads take part if work `is_shared`.
pub(super) fn for_each_row<R: Send>(
    rows: &mut [Row],
    is_shared: bool,
    each: impl Fn(&mut Row, usize) -> R + Sync,
) -> Vec<R> {
    let rows = rows.iter_mut().enumerate();
    if is_shared {
        share(rows, |(index, row)| each(row, index))
    } else {
        rows.map(|(index, row)| each(row, index)).collect()
    }
}

#[cfg(test)]
impl<B: burn::backend::Backend> super::Memoria<B> {
    /// Sets the limits of the firing logs of the rows that there are.
    pub(crate) fn set_graph_limits(&mut self, limits: crate::graph::GraphLimits) {
        self.rows.iter_mut().for_each(|row| row.set_graph_limits(limits));
    }
}
