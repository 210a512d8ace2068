use std::path::{Path, PathBuf};

use burn::backend::{DType, ExecutionError};

use crate::{EngramId, Invariant, MemoriaConfig};
#[cfg(doc)]
use crate::{Memoria, MemoriaError::*, Recall, Restore, RowState, Snapshot, SnapshotInfo, State};

/// Why a [`Memoria`](crate::Memoria) refuses a call.
///
/// A refused call leaves the memory unchanged; exceptions are documented. No input of a user, a file or a device makes
/// this crate panic, except in calls that document it.
///
/// # What bad input gives
///
/// | call | input | gives |
/// |---|---|---|
/// | [`Memoria::new`], [`MemoriaConfig::validate`] | a lifespan that is 0, negative, infinite or NaN | [`InvalidConfig`] |
/// | | any counts and seed, 0 and the largest included | nothing: all are allowed |
/// | [`Memoria::with_storage`], [`Memoria::with_memory_limit`] | a memory that has vectors | no effect on these |
/// | [`Memoria::add_working_memory`], [`Memoria::peek`], [`Memoria::remind_for`] | not three dimensions | [`WrongRank`] |
/// | | batch or hidden dimension 0 | [`EmptyDimension`] |
/// | | another batch, hidden dimension, float type or device than before | [`WrongDimension`], [`WrongDType`], [`WrongDevice`] |
/// | | n = 0 | nothing is added; a peek is reminded of nothing; `remind_for` gives [`EmptyDimension`] |
/// | [`Memoria::add_working_memory_except`] | a row that does not exist | [`RowOutOfRange`] |
/// | layers and models | hidden states that are not finite; finite ones that give values that are not finite | [`NonFiniteHidden`], [`NonFiniteMemory`], [`NonFiniteAttention`] |
/// | [`Memoria::add_working_memory`], [`Memoria::peek`], [`Memoria::remind_for`] | NaN, infinity, or numbers with squares that overflow | for a query [`NonFiniteQuery`], at once; else [`NonFiniteData`], at the next read of the memory |
/// | | more vectors or rows than fit in memory | [`OutOfMemory`] |
/// | | more engrams than slots (2³¹ − 2), or than a row has identities (2⁶⁴ − 1) | [`PoolFull`], [`IdsExhausted`] |
/// | [`Memoria::remind`] | no working memories, or no rows | nothing is reminded |
/// | | the second one in a step | fires again; the result of the first is [`StaleReminded`] |
/// | [`Memoria::adjust`] | without a remind, again, or after a reset | [`NothingReminded`] |
/// | | a result of another remind, another memory or a [`Memoria::peek`] | [`StaleReminded`] |
/// | | gains of the wrong shape or length, or on another device | [`WrongRank`], [`WrongDimension`], [`WrongGainCount`], [`WrongDevice`] |
/// | | gains that are not finite | [`NonFiniteGain`]: for gains on the host at once, on a device at the next read of the memory |
/// | | gains that make a lifespan negative, or larger than `f32::MAX` | the engram dies; the lifespan stops at `f32::MAX` |
/// | [`Memoria::reset_rows`], [`State::row`], [`Memoria::split`], [`Memoria::replace_row`] | a row that does not exist | [`RowOutOfRange`] |
/// | [`Memoria::split`], [`Snapshot::rows`], [`Restore::rows`] | a row twice | [`RowTwice`] ([`Memoria::reset_rows`] accepts it) |
/// | [`Memoria::merge`], [`Memoria::replace_row`] | a memory with another configuration, dimension, float type or device | [`OtherConfig`], [`WrongDimension`], [`WrongDType`], [`WrongDevice`] |
/// | [`Memoria::replace_row`] | a memory with no row, or with several | [`WrongDimension`] |
/// | [`Memoria::add_rows`] | a memory without rows | [`NoRows`] |
/// | [`Memoria::split`], [`Memoria::merge`], [`Memoria::replace_row`], [`Memoria::add_rows`], [`Memoria::snapshot`], [`Memoria::save`] | between remind and adjust | [`OpenStep`] |
/// | methods of [`RowState`] | an engram that does not live in the row | [`NoSuchEngram`] |
/// | [`Recall::ids`], [`Recall::working`] | a row that does not exist | a panic, as for a slice |
/// | [`Memoria::save`], [`Snapshot::save`], [`Snapshot::write`] | a path or writer that cannot be written, a full disk | [`Io`]; an old file stays |
/// | [`Memoria::load`], methods of [`Restore`] and [`SnapshotInfo`] | a file that cannot be read | [`Io`] |
/// | | something other than a snapshot | [`UnknownFormat`] |
/// | | a snapshot of a newer version | [`NewerVersion`] |
/// | | a snapshot that was changed, cut off or extended | [`Damaged`] |
/// | | contents that no memory can have | [`Invalid`] |
/// | | a float type that the backend lacks | [`UnsupportedDType`] |
/// | | vectors that do not fit the requested float type | [`NonFiniteData`] |
/// | | attached tensors that do not fit it | [`AttachmentTooLarge`] |
/// | [`Memoria::attach`], [`Memoria::attach_rows`] | a tensor with no or too many dimensions, or with an empty one | [`WrongRank`], [`EmptyDimension`] |
/// | | a tensor of another float type, device or batch | [`WrongDType`], [`WrongDevice`], [`WrongDimension`] |
/// | [`Memoria::attached_rows`] | bytes, or tensors that differ in more than their first size | [`MixedAttachments`] |
/// | [`Memoria::attach`], [`Memoria::attach_rows`], [`Memoria::attachment`], [`Memoria::remove_attachment`] | a row that does not exist | [`RowOutOfRange`] |
/// | everything that reads from a device | a device that fails | [`Device`] |
///
/// A fire count and a co-firing count stop at 2³² − 1. Steps and reminds are counted up to 2⁶³, which no row reaches:
/// at a nanosecond each they take 292 years. A snapshot with more is [`Invalid`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoriaError {
    /// A `backward` went through segments of a gradient window that was not ended.
    #[error(
        "a `backward` has gone through the segments that the gradient window holds: call `detach` after each \
         `backward`, before the next segment"
    )]
    NotDetached,

    /// The memory belongs to another layer than the one that is run with it.
    #[error(
        "the memory belongs to another layer: give each layer a memory of its own, or `reset` this one first"
    )]
    OtherLayer,

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
    /// A dimension of a tensor is zero and must not be.
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
    #[error("{tensor} must have {dimension} {expected}, got {got}{}", remedy(tensor, dimension))]
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
    #[error(
        "{tensor} must be {expected:?} as the memory is, got {got:?}: cast it, or restore the memory in its float type with `Restore::dtype`"
    )]
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
    /// Detected at the next read of the memory, without a round trip of its own. Everything added since the last
    /// [`remind`](crate::Memoria::remind) or [`state`](crate::Memoria::state) is withdrawn: the memory is as it was
    /// before it.
    #[error(
        "working memory {position} of row {row} must be finite with a finite squared norm, got a squared norm of {squared_norm}; what was added with it is withdrawn"
    )]
    NonFiniteData {
        /// The row of the batch.
        row: usize,
        /// Its position among the row's vectors of that call.
        position: usize,
        /// Its squared norm.
        squared_norm: f64,
    },
    /// A vector of a query is not finite, or its squared norm is not. The memory is unchanged, except that pending data
    /// has been read.
    #[error(
        "vector {position} of the query of row {row} must be finite with a finite squared norm, got a squared norm of {squared_norm}"
    )]
    NonFiniteQuery {
        /// The row of the batch.
        row: usize,
        /// Its place in the row's query.
        position: usize,
        /// Its squared norm.
        squared_norm: f64,
    },
    /// A lifespan gain is NaN or infinite.
    ///
    /// For gains on a device it is detected at the next read of the memory. The memory is then as it was after their
    /// remind and can be adjusted again. What was added since is withdrawn.
    #[error("the lifespan gain of engram {engram} in row {row} must be finite, got {got}")]
    NonFiniteGain {
        /// The row of the batch.
        row: usize,
        /// The engram it was meant for.
        engram: EngramId,
        /// The gain given.
        got: f64,
    },
    /// A hidden state of a segment holds NaN or infinity, or is so large that its squared norm overflows.
    ///
    /// The segment is refused, and all rows are as they were before it: a layer does so when it gets the segment. A
    /// model that makes its memories from the last hidden states detects it only after the segment is read. Then its
    /// other rows have gone on, and this one has no previous segment.
    #[error(
        "the hidden state at place {place} of row {row} of the segment must be finite with a finite squared \
         norm, got a squared norm of {squared_norm}: look at what made it. Nothing of it is in the memory, which \
         can be used on"
    )]
    NonFiniteHidden {
        /// The row of the batch.
        row: usize,
        /// Its position in the segment.
        place: usize,
        /// Its squared norm.
        squared_norm: f64,
    },
    /// The memories that a layer computes from hidden states are not finite, though the hidden states may be. The
    /// memory is unchanged.
    #[error(
        "what is made of {of} of row {row} must be finite with a finite squared norm, got a squared norm of \
         {squared_norm}: look at the parameters, and at hidden states that are too large for the float type. The \
         memory is as it was{}", without(of, *row)
    )]
    NonFiniteMemory {
        /// The segment that they are computed from.
        of: &'static str,
        /// The row of the batch.
        row: usize,
        /// The squared norm of one of them.
        squared_norm: f64,
    },
    /// The attention of a layer or model to the reminded engrams of a row is not finite.
    ///
    /// The segment is remembered, and the row's engrams get no gain from it. On a device it is detected at the next
    /// read of the memory, and what was added since is withdrawn: the call may be repeated.
    #[error(
        "the attention of row {row} to what it was reminded of must be finite, got a lifespan gain of {got} for \
         engram {engram}: look at the parameters, and at hidden states that are too large for the float type. \
         That segment lends the row no lifespan, and the memory can be used on"
    )]
    NonFiniteAttention {
        /// The row of the batch.
        row: usize,
        /// An engram that was attended to.
        engram: EngramId,
        /// Its gain.
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
    /// [`adjust`](crate::Memoria::adjust) with a result of another call than this memory's last
    /// [`remind`](crate::Memoria::remind).
    #[error("this result is not of the memory's last remind, which is the one to adjust with")]
    StaleReminded,
    /// A row index is out of range.
    #[error("row {got} does not exist: the memory has {rows} rows")]
    RowOutOfRange {
        /// The requested row.
        got: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// A row is named twice where each may be named once.
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
        /// The requested engram.
        engram: EngramId,
    },
    /// The history was requested of a memory that records none.
    #[error("no history is recorded: begin with `with_history` or `record_history`")]
    NotRecorded,
    /// A step is not in the history.
    #[error("step {got} is not recorded: {}", recorded(*first, *last))]
    NoSuchStep {
        /// The requested step.
        got: u64,
        /// The first step that is recorded.
        first: u64,
        /// The last one that is recorded; `None` if there is none yet.
        last: Option<u64>,
    },
    /// An engram did not live in the recorded time, or not at the requested moment.
    #[error("engram {engram} did not live then")]
    NotInHistory {
        /// The requested engram.
        engram: EngramId,
    },
    /// More engrams than 2³¹ − 2 at once.
    #[error("the store cannot hold {requested} engrams: at most {limit}")]
    PoolFull {
        /// How many were to be held.
        requested: usize,
        /// How many can be.
        limit: usize,
    },
    /// A row has too few identities left: it can have 2⁶⁴ − 1 engrams in its life.
    #[error("row {row} has {left} identities left for {requested} new engrams")]
    IdsExhausted {
        /// The row of the batch.
        row: usize,
        /// Identities that were never given out.
        left: u64,
        /// How many new engrams there are, pending ones included.
        requested: u64,
    },
    /// The vectors would take more memory than is available, or than [the limit that was
    /// set](crate::Memoria::with_memory_limit).
    #[error("the vectors need {requested} bytes in all, only {available} could be had for them")]
    OutOfMemory {
        /// Bytes that all vectors would take.
        requested: u64,
        /// Bytes that they may take; if the system refuses an allocation, the bytes that they have.
        available: u64,
    },
    /// The memory breaks one of its own rules: a fault of this crate, or of the data it was restored from.
    ///
    /// [`verify`](crate::Memoria::verify) finds it and names the first broken rule.
    #[error("{}{invariant}: {found}", row.map(|row| format!("row {row}: ")).unwrap_or_default())]
    BrokenInvariant {
        /// The rule.
        invariant: Invariant,
        /// The row of the batch, if the rule concerns one.
        row: Option<usize>,
        /// What was found instead.
        found: String,
    },
    /// Two memories have different configurations, so rows cannot move between them: they would go on differently.
    #[error("the other memory's configuration must be the same: {}", differing(expected, got))]
    OtherConfig {
        /// The configuration of this memory.
        expected: Box<MemoriaConfig>,
        /// The configuration of the other one.
        got: Box<MemoriaConfig>,
    },
    /// A memory without rows has no dimension and no device yet.
    #[error("the memory has no rows yet: the first working memories bring them")]
    NoRows,
    /// A step was [reminded](crate::Memoria::remind) and not [adjusted](crate::Memoria::adjust) yet. The caller holds
    /// its result, the memory does not, so a copy of the memory could not end the step as this one will.
    #[error("{what} needs a step that is adjusted, this one is only reminded")]
    OpenStep {
        /// The refused operation.
        what: &'static str,
    },
    /// Data does not begin as the expected format does.
    #[error("{} is no {expected} of a memory: {}", named(path.as_deref(), "this"), beginning(got))]
    UnknownFormat {
        /// The file, if it is known.
        path: Option<PathBuf>,
        /// The expected format.
        expected: &'static str,
        /// Its first bytes.
        got: Vec<u8>,
    },
    /// The data was written by a newer version of this library.
    #[error(
        "{} is of version {found}, this library reads versions up to {supported}: read it with a newer one",
        the(format, path.as_deref())
    )]
    NewerVersion {
        /// The file, if it is known.
        path: Option<PathBuf>,
        /// Its format.
        format: &'static str,
        /// Its version.
        found: u32,
        /// The newest supported version.
        supported: u32,
    },
    /// The data was changed or cut off after it was written.
    #[error(
        "{} is damaged: {found}, {}. Restore a copy of it; what comes before is as it was written, but not used",
        the(format, path.as_deref()), place(*at, *end)
    )]
    Damaged {
        /// The file, if it is known.
        path: Option<PathBuf>,
        /// Its format.
        format: &'static str,
        /// Where the damaged block begins; everything before is as it was written.
        at: u64,
        /// Where the block ends, if its end is present.
        end: Option<u64>,
        /// What is wrong with it.
        found: String,
    },
    /// The data is as it was written, but no memory can have its contents.
    #[error(
        "{} is not valid: {}{found}",
        the(format, path.as_deref()), row.map(|row| format!("row {row}: ")).unwrap_or_default()
    )]
    Invalid {
        /// The file, if it is known.
        path: Option<PathBuf>,
        /// Its format.
        format: &'static str,
        /// The row concerned, if it is one row.
        row: Option<usize>,
        /// What is impossible.
        found: String,
    },
    /// Attachments that are to be joined into one tensor are not tensors of one size.
    #[error(
        "what is attached to row {row} as `{name}` does not fit what is attached to the rows before it"
    )]
    MixedAttachments {
        /// The name of the attachment.
        name: String,
        /// The first row with a value that does not fit.
        row: usize,
    },
    /// An attachment has numbers that do not fit the float type it is to be restored in.
    #[error("what is attached to row {row} as `{name}` has numbers too large for {dtype:?}")]
    AttachmentTooLarge {
        /// The name of the attachment.
        name: String,
        /// The row of the restored memory.
        row: usize,
        /// The float type.
        dtype: DType,
    },
    /// A snapshot lacks a required attribute, or has an impossible value there.
    #[error(
        "the snapshot has no attribute `{name}`, or not one that can be read: it was made of something else than what it is to be restored as"
    )]
    MissingAttribute {
        /// The name of the attribute.
        name: &'static str,
    },
    /// The backend has no tensors of this float type. [`Restore::dtype`](crate::Restore::dtype) selects another one.
    #[error("{device} has no tensors of type {dtype:?}")]
    UnsupportedDType {
        /// The float type.
        dtype: DType,
        /// The device.
        device: String,
    },
    /// The operating system failed to read or write.
    #[error("{what} failed: {source}")]
    Io {
        /// The failed operation, and its file.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// A read from the device failed. What was added since the last read is withdrawn.
    #[error("reading from the device failed: {0}")]
    Device(#[source] Box<ExecutionError>),
}

impl MemoriaError {
    /// An error of reading or writing.
    pub(crate) fn io(
        what: impl Into<String>,
        source: impl Into<Box<dyn core::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Io { what: what.into(), source: source.into() }
    }

    /// The same error, about a file.
    #[must_use]
    pub(crate) fn in_file(mut self, file: &Path) -> Self {
        match &mut self {
            Self::UnknownFormat { path, .. }
            | Self::NewerVersion { path, .. }
            | Self::Damaged { path, .. }
            | Self::Invalid { path, .. } => *path = Some(file.into()),
            Self::Io { what, .. } if what.starts_with("reading") => {
                *what = format!("{what} from {}", file.display());
            }
            _ => {}
        }
        self
    }
}

/// A file, or `other` if its path is unknown.
fn named(path: Option<&Path>, other: &str) -> String {
    path.map_or_else(|| other.into(), |path| path.display().to_string())
}

fn the(format: &str, path: Option<&Path>) -> String {
    match path {
        Some(path) => format!("the {format} {}", path.display()),
        None => format!("this {format}"),
    }
}

fn beginning(bytes: &[u8]) -> String {
    match bytes {
        [] => "it is empty".into(),
        _ => format!("it begins with {}", bytes.escape_ascii()),
    }
}

fn place(at: u64, end: Option<u64>) -> String {
    match end {
        Some(end) => format!("the block at byte {at} to {end}"),
        None => format!("at byte {at}"),
    }
}

/// The fields that differ, with both values.
fn differing(expected: &MemoriaConfig, got: &MemoriaConfig) -> String {
    // A line for each field.
    let (expected, got) = (format!("{expected:#?}"), format!("{got:#?}"));
    let pairs = expected.lines().zip(got.lines()).filter(|(expected, got)| expected != got);
    let differing = pairs.filter_map(|(expected, got)| {
        let (name, expected) = expected.trim().trim_end_matches(',').split_once(": ")?;
        let (_, got) = got.trim_end_matches(',').split_once(": ")?;
        Some(format!("`{name}` is {expected} in this one and {got} in the other"))
    });
    differing.collect::<Vec<_>>().join(", ")
}

/// Advice for a tensor of another size than the memory's.
fn remedy(tensor: &str, dimension: &str) -> &'static str {
    match (tensor, dimension) {
        ("working memory" | "query", "batch") => {
            ": give another batch a memory of its own, `reset` a `MemoriaState` before it, or change the rows \
             with `split`, `merge` and `add_rows`"
        }
        _ => "",
    }
}

/// Advice for a previous segment that gives memories that are not finite.
fn without(of: &str, row: usize) -> String {
    match of {
        "the previous segment" => format!("; `reset_rows(&[{row}])` lets the row begin anew"),
        _ => String::new(),
    }
}

fn recorded(first: u64, last: Option<u64>) -> String {
    match last {
        Some(last) => format!("those from {first} to {last} are"),
        None => format!("none is yet, the first will be {first}"),
    }
}
