use serde::{Deserialize, Serialize};

/// What a memory takes at present, in bytes that are set aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// For vectors: in use, waiting for new engrams, or of engrams that are gone.
    pub vectors: u64,
    /// For everything else: identities, lifespans, the firing log, what the search works with. On the host
    /// that includes codes of two bytes a number for the short-term vectors, if these are more than a million
    /// numbers, and of one byte a number, with twelve bytes a vector, for long-term vectors that are searched for
    /// [the nearest](crate::LongTermSearch), if a row has more than some 65,000 numbers of them.
    pub bookkeeping: u64,
}
