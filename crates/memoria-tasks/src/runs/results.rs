use std::path::Path;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    TaskError,
    config::TaskName,
    evaluation::{LastSeen, TextMode},
    files,
    model::ContextName,
};

/// `results.json`: results of runs of one task.
///
/// ```json
/// {"task": "recall", "command": "memoria train recall", "version": "0.1.0", "runs": [
///     {"context": "memoria", "seed": 0, "parameters": 12345, "seconds": 98.7, "tests": [
///         {"length": 1, "stored": 14, "reminded": 4, "accuracy": 1.0}]}]}
/// ```
///
/// `parameters` is their number. `seconds` is the time of the training since its last resumption, without tests. A test
/// is one of three:
///
/// | task | fields |
/// |---|---|
/// | tasks with questions | `length`: length of the documents as a multiple of the trained length; `stored`, `reminded`: mean number of engrams per document, stored and reminded in the last segment of its batch (a shorter document continues with segments of padding); `accuracy`: share of right answers, for `sort` of right tokens, 0 to 1; `bytes`: mean size of a document's memory at its end, 0 for a store of bounded size; `ms_per_token`: milliseconds per token read, padding included |
/// | `classify` | `accuracy`: share of documents; `macro_f1`: mean of the classes' F1 |
/// | `lm` | `mode`: `none` for a model without memory, `carried`, `wiped` before every segment, or `other`: another row's memory; `bits_per_byte`; `perplexity` per token; `tokens_per_second`; `last_seen`: `bits_per_token` of words by the `segments` since they were last seen, and the number of their `tokens` |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The task.
    pub task: TaskName,
    /// The command line.
    pub command: String,
    /// The version of this crate.
    pub version: String,
    /// One result for each context and seed.
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
    /// Time of the training in seconds.
    pub seconds: f64,
    /// The tests of the trained model.
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
    /// Reads `results.json`, from its path or that of its folder.
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

    /// Writes the file completely, or leaves the old one unchanged.
    ///
    /// # Errors
    ///
    /// [`TaskError::File`].
    pub fn write(&self, path: &Path) -> Result<(), TaskError> {
        write_json(path, self)
    }
}

/// Rounds a value to six decimal places, which JSON preserves exactly.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Reads a file of [`write_json`].
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, TaskError> {
    let hint = "`memoria train TASK --output FOLDER` leaves it, when it has finished";
    serde_json::from_slice(&files::read(path, hint)?).map_err(|error| {
        let advice =
            "if it was not meant to be so, delete it, and `memoria train --resume` writes it again";
        TaskError::format(path, format!("{error}: {advice}"))
    })
}

/// Writes a value as indented JSON.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TaskError> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| TaskError::format(path, error.to_string()))?;
    files::write(path, format!("{json}\n").as_bytes())
}

impl Test {
    /// Returns the main measure, which tables compare.
    pub fn value(&self) -> f64 {
        match self {
            Self::Questions { accuracy, .. } | Self::Classes { accuracy, .. } => *accuracy,
            Self::Text { bits_per_byte, .. } => *bits_per_byte,
        }
    }

    /// Returns the name of the test. Tests of several seeds with the same name belong together.
    pub fn name(&self) -> String {
        match self {
            Self::Questions { length, .. } => format!("{length}×"),
            Self::Classes { .. } => "accuracy".into(),
            Self::Text { mode, .. } => format!("{mode:?}").to_lowercase(),
        }
    }
}
