//! Text to tokens and back.

use std::path::Path;

use tokenizers::Tokenizer;

/// The tokenizer of a checkpoint folder: its `tokenizer.json`, without truncation or padding; `None` if
/// there is none.
///
/// # Errors
///
/// A message that names the file.
pub(crate) fn tokenizer(folder: &Path) -> Result<Option<Tokenizer>, String> {
    let path = folder.join("tokenizer.json");
    if !path.is_file() {
        return Ok(None);
    }
    let unreadable = |error| format!("{} is not a tokenizer: {error}", path.display());
    let mut tokenizer = Tokenizer::from_file(&path).map_err(unreadable)?;
    tokenizer.with_truncation(None).map_err(unreadable)?.with_padding(None);
    Ok(Some(tokenizer))
}
