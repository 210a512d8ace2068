//! Moving rows into and out of a batch.

use burn::backend::Backend;

use super::Memoria;
use crate::{
    MemoriaError,
    attachment::{RowAttachments, Value},
    id::{Entry, Slot},
    row::Row,
    search::Lane,
    snapshot::check_rows,
    store::{VectorStore, check_sizes},
};

impl<B: Backend> Memoria<B> {
    /// Takes rows out, as a memory of their own with the rows in the given order. The others close up.
    ///
    /// A server batches its present sessions: it [merges](Self::merge) new ones and splits off those that leave. A row
    /// goes on as it would have, whichever batches it is in. The new memory has the same configuration, storage and
    /// limit; its costs begin at zero. The [recorded history](Self::record_history) and the
    /// [attachments](crate::Attachment) of a row move with it. A memory that gets rows from a recording one begins to
    /// record. A memory without rows is equal to a new one.
    ///
    /// Costs a copy of the rows' vectors, which exist twice during the call; on a device the copy is made there. One
    /// round trip if gains or working memories are still to be read, none otherwise.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`] or [`MemoriaError::RowTwice`]; [`MemoriaError::OpenStep`];
    /// [`MemoriaError::OutOfMemory`]; as [`state`](Self::state). All rows then stay where they are.
    pub fn split(&mut self, rows: &[usize]) -> Result<Self, MemoriaError> {
        check_rows(rows, self.lanes.len())?;
        self.settle_between_steps("a split")?;
        let mut taken = Self {
            storage: self.storage,
            memory_limit: self.memory_limit,
            records_history: self.records_history,
            traces_searches: self.traces_searches,
            ..Self::without_rows(self.config)
        };
        let Some(store) = self.store.as_mut().filter(|_| !rows.is_empty()) else {
            return Ok(taken);
        };
        if rows.len() == self.lanes.len() {
            taken.store = self.store.take();
        } else {
            let mut target = store.another(self.storage, self.memory_limit);
            let leaving: Vec<&Row> = rows.iter().map(|&row| &self.lanes[row].row).collect();
            let moves = copy_vectors(&leaving, store, &mut target)?;
            for (&row, moved) in rows.iter().zip(moves) {
                store.slots.release(apply(moved, &mut self.lanes[row].row));
            }
            taken.store = Some(target);
        }
        taken.lanes = take(&mut self.lanes, rows);
        taken.attachments = take(&mut self.attachments, rows);
        taken.attachments.iter_mut().flat_map(|row| row.values_mut()).for_each(Value::own);
        Ok(taken)
    }

    /// Appends the rows of another memory, which then has no rows.
    ///
    /// A memory without rows takes over the other's dimension, float type and device. Costs a copy of
    /// the other's vectors; see [`split`](Self::split).
    ///
    /// # Errors
    ///
    /// [`MemoriaError::OtherConfig`], [`MemoriaError::WrongDimension`], [`MemoriaError::WrongDType`] or
    /// [`MemoriaError::WrongDevice`] if the two do not fit; [`MemoriaError::OpenStep`] for either;
    /// [`MemoriaError::PoolFull`] or [`MemoriaError::OutOfMemory`]; as [`state`](Self::state). All rows
    /// then stay where they are.
    pub fn merge(&mut self, other: &mut Self) -> Result<(), MemoriaError> {
        self.settle_with_other("a merge", other)?;
        let Some(from) = other.store.as_ref() else { return Ok(()) };
        let mut fresh = None;
        let store = match self.store.as_mut() {
            Some(store) => store,
            None => fresh.insert(from.another(self.storage, self.memory_limit)),
        };
        let coming: Vec<&Row> = other.lanes.iter().map(|lane| &lane.row).collect();
        let moves = copy_vectors(&coming, from, store)?;
        self.store = fresh.or_else(|| self.store.take());
        for (lane, moved) in other.lanes.iter_mut().zip(moves) {
            apply(moved, &mut lane.row).for_each(drop);
        }
        self.lanes.append(&mut other.lanes);
        self.attachments.append(&mut other.attachments);
        other.store = None;
        self.record_if_either_did(other.records_history);
        Ok(())
    }

