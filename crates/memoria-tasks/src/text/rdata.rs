//! Data of R packages: the part of R's serialization format that tables of texts need.
//!
//! A package's data are in `data/Rdata.rdb`, one compressed object after the other. `data/Rdata.rdx` contains the
//! offset of each object. See "Serialization Formats" in R Internals.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use flate2::read::{GzDecoder, ZlibDecoder};

use crate::{TaskError, files};

/// Reads an object of a package's data by its name, as lines of text.
pub(super) fn lines(package: &Path, object: &str, hint: &str) -> Result<Vec<String>, TaskError> {
    let index_path = package.join("data/Rdata.rdx");
    let index = files::read(&index_path, hint)?;
    let compressed = |error: io::Error| TaskError::format(&index_path, error.to_string());
    let index = inflate(&index).map_err(compressed)?;
    let index = Reader::new(&index)
        .and_then(|mut reader| reader.value())
        .map_err(|problem| TaskError::format(&index_path, problem))?;
    let place = index.get("variables").and_then(|variables| variables.get(object));
    let Some([offset, length]) = place.and_then(Value::pair) else {
        return Err(TaskError::format(&index_path, format!("it does not tell where {object} is")));
    };
    let path = package.join("data/Rdata.rdb");
    let data = fs::read(&path).map_err(TaskError::file(&path))?;
    let wrong = |problem: String| TaskError::format(&path, format!("{object}: {problem}"));
    let end = offset.checked_add(length).filter(|&end| end <= data.len());
    let data = end.map(|end| &data[offset..end]);
    let data = data.ok_or_else(|| wrong("the file ends before it".into()))?;
    // Four bytes of size, then zlib data, unless a letter names another compression.
    if matches!(data.get(4), Some(b'Z' | b'2')) {
        return Err(wrong(
            "compressed by xz or bzip2; only gzip's is read, as in Debian's package".into(),
        ));
    }
    let data =
        inflate(data.get(4..).unwrap_or_default()).map_err(|error| wrong(error.to_string()))?;
    match Reader::new(&data).and_then(|mut reader| reader.value()).map_err(wrong)? {
        Value::Strings(lines) => Ok(lines),
        _ => Err(wrong("not lines of text".into())),
    }
}

fn inflate(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut inflated = Vec::new();
    if data.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(data).read_to_end(&mut inflated)?;
    } else {
        ZlibDecoder::new(data).read_to_end(&mut inflated)?;
    }
    Ok(inflated)
}

/// A value in the data.
#[derive(Debug)]
enum Value {
    Other,
    Integers(Vec<i64>),
    Strings(Vec<String>),
    /// Values with names, which may be empty.
    List(Vec<(String, Value)>),
}

impl Value {
    fn get(&self, name: &str) -> Option<&Value> {
        let Self::List(values) = self else { return None };
        values.iter().find(|(of, _)| of == name).map(|(_, value)| value)
    }

    fn pair(&self) -> Option<[usize; 2]> {
        let Self::Integers(numbers) = self else { return None };
        let [first, second] = numbers[..] else { return None };
        Some([usize::try_from(first).ok()?, usize::try_from(second).ok()?])
    }
}

const ATTRIBUTES: u32 = 0x200;
const TAG: u32 = 0x400;
/// Maximum depth of nested lists.
const DEPTH: usize = 100;

