use std::{
    collections::BTreeMap,
    io::{Read, Write},
    path::Path,
};

use burn::backend::DType;

use super::{FORMAT, settings};
use crate::{
    MemoriaConfig, MemoriaError, Storage,
    files::{
        checksummed::{ChecksummedReader, ChecksummedWriter},
        durable_file::open,
    },
};

/// In order of their codes.
const STORAGES: [Storage; 3] = [Storage::Auto, Storage::Device, Storage::Host];
const DTYPES: [DType; 5] = [DType::F32, DType::F64, DType::Flex32, DType::F16, DType::BF16];

/// The head of a snapshot: everything before its engrams.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SnapshotInfo {
    /// The version of the format.
    pub version: u32,
    /// The configuration of the memory.
    pub config: MemoriaConfig,
    /// Where its vectors were kept.
    pub storage: Storage,
    /// How many rows there are.
    pub rows: usize,
    /// The hidden dimension; `None` without rows.
    pub dim: Option<usize>,
    /// The float type of the vectors; `None` without rows.
    pub dtype: Option<DType>,
    /// Engrams in all rows.
    pub engrams: u64,
    /// The attributes that were [added](crate::Snapshot::attribute) when it was saved.
    pub attributes: BTreeMap<String, Vec<u8>>,
}

impl SnapshotInfo {
    /// Reads the head of a file without restoring anything.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Io`], and as [`read`](Self::read).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, MemoriaError> {
        let path = path.as_ref();
        Self::read(open(path)?).map_err(|error| error.in_file(path))
    }

    /// Reads the head of a snapshot: its first blocks, and no engram.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::UnknownFormat`], [`MemoriaError::NewerVersion`], [`MemoriaError::Damaged`] or
    /// [`MemoriaError::Invalid`] for the part that is read; [`MemoriaError::Io`].
    pub fn read(reader: impl Read) -> Result<Self, MemoriaError> {
        Self::take_from(&mut ChecksummedReader::begin(reader, &FORMAT)?)
    }

    pub(super) fn write(&self, to: &mut ChecksummedWriter<impl Write>) -> Result<(), MemoriaError> {
        settings::write(&self.config, to)?;
        to.put(&[code(&STORAGES, self.storage)])?;
        to.put_number(self.attributes.len() as u64)?;
        for (name, value) in &self.attributes {
            to.put_bytes(name.as_bytes())?;
            to.put_bytes(value)?;
        }
        to.put_number(self.rows as u64)?;
        if let (Some(dim), Some(dtype)) = (self.dim, self.dtype) {
            to.put_number(dim as u64)?;
            to.put(&[code(&DTYPES, dtype)])?;
            to.put_number(self.engrams)?;
        }
        Ok(())
    }

    pub(super) fn take_from(from: &mut ChecksummedReader<impl Read>) -> Result<Self, MemoriaError> {
        let config = match from.version {
            1 => settings::read_version_1(from)?,
            _ => settings::read(from)?,
        };
        config.validate().map_err(|error| from.invalid(error.to_string()))?;
        let storage = known(&STORAGES, "storage", from)?;
        let attributes = attributes(from)?;
        let rows = from.count("rows")?;
        let (mut dim, mut dtype, mut engrams) = (None, None, 0);
        if rows > 0 {
            let size = from.count("hidden dimension")?;
            if size == 0 || size > isize::MAX as usize / size_of::<f64>() {
                return Err(from.invalid(format!("a hidden dimension of {size}")));
            }
            dim = Some(size);
            dtype = Some(known(&DTYPES, "float type", from)?);
            engrams = from.number()?;
        }
        let version = from.version;
        Ok(Self { version, config, storage, rows, dim, dtype, engrams, attributes })
    }
}

fn attributes(
    from: &mut ChecksummedReader<impl Read>,
) -> Result<BTreeMap<String, Vec<u8>>, MemoriaError> {
    let mut attributes = BTreeMap::<String, Vec<u8>>::new();
    for _ in 0..from.count("attributes")? {
        let name = from.text("the name of an attribute")?;
        if attributes.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return Err(from.invalid(format!("attribute `{name}` is out of order")));
        }
        let value = from.bytes("the value of an attribute")?;
        attributes.insert(name, value);
    }
    Ok(attributes)
}

/// The code of a value: its place among the known ones.
fn code<T: PartialEq>(known: &[T], value: T) -> u8 {
    known.iter().position(|known| *known == value).unwrap_or(0) as u8
}

/// Reads a code and returns its value.
fn known<T: Copy>(
    known: &[T],
    what: &str,
    from: &mut ChecksummedReader<impl Read>,
) -> Result<T, MemoriaError> {
    let [code] = from.array()?;
    let value = known.get(usize::from(code)).copied();
    value.ok_or_else(|| from.invalid(format!("{what} {code} is unknown")))
}
