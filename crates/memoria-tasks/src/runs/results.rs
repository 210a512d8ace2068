use std::path::Path;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    TaskError,
    config::TaskName,
    evaluation::{LastSeen, TextMode},
    files,
    model::ContextName,
};

/// `results.json`: what came of runs of one task.
///
/// ```json
/// {"task": "recall", "command": "memoria train recall", "version": "0.1.0", "runs": [
///     {"context": "memoria", "seed": 0, "parameters": 12345, "seconds": 98.7, "tests": [
///         {"length": 1, "stored": 14, "reminded": 4, "accuracy": 1.0}]}]}
/// ```
///
/// `parameters` is their number; `seconds` is what training took, tests not included. A test is one of three:
///
/// | of | has |
/// |---|---|
/// | tasks with questions | `length`: how many times as long as trained the documents were; `stored`, `reminded`: engrams that a document held at its end, and was reminded of in its last segment, on average; `accuracy`: share of right answers, of `sort` of right tokens, 0 to 1; `bytes`: what a document's memory takes at its end, on average, 0 of a store of bounded size; `ms_per_token`: milliseconds for each token that was read, padding included |
/// | `classify` | `accuracy`: share of documents; `macro_f1`: mean of the classes' F1 |
/// | `lm` | `mode`: `none` of a model without memory, `carried`, `wiped` before every segment, or `other`: another row's memory; `bits_per_byte`; `perplexity` by token; `tokens_per_second`; `last_seen`: `bits_per_token` of words by the `segments` since they were last seen, and how many `tokens` these are |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// Which task.
    pub task: TaskName,
    /// The command line.
    pub command: String,
    /// Of this crate.
    pub version: String,
    /// One for each context and seed.
    pub runs: Vec<RunResult>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// What the model had of earlier segments.
    pub context: ContextName,
    /// The run's seed.
    pub seed: u64,
    /// Number of parameters.
    pub parameters: usize,
    /// What training took.
    pub seconds: f64,
    /// What the trained model was tested on.
    pub tests: Vec<Test>,
}

/// One test; see [`Results`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "in the table above")]
pub enum Test {
    Questions {
        length: u32,
        stored: usize,
        reminded: usize,
        accuracy: f64,
        #[serde(default)]
        bytes: u64,
        #[serde(default)]
        ms_per_token: f64,
    },
    Text {
        mode: TextMode,
        bits_per_byte: f64,
        perplexity: f64,
        tokens_per_second: f64,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        last_seen: Vec<LastSeen>,
    },
    Classes {
        accuracy: f64,
        macro_f1: f64,
    },
}

impl Results {
    /// Reads `results.json`, or that of a folder.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`], [`TaskError::File`] or [`TaskError::Format`].
    pub fn read(path: &Path) -> Result<Self, TaskError> {
        let path = if path.is_dir() { path.join("results.json") } else { path.to_owned() };
        let hint = "`memoria train TASK --output FOLDER` leaves one in the folder";
        serde_json::from_slice(&files::read(&path, hint)?)
            .map_err(|error| TaskError::format(path, format!("not the results of runs: {error}")))
    }

    /// Writes it, or leaves what was there.
    ///
    /// # Errors
    ///
    /// [`TaskError::File`].
    pub fn write(&self, path: &Path) -> Result<(), TaskError> {
        write_json(path, self)
    }
}

/// A figure as it is kept: to the sixth place, which JSON brings back as it was.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Reads what [`write_json`] wrote.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, TaskError> {
    let hint = "`memoria train TASK --output FOLDER` leaves it, when it has finished";
    serde_json::from_slice(&files::read(path, hint)?)
        .map_err(|error| TaskError::format(path, error.to_string()))
}

/// Writes a value as JSON for people.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TaskError> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| TaskError::format(path, error.to_string()))?;
    files::write(path, format!("{json}\n").as_bytes())
}

impl Test {
    /// What is compared, as it is called in tables: the measure that counts most.
    pub fn value(&self) -> f64 {
        match self {
            Self::Questions { accuracy, .. } | Self::Classes { accuracy, .. } => *accuracy,
            Self::Text { bits_per_byte, .. } => *bits_per_byte,
        }
    }

    /// What it was a test of: the tests of several seeds that have the same name belong together.
    pub fn name(&self) -> String {
        match self {
            Self::Questions { length, .. } => format!("{length}×"),
            Self::Classes { .. } => "accuracy".into(),
            Self::Text { mode, .. } => format!("{mode:?}").to_lowercase(),
        }
    }
}
