use burn::backend::{DType, ExecutionError};

use crate::{EngramId, Invariant, MemoriaConfig};

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
    /// A row is named twice where every row can be meant once.
    #[error("row {row} is named twice")]
    RowTwice {
        /// The row.
        row: usize,
    },
    /// The row has no living engram with this id.
    #[error("row {row} has no living engram {engram}")]
    NoSuchEngram {
        /// The row of the batch.
        row: usize,
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
    /// A row has given out all identities there are: 2⁶⁴ engrams in its life.
    #[error("row {row} has {left} identities left for {requested} new engrams")]
    IdsExhausted {
        /// The row of the batch.
        row: usize,
        /// Identities that were never given out.
        left: u64,
        /// How many new engrams there are, those that wait to be read included.
        requested: u64,
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
    /// The memory breaks one of its own rules: a fault of this crate, or of what it was restored from.
    ///
    /// Found by [`verify`](crate::Memoria::verify), which names the first rule that is broken.
    #[error("{}{invariant}: {found}", row.map(|row| format!("row {row}: ")).unwrap_or_default())]
    BrokenInvariant {
        /// The rule.
        invariant: Invariant,
        /// The row of the batch, where it is about one.
        row: Option<usize>,
        /// What was found instead.
        found: String,
    },
    /// Rows cannot go between memories with different configurations: they would go on differently.
    #[error("the other memory's configuration must be {expected:?}, got {got:?}")]
    OtherConfig {
        /// The configuration of this memory.
        expected: Box<MemoriaConfig>,
        /// That of the other one.
        got: Box<MemoriaConfig>,
    },
    /// A memory without rows has no dimension and no device yet.
    #[error("the memory has no rows yet: the first working memories bring them")]
    NoRows,
    /// A step was [reminded](crate::Memoria::remind) and is still to be
    /// [adjusted](crate::Memoria::adjust): what it was reminded of is in the caller's hands and not in
    /// the memory's, so that a copy of the memory could not end the step as this one will.
    #[error("{what} needs a step that is adjusted, this one is only reminded")]
    OpenStep {
        /// What was to be done.
        what: &'static str,
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
    /// A snapshot lacks an attribute that is needed, or has another value there than is possible.
    #[error("the snapshot has no attribute `{name}`, or not one that can be read")]
    MissingAttribute {
        /// The name of the attribute.
        name: &'static str,
    },
    /// The backend has no tensors of this float type; another one can be
    /// [asked for](crate::Restore::dtype).
    #[error("{device} has no tensors of type {dtype:?}")]
    UnsupportedDType {
        /// The float type.
        dtype: DType,
        /// The device.
        device: String,
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
