use std::{collections::HashMap, io::Read, path::Path};

use burn::backend::{Backend, DType, TensorData, tensor::Device};

use super::{FORMAT, SnapshotInfo, attachments, tensor_data, write::check_rows};
use crate::{
    Memoria, MemoriaError, Storage,
    attachment::RowAttachments,
    files::{checksummed::ChecksummedReader, durable_file::open},
    id::{Entry, Slot},
    memoria::check_new_rows,
    row::Row,
    step::largest_squared_norm,
    store::VectorStore,
};

/// The settings with which a [`Snapshot`](crate::Snapshot) is restored as a memory.
///
/// The memory can be restored elsewhere: on another backend or device it goes on alike, as far as the two compute
/// scores alike. In [another float type](Self::dtype), vectors are rounded once.
///
/// The source is not trusted. Every block is compared with its checksum before it is used. The contents are checked
/// with [every rule](crate::Invariant) that [`Memoria::verify`] checks. Memory is allocated for the bytes that arrive,
/// not for those that are announced. Costs one pass over the source, and a visit to every vector, firing and count.
#[derive(Clone, Debug)]
pub struct Restore<B: Backend> {
    device: Device<B>,
    dtype: Option<DType>,
    storage: Option<Storage>,
    memory_limit: Option<u64>,
    rows: Option<Vec<usize>>,
}

/// A restored memory, and the head of its snapshot.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Restored<B: Backend> {
    /// The memory.
    pub memory: Memoria<B>,
    /// The result of [`SnapshotInfo::read`].
    pub info: SnapshotInfo,
    /// The rows of the snapshot that were restored, in the order of the memory.
    pub rows: Vec<usize>,
}

impl<B: Backend> Restore<B> {
    /// Restores all rows to this device, with the saved float type and storage.
    pub fn new(device: &Device<B>) -> Self {
        let device = device.clone();
        Self { device, dtype: None, storage: None, memory_limit: None, rows: None }
    }

    /// Converts vectors to another float type.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// Selects where the vectors are kept.
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Limits the bytes that the vectors may take, as [`Memoria::with_memory_limit`] does.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Restores only these rows, in this order.
    pub fn rows(mut self, rows: &[usize]) -> Self {
        self.rows = Some(rows.to_vec());
        self
    }

    /// Restores from a file, in which nothing may follow the snapshot.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); [`MemoriaError::Io`] if the file cannot be opened.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Restored<B>, MemoriaError> {
        let path = path.as_ref();
        let file = open(path)?;
        let len = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
        let restored = self.restore(file, len);
        let ended =
            restored.and_then(|(restored, mut stream)| stream.end_of_source().map(|()| restored));
        ended.map_err(|error| error.in_file(path))
    }

    /// Restores from bytes, after which nothing may follow.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_bytes(&self, bytes: &[u8]) -> Result<Restored<B>, MemoriaError> {
        let (restored, mut stream) = self.restore(bytes, Some(bytes.len() as u64))?;
        stream.end_of_source()?;
        Ok(restored)
    }

    /// Restores from any reader. Reads the snapshot and no byte more.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::UnknownFormat`], [`MemoriaError::NewerVersion`], [`MemoriaError::Damaged`] or
    /// [`MemoriaError::Invalid`] for data that is no snapshot, or not as it was saved;
    /// [`MemoriaError::UnsupportedDType`] if the backend lacks the float type;
    /// [`MemoriaError::NonFiniteData`] if vectors do not fit the requested float type;
    /// [`MemoriaError::RowOutOfRange`] or [`MemoriaError::RowTwice`]; [`MemoriaError::PoolFull`] or
    /// [`MemoriaError::OutOfMemory`]; [`MemoriaError::Io`].
    pub fn read(&self, reader: impl Read) -> Result<Restored<B>, MemoriaError> {
        let (restored, mut stream) = self.restore(reader, None)?;
        stream.end()?;
        Ok(restored)
    }

    /// Reads everything but the end, from a source of this many bytes, if their number is known.
    fn restore<R: Read>(
        &self,
        reader: R,
        len: Option<u64>,
    ) -> Result<(Restored<B>, ChecksummedReader<R>), MemoriaError> {
        let mut from = ChecksummedReader::begin(reader, &FORMAT)?;
        let info = SnapshotInfo::take_from(&mut from)?;
        if let Some(rows) = &self.rows {
            check_rows(rows, info.rows)?;
        }
        let places = self.rows.as_ref().map(|rows| {
            rows.iter().enumerate().map(|(place, &row)| (row, place)).collect::<HashMap<_, _>>()
        });
        let place = |row: usize| match &places {
            Some(places) => places.get(&row).copied(),
            None => Some(row),
        };
        let mut store = self.store(&info)?;
        if let (Some(store), Some(len), None) = (&mut store, len, &self.rows) {
            reserve(store, &info, len)?;
        }
        let rows = read_rows(&mut from, &info, place, store.as_mut())?;
        let mut attached = vec![RowAttachments::default(); rows.len()];
        if from.version > 1 {
            attachments::read(&mut from, &info, &mut attached, place, store.as_ref())?;
        }
        let storage = self.storage.unwrap_or(info.storage);
        let store = store.filter(|_| !rows.is_empty());
        let limit = self.memory_limit;
        let memory = Memoria::restored(info.config, storage, limit, store, rows, attached)?;
        if let Err(MemoriaError::BrokenInvariant { invariant, row, found }) =
            memory.verify_bookkeeping()
        {
            from.row = row;
            return Err(from.invalid(format!("{invariant}: {found}")));
        }
        let rows = self.rows.clone().unwrap_or_else(|| (0..info.rows).collect());
        Ok((Restored { memory, info, rows }, from))
    }

    /// An empty store for the vectors.
    fn store(&self, info: &SnapshotInfo) -> Result<Option<VectorStore<B>>, MemoriaError> {
        let (Some(dim), Some(saved)) = (info.dim, info.dtype) else { return Ok(None) };
        let (dtype, device) = (self.dtype.unwrap_or(saved), &self.device);
        if !dtype.is_float() || B::dtype_usage(device, dtype).is_empty() {
            let device = format!("{device:?}");
            return Err(MemoriaError::UnsupportedDType { dtype, device });
        }
        let storage = self.storage.unwrap_or(info.storage);
        Ok(Some(VectorStore::new(dim, dtype, device.clone(), storage, self.memory_limit)))
    }
}

