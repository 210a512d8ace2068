use std::{
    fs,
    path::{Path, PathBuf},
};

use tokenizers::Tokenizer;

use crate::TaskError;

/// Files of a tokenizer that `tokenizer.json` stands for, and which are not read.
const OTHER_FILES: [&str; 5] =
    ["vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model"];

/// What a pointer of Git LFS begins with.
const LFS_POINTER: &str = "version https://git-lfs.github.com/spec/";

/// The tokenizer of a checkpoint folder: its `tokenizer.json`, without truncation or padding; `None` if
/// there is none.
///
/// # Errors
///
/// A message that names the file.
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

/// Tokens that a tokenizer numbers: one more than the last of them.
pub(crate) fn token_count(tokenizer: &Tokenizer) -> usize {
    let last = tokenizer.get_vocab(true).into_values().max();
    last.map_or(0, |last| last as usize + 1)
}

/// A file that is not in the folder of a checkpoint that a model is to begin with.
pub(crate) fn missing_checkpoint(path: PathBuf, found: &str) -> TaskError {
    let hint = format!(
        "The folder of a BERT, RoBERTa or GPT-2 is expected, as Hugging Face has them: config.json, \
            model.safetensors or pytorch_model.bin, and tokenizer.json{found}"
    );
    TaskError::Missing { path, hint }
}

/// The `tokenizer.json` of the folder of a checkpoint that a model is to begin with.
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

/// Says that a folder has no `tokenizer.json`, and how to make it of what there is instead.
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