/// Reads one object in R's portable format (XDR).
struct Reader<'a> {
    data: &'a [u8],
    symbols: Vec<String>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn new(data: &'a [u8]) -> Result<Self, String> {
        let mut reader = Self { data, symbols: Vec::new(), depth: 0 };
        if reader.take(2)? != b"X\n" {
            return Err("not in R's portable format".into());
        }
        let [version, _, _] = [reader.integer()?, reader.integer()?, reader.integer()?];
        match version {
            2 => {}
            // The encoding of the R that wrote the file.
            3 => {
                let length = reader.length()?;
                reader.take(length)?;
            }
            other => return Err(format!("version {other} of R's format is not known")),
        }
        Ok(reader)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.data.split_at_checked(count).ok_or("the data end too early")?;
        self.data = rest;
        Ok(taken)
    }

    fn integer(&mut self) -> Result<i32, String> {
        let bytes = self.take(4)?.try_into().map_err(|_| "four bytes are four")?;
        Ok(i32::from_be_bytes(bytes))
    }

    fn length(&mut self) -> Result<usize, String> {
        let length = self.integer()?;
        usize::try_from(length).map_err(|_| format!("a length of {length}"))
    }

    fn value(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("lists in lists without end".into());
        }
        let flags = self.integer()? as u32;
        let value = self.value_of(flags)?;
        self.depth -= 1;
        Ok(value)
    }

    fn value_of(&mut self, flags: u32) -> Result<Value, String> {
        let mut value = match flags & 0xff {
            251 | 253 | 254 => return Ok(Value::Other),
            255 => {
                let index = if flags >> 8 == 0 { self.integer()? as u32 } else { flags >> 8 };
                let symbol = self.symbols.get((index as usize).wrapping_sub(1));
                return Ok(Value::Strings(vec![symbol.ok_or("an unknown reference")?.clone()]));
            }
            1 => {
                let name = self.value()?;
                if let Value::Strings(name) = &name {
                    self.symbols.extend(name.first().cloned());
                }
                return Ok(name);
            }
            9 => {
                let length = self.integer()?;
                let text = match usize::try_from(length) {
                    Err(_) => "",
                    Ok(length) => std::str::from_utf8(self.take(length)?)
                        .map_err(|_| "a text is not UTF-8".to_owned())?,
                };
                return Ok(Value::Strings(vec![text.to_owned()]));
            }
            2 => return self.pairs(flags),
            10 | 13 => {
                let length = self.length()?;
                let numbers = self.take(length.checked_mul(4).ok_or("too long")?)?;
                let number = |bytes: &[u8]| bytes.iter().fold(0u32, |n, &b| n << 8 | u32::from(b));
                Value::Integers(numbers.chunks(4).map(|b| i64::from(number(b) as i32)).collect())
            }
            14 => {
                let length = self.length()?;
                self.take(length.checked_mul(8).ok_or("too long")?)?;
                Value::Other
            }
            16 => {
                let mut texts = Vec::new();
                for _ in 0..self.length()? {
                    let Value::Strings(text) = self.value()? else {
                        return Err("a text was expected".into());
                    };
                    texts.extend(text);
                }
                Value::Strings(texts)
            }
            19 => {
                let mut values = Vec::new();
                for _ in 0..self.length()? {
                    values.push((String::new(), self.value()?));
                }
                Value::List(values)
            }
            // A compact vector: its type, its content, its attributes.
            238 => {
                let (_, content, _) = (self.value()?, self.value()?, self.value()?);
                return Ok(content);
            }
            kind => return Err(format!("R's type {kind} is not known")),
        };
        if flags & ATTRIBUTES != 0
            && let attributes = self.value()?
            && let (Value::List(values), Some(Value::Strings(names))) =
                (&mut value, attributes.get("names"))
        {
            values.iter_mut().zip(names).for_each(|((of, _), name)| of.clone_from(name));
        }
        Ok(value)
    }

    fn pairs(&mut self, mut flags: u32) -> Result<Value, String> {
        let mut pairs = Vec::new();
        while flags & 0xff == 2 {
            if flags & ATTRIBUTES != 0 {
                self.value()?;
            }
            let mut name = String::new();
            if flags & TAG != 0
                && let Value::Strings(tag) = self.value()?
            {
                name = tag.into_iter().next().unwrap_or_default();
            }
            pairs.push((name, self.value()?));
            flags = self.integer()? as u32;
        }
        Ok(Value::List(pairs))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;

    fn header() -> Vec<u8> {
        [b"X\n".as_slice(), &[0, 0, 0, 2], &[0; 8]].concat()
    }

    fn integers(numbers: &[i32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn text(text: &str) -> Vec<u8> {
        [integers(&[9, text.len() as i32]), text.as_bytes().to_vec()].concat()
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// A pair list of one entry.
    fn entry(symbol: &str, value: Vec<u8>) -> Vec<u8> {
        [integers(&[2 | TAG as i32, 1]), text(symbol), value, integers(&[254])].concat()
    }

    fn list(name: &str, value: Vec<u8>) -> Vec<u8> {
        let names = [integers(&[16, 1]), text(name)].concat();
        [integers(&[19 | ATTRIBUTES as i32, 1]), value, entry("names", names)].concat()
    }

    #[test]
    fn a_packages_texts_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::create_dir_all(folder.join("data")).unwrap();
        let lines_of = [header(), integers(&[16, 2]), text("It is a truth"), text("")].concat();
        let object = [integers(&[lines_of.len() as i32]), zlib(&lines_of)].concat();
        let place = [integers(&[13, 2, 3, object.len() as i32])].concat();
        let index = [header(), list("variables", list("pride", place))].concat();
        fs::write(folder.join("data/Rdata.rdx"), zlib(&index)).unwrap();
        fs::write(folder.join("data/Rdata.rdb"), [b"...".to_vec(), object.clone()].concat())
            .unwrap();
        assert_eq!(lines(folder, "pride", "").unwrap(), ["It is a truth", ""]);
        let error = lines(folder, "emma", "").unwrap_err().to_string();
        assert!(error.contains("does not tell where emma is"), "{error}");
        fs::write(folder.join("data/Rdata.rdb"), &object).unwrap();
        assert!(lines(folder, "pride", "").unwrap_err().to_string().contains("ends before it"));
    }

    #[test]
    fn damaged_data_are_refused() {
        let data = [header(), list("variables", list("pride", integers(&[13, 2, 3, 4])))].concat();
        assert!(Reader::new(&data).unwrap().value().is_ok());
        for end in 0..data.len() {
            let read = Reader::new(&data[..end]).and_then(|mut reader| reader.value());
            assert!(read.is_err());
        }
        let deep = [header(), integers(&[19, 1].repeat(1000))].concat();
        assert!(Reader::new(&deep).unwrap().value().unwrap_err().contains("without end"));
        // Any content gives a value or an error.
        for at in 14..data.len() {
            let mut damaged = data.clone();
            damaged[at] ^= 0xff;
            let _ = Reader::new(&damaged).unwrap().value();
        }
    }
}
