//! Snapshots of memories.
//!
//! [`Snapshot`] describes the contents. The bytes form a stream as in [`checksummed`](crate::files::checksummed),
//! version 2. Numbers are of variable length unless said otherwise, floats are 32 bits, and texts and bytes follow
//! their length:
//!
//! ```text
//! configuration    how many settings are neither 0 nor the default; of each, in order of name: its name, as
//!                  serde has it, and its value: byte 0 and a number, 1 and a float, or 2 and a text
//! storage          byte
//! attributes       how many; of each the name and the value (bytes); in order of name
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
//!   cells          only if long_term_probes is not 0: how many, if any: their dimension, the numbers of their centres
//!                  (f32), and of each long-term engram the number of its cell, from 1; 0 if it is in none yet
//!   vectors        in order of id, little-endian
//! attachments      how many names; of each, in order: the name and how many rows have it; of each of these:
//!                  the row (less what it must be at least), then byte 0 and bytes, or byte 1, the number of
//!                  dimensions (byte), their sizes, and the numbers, little-endian, of the vectors' float type
//! ```
//!
//! A missing setting has its default, so that a new one needs no new version; an unknown name is refused. Version 1 has
//! no attachments, and its configuration is num_reminded_stm, stm_capacity, ltm_search_depth, initial_lifespan (float),
//! num_final_ltms, correlation (byte), ltm_exploration, seed (u64).
//!
//! The co-firing count of two engrams is the number of firings that both are members of, plus their tie. This is the
//! content of the memory's firing log without its layout, so another kind of log can read and write it.

mod attachments;
mod head;
mod restore;
mod settings;
mod write;

use burn::backend::{DType, Shape, TensorData};

pub use head::SnapshotInfo;
pub use restore::{Restore, Restored};
pub use write::Snapshot;
pub(crate) use write::check_rows;

use crate::files::checksummed::Format;

static FORMAT: Format = Format { magic: *b"\x89MEMORIA", name: "snapshot", version: 2 };

/// The bytes of numbers, the lowest first on every machine.
fn little_endian(data: TensorData) -> burn_pack::Bytes {
    let width = data.dtype().size();
    let mut bytes = data.into_bytes();
    if cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    bytes
}

/// Numbers from such bytes.
fn tensor_data(mut bytes: Vec<u8>, shape: impl Into<Shape>, dtype: DType) -> TensorData {
    if cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    }
    TensorData::from_bytes_vec(bytes, shape.into(), dtype)
}
