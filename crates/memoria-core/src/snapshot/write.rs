use std::{
    collections::{BTreeMap, HashSet},
    io::Write,
    path::Path,
};

use burn::backend::Backend;

use super::{FORMAT, SnapshotInfo, attachments, little_endian};
use crate::{Memoria, MemoriaError, files::checksummed::ChecksummedWriter, files::durable_file};

/// A memory as it is saved, made by [`Memoria::snapshot`].
///
/// In it are the configuration, every row with its engrams (identity, kind, age, lifespan, fire count),
/// their co-firing counts and vectors, what is [attached](crate::Attachment) to it, and the counters that later
/// steps depend on. [Restored](crate::Restore),
/// on any backend, the memory goes on as this one does: same ids, counts, lifespans, memories. It
/// differs from a clone in that costs begin at zero, and that the [limit](Memoria::with_memory_limit) of
/// the vectors, which belongs to a machine, is not in it.
///
/// Equal memories give equal bytes. Every byte is covered by a checksum, so that a snapshot that was
/// changed or cut off is refused.
///
/// Vectors are written about a megabyte at a time: however many there are, no second copy of them is
/// made. Where they are on a device that is one round trip per megabyte. Attached tensors are read whole, those
/// that rows share once.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
/// use memoria_core::{Memoria, MemoriaConfig, Restore};
///
/// # fn main() -> Result<(), memoria_core::MemoriaError> {
/// let device = Default::default();
/// let mut memory = Memoria::<Flex>::new(MemoriaConfig::new(4, 16, 5, 3.0, 4))?;
/// memory.add_working_memory(Flex::float_from_data(TensorData::zeros::<f32, _>([2, 3, 8]), &device))?;
///
/// let bytes = memory.snapshot()?.attribute("user", "alice").to_bytes()?;
/// let restored = Restore::<Flex>::new(&device).read(&bytes[..])?;
/// assert_eq!(restored.memory.batch(), 2);
/// assert_eq!(restored.info.attributes["user"], b"alice");
/// # Ok(()) } main().unwrap(); }
/// ```
///
/// A [history](crate::history) is not part of it, but has a file of its own; a restored memory records none
/// until it is asked to.
///
/// # Why not Burn's own container
///
/// The file is written by Burn's `AtomicFile`, but its container, burnpack, does not serve here: it has
/// no checksum, so that a flipped bit in a vector is taken for a memory; it is read from files and
/// buffers, not from a stream; a tensor must come in one piece, and what produces it may not borrow from
/// the memory, so that saving would copy the store; and lists of several lengths per engram are no
/// tensors.
#[derive(Clone, Debug)]
pub struct Snapshot<'a, B: Backend> {
    memory: &'a Memoria<B>,
    rows: Vec<usize>,
    attributes: BTreeMap<String, Vec<u8>>,
}

impl<'a, B: Backend> Snapshot<'a, B> {
    /// Of a memory that nothing waits for and that is not in the middle of a step.
    pub(crate) fn new(memory: &'a Memoria<B>) -> Self {
        let rows = (0..memory.batch()).collect();
        Self { memory, rows, attributes: BTreeMap::new() }
    }

    /// Saves only these rows, in this order.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`] or [`MemoriaError::RowTwice`].
    pub fn rows(mut self, rows: &[usize]) -> Result<Self, MemoriaError> {
        check_rows(rows, self.memory.batch())?;
        self.rows = rows.to_vec();
        Ok(self)
    }

    /// Adds something of the user's own: the user that the memory belongs to, or the model. It comes back in
    /// [`SnapshotInfo::attributes`], before any row is read. What belongs to a row is
    /// [attached](Memoria::attach) to it.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// What [`SnapshotInfo::read`] will tell of it.
    pub fn info(&self) -> SnapshotInfo {
        let store = self.memory.store.as_ref().filter(|_| !self.rows.is_empty());
        let engrams = |&row: &usize| self.memory.lanes[row].row.counts().total() as u64;
        SnapshotInfo {
            version: FORMAT.version,
            config: *self.memory.config(),
            storage: self.memory.storage,
            rows: self.rows.len(),
            dim: store.map(|store| store.dim),
            dtype: store.map(|store| store.dtype),
            engrams: self.rows.iter().map(engrams).sum(),
            attributes: self.attributes.clone(),
        }
    }

    /// Writes a file, or leaves the one that was there.
    ///
    /// The snapshot is written into a new file in the same folder, that file is brought to the disk and
    /// takes the path's place in one move, and the move is brought to the disk, too. So a program or, on
    /// Unix, a machine that dies at any moment leaves either the old file or the new one, whole; and
    /// once this has returned, it is the new one.
    ///
    /// A program that is killed leaves the new file behind, under the path's name with `.tmp` at the
    /// end; it is safe to delete when no program is saving. A link at the path is followed, not replaced.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Io`], if the folder cannot be written to or the disk is full: the old file is
    /// then untouched, unless the error tells that it was only the last step that failed.
    /// [`MemoriaError::Device`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), MemoriaError> {
        durable_file::write(path.as_ref(), "snapshot", |file| self.write(file))
    }

    /// Writes to anything.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Io`] or [`MemoriaError::Device`]. What was written until then is no snapshot.
    pub fn write(&self, writer: impl Write) -> Result<(), MemoriaError> {
        self.write_to(writer).map(|_| ())
    }

    /// Writes to memory.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Device`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, MemoriaError> {
        self.write_to(Vec::new())
    }

    fn write_to<W: Write>(&self, writer: W) -> Result<W, MemoriaError> {
        let mut to = ChecksummedWriter::begin(writer, &FORMAT, FORMAT.version)?;
        self.info().write(&mut to)?;
        for &row in &self.rows {
            let row = &self.memory.lanes[row].row;
            let slots = row.write(&mut to)?;
            if self.memory.config().keeps_cells() {
                row.write_cells(&mut to)?;
            }
            let Some(store) = &self.memory.store else { continue };
            for slots in slots.chunks(store.slots_at_once()) {
                let data = store.vectors(slots)?;
                to.put(&little_endian(data))?;
            }
        }
        let rows = self.rows.iter().map(|&row| &self.memory.attachments[row]);
        attachments::write(&rows.collect::<Vec<_>>(), self.memory.store.as_ref(), &mut to)?;
        to.end()
    }
}

/// Refuses rows that do not exist, and rows that are named twice.
pub(crate) fn check_rows(rows: &[usize], batch: usize) -> Result<(), MemoriaError> {
    let mut seen = HashSet::new();
    for &row in rows {
        if row >= batch {
            return Err(MemoriaError::RowOutOfRange { got: row, rows: batch });
        }
        if !seen.insert(row) {
            return Err(MemoriaError::RowTwice { row });
        }
    }
    Ok(())
}
