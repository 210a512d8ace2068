//! A model's memory on disk: the snapshot of its state, which has two attributes more.
//!
//! ```text
//! model_memory      the version of these attributes, 1 (u32)
//! previous_segment  of rows; only if a row has a previous segment. Of each row:
//!   has one         byte, 0 or 1; if 0, all that follows is zeros
//!   left out        of each position a byte, 1 if memories are not made of it
//!   hidden states   of each position as many numbers as a vector of the memory has, of its float type
//! ```
//!
//! All rows have as many positions, and numbers are little-endian.

use std::path::Path;

use burn::{
    backend::{DType, Dispatch, ops::FloatTensorOps},
    tensor::{Bool, Device, Tensor, TensorData},
};
use memoria_core::{Attachment, MemoriaError, Restore, Restored, Snapshot, SnapshotInfo};
use memoria_nn::MemoriaState;

use super::{ModelMemory, previous::Previous};

const VERSION_NAME: &str = "model_memory";
const VERSION: u32 = 1;
const PREVIOUS: &str = "previous_segment";

impl ModelMemory {
    /// What is needed to save the memory whole, so that a model goes on from it as it would have.
    ///
    /// In it is what the [state's](MemoriaState::snapshot) has, and of a model whose working memories come
    /// from the previous segment that segment's hidden states, for which the device is read once more.
    /// The gradient window is not saved: a restored memory's is empty, as after
    /// [`detach`](Self::detach). Which model it belongs to is for the caller to
    /// [add](Snapshot::attribute).
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::snapshot`].
    pub fn snapshot(&mut self) -> Result<Snapshot<'_, Dispatch>, MemoriaError> {
        self.check_previous()?;
        let previous = self.previous.as_ref().filter(|previous| !previous.is_absent());
        let rows = previous.map(Previous::to_bytes).transpose()?;
        for row in 0..self.batch() {
            self.state.memoria().remove_attachment(row, PREVIOUS)?;
        }
        for (row, bytes) in rows.into_iter().flatten().enumerate() {
            self.state.memoria().attach(row, PREVIOUS, Attachment::Bytes(bytes.into()))?;
        }
        Ok(self.state.snapshot()?.attribute(VERSION_NAME, VERSION.to_le_bytes()))
    }

    /// [Saves](Snapshot::save) all rows to a file, or leaves the one that was there.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot) and [`Snapshot::save`].
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<(), MemoriaError> {
        self.snapshot()?.save(path)
    }

    /// Restores all rows from a file to a device, without autodiff if it has that. With a [`Restore`] of
    /// more choices, use `ModelMemory::try_from`.
    ///
    /// # Errors
    ///
    /// As [`Restore::load`]; [`MemoriaError::MissingAttribute`] if it is the snapshot of something else
    /// than a `ModelMemory`; [`MemoriaError::NewerVersion`]; [`MemoriaError::Invalid`] for a previous
    /// segment that cannot be.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self, MemoriaError> {
        let device = device.clone().inner();
        Restore::new(device.as_dispatch()).load(path)?.try_into()
    }
}

/// A memory from the snapshot of one, with an empty gradient window.
impl TryFrom<Restored<Dispatch>> for ModelMemory {
    type Error = MemoriaError;

    fn try_from(restored: Restored<Dispatch>) -> Result<Self, MemoriaError> {
        check_version(&restored.info)?;
        let previous = Previous::from_restored(&restored)?;
        Ok(Self { state: MemoriaState::try_from(restored)?, previous })
    }
}

/// # Errors
///
/// [`MemoriaError::MissingAttribute`] and [`MemoriaError::NewerVersion`].
fn check_version(info: &SnapshotInfo) -> Result<(), MemoriaError> {
    let version = info.attributes.get(VERSION_NAME).and_then(|value| value[..].try_into().ok());
    match version.map(u32::from_le_bytes) {
        None | Some(0) => Err(MemoriaError::MissingAttribute { name: VERSION_NAME }),
        Some(found) if found > VERSION => {
            let (format, supported) = ("memory of a model", VERSION);
            Err(MemoriaError::NewerVersion { format, found, supported })
        }
        Some(_) => Ok(()),
    }
}

impl Previous {
    /// Every row as it is saved.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Device`].
    fn to_bytes(&self) -> Result<Vec<Vec<u8>>, MemoriaError> {
        let device = |error| MemoriaError::Device(Box::new(error));
        let [batch, seq, _] = self.hidden.dims();
        let hidden = self.hidden.clone().inner().try_into_data().map_err(device)?;
        let hidden = little_endian(hidden.as_bytes().to_vec(), hidden.dtype());
        let left_out: Vec<u8> = match self.left_out.clone() {
            None => vec![0; batch * seq],
            Some(left_out) => {
                let left_out = left_out.try_into_data().map_err(device)?;
                left_out.iter::<bool>().map(u8::from).collect()
            }
        };
        let rows = hidden.chunks(hidden.len() / batch).zip(left_out.chunks(seq)).enumerate();
        let row = |(row, (hidden, left_out)): (usize, (&[u8], &[u8]))| {
            if self.begun_anew.contains(&row) {
                return vec![0; 1 + left_out.len() + hidden.len()];
            }
            [&[1], left_out, hidden].concat()
        };
        Ok(rows.map(row).collect())
    }

    /// What was saved of the rows that were restored, where their vectors are and in their float type.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Invalid`]; [`MemoriaError::NonFiniteData`] if hidden states do not fit the float
    /// type.
    fn from_restored(restored: &Restored<Dispatch>) -> Result<Option<Self>, MemoriaError> {
        let mut rows = Vec::new();
        for row in 0..restored.memory.batch() {
            if let Some(Attachment::Bytes(bytes)) = restored.memory.attachment(row, PREVIOUS)? {
                rows.push(bytes);
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let rows: Vec<&[u8]> = rows.iter().map(|bytes| &bytes[..]).collect();
        let (info, memory) = (&restored.info, &restored.memory);
        let (Some(d_model), Some(saved)) = (info.dim, info.dtype) else { return Ok(None) };
        let (Some(dtype), Some(device)) = (memory.dtype(), memory.device()) else {
            return Ok(None);
        };
        let RowsRead { hidden, left_out, begun_anew, seq } = read(&rows, d_model * saved.size())?;
        if begun_anew.len() == rows.len() {
            return Ok(None);
        }
        let hidden = TensorData::from_bytes_vec(
            little_endian(hidden, saved),
            [rows.len(), seq, d_model],
            saved,
        );
        let converted = if dtype == saved { hidden } else { convert(hidden, dtype)? };
        let hidden = Tensor::<3>::from_dispatch(Dispatch::float_from_data(converted, device));
        let left_out = left_out.contains(&true).then(|| {
            let left_out = TensorData::new(left_out, [rows.len(), seq]);
            Tensor::<2, Bool>::from_data(left_out, &hidden.device())
        });
        Ok(Some(Self { hidden, left_out, begun_anew }))
    }
}

/// Rows that were taken apart.
struct RowsRead {
    /// The bytes of `[batch, seq, d_model]`.
    hidden: Vec<u8>,
    /// `[batch, seq]`.
    left_out: Vec<bool>,
    begun_anew: Vec<usize>,
    seq: usize,
}

/// Takes rows apart whose hidden states have so many bytes.
fn read(rows: &[&[u8]], bytes: usize) -> Result<RowsRead, MemoriaError> {
    let invalid = |row, found: &str| {
        let (format, found) = ("memory of a model", found.to_owned());
        Err(MemoriaError::Invalid { format, row: Some(row), found })
    };
    let seq = rows.first().map_or(0, |row| row.len().saturating_sub(1) / (1 + bytes));
    let (mut hidden, mut left_out, mut begun_anew) = (Vec::new(), Vec::new(), Vec::new());
    for (index, row) in rows.iter().enumerate() {
        if seq == 0 || row.len() != 1 + seq * (1 + bytes) {
            return invalid(index, "the previous segment is not of the length it must have");
        }
        match row[0] {
            0 if row.iter().any(|&byte| byte != 0) => {
                return invalid(index, "a row without previous segment has one");
            }
            0 => begun_anew.push(index),
            1 => {}
            _ => return invalid(index, "whether there is a previous segment is neither 0 nor 1"),
        }
        let (positions, numbers) = row[1..].split_at(seq);
        if positions.iter().any(|&byte| byte > 1) {
            return invalid(index, "whether a position is left out is neither 0 nor 1");
        }
        left_out.extend(positions.iter().map(|&byte| byte == 1));
        hidden.extend(numbers);
    }
    Ok(RowsRead { hidden, left_out, begun_anew, seq })
}

/// Hidden states `[batch, seq, d_model]` in another float type, in which they must be finite if they were.
fn convert(hidden: TensorData, dtype: DType) -> Result<TensorData, MemoriaError> {
    let &[_, seq, d_model] = hidden.shape().as_slice() else { return Ok(hidden) };
    let were_finite: Vec<bool> = hidden.iter::<f64>().map(f64::is_finite).collect();
    let converted = hidden.convert_dtype(dtype);
    let lost = converted
        .iter::<f64>()
        .zip(were_finite)
        .position(|(number, was_finite)| was_finite && !number.is_finite());
    match lost {
        None => Ok(converted),
        Some(at) => {
            let (row, position) = (at / (seq * d_model), at / d_model % seq);
            Err(MemoriaError::NonFiniteData { row, position, squared_norm: f64::INFINITY })
        }
    }
}

/// The bytes of numbers of this machine as little-endian ones, or the other way round.
fn little_endian(mut bytes: Vec<u8>, dtype: DType) -> Vec<u8> {
    if cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(dtype.size()).for_each(<[u8]>::reverse);
    }
    bytes
}
