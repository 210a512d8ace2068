//! Reading the JSON files of a checkpoint folder.

use std::{borrow::Cow, fs, path::Path};

use serde_json::{Map, Value};

use crate::{ModelError, lfs::refuse_pointer};

/// Numbers that JSON does not know, as Python writes and reads them; each before those it is a part of.
const PYTHON_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

/// The object in a JSON file.
///
/// Python writes numbers that JSON does not know as `NaN`, `Infinity` and `-Infinity`. They are read as
/// strings, so that a field that must be a number is refused with what it holds.
///
/// # Errors
///
/// [`ModelError::Io`], [`ModelError::Json`] and [`ModelError::LfsPointer`].
pub(crate) fn read_json(path: &Path) -> Result<Map<String, Value>, ModelError> {
    refuse_pointer(path)?;
    let text = fs::read_to_string(path)
        .map_err(|source| ModelError::Io { path: path.to_owned(), source })?;
    serde_json::from_str(&with_numbers_as_strings(&text))
        .map_err(|source| ModelError::Json { path: path.to_owned(), source })
}

/// JSON with [`PYTHON_NUMBERS`] in quotes, where they are not a part of a string already.
fn with_numbers_as_strings(text: &str) -> Cow<'_, str> {
    if !PYTHON_NUMBERS.iter().any(|number| text.contains(number)) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let number = PYTHON_NUMBERS.into_iter().find(|number| rest.starts_with(number));
        let len = match number {
            Some(number) => number.len(),
            None if first == '"' => string_len(rest),
            None => first.len_utf8(),
        };
        let (part, after) = rest.split_at(len);
        match number {
            Some(_) => quoted.extend(["\"", part, "\""]),
            None => quoted.push_str(part),
        }
        rest = after;
    }
    Cow::Owned(quoted)
}

/// Bytes of the string that a text begins with, its quotes included; all of the text if it does not end.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(r#"{"a": NaN}"#, json!({"a": "NaN"}))]
    #[case(r#"{"a": [Infinity, -Infinity, NaN, 1]}"#, json!({"a": ["Infinity", "-Infinity", "NaN", 1]}))]
    #[case(r#"{"NaN": "NaN, -Infinity \" NaN", "b\\": NaN}"#,
           json!({"NaN": "NaN, -Infinity \" NaN", "b\\": "NaN"}))]
    #[case("{\"é\": {\"ü\": Infinity}}", json!({"é": {"ü": "Infinity"}}))]
    fn numbers_of_python_are_read(#[case] text: &str, #[case] expected: Value) {
        let read: Value = serde_json::from_str(&with_numbers_as_strings(text)).unwrap();
        assert_eq!(read, expected);
    }

    #[rstest]
    #[case(r#"{"a": NaNo}"#)]
    #[case(r#"{"a": "NaN}"#)]
    #[case(r#"{"a": NaN"#)]
    #[case(r#"{"a": --Infinity}"#)]
    #[case(r#"{"a": "NaN\"#)]
    fn what_is_no_json_stays_so(#[case] text: &str) {
        assert!(serde_json::from_str::<Value>(&with_numbers_as_strings(text)).is_err());
    }
}
