//! Devices that fail to be read, for tests: no available backend fails.

use core::cell::Cell;

use burn::backend::ExecutionError;

use crate::MemoriaError;

thread_local! {
    /// Reads of this thread until one fails.
    static READS: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Makes one read of this thread fail, after `reads` successful ones.
pub(crate) fn after(reads: usize) {
    READS.set(Some(reads));
}

pub(super) fn check() -> Result<(), MemoriaError> {
    let left = READS.get();
    READS.set(left.and_then(|reads| reads.checked_sub(1)));
    match left {
        Some(0) => {
            let reason = "the device is gone".into();
            Err(MemoriaError::Device(Box::new(ExecutionError::WithContext { reason })))
        }
        _ => Ok(()),
    }
}
