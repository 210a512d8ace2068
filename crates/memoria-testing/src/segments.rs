//! Files of segments.

use std::{fs, path::Path};

use serde::Deserialize;

/// One segment of every row of a batch.
#[derive(Debug, Deserialize)]
pub struct Segment {
    /// `[batch][seq]`.
    pub input_ids: Vec<Vec<i64>>,
    /// `[batch][seq]`: 1 for a token, 0 for padding. Without it there is no padding.
    pub attention_mask: Option<Vec<Vec<i64>>>,
    /// Token types. Without them all are 0 in an encoder; a GPT-2 has none.
    pub token_type_ids: Option<Vec<Vec<i64>>>,
    /// Positions. Without them tokens are counted.
    pub position_ids: Option<Vec<Vec<i64>>>,
}

#[derive(Deserialize)]
struct File {
    segments: Vec<Segment>,
}

/// # Errors
///
/// A message that names the file.
pub fn read(path: &Path) -> Result<Vec<Segment>, String> {
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let file: File = serde_json::from_str(&text)
        .map_err(|error| format!("{name} is not a file of segments: {error}"))?;
    Ok(file.segments)
}
