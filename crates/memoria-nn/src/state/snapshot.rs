//! A state on disk: the snapshot of its memory, with attributes.
//!
//! ```text
//! lifespan_extend_scale  f32
//! bptt                   u64
//! ```
//!
//! Numbers are little-endian. The previous segment of a layer is attached to the rows.

use std::path::Path;

use burn::{
    backend::Dispatch,
    tensor::{DType, Device},
};
use memoria_core::{MemoriaError, Restore, Restored, Snapshot, SnapshotInfo};

use super::{MemoriaState, MemoriaStateConfig};

/// Names of what a snapshot of a [`MemoriaState`] has besides the memory.
pub(super) const SCALE: &str = "lifespan_extend_scale";
const BPTT: &str = "bptt";

impl MemoriaState {
    /// What is needed to save the memory, this state's configuration included, and the previous segment of a
    /// layer that makes its memories of it.
    ///
    /// The gradient window is not saved: a restored state's is empty, as after [`detach`](Self::detach).
    ///
    /// # Errors
    ///
    /// As [`Memoria::snapshot`](memoria_core::Memoria::snapshot).
    pub fn snapshot(&mut self) -> Result<Snapshot<'_, Dispatch>, MemoriaError> {
        let (scale, bptt) = (self.lifespan_extend_scale, self.bptt() as u64);
        let snapshot = self.memory.snapshot()?;
        Ok(snapshot.attribute(SCALE, scale.to_le_bytes()).attribute(BPTT, bptt.to_le_bytes()))
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
    /// [`Restore`] of `device.as_dispatch()`, then `MemoriaState::try_from`.
    ///
    /// # Errors
    ///
    /// As [`Restore::load`]; [`MemoriaError::MissingAttribute`] if it is the snapshot of a [`Memoria`](memoria_core::Memoria)
    /// that was in no `MemoriaState`; [`MemoriaError::InvalidConfig`] for a scale that is not finite.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self, MemoriaError> {
        let device = device.clone().inner();
        Restore::new(device.as_dispatch()).load(path)?.try_into()
    }

    /// As [`load`](Self::load), in another float type: for a layer that was [cast](crate::cast).
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

/// A state from the snapshot of one, with an empty gradient window.
impl TryFrom<Restored<Dispatch>> for MemoriaState {
    type Error = MemoriaError;

    fn try_from(restored: Restored<Dispatch>) -> Result<Self, MemoriaError> {
        let Restored { memory, info, .. } = restored;
        let scale = f32::from_le_bytes(attribute(&info, SCALE)?);
        let bptt = u64::from_le_bytes(attribute(&info, BPTT)?);
        let bptt = usize::try_from(bptt).unwrap_or(usize::MAX);
        let config =
            MemoriaStateConfig { memoria: info.config, lifespan_extend_scale: scale, bptt };
        Ok(Self { memory, ..config.init()? })
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
