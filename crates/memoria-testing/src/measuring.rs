//! Measurement of times and bytes.

use std::{
    hint::black_box,
    num::NonZeroUsize,
    thread,
    time::{Duration, Instant},
};

/// Returns the median in seconds.
pub fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    match times.len() {
        0 => 0.0,
        len => (times[(len - 1) / 2] + times[len / 2]).as_secs_f64() / 2.0,
    }
}

/// Converts seconds to milliseconds, rounded to ten nanoseconds.
pub fn milliseconds(seconds: f64) -> f64 {
    (1e8 * seconds).round() / 1e5
}

/// Rounds to three decimal places.
pub fn rounded(number: f64) -> f64 {
    (1e3 * number).round() / 1e3
}

/// Returns the resident memory in bytes; `None` if the system does not report it.
pub fn resident_bytes() -> Option<u64> {
    status_kilobytes("VmRSS:").map(|kilobytes| 1024 * kilobytes)
}

/// Returns the peak of resident memory in MiB; `None` if the system does not report it.
pub fn peak_resident_mib() -> Option<u64> {
    status_kilobytes("VmHWM:").map(|kilobytes| kilobytes / 1024)
}

fn status_kilobytes(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Measures the bytes per second that all cores together read: the best of several passes.
pub fn read_bandwidth() -> f64 {
    const BYTES: usize = 1 << 28;
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let from = vec![1u64; BYTES / size_of::<u64>()];
    let pass = || {
        let started = Instant::now();
        thread::scope(|scope| {
            for part in from.chunks(from.len().div_ceil(threads)) {
                scope.spawn(|| black_box(part.iter().fold(0, |sum: u64, &x| sum.wrapping_add(x))));
            }
        });
        started.elapsed()
    };
    let best = (0..6).map(|_| pass()).min().unwrap_or_default();
    BYTES as f64 / best.as_secs_f64()
}

/// Measures the bytes per second that all cores together copy from one part of memory to another: the best of several
/// passes. Both the bytes read and the bytes written count.
pub fn memory_bandwidth() -> f64 {
    const BYTES: usize = 1 << 28;
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let from = vec![1u8; BYTES];
    let mut to = vec![0u8; BYTES];
    let share = BYTES.div_ceil(threads);
    let pass = |to: &mut [u8]| {
        let started = Instant::now();
        thread::scope(|scope| {
            for (from, to) in from.chunks(share).zip(to.chunks_mut(share)) {
                scope.spawn(move || black_box(to).copy_from_slice(black_box(from)));
            }
        });
        started.elapsed()
    };
    let best = (0..6).map(|_| pass(&mut to)).min().unwrap_or_default();
    2.0 * BYTES as f64 / best.as_secs_f64()
}
