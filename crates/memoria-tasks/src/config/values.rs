//! Values of a configuration; errors name the option.

use serde::de::DeserializeOwned;

use crate::TaskError;

/// Upper bound of every count: tokens are numbered in 32 bits, and products of counts must not overflow.
const LARGEST_COUNT: i64 = 100_000_000;

/// Reads a table of options. The error names the option that does not fit.
///
/// # Errors
///
/// [`TaskError::Option`].
pub(super) fn read<T: DeserializeOwned>(name: &str, table: toml::Table) -> Result<T, TaskError> {
    serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|error| {
        let problem = error.inner().message().replace('\n', " ");
        match error.path().to_string() {
            path if path == "." || problem.starts_with("unknown field") => {
                TaskError::option(name, "a table of its options", problem)
            }
            path => TaskError::option(&format!("{name}.{path}"), "a value that it takes", problem),
        }
    })
}

/// Refuses counts below 0 or above the upper bound, and numbers that are not finite or beyond ±1e30.
///
/// # Errors
///
/// [`TaskError::Option`].
pub(super) fn check(name: &str, value: &toml::Value) -> Result<(), TaskError> {
    match value {
        toml::Value::Integer(count) if !(0..=LARGEST_COUNT).contains(count) => {
            Err(TaskError::option(name, format!("between 0 and {LARGEST_COUNT}"), count))
        }
        toml::Value::Float(number) if !number.is_finite() || number.abs() > 1e30 => {
            Err(TaskError::option(name, "a number between -1e30 and 1e30", number))
        }
        toml::Value::Array(values) => values.iter().try_for_each(|value| check(name, value)),
        toml::Value::Table(table) => {
            table.iter().try_for_each(|(key, value)| check(&format!("{name}.{key}"), value))
        }
        _ => Ok(()),
    }
}
