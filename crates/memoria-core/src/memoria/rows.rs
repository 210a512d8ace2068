//! The same for every row, on as many threads as it is worth.

use rayon::prelude::*;

use crate::{row::Row, threads::is_shared};

/// Calls `each` with every row and its item. Rows share nothing, so that who computes them, and in
/// which order, makes no difference; several threads take part if they `may` and if work is
/// [shared](is_shared).
pub(super) fn for_each_row<T: Sync, R: Send>(
    rows: &mut [Row],
    items: &[T],
    may: bool,
    each: impl Fn(&mut Row, &T) -> R + Sync,
) -> Vec<R> {
    if may && rows.len() > 1 && is_shared() {
        rows.par_iter_mut().zip(items).map(|(row, item)| each(row, item)).collect()
    } else {
        rows.iter_mut().zip(items).map(|(row, item)| each(row, item)).collect()
    }
}
