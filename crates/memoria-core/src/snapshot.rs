//! Memories on disk.
//!
//! [`Snapshot`] says what is in one. The bytes, in the stream that [`sealed`](crate::files::sealed) describes,
//! version 2, or version 1 if the configuration searches as the paper does; numbers are of variable length unless said otherwise, floats are 32 bits:
//!
//! ```text
//! configuration    num_reminded_stm, stm_capacity, ltm_search_depth, initial_lifespan (float),
//!                  num_final_ltms, correlation (byte), ltm_exploration, seed (u64); since version 2
//!                  short_term_search, long_term_search, wiring, pooling (a byte each)
//! storage          byte
//! attributes       how many; of each the name and the value, both after their length; in order of name
//! rows             how many; if any: hidden dimension, float type (byte), engrams in all
//! of each row
//!   counters       next id, steps, reminds
//!   engrams        how many are working, short-term, long-term; then in order of id, long-term first:
//!                  id (less what it must be at least), age (of the first; then how much younger),
//!                  lifespan left (float), fire count
//!   long_term      the order that exploration draws from, as places in the order of id
//!   firings        how many; of each how many members, and their places (less what they must be at
//!                  least); in order of their members
//!   ties           co-firing counts besides those of the firings: how many engrams have any with
//!                  later ones; of each its place, how many, and of each the place and the count
//!   vectors        in order of id, little-endian
//! ```
//!
//! The value of an attribute of rows is that of each row, after its length (u64).
//!
//! Two engrams' co-firing count is the number of firings that both are members of plus their tie. That is
//! what the memory's own firing log keeps, without how it keeps it: a memory that keeps something else
//! can read and write it.

mod head;
mod restore;
mod row_attribute;
mod write;

pub use head::SnapshotInfo;
pub use restore::{Restore, Restored};
pub use write::Snapshot;
pub(crate) use write::check_rows;

use crate::files::sealed::Format;

/// The newest version.
static FORMAT: Format = Format { magic: *b"\x89MEMORIA", name: "snapshot", version: 2 };
/// What a memory that searches as the paper does is written in: earlier versions of this library read it.
static VERSION_1: Format = Format { version: 1, ..FORMAT };
