//! The guarantees of a memory, one file each. One program, so that Burn is linked once.

mod attachments;
mod batch_invariance;
mod batching;
mod codes;
mod costs;
mod determinism;
mod history;
mod invalid_snapshots;
mod snapshot;
mod snapshot_versions;
mod threads;
mod trace_files;
