use std::path::PathBuf;

use memoria_core::MemoriaError;

/// Error of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The memory refused a step.
    #[error(transparent)]
    Memory(#[from] MemoriaError),
    /// A file cannot be read or written.
    #[error("cannot access {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A file is not JSON.
    #[error("{} is not JSON: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A configuration lacks a field.
    #[error("the configuration lacks the field `{field}`")]
    MissingField {
        /// Its name in `config.json`.
        field: String,
    },
    /// A configuration lacks `model_type`, and its other fields do not determine the model.
    #[error(
        "the configuration lacks the field `model_type`, and its other fields do not tell which model it is of: add it, as \"gpt2\", \"bert\" or \"roberta\", or state the kind when loading"
    )]
    UnknownModelType,
    /// A field of a configuration has the wrong type or is out of its range.
    #[error("`{field}` must be {expected}, got {got}")]
    InvalidField {
        /// Its name in `config.json`.
        field: String,
        /// What it must be.
        expected: String,
        /// The value given.
        got: String,
    },
    /// A model has more parameters than there is memory for.
    #[error(
        "the model's parameters need {requested} bytes, only {available} are available to them"
    )]
    OutOfMemory {
        /// Bytes that the parameters take at least.
        requested: u64,
        /// Bytes that they may take.
        available: u64,
    },
    /// A folder holds none of the files that weights are read from.
    #[error("{} holds none of {}", folder.display(), expected.join(", "))]
    NoWeights {
        /// The folder.
        folder: PathBuf,
        /// The names looked for.
        expected: Vec<String>,
    },
    /// A file is a Git LFS pointer: the clone has not fetched the file itself.
    #[error(
        "{} is a Git LFS pointer, not the file itself: `git lfs pull` in its folder fetches that",
        path.display()
    )]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// Two tensors of a file are the same parameter with different numbers.
    #[error(
        "{} has two different tensors for one parameter, `{first}` and `{second}`: keep the one that is meant",
        path.display()
    )]
    TwoTensors {
        /// The file, or the list of files.
        path: PathBuf,
        /// A name in it.
        first: String,
        /// Another one for the same parameter.
        second: String,
    },
    /// A file of weights is truncated, corrupt or of another format.
    #[error("{} cannot be read as weights: {reason}", path.display())]
    UnreadableWeights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model was to be saved with the configuration of another model.
    #[error(
        "a model must be saved with its own configuration: this one is of a model {expected}, the model is one {got}; pass \
         the configuration that the model was made or loaded with"
    )]
    OtherConfig {
        /// The model that the configuration is of.
        expected: String,
        /// The model that was to be saved.
        got: String,
    },
    /// Weights could not be written.
    #[error("cannot write weights to {}: {reason}", path.display())]
    UnwritableWeights {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A tensor of a file has another shape than the configuration requires.
    #[error("tensor `{tensor}` must have the shape {expected:?}, found {found:?}")]
    WrongShape {
        /// Its name in the file.
        tensor: String,
        /// The shape that follows from the configuration, as PyTorch has it.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// A tensor of a file does not contain floats, or its bytes cannot be read.
    #[error("tensor `{tensor}` cannot be loaded: {reason}")]
    UnreadableTensor {
        /// Its name in the file.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No tensor of a file belongs to the model.
    #[error(
        "no tensor of {} belongs to the model, which looks for names such as `{expected}`; found, for example, `{found}`",
        path.display()
    )]
    NothingLoaded {
        /// The file.
        path: PathBuf,
        /// A name that the model looks for.
        expected: String,
        /// A name that the file has; empty if it has none.
        found: String,
    },
    /// A segment has more tokens than the model has positions for.
    #[error("the model has positions for {limit} tokens, got {got}")]
    TooManyTokens {
        /// Tokens there are positions for.
        limit: usize,
        /// Tokens given, those before them in the same segment included.
        got: usize,
    },
    /// An input has fewer or more rows than the tokens.
    #[error("{what} must have {expected} rows, got {got}")]
    WrongRowCount {
        /// Which input.
        what: &'static str,
        /// Rows it must have.
        expected: usize,
        /// Rows given.
        got: usize,
    },
    /// Rows of a batch, or its mask, differ in length.
    #[error("{what} {row} must have {expected} entries, got {got}")]
    WrongLength {
        /// What is too long or too short.
        what: &'static str,
        /// The row of the batch.
        row: usize,
        /// Entries it must have.
        expected: usize,
        /// Entries given.
        got: usize,
    },
    /// An input holds nothing.
    #[error("{what} must not be empty")]
    EmptyInput {
        /// What is empty.
        what: &'static str,
    },
    /// A number of an input is out of its range: a token that the vocabulary lacks, a position or token
    /// type that has no embedding, or a mask that is neither 0 nor 1.
    #[error("{what} {got} at position {position} of row {row} must be {expected}")]
    InvalidInput {
        /// What the number is.
        what: &'static str,
        /// The row of the batch.
        row: usize,
        /// The position in the row.
        position: usize,
        /// The range it must lie in.
        expected: String,
        /// The number given.
        got: i64,
    },
    /// A tensor of an input has another shape than the input ids, or these have other rows than a cache.
    #[error("{tensor} must have the shape {expected:?}{}, got {got:?}", of_input_ids(tensor))]
    WrongInputShape {
        /// Which tensor.
        tensor: &'static str,
        /// The shape it must have.
        expected: [usize; 2],
        /// The shape given.
        got: [usize; 2],
    },
    /// A tensor of an input is on another device than the model.
    #[error("{tensor} must be on the model's device {expected}, got {got}")]
    WrongInputDevice {
        /// Which tensor.
        tensor: &'static str,
        /// The model's device.
        expected: String,
        /// The device given.
        got: String,
    },
    /// The prompt of a row is empty.
    #[error("prompt {row} must have at least one token")]
    EmptyPrompt {
        /// The row of the batch.
        row: usize,
    },
    /// Prompts differ in length, so that their segments would end at different times.
    #[error(
        "prompts that share a memory must be of the same length: prompt 0 has {expected} tokens, prompt {row} has {got}"
    )]
    UnequalPrompts {
        /// The row of the batch.
        row: usize,
        /// Tokens of the first prompt.
        expected: usize,
        /// Tokens of this one.
        got: usize,
    },
    /// A model's score of a token is NaN or +∞, so that no token can be chosen.
    #[error(
        "row {row} scores token {token} with {got}: its weights or its memory hold what is no number"
    )]
    InvalidLogit {
        /// The row of the batch.
        row: usize,
        /// The token.
        token: usize,
        /// Its score.
        got: f32,
    },
    /// A memory was given to a model without memory.
    #[error(
        "the model has no memory: its configuration lacks the fields that begin with `memoria_`, or `memory_layer_index`"
    )]
    NoMemory,
}

/// Names the input ids as the origin of the expected shape, where the tensor is not the input ids.
fn of_input_ids(tensor: &str) -> &'static str {
    if tensor.starts_with("input_ids") { "" } else { " of the input ids" }
}
