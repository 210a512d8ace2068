use serde::{Deserialize, Serialize};

/// Memory that a memory has allocated at present, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// For vectors: slots of living engrams, of dead ones, and free ones for new engrams.
    pub vectors: u64,
    /// For everything else: identities, lifespans, the firing log, buffers of the search. On the host that includes
    /// codes of vectors. Short-term vectors have codes of two bytes a number, if they are more than a million numbers.
    /// Long-term vectors that are searched for [the nearest](crate::LongTermSearch) have codes of one byte a number,
    /// with twelve bytes a vector, if a row has more than some 65,000 numbers of them.
    pub bookkeeping: u64,
    /// For the values that are [attached](crate::Attachment) to rows.
    pub attachments: u64,
}
