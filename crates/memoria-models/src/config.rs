//! Parts that the configurations of all models share.

use serde_json::Value;

use crate::{
    Activation, ModelError,
    fields::{Fields, invalid},
};

/// The model type, which must be one of those given if there is one.
pub(crate) fn check_model_type(
    fields: &mut Fields,
    known: &[&str],
) -> Result<Option<String>, ModelError> {
    let model_type = fields.optional::<String>("model_type")?;
    match model_type {
        Some(other) if !known.contains(&other.as_str()) => {
            Err(invalid("model_type", format!("one of {}", known.join(", ")), Value::from(other)))
        }
        model_type => Ok(model_type),
    }
}

pub(crate) fn read_activation(
    fields: &mut Fields,
    field: &str,
    default: Activation,
) -> Result<Activation, ModelError> {
    match fields.optional::<String>(field)? {
        None => Ok(default),
        Some(name) => name
            .parse()
            .map_err(|known| invalid(field, format!("one of {known}"), Value::from(name))),
    }
}
