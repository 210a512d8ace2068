//! Reading configurations field by field, with errors that name the field.

use serde_json::{Map, Value};

use crate::ModelError;

/// A value that a field of a configuration can have.
pub(crate) trait FieldValue: Sized {
    /// What it must be.
    const EXPECTED: &'static str;
    /// `None` if it is something else.
    fn read(value: &Value) -> Option<Self>;
}

impl FieldValue for usize {
    const EXPECTED: &'static str = "a whole number of 0 or more";
    fn read(value: &Value) -> Option<Self> {
        let whole = |number: &f64| number.fract() == 0.0 && (0.0..=2f64.powi(53)).contains(number);
        match value.as_u64() {
            Some(number) => Self::try_from(number).ok(),
            // Python's type hints allow 50.0 where 50 is meant.
            None => value.as_f64().filter(whole).map(|number| number as Self),
        }
    }
}

impl FieldValue for i64 {
    const EXPECTED: &'static str = "a whole number";
    fn read(value: &Value) -> Option<Self> {
        let whole = |number: &f64| number.fract() == 0.0 && number.abs() <= 2f64.powi(53);
        match value.as_i64() {
            Some(number) => Some(number),
            None => value.as_f64().filter(whole).map(|number| number as Self),
        }
    }
}

impl FieldValue for u64 {
    const EXPECTED: &'static str = "a whole number of 0 or more";
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}

impl FieldValue for f64 {
    const EXPECTED: &'static str = "a number";
    fn read(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl FieldValue for bool {
    const EXPECTED: &'static str = "true or false";
    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl FieldValue for String {
    const EXPECTED: &'static str = "a string";
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(Self::from)
    }
}

/// The fields of a `config.json`, each of which is taken out once.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// Whether a field is there without a value.
    pub(crate) fn is_null(&self, field: &str) -> bool {
        self.get(field).is_some_and(Value::is_null)
    }

    /// Takes a field out if it has such a value; any other stays.
    pub(crate) fn if_it_is<T: FieldValue>(&mut self, field: &str) -> Option<T> {
        let value = T::read(self.get(field)?)?;
        self.0.remove(field);
        Some(value)
    }

    /// Drops fields.
    pub(crate) fn drop(&mut self, fields: &[&str]) {
        fields.iter().for_each(|field| drop(self.0.remove(*field)));
    }

    /// A field that may be absent or null.
    pub(crate) fn optional<T: FieldValue>(&mut self, field: &str) -> Result<Option<T>, ModelError> {
        match self.0.remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match T::read(&value) {
                Some(read) => Ok(Some(read)),
                None => Err(invalid(field, T::EXPECTED, value)),
            },
        }
    }

    pub(crate) fn or<T: FieldValue>(&mut self, field: &str, default: T) -> Result<T, ModelError> {
        Ok(self.optional(field)?.unwrap_or(default))
    }

    /// A field under the first of its names that is there; an error tells that one, or the first. Under
    /// its other names it is dropped.
    pub(crate) fn required<T: FieldValue>(&mut self, names: &[&str]) -> Result<T, ModelError> {
        let found = names.iter().find(|name| self.has(name)).copied().unwrap_or(names[0]);
        let value = self.optional(found)?;
        self.drop(names);
        value.ok_or_else(|| ModelError::MissingField { field: found.to_owned() })
    }

    /// What was not taken out.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.0
    }
}

/// The error for a field with a value that it cannot have.
pub(crate) fn invalid(
    field: impl Into<String>,
    expected: impl Into<String>,
    got: impl ToString,
) -> ModelError {
    ModelError::InvalidField {
        field: field.into(),
        expected: expected.into(),
        got: got.to_string(),
    }
}

/// Refuses a size of 0.
pub(crate) fn check_positive(fields: &[(&str, usize)]) -> Result<(), ModelError> {
    match fields.iter().find(|(_, value)| *value == 0) {
        Some((field, value)) => Err(invalid(*field, "above 0", value)),
        None => Ok(()),
    }
}

/// Refuses dropout rates outside [0, 1].
pub(crate) fn check_rates(fields: &[(&str, f64)]) -> Result<(), ModelError> {
    match fields.iter().find(|(_, value)| !(0.0..=1.0).contains(value)) {
        Some((field, value)) => Err(invalid(*field, "0 or more and at most 1", value)),
        None => Ok(()),
    }
}

/// Refuses a deviation that is not 0 or more and finite.
pub(crate) fn check_deviation(field: &str, value: f64) -> Result<(), ModelError> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(()),
        false => Err(invalid(field, "0 or more and finite", value)),
    }
}

/// Refuses numbers that are not above 0 and finite.
pub(crate) fn check_above_zero(fields: &[(&str, f64)]) -> Result<(), ModelError> {
    match fields.iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
        Some((field, value)) => Err(invalid(*field, "above 0 and finite", value)),
        None => Ok(()),
    }
}
