use std::{
    fs,
    path::{Path, PathBuf},
};

use tokenizers::Tokenizer;

use crate::TaskError;

/// Files of a tokenizer that `tokenizer.json` replaces; they are not read.
const OTHER_FILES: [&str; 5] =
    ["vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model"];

/// The beginning of a pointer of Git LFS.
const LFS_POINTER: &str = "version https://git-lfs.github.com/spec/";

/// Reads the tokenizer of a checkpoint folder from its `tokenizer.json`, without truncation or padding. `None` if there
/// is no such file.
///
/// # Errors
///
/// A message with the file's name.
pub fn tokenizer(folder: &Path) -> Result<Option<Tokenizer>, String> {
    let path = folder.join("tokenizer.json");
    if !path.is_file() {
        return Ok(None);
    }
    let name = path.display();
    let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
    if text.starts_with(LFS_POINTER) {
        return Err(format!(
            "{name} is a Git LFS pointer, not the file itself: `git lfs pull` in its folder fetches that"
        ));
    }
    let unreadable = |error| format!("{name} is not a tokenizer: {error}");
    let mut tokenizer: Tokenizer = text.parse().map_err(unreadable)?;
    tokenizer.with_truncation(None).map_err(unreadable)?.with_padding(None);
    Ok(Some(tokenizer))
}

/// Number of token ids of a tokenizer: its largest id plus one.
pub(crate) fn token_count(tokenizer: &Tokenizer) -> usize {
    let last = tokenizer.get_vocab(true).into_values().max();
    last.map_or(0, |last| last as usize + 1)
}

/// The error for a file that is missing in the folder of a model's checkpoint.
pub(crate) fn missing_checkpoint(path: PathBuf, found: &str) -> TaskError {
    let hint = format!(
        "The folder of a BERT, RoBERTa or GPT-2 is expected, as Hugging Face has them: config.json, \
            model.safetensors or pytorch_model.bin, and tokenizer.json{found}"
    );
    TaskError::Missing { path, hint }
}

/// Returns the path of `tokenizer.json` in the folder of a model's checkpoint.
///
/// # Errors
///
/// [`TaskError::Missing`].
pub(crate) fn tokenizer_file(folder: &Path) -> Result<PathBuf, TaskError> {
    let path = folder.join("tokenizer.json");
    if path.is_file() {
        return Ok(path);
    }
    let found = match folder.is_dir() {
        true => format!(". {}", missing_tokenizer(folder)),
        false => String::new(),
    };
    Err(missing_checkpoint(path, &found))
}

/// A message that a folder has no `tokenizer.json`, and how to make it from the files that exist.
pub fn missing_tokenizer(folder: &Path) -> String {
    let name = folder.display();
    match OTHER_FILES.iter().find(|file| folder.join(file).is_file()) {
        None => format!("{name} has no tokenizer.json"),
        Some(file) => format!(
            "{name} has no tokenizer.json, only {file}, which is not read; transformers makes it: AutoTokenizer.from_pretrained({name:?}).save_pretrained({name:?})",
            name = name.to_string(),
        ),
    }
}
