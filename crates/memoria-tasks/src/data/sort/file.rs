use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{TaskError, data::Split, files};

/// Sequences in the published format: one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortFile {
    /// Number of tokens of every sequence.
    pub prompt_length: usize,
    /// Number of symbols; tokens are below it.
    pub vocab_size: usize,
    /// Sequences for training.
    pub train: Vec<SortExample>,
    /// Sequences for validation.
    pub dev: Vec<SortExample>,
    /// Sequences for tests.
    pub test: Vec<SortExample>,
}

/// One sequence and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortExample {
    /// The sequence.
    pub prompt_ids: Vec<u32>,
    /// Every symbol once, by descending count.
    pub target_ids: Vec<u32>,
}

impl SortFile {
    /// Reads a file and checks its sizes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`], [`TaskError::File`] or [`TaskError::Format`].
    pub fn read(path: &Path) -> Result<Self, TaskError> {
        let hint = "Write one with `memoria data sort --write FILE`, or leave data.file out";
        let text = files::read(path, hint)?;
        let file: Self = serde_json::from_slice(&text).map_err(|error| {
            let form = "expected an object with prompt_length, vocab_size, train, dev and test";
            TaskError::format(path, format!("{form}: {error}"))
        })?;
        for split in [Split::Train, Split::Valid, Split::Test] {
            for (index, example) in file.split(split).iter().enumerate() {
                file.check(example).map_err(|problem| {
                    TaskError::format(path, format!("sequence {index} of {split:?}: {problem}"))
                })?;
            }
        }
        Ok(file)
    }

    /// Writes the file completely, or leaves the old one unchanged.
    ///
    /// # Errors
    ///
    /// [`TaskError::File`].
    pub fn write(&self, path: &Path) -> Result<(), TaskError> {
        let json = serde_json::to_string(self)
            .map_err(|error| TaskError::format(path, error.to_string()))?;
        files::write(path, json.as_bytes())
    }

    /// Returns the sequences of a split.
    pub fn split(&self, split: Split) -> &[SortExample] {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.dev,
            Split::Test => &self.test,
        }
    }

    fn check(&self, example: &SortExample) -> Result<(), String> {
        let SortExample { prompt_ids, target_ids } = example;
        if prompt_ids.len() != self.prompt_length {
            return Err(format!(
                "expected prompt_length = {} tokens, got {}",
                self.prompt_length,
                prompt_ids.len()
            ));
        }
        if target_ids.len() != self.vocab_size {
            let got = target_ids.len();
            return Err(format!("expected vocab_size = {} symbols, got {got}", self.vocab_size));
        }
        match prompt_ids.iter().chain(target_ids).find(|&&token| token as usize >= self.vocab_size)
        {
            Some(token) => {
                Err(format!("token {token} is not below vocab_size = {}", self.vocab_size))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::{DocumentId, SortConfig, Task};

    #[test]
    fn what_is_written_is_read() {
        let config = SortConfig { symbols: 5, length: 30, ..SortConfig::default() };
        let sort = config.load().unwrap();
        let file = sort.file(3, 1, [4, 2, 1]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sort.json");
        file.write(&path).unwrap();
        let read = SortConfig { file: Some(path), ..SortConfig::default() }.load().unwrap();
        assert_eq!(read.documents(Split::Train), Some(4));
        let id = DocumentId::new(Split::Train, 3, 2);
        assert_eq!(read.document(id).unwrap(), sort.document(id).unwrap());
        assert!(read.document(DocumentId::new(Split::Valid, 0, 2)).is_err());
        assert!(read.document(id.longer(2)).is_err());
    }

    #[test]
    fn other_forms_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sort.json");
        let refused = |text: &str| {
            fs::write(&path, text).unwrap();
            SortFile::read(&path).unwrap_err().to_string()
        };
        assert!(refused("[]").contains("expected an object"));
        let of = |prompt: &str, target: &str| {
            format!(
                r#"{{"prompt_length": 2, "vocab_size": 3, "dev": [], "test": [],
                "train": [{{"prompt_ids": {prompt}, "target_ids": {target}}}]}}"#
            )
        };
        assert!(
            refused(&of("[1]", "[0,1,2]")).contains("expected prompt_length = 2 tokens, got 1")
        );
        assert!(refused(&of("[1,1]", "[0,1]")).contains("vocab_size = 3 symbols, got 2"));
        assert!(refused(&of("[1,3]", "[0,1,2]")).contains("token 3 is not below"));
        fs::remove_file(&path).unwrap();
        assert!(SortFile::read(&path).unwrap_err().to_string().contains("is not there"));
    }
}
