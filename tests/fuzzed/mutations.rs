//! Changes of inputs as a fuzzer makes them; the same for the same seed.

use rand::{Rng, RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Number, Value};

/// Bytes at limits.
const BYTES: [u8; 9] = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff, b'"'];
/// Numbers at limits.
const NUMBERS: [&str; 18] = [
    "0",
    "1",
    "2",
    "-1",
    "0.5",
    "50.0",
    "1e-45",
    "1e-308",
    "16777216",
    "16777217",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "1e38",
    "1e308",
];

/// Changed copies of some inputs.
pub(crate) struct Mutations {
    rng: ChaCha8Rng,
    originals: Vec<Vec<u8>>,
}

impl Mutations {
    pub(crate) fn new(seed: u64, originals: Vec<Vec<u8>>) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), originals }
    }

    /// Returns one of the inputs, changed in one to four places.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let Self { rng, originals } = self;
        let mut bytes = originals.choose(rng).unwrap().clone();
        for _ in 0..rng.random_range(1..5) {
            change_bytes(&mut bytes, originals, rng);
        }
        bytes
    }

    /// Returns one of the inputs, which must be JSON, with changed values or changed bytes.
    pub(crate) fn json(&mut self) -> String {
        if self.rng.random_ratio(1, 4) {
            return String::from_utf8_lossy(&self.bytes()).into_owned();
        }
        let Self { rng, originals } = self;
        let mut value = serde_json::from_slice(originals.choose(rng).unwrap()).unwrap();
        for _ in 0..rng.random_range(1..4) {
            change_value(&mut value, rng);
        }
        value.to_string()
    }
}

fn change_bytes(bytes: &mut Vec<u8>, originals: &[Vec<u8>], rng: &mut impl Rng) {
    if bytes.is_empty() {
        return bytes.push(rng.random());
    }
    let at = rng.random_range(0..bytes.len());
    let to = rng.random_range(at..bytes.len().min(at + 40)) + 1;
    match rng.random_range(0..9) {
        0 | 1 => bytes[at] ^= 1 << rng.random_range(0..8),
        2 => bytes[at] = *BYTES.choose(rng).unwrap(),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..to)),
        5 => bytes.insert(at, *BYTES.choose(rng).unwrap()),
        6 => {
            let repeated = bytes[at..to].to_vec();
            bytes.splice(at..at, repeated);
        }
        7 => {
            let place = rng.random_range(0..bytes.len());
            let copied = bytes[at..to].to_vec();
            let end = bytes.len().min(place + copied.len());
            bytes.splice(place..end, copied);
        }
        _ => {
            let other = originals.choose(rng).unwrap();
            bytes.truncate(at);
            bytes.extend(&other[at.min(other.len())..]);
        }
    }
}

/// Descends to a random value and changes it.
fn change_value(value: &mut Value, rng: &mut impl Rng) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let key = map.keys().nth(rng.random_range(0..map.len())).unwrap().clone();
            match rng.random_range(0..10) {
                0 => drop(map.remove(&key)),
                1 => move_to_another_key(map, &key, rng),
                _ => change_value(&mut map[&key], rng),
            }
        }
        Value::Array(values) if !values.is_empty() => {
            let at = rng.random_range(0..values.len());
            match rng.random_range(0..8) {
                0 => drop(values.remove(at)),
                1 => values.insert(at, values[at].clone()),
                _ => change_value(&mut values[at], rng),
            }
        }
        Value::Number(_) if rng.random_ratio(7, 8) => *value = Value::Number(number(rng)),
        Value::Bool(is) if rng.random() => *is = !*is,
        other => {
            let others = [Value::Null, true.into(), "gpt2".into(), Value::Array(vec![]), 3.into()];
            *other = others.choose(rng).unwrap().clone();
        }
    }
}

fn move_to_another_key(map: &mut Map<String, Value>, key: &str, rng: &mut impl Rng) {
    let to = map.keys().nth(rng.random_range(0..map.len())).unwrap().clone();
    let value = map[key].clone();
    map.insert(to, value);
}

/// Returns a small, an extreme, or any number.
fn number(rng: &mut impl Rng) -> Number {
    match rng.random_range(0..4) {
        0 | 1 => rng.random_range(0u64..20).into(),
        2 => serde_json::from_str(NUMBERS.choose(rng).unwrap()).unwrap(),
        _ => (rng.random::<u64>() >> rng.random_range(0..64)).into(),
    }
}
