use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use burn::backend::DType;

use super::{FORMAT, VERSION_1};
use crate::{
    Correlation, LongTermSearch, MemoriaConfig, MemoriaError, Pooling, ShortTermSearch, Storage,
    Wiring,
    files::sealed::{Format, Sealer, Unsealer},
};

/// What a snapshot tells of itself before any engram.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SnapshotInfo {
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
    /// What whoever saved it [added](crate::Snapshot::attribute).
    pub attributes: BTreeMap<String, Vec<u8>>,
}

impl SnapshotInfo {
    /// Looks into a file without restoring anything.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Io`], and as [`read`](Self::read).
    pub fn load(path: impl AsRef<Path>) -> Result<Self, MemoriaError> {
        Self::read(open(path.as_ref())?)
    }

    /// Looks into a snapshot: at its first blocks, and at no engram.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::UnknownFormat`], [`MemoriaError::NewerVersion`], [`MemoriaError::Damaged`] or
    /// [`MemoriaError::Invalid`] of what is looked at; [`MemoriaError::Io`].
    pub fn read(reader: impl Read) -> Result<Self, MemoriaError> {
        Self::take_from(&mut Unsealer::begin(reader, &FORMAT)?)
    }

    /// What it is written in.
    pub(super) fn format(&self) -> &'static Format {
        let MemoriaConfig { short_term_search, long_term_search, wiring, pooling, .. } =
            self.config;
        let choices = (short_term_search, long_term_search, wiring, pooling);
        if choices == Default::default() { &VERSION_1 } else { &FORMAT }
    }

    pub(super) fn write(&self, to: &mut Sealer<impl Write>) -> io::Result<()> {
        let config = &self.config;
        to.put_number(config.num_reminded_stm as u64)?;
        to.put_number(config.stm_capacity as u64)?;
        to.put_number(config.ltm_search_depth as u64)?;
        to.put(&config.initial_lifespan.to_le_bytes())?;
        to.put_number(config.num_final_ltms as u64)?;
        to.put(&[correlation_code(config.correlation)])?;
        to.put_number(config.ltm_exploration as u64)?;
        to.put(&config.seed.to_le_bytes())?;
        if self.format().version >= 2 {
            to.put(&[
                code(config.short_term_search, SHORT_TERM_SEARCHES),
                code(config.long_term_search, LONG_TERM_SEARCHES),
                code(config.wiring, WIRINGS),
                code(config.pooling, POOLINGS),
            ])?;
        }
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

    pub(super) fn take_from(from: &mut Unsealer<impl Read>) -> Result<Self, MemoriaError> {
        let config = config(from)?;
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
        Ok(Self { config, storage, rows, dim, dtype, engrams, attributes })
    }
}

/// Opens a file to read it.
pub(super) fn open(path: &Path) -> Result<File, MemoriaError> {
    File::open(path).map_err(|error| MemoriaError::Io {
        what: format!("opening {}", path.display()),
        source: error.into(),
    })
}

fn config(from: &mut Unsealer<impl Read>) -> Result<MemoriaConfig, MemoriaError> {
    let num_reminded_stm = from.setting("num_reminded_stm")?;
    let stm_capacity = from.setting("stm_capacity")?;
    let ltm_search_depth = from.setting("ltm_search_depth")?;
    let initial_lifespan = f32::from_le_bytes(from.array()?);
    let num_final_ltms = from.setting("num_final_ltms")?;
    let [correlation] = from.array()?;
    let correlation = match correlation {
        0 => Correlation::NegSquaredL2,
        1 => Correlation::Gaussian,
        code => return Err(from.invalid(format!("correlation {code} is unknown"))),
    };
    let ltm_exploration = from.setting("ltm_exploration")?;
    let seed = u64::from_le_bytes(from.array()?);
    let mut config = MemoriaConfig {
        num_reminded_stm,
        stm_capacity,
        ltm_search_depth,
        initial_lifespan,
        num_final_ltms,
        correlation,
        ltm_exploration,
        seed,
        ..MemoriaConfig::new(0, 0, 0, 0.0, 0)
    };
    if from.version() >= 2 {
        config.short_term_search = choice(from, "short-term search", SHORT_TERM_SEARCHES)?;
        config.long_term_search = choice(from, "long-term search", LONG_TERM_SEARCHES)?;
        config.wiring = choice(from, "wiring", WIRINGS)?;
        config.pooling = choice(from, "pooling", POOLINGS)?;
    }
    config.validate().map_err(|error| from.invalid(error.to_string()))?;
    Ok(config)
}

/// The choices of a setting; their codes are their places.
const SHORT_TERM_SEARCHES: &[ShortTermSearch] = &[
    ShortTermSearch::Nearest,
    ShortTermSearch::Newest,
    ShortTermSearch::Random,
    ShortTermSearch::None,
];
const LONG_TERM_SEARCHES: &[LongTermSearch] = &[
    LongTermSearch::Walk,
    LongTermSearch::Nearest,
    LongTermSearch::WalkAndNearest,
    LongTermSearch::Random,
    LongTermSearch::None,
];
const WIRINGS: &[Wiring] = &[Wiring::CoFiring, Wiring::Random];
const POOLINGS: &[Pooling] = &[Pooling::Mean, Pooling::Max];

/// The code of a choice; every choice has one.
fn code<T: PartialEq>(choice: T, choices: &[T]) -> u8 {
    choices.iter().position(|other| *other == choice).unwrap_or(choices.len()) as u8
}

fn choice<T: Copy>(
    from: &mut Unsealer<impl Read>,
    what: &str,
    choices: &[T],
) -> Result<T, MemoriaError> {
    let [code] = from.array()?;
    let known = choices.get(usize::from(code)).copied();
    known.ok_or_else(|| from.invalid(format!("{what} {code} is unknown")))
}

fn attributes(from: &mut Unsealer<impl Read>) -> Result<BTreeMap<String, Vec<u8>>, MemoriaError> {
    let mut attributes = BTreeMap::<String, Vec<u8>>::new();
    for _ in 0..from.count("attributes")? {
        let name = String::from_utf8(from.bytes("the name of an attribute")?);
        let name = name.map_err(|_| from.invalid("the name of an attribute is not text"))?;
        if attributes.last_key_value().is_some_and(|(last, _)| *last >= name) {
            return Err(from.invalid(format!("attribute `{name}` is out of order")));
        }
        let value = from.bytes("the value of an attribute")?;
        attributes.insert(name, value);
    }
    Ok(attributes)
}

fn correlation_code(correlation: Correlation) -> u8 {
    match correlation {
        Correlation::NegSquaredL2 => 0,
        Correlation::Gaussian => 1,
    }
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
