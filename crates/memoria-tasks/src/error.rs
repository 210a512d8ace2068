use std::{io, path::PathBuf};

use memoria_core::MemoriaError;
use memoria_models::ModelError;

/// What a task, a training or a run can fail of. Messages say what was expected, what came and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A value of the configuration does not fit.
    #[error("{option} must be {expected}, got {got}")]
    Option {
        /// Its name in the configuration.
        option: String,
        /// What would fit.
        expected: String,
        /// What was given.
        got: String,
    },
    /// A file or folder that a task reads is not there.
    #[error("{} is not there. {hint}", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
        /// Where it can be had.
        hint: String,
    },
    /// A file is not what it should be.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what was expected.
        problem: String,
    },
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The memory refused.
    #[error("memory: {0}")]
    Memory(#[from] MemoriaError),
    /// A model refused.
    #[error("model: {0}")]
    Model(#[from] ModelError),
    /// Nothing finite came of a model that was trained.
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

    /// A file that is not what it should be.
    pub fn format(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Format { path: path.into(), problem: problem.into() }
    }

    /// For `map_err`: a file that could not be read or written.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// Refuses a value below the least that makes sense.
pub(crate) fn at_least(option: &str, got: usize, least: usize) -> Result<(), TaskError> {
    if got >= least {
        return Ok(());
    }
    Err(TaskError::option(option, format!("at least {least}"), got))
}
