//! The bookkeeping of a row's engrams, and counters and marks for them. Independent of vectors, connections and
//! searches.
//!
//! Here and in the other modules, `bytes` of a value is the number of bytes that it has allocated.

pub(crate) mod calendar;
pub(crate) mod chunked_vec;
pub(crate) mod counters;
pub(crate) mod lifespan;
pub(crate) mod marks;
pub(crate) mod records;
