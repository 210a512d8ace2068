use burn::backend::{Backend, tensor::FloatTensor};

use crate::{
    Connection, Engram, EngramCounts, EngramId, MemoriaError,
    engram::{connections, weight},
    id::{Member, Slot},
    row::Row,
    search::Lane,
    store::VectorStore,
};

/// A view of a memory, made by [`Memoria::state`](crate::Memoria::state).
#[derive(Clone, Copy)]
pub struct State<'a, B: Backend> {
    pub(crate) lanes: &'a [Lane],
    pub(crate) store: Option<&'a VectorStore<B>>,
}

impl<'a, B: Backend> State<'a, B> {
    /// Number of rows; 0 before the first step.
    pub fn batch(&self) -> usize {
        self.lanes.len()
    }

    /// A view of one row. Sorts the row's engrams by id.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub fn row(&self, row: usize) -> Result<RowState<'a, B>, MemoriaError> {
        let out_of_range = MemoriaError::RowOutOfRange { got: row, rows: self.lanes.len() };
        let held = &self.lanes.get(row).ok_or(out_of_range)?.row;
        let mut engrams: Vec<Member> = held.living().collect();
        engrams.sort_unstable();
        Ok(RowState { row: held, index: row, store: self.store, engrams })
    }
}

/// The living engrams of one row and their connections.
#[derive(Clone)]
pub struct RowState<'a, B: Backend> {
    row: &'a Row,
    index: usize,
    store: Option<&'a VectorStore<B>>,
    engrams: Vec<Member>,
}

impl<B: Backend> RowState<'_, B> {
    /// All engrams, in order of id.
    pub fn engrams(&self) -> impl ExactSizeIterator<Item = Engram> {
        self.engrams.iter().map(|member| self.row.engram(member.entry))
    }

    /// How many engrams there are of each kind.
    pub fn counts(&self) -> EngramCounts {
        self.row.counts()
    }

    /// One engram.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchEngram`] if no such engram lives in this row.
    pub fn engram(&self, id: EngramId) -> Result<Engram, MemoriaError> {
        Ok(self.row.engram(self.member(id)?.entry))
    }

    /// The vectors of some engrams, `[ids, hidden_dim]`, on the device; `None` for no ids.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchEngram`] if one of them does not live in this row.
    pub fn vectors(&self, ids: &[EngramId]) -> Result<Option<FloatTensor<B>>, MemoriaError> {
        let slot = |&id: &EngramId| Ok(self.row.slot(self.member(id)?.entry));
        let slots = ids.iter().map(slot).collect::<Result<Vec<Slot>, MemoriaError>>()?;
        Ok(self.store.filter(|_| !slots.is_empty()).map(|store| store.select(&slots)))
    }

    /// How often two engrams fired together; for one engram twice, how often it fired.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchEngram`] if one of them does not live in this row.
    pub fn cofire_count(&self, a: EngramId, b: EngramId) -> Result<u32, MemoriaError> {
        let (a, b) = (self.member(a)?, self.member(b)?);
        Ok(if a == b { self.row.fire_count(a.entry) } else { self.row.cofire_count(a, b) })
    }

    /// The connection weight of the paper: the probability that `to` fires when `from` does, 0 if
    /// `from` never fired.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchEngram`] if one of them does not live in this row.
    pub fn connection_weight(&self, from: EngramId, to: EngramId) -> Result<f32, MemoriaError> {
        let count = self.cofire_count(from, to)?;
        Ok(weight(count, self.row.fire_count(self.member(from)?.entry)))
    }

    /// The connections of an engram to others, at most `limit`: the strongest first, of equal ones the smaller id
    /// first.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NoSuchEngram`] if it does not live in this row.
    pub fn strongest_connections(
        &self,
        from: EngramId,
        limit: usize,
    ) -> Result<Vec<Connection>, MemoriaError> {
        let from = self.member(from)?;
        let fire_count = self.row.fire_count(from.entry);
        let counts = self.row.cofire_counts(from).into_iter().map(|(to, count)| (to.id, count));
        let mut connections = connections(counts, fire_count);
        connections.truncate(limit);
        Ok(connections)
    }

    fn member(&self, id: EngramId) -> Result<Member, MemoriaError> {
        match self.engrams.binary_search_by_key(&id, |member| member.id) {
            Ok(at) => Ok(self.engrams[at]),
            Err(_) => Err(MemoriaError::NoSuchEngram { row: self.index, engram: id }),
        }
    }
}
