use std::{io, path::PathBuf};

use memoria_core::MemoriaError;
use memoria_models::ModelError;

/// Errors of tasks, trainings and runs. A message gives the expected value, the value found, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A value of the configuration does not fit.
    #[error("{option} must be {expected}, got {got}")]
    Option {
        /// Its name in the configuration.
        option: String,
        /// Values that would fit.
        expected: String,
        /// The given value.
        got: String,
    },
    /// A file or folder that a task reads is missing.
    #[error("{} is not there. {hint}", path.display())]
    Missing {
        /// The missing path.
        path: PathBuf,
        /// Where to get it.
        hint: String,
    },
    /// A file does not have the expected content.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The problem, and the expected content.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// An error of the memory.
    #[error("memory: {0}")]
    Memory(#[from] MemoriaError),
    /// An error of a model.
    #[error("model: {0}")]
    Model(#[from] ModelError),
    /// The training diverged: its loss, or a tensor of the memory, is not finite.
    #[error(
        "{0}\nThe training diverged, or began with weights that are not finite: begin anew in another --output, with a \
            lower training.learning_rate or with clipping (training.clip)"
    )]
    Diverged(String),
    /// Burn's training ended early.
    #[error("training: {0}\nWhen that is mended, `--resume` goes on after the last finished epoch")]
    Training(String),
}

impl TaskError {
    /// A value of the configuration that does not fit.
    pub fn option(option: &str, expected: impl Into<String>, got: impl ToString) -> Self {
        Self::Option { option: option.into(), expected: expected.into(), got: got.to_string() }
    }

    /// A file that does not have the expected content.
    pub fn format(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Format { path: path.into(), problem: problem.into() }
    }

    /// For `map_err`: a file that could not be read or written.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// Refuses a value below `least`.
pub(crate) fn at_least(option: &str, got: usize, least: usize) -> Result<(), TaskError> {
    if got >= least {
        return Ok(());
    }
    Err(TaskError::option(option, format!("at least {least}"), got))
}
