//! Several runs at the same time, each in its own thread.

use std::{
    num::NonZero,
    sync::{Mutex, PoisonError},
    thread,
};

use burn::train::Interrupter;
use rayon::ThreadPoolBuilder;

use crate::TaskError;

/// Number of cores of the machine, as reported by the system.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Calls `work` for each item, `jobs` of them at the same time, and returns the results in the order of the items. Each
/// of several jobs has its share of the cores, so jobs do not wait for each other's parallel parts.
///
/// `Ok(None)` means that an item was interrupted. After it, or after an error, no further item is begun, and the
/// results of the remaining items are `None`. An error also interrupts the running items.
///
/// # Errors
///
/// The first error in the order of the items.
pub(super) fn side_by_side<T: Send, R: Send>(
    items: Vec<T>,
    jobs: usize,
    interrupter: &Interrupter,
    work: impl Fn(T) -> Result<Option<R>, TaskError> + Sync,
) -> Result<Vec<Option<R>>, TaskError> {
    let jobs = jobs.clamp(1, items.len().max(1));
    if jobs == 1 {
        return one_by_one(items, work);
    }
    let count = items.len();
    let waiting = Mutex::new(items.into_iter().enumerate());
    let done = Mutex::new((0..count).map(|_| Ok(None)).collect::<Vec<_>>());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let job = || {
        while !interrupter.should_stop() {
            let Some((index, item)) = next() else { break };
            let result = work(item);
            if result.is_err() {
                interrupter.stop(Some("another run failed"));
            }
            done.lock().unwrap_or_else(PoisonError::into_inner)[index] = result;
        }
    };
    let share = (cores() / jobs).max(1);
    let pools = (0..jobs).map(|_| ThreadPoolBuilder::new().num_threads(share).build());
    let pools: Vec<_> =
        pools.collect::<Result<_, _>>().map_err(|error| TaskError::Training(error.to_string()))?;
    thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| pool.install(job));
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect()
}

fn one_by_one<T, R>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<Option<R>, TaskError>,
) -> Result<Vec<Option<R>>, TaskError> {
    let mut interrupted = false;
    let one = |item| {
        if interrupted {
            return Ok(None);
        }
        let result = work(item)?;
        interrupted = result.is_none();
        Ok(result)
    };
    items.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rstest::rstest;

    use super::*;

    #[rstest]
    fn results_come_in_order(#[values(1, 2, 3, 9)] jobs: usize) {
        let results = side_by_side((0..7).collect(), jobs, &Interrupter::new(), |item: u64| {
            thread::sleep(std::time::Duration::from_millis(7 - item));
            Ok(Some(item))
        });
        assert_eq!(results.unwrap(), (0..7).map(Some).collect::<Vec<_>>());
    }

    #[rstest]
    fn an_error_ends_it(#[values(1, 2, 3)] jobs: usize) {
        let (begun, interrupter) = (AtomicUsize::new(0), Interrupter::new());
        let result = side_by_side((0..100).collect(), jobs, &interrupter, |item: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            match item {
                2 => Err(TaskError::Training("item 2".into())),
                item if item > 2 && !interrupter.should_stop() => {
                    thread::sleep(std::time::Duration::from_millis(50));
                    Ok(Some(()))
                }
                _ => Ok(Some(())),
            }
        });
        assert!(result.unwrap_err().to_string().contains("item 2"));
        assert!(begun.into_inner() < 20);
    }

    #[rstest]
    fn an_interruption_ends_it(#[values(1, 2)] jobs: usize) {
        let interrupter = Interrupter::new();
        let result = side_by_side((0..100).collect(), jobs, &interrupter, |item: usize| {
            if item == 3 {
                interrupter.stop(Some("Ctrl-C"));
                return Ok(None);
            }
            Ok(Some(item))
        });
        let results = result.unwrap();
        assert_eq!(results[..3], [Some(0), Some(1), Some(2)]);
        assert_eq!((results[3], results[99]), (None, None));
    }
}
