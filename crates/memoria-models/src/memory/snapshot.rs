//! A model's memory on disk: the snapshot of its state with an attribute that says so, `model_memory`, the version
//! of what a model keeps in it (u32).
//!
//! Since version 2 the previous segment is attached to the rows. In version 1 it was an attribute
//! `previous_segment`, there if a row had one. Of each row, after its length (u64):
//!
//! ```text
//! has one         byte, 0 or 1; if 0, all that follows is zeros
//! left out        of each position a byte, 1 if memories are not made of it
//! hidden states   of each position as many numbers as a vector of the memory has, of its float type
//! ```
//!
//! All rows had as many positions, and numbers are little-endian.

use std::path::Path;

use burn::{
    backend::{DType, Dispatch, ops::FloatTensorOps},
    tensor::{Device, Int, Tensor, TensorData},
};
use memoria_core::{Attachment, Memoria, MemoriaError, Restore, Restored, Snapshot, SnapshotInfo};

use super::ModelMemory;

/// What errors call it.
const FORMAT: &str = "memory of a model";
const VERSION_NAME: &str = "model_memory";
const VERSION: u32 = 2;
/// The attribute of version 1, and what a state calls what is attached since.
const HIDDEN: &str = "previous_segment";

impl ModelMemory {
    /// What is needed to save the memory whole, so that a model goes on from it as it would have.
    ///
    /// In it is what the [state's](memoria_nn::MemoriaState::snapshot) has and, of a model with working memories that
    /// come from the previous segment, that segment's hidden states, for which the device is read once more.
    /// The gradient window is not saved: a restored memory's is empty, as after
    /// [`detach`](Self::detach). Which model it belongs to is for the caller to
    /// [add](Snapshot::attribute).
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::snapshot`](memoria_nn::MemoriaState::snapshot).
    pub fn snapshot(&mut self) -> Result<Snapshot<'_, Dispatch>, MemoriaError> {
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

    /// Restores all rows from a file to a device, without autodiff if it has that.
    ///
    /// [`load_as`](Self::load_as) restores in another float type. With more choices, such as some rows: a
    /// [`Restore`] of `device.as_dispatch()`, then `ModelMemory::try_from`.
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

    /// As [`load`](Self::load), in another float type: for a model that was [cast](memoria_nn::cast).
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); [`MemoriaError::UnsupportedDType`]; [`MemoriaError::NonFiniteData`] or
    /// [`MemoriaError::AttachmentTooLarge`] for numbers that are too large for the type.
    pub fn load_as(
        path: impl AsRef<Path>,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, MemoriaError> {
        let device = device.clone().inner();
        Restore::new(device.as_dispatch()).dtype(dtype).load(path)?.try_into()
    }
}

/// A memory from the snapshot of one, with an empty gradient window.
impl TryFrom<Restored<Dispatch>> for ModelMemory {
    type Error = MemoriaError;

    fn try_from(mut restored: Restored<Dispatch>) -> Result<Self, MemoriaError> {
        if version(&restored.info)? == 1 {
            attach_version_1(&mut restored)?;
        }
        Ok(Self { state: restored.try_into()? })
    }
}

/// # Errors
///
/// [`MemoriaError::MissingAttribute`] and [`MemoriaError::NewerVersion`].
fn version(info: &SnapshotInfo) -> Result<u32, MemoriaError> {
    let version = info.attributes.get(VERSION_NAME).and_then(|value| value[..].try_into().ok());
    match version.map(u32::from_le_bytes) {
        None | Some(0) => Err(MemoriaError::MissingAttribute { name: VERSION_NAME }),
        Some(found) if found > VERSION => {
            let (format, supported) = (FORMAT, VERSION);
            Err(MemoriaError::NewerVersion { path: None, format, found, supported })
        }
        Some(version) => Ok(version),
    }
}

/// Attaches the previous segment that version 1 has as an attribute.
///
/// # Errors
///
/// [`MemoriaError::Invalid`]; [`MemoriaError::NonFiniteData`] if hidden states do not fit the float type.
fn attach_version_1(restored: &mut Restored<Dispatch>) -> Result<(), MemoriaError> {
    let (info, memory) = (&restored.info, &mut restored.memory);
    let Some(joined) = info.attributes.get(HIDDEN) else { return Ok(()) };
    let rows = parted(joined, info.rows).ok_or_else(|| {
        let found = format!("attribute `{HIDDEN}` is not one of {} rows", info.rows);
        MemoriaError::Invalid { path: None, format: FORMAT, row: None, found }
    })?;
    let rows: Vec<&[u8]> = restored.rows.iter().map(|&row| rows[row]).collect();
    let (Some(d_model), Some(saved)) = (info.dim, info.dtype) else { return Ok(()) };
    let (Some(dtype), Some(device)) = (memory.dtype(), memory.device().cloned()) else {
        return Ok(());
    };
    let RowsRead { hidden, left_out, begun_anew, seq } = read(&rows, d_model * saved.size())?;
    if begun_anew.len() == rows.len() {
        return Ok(());
    }
    let shape = [rows.len(), seq, d_model];
    let hidden = TensorData::from_bytes_vec(little_endian(hidden, saved), shape, saved);
    let hidden = if dtype == saved { hidden } else { convert(hidden, dtype)? };
    let hidden = Tensor::<3>::from_dispatch(Dispatch::float_from_data(hidden, &device));
    for (row, left_out) in left_out.chunks(seq).enumerate() {
        if !begun_anew.contains(&row) {
            attach_row(memory, row, hidden.clone(), left_out)?;
        }
    }
    Ok(())
}

/// Attaches a row of hidden states `[batch, seq, d_model]`, without the positions that are left out.
fn attach_row(
    memory: &mut Memoria<Dispatch>,
    row: usize,
    hidden: Tensor<3>,
    left_out: &[bool],
) -> Result<(), MemoriaError> {
    let [_, seq, d_model] = hidden.dims();
    let read: Vec<i64> = (0..seq).filter(|&at| !left_out[at]).map(|at| at as i64).collect();
    if read.is_empty() {
        return Ok(());
    }
    let read = Tensor::<1, Int>::from_data(&read[..], &hidden.device());
    let hidden = hidden.narrow(0, row, 1).reshape([seq, d_model]).select(0, read);
    memory.attach(row, HIDDEN, Attachment::Tensor(hidden.into_dispatch()))
}

/// The values of so many rows, each after its length, if they are that.
fn parted(mut joined: &[u8], rows: usize) -> Option<Vec<&[u8]>> {
    let mut values = Vec::new();
    for _ in 0..rows {
        let (length, rest) = joined.split_first_chunk::<{ size_of::<u64>() }>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        values.push(value);
        joined = rest;
    }
    joined.is_empty().then_some(values)
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

/// Takes rows apart that have so many bytes of hidden states.
fn read(rows: &[&[u8]], bytes: usize) -> Result<RowsRead, MemoriaError> {
    let invalid = |row, found: &str| {
        let (format, found) = (FORMAT, found.to_owned());
        Err(MemoriaError::Invalid { path: None, format, row: Some(row), found })
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
