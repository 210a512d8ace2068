//! The configuration in snapshots.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

use serde_json::Value;

use crate::{
    Correlation, MemoriaConfig, MemoriaError,
    files::checksummed::{ChecksummedReader, ChecksummedWriter},
};

const NUMBER: u8 = 0;
const FLOAT: u8 = 1;
const TEXT: u8 = 2;

/// A configuration by field, in serde's form.
type Settings = BTreeMap<String, Value>;

/// Writes the settings that are neither zero nor the default.
pub(super) fn write(
    config: &MemoriaConfig,
    to: &mut ChecksummedWriter<impl Write>,
) -> Result<(), MemoriaError> {
    let mut settings = settings(config)?;
    let plain = self::settings(&plain())?;
    settings.retain(|name, value| plain.get(name) != Some(value));
    to.put_number(settings.len() as u64)?;
    for (name, value) in settings {
        to.put_bytes(name.as_bytes())?;
        match (value.as_str(), value.as_u64(), value.as_f64()) {
            (Some(text), ..) => {
                to.put(&[TEXT])?;
                to.put_bytes(text.as_bytes())?;
            }
            (_, Some(number), _) => {
                to.put(&[NUMBER])?;
                to.put_number(number)?;
            }
            (.., Some(float)) => {
                to.put(&[FLOAT])?;
                to.put(&(float as f32).to_le_bytes())?;
            }
            _ => return Err(unknown(&name)),
        }
    }
    Ok(())
}

/// Reads what [`write`] wrote; every configuration has exactly one form.
pub(super) fn read(from: &mut ChecksummedReader<impl Read>) -> Result<MemoriaConfig, MemoriaError> {
    let mut settings = settings(&plain())?;
    let mut last = String::new();
    for _ in 0..from.count("settings")? {
        let name = from.text("the name of a setting")?;
        let [kind] = from.array()?;
        let value = match kind {
            NUMBER => Value::from(from.number()?),
            FLOAT => Value::from(f32::from_le_bytes(from.array()?)),
            TEXT => Value::from(from.text("a setting")?),
            _ => return Err(from.invalid(format!("setting `{name}` is of no known kind"))),
        };
        if name <= last {
            return Err(from.invalid(format!("setting `{name}` is out of order")));
        }
        match settings.get(&name) {
            None => {
                let found = format!("setting `{name}` is not known here: a newer version wrote it");
                return Err(from.invalid(found));
            }
            Some(default) if *default == value => {
                return Err(from.invalid(format!("setting `{name}` is the default and told")));
            }
            Some(_) => settings.insert(name.clone(), value),
        };
        last = name;
    }
    let config = serde_json::from_value(Value::Object(settings.into_iter().collect()));
    config.map_err(|error| from.invalid(format!("its configuration: {error}")))
}

/// Reads the configuration of version 1.
pub(super) fn read_version_1(
    from: &mut ChecksummedReader<impl Read>,
) -> Result<MemoriaConfig, MemoriaError> {
    let mut config = plain();
    config.num_reminded_stm = from.setting("num_reminded_stm")?;
    config.stm_capacity = from.setting("stm_capacity")?;
    config.ltm_search_depth = from.setting("ltm_search_depth")?;
    config.initial_lifespan = f32::from_le_bytes(from.array()?);
    config.num_final_ltms = from.setting("num_final_ltms")?;
    let [correlation] = from.array()?;
    config.correlation = match correlation {
        0 => Correlation::NegSquaredL2,
        1 => Correlation::Gaussian,
        code => return Err(from.invalid(format!("correlation {code} is unknown"))),
    };
    config.ltm_exploration = from.setting("ltm_exploration")?;
    config.seed = u64::from_le_bytes(from.array()?);
    Ok(config)
}

/// The values of missing settings.
fn plain() -> MemoriaConfig {
    MemoriaConfig::new(0, 0, 0, 0.0, 0)
}

fn settings(config: &MemoriaConfig) -> Result<Settings, MemoriaError> {
    match serde_json::to_value(config) {
        Ok(Value::Object(fields)) => Ok(fields.into_iter().collect()),
        _ => Err(unknown("MemoriaConfig")),
    }
}

/// An error for a setting of a kind that [`write`] does not write: a fault of this crate, which a test finds.
fn unknown(name: &str) -> MemoriaError {
    let error = format!("`{name}` is of a kind that snapshots do not have");
    MemoriaError::io("writing a configuration", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::checksummed::Format;

    static FORMAT: Format = Format { magic: *b"settings", name: "snapshot", version: 1 };

    fn written(config: &MemoriaConfig) -> Vec<u8> {
        let mut to = ChecksummedWriter::begin(Vec::new(), &FORMAT, 1).unwrap();
        write(config, &mut to).unwrap();
        to.end().unwrap()
    }

    #[test]
    fn every_setting_comes_back() {
        let large = u64::MAX;
        for (index, text) in [
            format!(r#"{{"num_reminded_stm":{large},"stm_capacity":1,"ltm_search_depth":0,"initial_lifespan":3.4028235e38,"num_final_ltms":{large},"correlation":"gaussian","ltm_exploration":7,"seed":{large},"short_term_search":"newest","long_term_search":"walk_and_nearest","pooling":"max"}}"#),
            r#"{"num_reminded_stm":0,"stm_capacity":0,"ltm_search_depth":0,"initial_lifespan":0.1,"num_final_ltms":0}"#.into(),
        ]
        .iter()
        .enumerate()
        {
            let config: MemoriaConfig = serde_json::from_str(text).unwrap();
            let bytes = written(&config);
            let mut from = ChecksummedReader::begin(&bytes[..], &FORMAT).unwrap();
            assert_eq!(read(&mut from).unwrap(), config, "{index}");
            from.end().unwrap();
        }
    }

    /// Every new field of the configuration must be of a kind that can be written.
    #[test]
    fn every_field_is_of_a_kind_that_is_written() {
        for (name, value) in settings(&plain()).unwrap() {
            assert!(value.is_string() || value.is_number(), "{name}: {value}");
        }
    }
}