    /// Exchanges a row with the only row of another memory: one session leaves a batch and another one takes its place.
    /// No other row moves.
    ///
    /// Costs a copy of the vectors of both rows; see [`split`](Self::split).
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`]; [`MemoriaError::WrongDimension`] if the other memory has not
    /// one row; as [`merge`](Self::merge).
    pub fn replace_row(&mut self, row: usize, other: &mut Self) -> Result<(), MemoriaError> {
        check_rows(&[row], self.lanes.len())?;
        check_sizes("the memory to replace a row with", [("batch", 1, other.lanes.len())])?;
        self.settle_with_other("the replacement of a row", other)?;
        let (Some(store), Some(other_pool)) = (&mut self.store, &mut other.store) else {
            return Ok(());
        };
        let (leaving, coming) = (&mut self.lanes[row], &mut other.lanes[0]);
        let in_moves = copy_vectors(&[&coming.row], other_pool, store)?.concat();
        let out_moves = match copy_vectors(&[&leaving.row], store, other_pool) {
            Ok(moves) => moves.concat(),
            Err(error) => {
                store.slots.release(in_moves.into_iter().map(|(_, new)| new));
                return Err(error);
            }
        };
        other_pool.slots.release(apply(in_moves, &mut coming.row));
        store.slots.release(apply(out_moves, &mut leaving.row));
        core::mem::swap(leaving, coming);
        core::mem::swap(&mut self.attachments[row], &mut other.attachments[0]);
        other.attachments[0].values_mut().for_each(Value::own);
        let either = self.records_history || other.records_history;
        self.record_if_either_did(either);
        other.record_if_either_did(either);
        Ok(())
    }

    /// Appends empty rows, for new sequences.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoRows`] if there are none: the first working memories bring them.
    /// [`MemoriaError::OpenStep`]; [`MemoriaError::OutOfMemory`]; as [`state`](Self::state).
    pub fn add_rows(&mut self, count: usize) -> Result<(), MemoriaError> {
        if self.lanes.is_empty() {
            return Err(MemoriaError::NoRows);
        }
        self.settle_between_steps("more rows")?;
        let batch = self.lanes.len().saturating_add(count);
        self.check_batch(batch)?;
        self.resize_rows(batch);
        self.record_if_either_did(false);
        Ok(())
    }

    /// Appends empty rows until there are `batch` rows.
    pub(super) fn resize_rows(&mut self, batch: usize) {
        self.lanes.resize_with(batch, Lane::default);
        self.attachments.resize_with(batch, RowAttachments::default);
    }

    /// Records all rows if this memory records, or the one that rows came from did: no row loses its record by moving.
    fn record_if_either_did(&mut self, other_did: bool) {
        if self.records_history || other_did {
            self.record_history(true);
        }
    }

    /// Settles two memories between which rows are to move, if they fit.
    fn settle_with_other(
        &mut self,
        what: &'static str,
        other: &mut Self,
    ) -> Result<(), MemoriaError> {
        if self.config != other.config {
            let (expected, got) = (Box::new(self.config), Box::new(other.config));
            return Err(MemoriaError::OtherConfig { expected, got });
        }
        if let (Some(store), Some(other)) = (&self.store, &other.store) {
            store.check_alike(other)?;
        }
        self.settle_between_steps(what)?;
        other.settle_between_steps(what)
    }
}

/// Takes items out, in the given order. The others close up.
fn take<T>(from: &mut Vec<T>, places: &[usize]) -> Vec<T> {
    let mut held: Vec<Option<T>> = from.drain(..).map(Some).collect();
    let taken = places.iter().filter_map(|&place| held[place].take()).collect();
    from.extend(held.into_iter().flatten());
    taken
}

/// Where the vectors of a row have been copied to, by engram.
type Moved = Vec<(Entry, Slot)>;

/// Sets the slots of the row's vectors; returns the slots that it leaves.
fn apply(moved: Moved, row: &mut Row) -> impl Iterator<Item = Slot> {
    moved.into_iter().map(|(entry, new)| row.set_slot(entry, new))
}

/// Copies the vectors of rows into another store. If that fails, both stores are as before.
fn copy_vectors<B: Backend>(
    rows: &[&Row],
    from: &VectorStore<B>,
    to: &mut VectorStore<B>,
) -> Result<Vec<Moved>, MemoriaError> {
    let engrams = rows.iter().map(|row| row.counts().total()).sum();
    let new = to.take(engrams)?;
    let old: Vec<Slot> = rows.iter().flat_map(|row| row.slots()).collect();
    let at_once = from.slots_at_once();
    let mut pieces = old.chunks(at_once).zip(new.chunks(at_once));
    if let Err(error) = pieces.try_for_each(|(old, new)| from.copy(old, to, new)) {
        to.slots.release(new);
        return Err(error);
    }
    let mut new = new.into_iter();
    let moved =
        |row: &&Row| row.living().map(|member| member.entry).zip(new.by_ref()).collect::<Moved>();
    Ok(rows.iter().map(moved).collect())
}
