//! What a row keeps of each of its engrams, and counters and marks over them. Knows nothing of vectors,
//! connections or searches.
//!
//! Here as in the other rooms `bytes` of anything is what it has set aside.

pub(crate) mod calendar;
pub(crate) mod chunked_vec;
pub(crate) mod counters;
pub(crate) mod lifespan;
pub(crate) mod marks;
pub(crate) mod records;
