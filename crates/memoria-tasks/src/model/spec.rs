use std::path::Path;

use super::{ContextName, ModelConfig};
use crate::{
    TaskError,
    config::{MemoryConfig, Sizes},
    text::missing_checkpoint,
};

/// Everything that defines the model of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// The model.
    pub model: ModelConfig,
    /// Its memory.
    pub memory: MemoryConfig,
    /// The part of the memory that it has.
    pub context: ContextName,
    /// The sizes of the task.
    pub sizes: Sizes,
    /// The run's seed.
    pub seed: u64,
}

impl ModelSpec {
    /// Checks that the parts fit each other.
    ///
    /// # Errors
    ///
    /// As [`ModelConfig::check`], [`ModelConfig::check_memory`] and [`ModelConfig::check_context`].
    pub fn check(&self) -> Result<(), TaskError> {
        self.model.check()?;
        self.model.check_memory(&self.memory)?;
        self.model.check_context(self.context)
    }

    /// Refuses a task with more tokens or longer segments than the model supports.
    pub(super) fn check_sizes(
        &self,
        tokens: usize,
        vocabulary: usize,
        positions: usize,
    ) -> Result<(), TaskError> {
        let length = self.sizes.segment_length;
        if length > positions {
            let expected = format!("at most {positions}, for which the model has positions");
            return Err(TaskError::option("data.segment_length", expected, length));
        }
        if tokens > vocabulary {
            let expected = format!(
                "of at most {vocabulary} tokens, as vocab_size of the model's config.json says: the two files are to be \
                    one model's",
            );
            return Err(TaskError::option("tokenizer.json", expected, tokens));
        }
        Ok(())
    }
}

/// Checks that a folder contains the configuration of a checkpoint.
pub(super) fn has_config(folder: &Path) -> Result<(), TaskError> {
    let path = folder.join("config.json");
    match path.is_file() {
        true => Ok(()),
        false => Err(missing_checkpoint(path, "")),
    }
}
