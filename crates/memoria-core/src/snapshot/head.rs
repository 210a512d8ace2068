use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use burn::backend::DType;

use super::{FORMAT, settings};
use crate::{
    MemoriaConfig, MemoriaError, Storage,
    files::checksummed::{ChecksummedReader, ChecksummedWriter},
};

/// What a snapshot tells of itself before any engram.
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
    /// What was [added](crate::Snapshot::attribute) when it was saved.
    pub attributes: BTreeMap<String, Vec<u8>>,
}

impl SnapshotInfo {
    /// Looks into a file without restoring anything.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Io`], and as [`read`](Self::read).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, MemoriaError> {
        let path = path.as_ref();
        Self::read(open(path)?).map_err(|error| error.in_file(path))
    }

    /// Looks into a snapshot: at its first blocks, and at no engram.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::UnknownFormat`], [`MemoriaError::NewerVersion`], [`MemoriaError::Damaged`] or
    /// [`MemoriaError::Invalid`] of what is looked at; [`MemoriaError::Io`].
    pub fn read(reader: impl Read) -> Result<Self, MemoriaError> {
        Self::take_from(&mut ChecksummedReader::begin(reader, &FORMAT)?)
    }

    pub(super) fn write(&self, to: &mut ChecksummedWriter<impl Write>) -> io::Result<()> {
        settings::write(&self.config, to)?;
        to.put(&[storage_code(self.storage)])?;
        to.put_number(self.attributes.len() as u64)?;
        for (name, value) in &self.attributes {
            to.put_bytes(name.as_bytes())?;
            to.put_bytes(value)?;
        }
        to.put_number(self.rows as u64)?;
        if let (Some(dim), Some(dtype)) = (self.dim, self.dtype) {
            to.put_number(dim as u64)?;
            to.put(&[dtype_code(dtype)])?;
            to.put_number(self.engrams)?;
        }
        Ok(())
    }

    pub(super) fn take_from(from: &mut ChecksummedReader<impl Read>) -> Result<Self, MemoriaError> {
        let config = match from.version() {
            1 => settings::read_version_1(from)?,
            _ => settings::read(from)?,
        };
        config.validate().map_err(|error| from.invalid(error.to_string()))?;
        let [storage] = from.array()?;
        let storage = match storage {
            0 => Storage::Auto,
            1 => Storage::Device,
            2 => Storage::Host,
            code => return Err(from.invalid(format!("storage {code} is unknown"))),
        };
        let attributes = attributes(from)?;
        let rows = from.count("rows")?;
        let (mut dim, mut dtype, mut engrams) = (None, None, 0);
        if rows > 0 {
            let size = from.count("hidden dimension")?;
            if size == 0 || size > isize::MAX as usize / size_of::<f64>() {
                return Err(from.invalid(format!("a hidden dimension of {size}")));
            }
            dim = Some(size);
            let [code] = from.array()?;
            let known = dtype_of(code);
            dtype =
                Some(known.ok_or_else(|| from.invalid(format!("float type {code} is unknown")))?);
            engrams = from.number()?;
        }
        let version = from.version();
        Ok(Self { version, config, storage, rows, dim, dtype, engrams, attributes })
    }
}

/// Opens a file to read it.
pub(super) fn open(path: &Path) -> Result<File, MemoriaError> {
    File::open(path).map_err(|error| MemoriaError::Io {
        what: format!("opening {}", path.display()),
        source: error.into(),
    })
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

fn storage_code(storage: Storage) -> u8 {
    match storage {
        Storage::Auto => 0,
        Storage::Device => 1,
        Storage::Host => 2,
    }
}

fn dtype_code(dtype: DType) -> u8 {
    match dtype {
        DType::F64 => 1,
        DType::Flex32 => 2,
        DType::F16 => 3,
        DType::BF16 => 4,
        _ => 0,
    }
}

fn dtype_of(code: u8) -> Option<DType> {
    let known = [DType::F32, DType::F64, DType::Flex32, DType::F16, DType::BF16];
    known.into_iter().find(|&dtype| dtype_code(dtype) == code)
}
