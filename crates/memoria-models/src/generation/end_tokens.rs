//! Which tokens end a text, as a checkpoint says.

use std::path::Path;

use serde_json::Value;

use crate::{
    ModelError,
    fields::{FieldValue, invalid},
    json::read_json,
};

/// The files that may say it, the first of which that does so counts, as in transformers.
const FILES: [&str; 2] = ["generation_config.json", "config.json"];
const FIELD: &str = "eos_token_id";

/// The tokens that end a text, as a checkpoint folder says in the field `eos_token_id`, one or several: of
/// `generation_config.json` if it is there, and otherwise of `config.json`. None if neither says any.
///
/// Some checkpoints say a token that their vocabulary lacks, and which can never come: to be left out
/// before they are given as [`stop_tokens`](crate::GenerationConfig::stop_tokens).
///
/// ```no_run
/// use memoria_models::{GenerationConfig, Gpt2Config, end_tokens};
///
/// # fn main() -> Result<(), memoria_models::ModelError> {
/// let vocab_size = Gpt2Config::from_pretrained("gpt2")?.vocab_size as i64;
/// let stop = end_tokens("gpt2")?.into_iter().filter(|token| (0..vocab_size).contains(token));
/// let config = GenerationConfig::new(100).with_stop_tokens(stop);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`ModelError::Io`], [`ModelError::Json`] and [`ModelError::LfsPointer`] for a file that cannot be read,
/// but for a `generation_config.json` that is not there; [`ModelError::InvalidField`] for what is neither a
/// token nor a list of tokens.
pub fn end_tokens(folder: impl AsRef<Path>) -> Result<Vec<i64>, ModelError> {
    let [first, second] = FILES.map(|file| folder.as_ref().join(file));
    if first.is_file()
        && let Some(tokens) = read_tokens(&first)?
    {
        return Ok(tokens);
    }
    Ok(read_tokens(&second)?.unwrap_or_default())
}

fn read_tokens(path: &Path) -> Result<Option<Vec<i64>>, ModelError> {
    let map = read_json(path)?;
    let tokens = match map.get(FIELD) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(tokens)) => tokens.iter().map(i64::read).collect(),
        Some(token) => i64::read(token).map(|token| vec![token]),
    };
    let refused = || invalid(FIELD, "a token or a list of tokens", &map[FIELD]);
    tokens.ok_or_else(refused).map(Some)
}
