//! When work is shared among threads.

/// Numbers in a memory below which waking other threads, a tenth of a millisecond, costs more than they
/// save.
const SHARED_ABOVE: usize = 1 << 21;

/// Does something with a memory of so many numbers, in a way that lets [parts of it](is_shared) be
/// shared if the memory is large.
pub(crate) fn share<R: Send>(numbers: usize, work: impl FnOnce() -> R + Send) -> R {
    // Inside the pool the threads are awake, and what shares its work goes on with its own part.
    if numbers > SHARED_ABOVE { rayon::scope(|_| work()) } else { work() }
}

/// Whether this is a thread that can share its work at little cost.
pub(crate) fn is_shared() -> bool {
    rayon::current_thread_index().is_some()
}
