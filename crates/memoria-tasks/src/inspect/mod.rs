//! The contents of the snapshot of a memory, without the program that saved it.

mod row;
#[cfg(test)]
mod tests;
mod words;

use std::{fs, path::Path};

use burn::{
    backend::{Backend, DType, Dispatch},
    tensor::Device,
};
use memoria_core::{MemoriaConfig, Restore, SnapshotInfo, Storage};
use memoria_models::ModelMemory;
use memoria_nn::MemoriaState;
use serde::Serialize;

pub use row::{RowReport, Spread};

use crate::{TaskError, print::with_causes};

/// The type that saved a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Saved {
    /// A `Memoria`.
    Memory,
    /// A `MemoriaState`, the memory of a layer.
    State,
    /// A `ModelMemory`, the memory of a whole model.
    ModelMemory,
}

/// The contents of a snapshot, and its damage.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotReport {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// The damage, if there is any.
    pub damage: Option<String>,
    /// The description at its beginning; `None` if it cannot be read.
    pub head: Option<Head>,
    /// The contents of each row; empty if the snapshot cannot be read to its end.
    pub rows: Vec<RowReport>,
}

/// The description of a snapshot before its engrams.
#[derive(Clone, Debug, Serialize)]
pub struct Head {
    /// The version of the format.
    pub version: u32,
    /// The type that saved it.
    pub saved: Saved,
    /// The memory's configuration, including its search settings.
    pub config: MemoriaConfig,
    /// α, for a `MemoriaState` or a `ModelMemory`.
    pub lifespan_extend_scale: Option<f32>,
    /// The gradient window in segments, for a `MemoriaState` or a `ModelMemory`.
    pub gradient_window: Option<u64>,
    /// The storage of its vectors.
    pub storage: String,
    /// Number of rows.
    pub rows: usize,
    /// Width of the vectors.
    pub width: Option<usize>,
    /// The float type of vectors.
    pub float: Option<String>,
    /// Number of engrams in all rows.
    pub engrams: u64,
    /// Bytes of the vectors.
    pub vector_bytes: u64,
    /// Names and sizes in bytes of the attributes added when it was saved.
    pub attributes: Vec<(String, usize)>,
}

impl SnapshotReport {
    /// Reads the snapshot of a `Memoria`, a `MemoriaState` or a `ModelMemory`. Damage is in the report.
    ///
    /// `step` is called with the number of rows done. Needs as much memory as the vectors.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`] or [`TaskError::File`] if there is no readable file.
    pub fn load(path: &Path, step: impl FnMut(usize)) -> Result<Self, TaskError> {
        if !path.is_file() {
            let hint = "SNAPSHOT is a file that a memory was saved to, such as \
                out/recall/memoria-0/checkpoint/memory-15.memoria";
            return Err(TaskError::Missing { path: path.into(), hint: hint.into() });
        }
        let bytes = fs::read(path).map_err(TaskError::file(path))?;
        Ok(Self::of_bytes(&bytes, step))
    }

    /// Examines a snapshot in memory; see [`load`](Self::load).
    pub fn of_bytes(bytes: &[u8], mut step: impl FnMut(usize)) -> Self {
        let file_bytes = bytes.len() as u64;
        let mut report = Self { file_bytes, damage: None, head: None, rows: Vec::new() };
        let info = match SnapshotInfo::read(bytes) {
            Ok(info) => info,
            Err(error) => {
                report.damage = Some(match bytes.starts_with(b"\x89MEMHIST") {
                    true => "it is a history: `memoria analyse` reads it".into(),
                    false => with_causes(&error),
                });
                return report;
            }
        };
        report.head = Some(Head::new(&info));
        // Vectors need a type that the CPU supports; their values are not used.
        let device = Device::flex();
        let known = info.dtype.filter(|&dtype| {
            !<Dispatch as Backend>::dtype_usage(device.as_dispatch(), dtype).is_empty()
        });
        let restore = Restore::<Dispatch>::new(device.as_dispatch())
            .dtype(known.unwrap_or(DType::F32))
            .storage(Storage::Host);
        match restore.read_bytes(bytes) {
            Err(error) => report.damage = Some(with_causes(&error)),
            Ok(mut restored) => {
                let attached = (0..info.rows).map(|row| {
                    let names = restored.memory.attachment_names(row).into_iter().flatten();
                    names.map(str::to_owned).collect::<Vec<_>>()
                });
                let attached: Vec<Vec<String>> = attached.collect();
                let rows = restored.memory.state().and_then(|state| {
                    let row = |(index, attached)| {
                        let row = RowReport::new(&state.row(index)?, attached);
                        step(index + 1);
                        row
                    };
                    attached.into_iter().enumerate().map(row).collect::<Result<_, _>>()
                });
                match rows {
                    Ok(rows) => report.rows = rows,
                    Err(error) => report.damage = Some(with_causes(&error)),
                }
                let saved = report.head.as_ref().map(|head| head.saved);
                let whole = match saved {
                    Some(Saved::State) => MemoriaState::try_from(restored).map(drop),
                    Some(Saved::ModelMemory) => ModelMemory::try_from(restored).map(drop),
                    Some(Saved::Memory) | None => Ok(()),
                };
                if let Err(error) = whole {
                    report.damage = Some(with_causes(&error));
                }
            }
        }
        report
    }
}

impl Head {
    fn new(info: &SnapshotInfo) -> Self {
        let attribute = |name: &str| info.attributes.get(name).map(Vec::as_slice);
        let scale = attribute("lifespan_extend_scale").and_then(|value| value.try_into().ok());
        let window = attribute("bptt").and_then(|value| value.try_into().ok());
        let saved = match (attribute("model_memory"), scale) {
            (Some(_), _) => Saved::ModelMemory,
            (None, Some(_)) => Saved::State,
            (None, None) => Saved::Memory,
        };
        let vector = info.dim.zip(info.dtype).map_or(0, |(dim, dtype)| dim * dtype.size());
        Self {
            version: info.version,
            saved,
            config: info.config,
            lifespan_extend_scale: scale.map(f32::from_le_bytes),
            gradient_window: window.map(u64::from_le_bytes),
            storage: format!("{:?}", info.storage).to_lowercase(),
            rows: info.rows,
            width: info.dim,
            float: info.dtype.map(|dtype| format!("{dtype:?}").to_lowercase()),
            engrams: info.engrams,
            vector_bytes: info.engrams * vector as u64,
            attributes: info
                .attributes
                .iter()
                .map(|(name, value)| (name.clone(), value.len()))
                .collect(),
        }
    }
}
