//! When and how work is shared among threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Below this many numbers in a memory, waking other threads, some hundredths of a millisecond, costs more than they
/// save.
const SHARED_ABOVE: usize = 1 << 21;

/// Whether work on this many numbers is worth sharing.
pub(crate) fn are_worth_sharing(numbers: usize) -> bool {
    numbers > SHARED_ABOVE
}

/// Calls `each` with every item and returns the results in the items' order.
///
/// The calling thread works too: it takes one item after the other, and so do other threads once they are awake. It
/// waits only for items that a thread works on.
pub(crate) fn share<T: Send, R: Send>(
    items: impl ExactSizeIterator<Item = T> + Send,
    each: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let count = items.len();
    let helpers = match rayon::current_num_threads() {
        0 | 1 => 0,
        // As many helpers as there are threads, though the caller works: the first to wake up on a free core helps.
        threads => threads.min(count.saturating_sub(1)),
    };
    if helpers == 0 {
        return items.map(each).collect();
    }
    let waiting = Mutex::new(items.enumerate());
    let done = Mutex::new(Vec::with_capacity(count));
    let work = || {
        loop {
            let next = locked(&waiting).next();
            let Some((place, item)) = next else { return };
            let result = each(item);
            locked(&done).push((place, result));
        }
    };
    rayon::in_place_scope(|scope| {
        (0..helpers).for_each(|_| scope.spawn(|_| work()));
        work();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|&(place, _)| place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// [`share`]s the work if `is_shared`, else does it in the calling thread.
pub(crate) fn share_if<T: Send, R: Send>(
    is_shared: bool,
    items: impl ExactSizeIterator<Item = T> + Send,
    each: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    if is_shared { share(items, each) } else { items.map(each).collect() }
}

/// A panic while the lock is held is passed on by the threads' scope: what it left is not seen.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_items_order() {
        for count in [0, 1, 2, 1000] {
            let squares = share(0..count, |i| i * i);
            assert_eq!(squares, (0..count).map(|i| i * i).collect::<Vec<usize>>());
        }
    }

    #[test]
    fn a_panic_is_passed_on() {
        let result = std::panic::catch_unwind(|| share(0..9, |i| assert_ne!(i, 7)));
        assert!(result.is_err());
    }
}
