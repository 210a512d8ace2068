//! A state on disk: the snapshot of its memory, with attributes.
//!
//! ```text
//! lifespan_extend_scale  f32
//! bptt                   u64
//! layer_segment          of rows; only if a row has a previous segment. Of each row:
//!   padding              of each position a byte, 1 if memories are not made of it
//!   hidden states        of each position as many numbers as a vector has, of its float type
//! ```
//!
//! All rows have as many positions, and numbers are little-endian.

use std::path::Path;

use burn::{
    backend::{DType, Dispatch, ops::FloatTensorOps},
    tensor::{Device, Tensor, TensorData},
};
#[cfg(doc)]
use memoria_core::Memoria;
use memoria_core::{MemoriaError, Restore, Restored, Snapshot, SnapshotInfo};

use super::{MemoriaState, MemoriaStateConfig, Previous};
use crate::padding::Padding;

/// Names of what a snapshot of a [`MemoriaState`] has besides the memory.
pub(super) const SCALE: &str = "lifespan_extend_scale";
const BPTT: &str = "bptt";
const SEGMENT: &str = "layer_segment";

impl MemoriaState {
    /// What is needed to save the memory, this state's configuration included, and the previous segment of a
    /// layer whose memories are made of it, for which the device is read once more.
    ///
    /// The gradient window is not saved: a restored state's is empty, as after [`detach`](Self::detach).
    ///
    /// # Errors
    ///
    /// As [`Memoria::snapshot`].
    pub fn snapshot(&mut self) -> Result<Snapshot<'_, Dispatch>, MemoriaError> {
        let (scale, bptt) = (self.lifespan_extend_scale, self.bptt() as u64);
        let rows = self.previous.as_ref().map(Previous::to_bytes).transpose()?;
        let snapshot = self.memory.snapshot()?;
        let snapshot =
            snapshot.attribute(SCALE, scale.to_le_bytes()).attribute(BPTT, bptt.to_le_bytes());
        match rows {
            Some(rows) => snapshot.row_attribute(SEGMENT, rows),
            None => Ok(snapshot),
        }
    }

    /// [Saves](Snapshot::save) all rows to a file, or leaves the one that was there.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot) and [`Snapshot::save`].
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<(), MemoriaError> {
        self.snapshot()?.save(path)
    }

    /// Restores all rows from a file to a device, without autodiff if it has that. With a
    /// [`Restore`] of more choices, use `MemoriaState::try_from`.
    ///
    /// # Errors
    ///
    /// As [`Restore::load`]; [`MemoriaError::MissingAttribute`] if it is the snapshot of a [`Memoria`]
    /// that was in no `MemoriaState`; [`MemoriaError::Invalid`] for a previous segment that cannot be.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self, MemoriaError> {
        let device = device.clone().inner();
        Restore::new(device.as_dispatch()).load(path)?.try_into()
    }
}

/// A state from the snapshot of one, with an empty gradient window.
impl TryFrom<Restored<Dispatch>> for MemoriaState {
    type Error = MemoriaError;

    fn try_from(restored: Restored<Dispatch>) -> Result<Self, MemoriaError> {
        let previous = Previous::from_restored(&restored)?;
        let Restored { memory, info, .. } = restored;
        let scale = f32::from_le_bytes(attribute(&info, SCALE)?);
        let bptt = u64::from_le_bytes(attribute(&info, BPTT)?);
        let bptt = usize::try_from(bptt).unwrap_or(usize::MAX);
        let config =
            MemoriaStateConfig { memoria: info.config, lifespan_extend_scale: scale, bptt };
        Ok(Self { memory, previous, ..config.init()? })
    }
}

/// An attribute of a snapshot that has as many bytes as it should.
fn attribute<const N: usize>(
    info: &SnapshotInfo,
    name: &'static str,
) -> Result<[u8; N], MemoriaError> {
    let value = info.attributes.get(name).and_then(|value| value[..].try_into().ok());
    value.ok_or(MemoriaError::MissingAttribute { name })
}

impl Previous {
    /// Every row as it is saved.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Device`].
    fn to_bytes(&self) -> Result<Vec<Vec<u8>>, MemoriaError> {
        let [batch, seq, _] = self.hidden.dims();
        let hidden = self.hidden.clone().inner().try_into_data();
        let hidden = hidden.map_err(|error| MemoriaError::Device(Box::new(error)))?;
        let hidden = little_endian(hidden.as_bytes().to_vec(), hidden.dtype());
        let length = hidden.len() / batch;
        let row = |row: usize| {
            let mut bytes = self.positions(row, seq).into_iter().map(u8::from).collect::<Vec<_>>();
            bytes.extend_from_slice(&hidden[row * length..][..length]);
            bytes
        };
        Ok((0..batch).map(row).collect())
    }

    /// What was saved of the rows that were restored, where their vectors are and in their float type.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Invalid`]; [`MemoriaError::NonFiniteData`] if hidden states do not fit the float
    /// type.
    fn from_restored(restored: &Restored<Dispatch>) -> Result<Option<Self>, MemoriaError> {
        let Some(rows) = restored.row_attribute(SEGMENT)? else { return Ok(None) };
        let (info, memory) = (&restored.info, &restored.memory);
        let (Some(d_model), Some(saved)) = (info.dim, info.dtype) else { return Ok(None) };
        let (Some(dtype), Some(device)) = (memory.dtype(), memory.device()) else {
            return Ok(None);
        };
        let position = 1 + d_model * saved.size();
        let seq = rows.first().map_or(0, |row| row.len() / position);
        let (mut numbers, mut positions) = (Vec::new(), Vec::new());
        for (index, row) in rows.iter().enumerate() {
            if seq == 0 || row.len() != seq * position || row[..seq].iter().any(|&byte| byte > 1) {
                return Err(MemoriaError::Invalid {
                    format: "snapshot",
                    row: Some(index),
                    found: "a previous segment that cannot be".to_owned(),
                });
            }
            positions.extend(row[..seq].iter().map(|&byte| byte == 1));
            numbers.extend_from_slice(&row[seq..]);
        }
        let numbers = little_endian(numbers, saved);
        let hidden = TensorData::from_bytes_vec(numbers, [rows.len(), seq, d_model], saved);
        let hidden = if dtype == saved { hidden } else { convert(hidden, dtype)? };
        let hidden = Tensor::from_dispatch(Dispatch::float_from_data(hidden, device));
        Ok(Self::new(hidden, Padding::new(seq, positions)).if_any())
    }
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
