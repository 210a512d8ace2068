use burn::backend::{DType, ExecutionError};

use crate::EngramId;

/// What a [`Memoria`](crate::Memoria) refuses, and why.
///
/// A refused call leaves the memory as it was; the exceptions say so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoriaError {
    /// A configuration value is out of its range.
    #[error("`{field}` must be {expected}, got {got}")]
    InvalidConfig {
        /// The field of [`MemoriaConfig`](crate::MemoriaConfig).
        field: &'static str,
        /// The range it must lie in.
        expected: &'static str,
        /// The value given.
        got: String,
    },
    /// A tensor has the wrong number of dimensions.
    #[error("{tensor} must have {expected} dimensions, got {got:?}")]
    WrongRank {
        /// Which tensor.
        tensor: &'static str,
        /// The dimensions it must have, by name.
        expected: &'static str,
        /// The shape given.
        got: Vec<usize>,
    },
    /// A dimension of a tensor that must not be zero is.
    #[error("{tensor} has an empty {dimension} dimension: {got:?}")]
    EmptyDimension {
        /// Which tensor.
        tensor: &'static str,
        /// Which of its dimensions.
        dimension: &'static str,
        /// The shape given.
        got: Vec<usize>,
    },
    /// A tensor does not fit the memory it was given to.
    #[error("{tensor} must have {dimension} {expected}, got {got}")]
    WrongDimension {
        /// Which tensor.
        tensor: &'static str,
        /// Which of its dimensions.
        dimension: &'static str,
        /// The size fixed by the memory's first step.
        expected: usize,
        /// The size given.
        got: usize,
    },
    /// A tensor has another float type than the memory.
    #[error("{tensor} must be {expected:?} as the memory is, got {got:?}")]
    WrongDType {
        /// Which tensor.
        tensor: &'static str,
        /// The type fixed by the memory's first step.
        expected: DType,
        /// The type given.
        got: DType,
    },
    /// A tensor lives on another device than the memory.
    #[error("{tensor} must be on {expected} as the memory is, got {got}")]
    WrongDevice {
        /// Which tensor.
        tensor: &'static str,
        /// The device fixed by the memory's first step.
        expected: String,
        /// The device given.
        got: String,
    },
    /// A working memory holds NaN or infinity, or is so large that its squared norm overflows.
    ///
    /// Noticed when the memory is next read, at no round trip of its own. Everything added since the
    /// last [`remind`](crate::Memoria::remind) or [`state`](crate::Memoria::state) is withdrawn: the
    /// memory is as it was before it.
    #[error(
        "working memory {position} of row {row} must be finite with a finite squared norm, got a squared norm of {squared_norm}; what was added with it is withdrawn"
    )]
    NonFiniteData {
        /// The row of the batch.
        row: usize,
        /// Its place among what the row was given in that call.
        position: usize,
        /// What its squared norm came to.
        squared_norm: f64,
    },
    /// A lifespan gain is NaN or infinite.
    ///
    /// For gains on a device it is noticed when the memory is next read: the memory is then as after
    /// the remind that they answered, ready to be adjusted again, and what was added since is withdrawn.
    #[error("the lifespan gain of engram {engram} in row {row} must be finite, got {got}")]
    NonFiniteGain {
        /// The row of the batch.
        row: usize,
        /// The engram it was meant for.
        engram: EngramId,
        /// The gain given.
        got: f64,
    },
    /// Lifespan gains on the host have the wrong number of rows or the wrong length in one of them.
    #[error("lifespan gains must have {expected} {what}, got {got}")]
    WrongGainCount {
        /// What is counted.
        what: String,
        /// How many there must be.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// [`adjust`](crate::Memoria::adjust) without a [`remind`](crate::Memoria::remind) since the last
    /// one, or since a reset.
    #[error("nothing to adjust: no remind since the last adjust or reset")]
    NothingReminded,
    /// [`adjust`](crate::Memoria::adjust) with a result that is not of this memory's last
    /// [`remind`](crate::Memoria::remind).
    #[error("this result is not of the memory's last remind, which is the one to adjust with")]
    StaleReminded,
    /// A row index is out of range.
    #[error("row {got} does not exist: the memory has {rows} rows")]
    RowOutOfRange {
        /// The row asked for.
        got: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// The row has no living engram with this id.
    #[error("row {row} has no living engram {engram}")]
    NoSuchEngram {
        /// The row of the batch.
        row: usize,
        /// The engram asked for.
        engram: EngramId,
    },
    /// A memory that records no history was asked for it.
    #[error("no history is recorded: begin with `with_history` or `record_history`")]
    NotRecorded,
    /// A step is not in the history.
    #[error("step {got} is not recorded: {}", recorded(*first, *last))]
    NoSuchStep {
        /// The step asked for.
        got: u64,
        /// The first step that is recorded.
        first: u64,
        /// The last one; `None` if there is none yet.
        last: Option<u64>,
    },
    /// An engram did not live in the time that was recorded, or not at the moment looked at.
    #[error("engram {engram} did not live then")]
    NotInHistory {
        /// The engram asked for.
        engram: EngramId,
    },
    /// More engrams than 2³¹ − 2 at once.
    #[error("the pool cannot hold {requested} engrams: at most {limit}")]
    PoolFull {
        /// How many were to be held.
        requested: usize,
        /// How many can be.
        limit: usize,
    },
    /// The vectors would take more memory than there is, or than [the limit that was
    /// set](crate::Memoria::with_memory_limit).
    #[error("the vectors need {requested} bytes in all, only {available} are available to them")]
    OutOfMemory {
        /// Bytes that all vectors would take.
        requested: u64,
        /// Bytes that they may take.
        available: u64,
    },
    /// Something does not begin like what it was to be read as.
    #[error("this is no {expected} of a memory: it begins with {}", got.escape_ascii())]
    UnknownFormat {
        /// What it was to be.
        expected: &'static str,
        /// What it begins with.
        got: Vec<u8>,
    },
    /// A newer version of this library wrote it.
    #[error("this {format} is of version {found}, this library reads versions up to {supported}")]
    NewerVersion {
        /// What it is.
        format: &'static str,
        /// Its version.
        found: u32,
        /// The newest version that is read.
        supported: u32,
    },
    /// It was changed or cut off after it was written.
    #[error("this {format} is damaged from byte {at} on: {found}")]
    Damaged {
        /// What it is.
        format: &'static str,
        /// Up to here it is as it was written.
        at: u64,
        /// What is wrong with the next block.
        found: String,
    },
    /// It is as it was written, but tells of a memory that cannot be.
    #[error("this {format} is not valid: {}{found}", row.map(|row| format!("row {row}: ")).unwrap_or_default())]
    Invalid {
        /// What it is.
        format: &'static str,
        /// The row that it is about, where it is about one.
        row: Option<usize>,
        /// What cannot be.
        found: String,
    },
    /// The operating system failed to read or write.
    #[error("{what} failed")]
    Io {
        /// What was being done, and with which file.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// The device failed while it was read. What was added since the last read is withdrawn.
    #[error("reading from the device failed")]
    Device(#[source] Box<ExecutionError>),
}

fn recorded(first: u64, last: Option<u64>) -> String {
    match last {
        Some(last) => format!("those from {first} to {last} are"),
        None => format!("none is yet, the first will be {first}"),
    }
}
