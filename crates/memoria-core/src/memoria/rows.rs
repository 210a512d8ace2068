//! The same for every row, on as many threads as it is worth.

use crate::{step::Lane, threads::share};

/// Calls `each` with every item. They share nothing, so that which thread computes them, and in which order,
/// makes no difference; several threads take part if work `is_shared`.
pub(super) fn for_each<T: Send, R: Send>(
    items: impl ExactSizeIterator<Item = T> + Send,
    is_shared: bool,
    each: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    if is_shared { share(items, each) } else { items.map(each).collect() }
}

/// [`for_each`] with every row and its index.
pub(super) fn for_each_row<R: Send>(
    lanes: &mut [Lane],
    is_shared: bool,
    each: impl Fn(&mut Lane, usize) -> R + Sync,
) -> Vec<R> {
    for_each(lanes.iter_mut().enumerate(), is_shared, |(index, lane)| each(lane, index))
}

#[cfg(test)]
impl<B: burn::backend::Backend> super::Memoria<B> {
    /// Sets the limits of the rows that there are: of their firing logs, and of cells of long-term vectors.
    pub(crate) fn set_limits(
        &mut self,
        graph: crate::graph::GraphLimits,
        cells: crate::store::CellLimits,
    ) {
        self.lanes.iter_mut().for_each(|lane| lane.set_limits(graph, cells));
    }
}