impl<B: Backend> Memoria<B> {
    /// Makes a [`Snapshot`](crate::Snapshot) that can be saved.
    ///
    /// Takes `&mut` because it reads pending gains and working memories: one round trip if there are any. Working
    /// memories that were added and not reminded yet are saved as such.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::OpenStep`] between a [`remind`](Self::remind) and its [`adjust`](Self::adjust);
    /// as [`state`](Self::state).
    pub fn snapshot(&mut self) -> Result<crate::Snapshot<'_, B>, MemoriaError> {
        self.settle_between_steps("a snapshot")?;
        Ok(crate::Snapshot::new(self))
    }

    /// [Saves](crate::Snapshot::save) all rows to a file, or leaves the existing file on an error.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot) and [`Snapshot::save`](crate::Snapshot::save).
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<(), MemoriaError> {
        self.snapshot()?.save(path)
    }

    /// Restores all rows from a file to a device. [`Restore`] has more settings.
    ///
    /// # Errors
    ///
    /// As [`Restore::load`].
    pub fn load(path: impl AsRef<Path>, device: &Device<B>) -> Result<Self, MemoriaError> {
        Ok(Restore::new(device).load(path)?.memory)
    }
}

/// Reserves memory for all engrams at once, if the source is long enough to contain them.
fn reserve<B: Backend>(
    store: &mut VectorStore<B>,
    info: &SnapshotInfo,
    len: u64,
) -> Result<(), MemoriaError> {
    let width = info.dtype.map_or(0, |dtype| dtype.size()) as u64;
    let vectors = (store.dim as u64).checked_mul(width).and_then(|v| v.checked_mul(info.engrams));
    match vectors {
        Some(bytes) if 0 < bytes && bytes <= len => store.reserve(info.engrams as usize),
        _ => Ok(()),
    }
}

/// Reads all rows, and keeps those with a place in the memory.
fn read_rows<B: Backend>(
    from: &mut ChecksummedReader<impl Read>,
    info: &SnapshotInfo,
    place: impl Fn(usize) -> Option<usize>,
    mut store: Option<&mut VectorStore<B>>,
) -> Result<Vec<Row>, MemoriaError> {
    let mut rows = Vec::new();
    let mut engrams = 0;
    for index in 0..info.rows {
        from.row = Some(index);
        let mut row = Row::read(from)?;
        if info.config.keeps_cells() {
            row.read_cells(info.dim, from)?;
        }
        engrams += row.counts().total() as u64;
        if let (Some(dim), Some(dtype), Some(store)) = (info.dim, info.dtype, store.as_deref_mut())
        {
            match place(index) {
                Some(place) => {
                    read_vectors(from, &mut row, place, store, dtype)?;
                    if rows.len() == rows.capacity() {
                        // The capacity doubles.
                        check_new_rows(rows.len())?;
                    }
                    rows.push((place, row));
                }
                None => {
                    let vector = (dim as u64).saturating_mul(dtype.size() as u64);
                    let all = vector.checked_mul(row.counts().total() as u64);
                    from.skip(all.unwrap_or(u64::MAX))?;
                }
            }
        }
    }
    from.row = None;
    if engrams != info.engrams {
        let found = format!("{engrams} engrams; it should have {}", info.engrams);
        return Err(from.invalid(found));
    }
    rows.sort_unstable_by_key(|&(place, _)| place);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Reads the vectors of a row, which becomes row `index`, into the store.
fn read_vectors<B: Backend>(
    from: &mut ChecksummedReader<impl Read>,
    row: &mut Row,
    index: usize,
    store: &mut VectorStore<B>,
    dtype: DType,
) -> Result<(), MemoriaError> {
    let (dim, engrams) = (store.dim, row.counts().total());
    let at_once = store.slots_at_once();
    for first in (0..engrams).step_by(at_once) {
        let count = at_once.min(engrams - first);
        let bytes = from.take(count * dim * dtype.size())?;
        let saved = tensor_data(bytes, [count, dim], dtype);
        let refuse = |data: &TensorData| {
            let norms = store.host_squared_norms(data);
            let largest = largest_squared_norm(data.dtype());
            let position = norms.iter().position(|norm| !(0.0..largest).contains(norm))?;
            Some((first + position, norms[position]))
        };
        if let Some((position, norm)) = refuse(&saved) {
            return Err(from.invalid(format!("vector {position} has a squared norm of {norm}")));
        }
        let data = if dtype == store.dtype { saved } else { saved.convert_dtype(store.dtype) };
        if let Some((position, squared_norm)) = refuse(&data) {
            return Err(MemoriaError::NonFiniteData { row: index, position, squared_norm });
        }
        let slots: Vec<Slot> = store.take(count)?;
        store.put(&slots, data);
        for (place, slot) in slots.into_iter().enumerate() {
            row.set_slot(Entry((first + place) as u32), slot);
        }
    }
    Ok(())
}
