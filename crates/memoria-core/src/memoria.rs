mod attachments;
mod batching;
mod checks;
#[cfg(test)]
mod failing_devices;
mod history;
#[cfg(test)]
mod probing;
mod search;
mod settle;
mod verify;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use burn::backend::{
    Backend, DType, Shape, TensorMetadata,
    tensor::{Device, FloatTensor},
};

use crate::{
    Costs, LifespanGain, MemoriaConfig, MemoriaError, MemoryUse, Recall, State, Storage,
    attachment::{RowAttachments, Value},
    costs::Meter,
    row::Row,
    search::Lane,
    step::{Absent, Incoming, OpenStep},
    store::VectorStore,
    threads::are_worth_sharing,
};
pub(crate) use checks::check_new_rows;
use checks::check_query_size;
use search::{Asked, GivenQuery};

/// A memory of independent rows, one per sequence of a batch.
///
/// An explicit value, passed along as `&mut`. A clone goes on independently.
///
/// Corresponds to `Memoria` of the Python package; [the crate's page](crate) shows a step.
#[derive(Clone)]
pub struct Memoria<B: Backend> {
    config: MemoriaConfig,
    pub(crate) storage: Storage,
    /// Bytes that the vectors may take.
    memory_limit: Option<u64>,
    /// Made by the first working memories, which fix batch, dimension, float type and device.
    pub(crate) store: Option<VectorStore<B>>,
    pub(crate) lanes: Vec<Lane>,
    /// Of each row.
    pub(crate) attachments: Vec<RowAttachments<B>>,
    incoming: Vec<Incoming<B>>,
    /// Squared norms `[batch, seq]` of hidden states that are refused with what is read next.
    watched: Option<FloatTensor<B>>,
    step: Step<B>,
    meter: Meter,
    records_history: bool,
    traces_searches: bool,
}

/// How far the present step has come.
#[derive(Clone, Debug)]
enum Step<B: Backend> {
    /// Not reminded yet.
    Begun,
    /// Reminded, to be adjusted.
    Reminded(OpenStep),
    /// Adjusted with gains that are still on the device.
    Adjusted(OpenStep, FloatTensor<B>),
}

impl<B: Backend> Step<B> {
    /// Whether a row was adjusted with gains that still have to be read.
    fn adjusts(&self, row: usize) -> bool {
        matches!(self, Self::Adjusted(open, _) if !open.is_absent(row))
    }
}

impl<B: Backend> Memoria<B> {
    /// An empty memory.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`].
    pub fn new(config: MemoriaConfig) -> Result<Self, MemoriaError> {
        config.validate()?;
        Ok(Self::without_rows(config))
    }

    fn without_rows(config: MemoriaConfig) -> Self {
        Self {
            config,
            storage: Storage::Auto,
            memory_limit: None,
            store: None,
            lanes: Vec::new(),
            attachments: Vec::new(),
            incoming: Vec::new(),
            watched: None,
            step: Step::Begun,
            meter: Meter::started(),
            records_history: false,
            traces_searches: false,
        }
    }

    /// Chooses where the vectors are kept, for a memory that has none yet.
    pub fn with_storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Limits the bytes that the vectors may take in all rows, for a memory that has none yet.
    ///
    /// Whether or not there is a limit, a memory on the host looks at what is available there before it
    /// grows by much. What a GPU has left is not known to it: set a limit.
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// The configuration.
    pub fn config(&self) -> &MemoriaConfig {
        &self.config
    }

    /// Number of rows; 0 before the first working memories.
    pub fn batch(&self) -> usize {
        self.lanes.len()
    }

    /// The hidden dimension; `None` without rows.
    pub fn dim(&self) -> Option<usize> {
        self.store.as_ref().map(|store| store.dim)
    }

    /// The float type of the vectors; `None` without rows.
    pub fn dtype(&self) -> Option<DType> {
        self.store.as_ref().map(|store| store.dtype)
    }

    /// The device that vectors come from and go to; `None` without rows.
    pub fn device(&self) -> Option<&Device<B>> {
        self.store.as_ref().map(|store| &store.device)
    }

    /// What the memory has cost since it was made.
    pub fn costs(&self) -> Costs {
        self.meter.costs()
    }

    /// What the memory takes at present. Costs a look at every firing of the log.
    pub fn memory_use(&self) -> MemoryUse {
        let store = self.store.as_ref();
        let rows = self.lanes.iter().map(Lane::bytes).sum::<usize>();
        let attached = self.attachments.iter().flat_map(|row| row.values()).map(Value::bytes);
        MemoryUse {
            vectors: store.map_or(0, VectorStore::bytes) as u64,
            bookkeeping: (rows + store.map_or(0, |store| store.slots.bytes())) as u64,
            attachments: attached.sum::<usize>() as u64,
        }
    }

    /// Appends `n` working engrams to every row; `data` is `[batch, n, hidden_dim]`.
    ///
    /// The vectors are stored detached from any autodiff graph, in the float type they come in. May be
    /// called several times in a step, with any `n`. Costs batch · n · hidden_dim numbers written; no
    /// device round trip: whether they are finite shows when the memory is next read, and vectors that
    /// are kept [on the host](Storage::Host) are read then, too.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::WrongRank`]; [`MemoriaError::EmptyDimension`] for an empty batch or hidden
    /// dimension; [`MemoriaError::WrongDimension`], [`MemoriaError::WrongDType`] or
    /// [`MemoriaError::WrongDevice`] if it does not fit what the first call fixed;
    /// [`MemoriaError::PoolFull`], [`MemoriaError::IdsExhausted`] or [`MemoriaError::OutOfMemory`].
    pub fn add_working_memory(&mut self, data: FloatTensor<B>) -> Result<(), MemoriaError> {
        self.add_working_memory_except(data, &[])
    }

    /// As [`add_working_memory`](Self::add_working_memory), but the rows in `absent` are given nothing,
    /// whatever `data` has for them: no engrams and no identities, as if the others were added to alone.
    ///
    /// # Errors
    ///
    /// As [`add_working_memory`](Self::add_working_memory), and [`MemoriaError::RowOutOfRange`].
    pub fn add_working_memory_except(
        &mut self,
        data: FloatTensor<B>,
        absent: &[usize],
    ) -> Result<(), MemoriaError> {
        self.meter.begin();
        let [batch, count, dim] = self.check_data("working memory", &data)?;
        let is_absent = Absent::among(batch, absent)?;
        self.check_ids(count, &is_absent)?;
        let (dtype, device) = (data.dtype(), data.device());
        let mut store = match self.store.take() {
            Some(store) => store,
            None => VectorStore::new(dim, dtype, device, self.storage, self.memory_limit),
        };
        let taken = store.take(batch.saturating_mul(count));
        if taken.is_ok() || !self.lanes.is_empty() {
            self.store = Some(store);
        }
        let (slots, store) = (taken?, self.store.as_mut());
        if let Some(store) = store.filter(|_| count > 0) {
            let to_read = store.write(&slots, B::float_detach(data));
            let mut incoming = Incoming::new(slots, count, is_absent, to_read);
            absent.iter().for_each(|&row| store.slots.release(incoming.empty(row)));
            if !incoming.is_empty() {
                self.incoming.push(incoming);
            }
        }
        self.make_rows(batch);
        if let Step::Reminded(open) | Step::Adjusted(open, _) = &mut self.step {
            open.grow(batch);
        }
        self.meter.was_data();
        Ok(())
    }

    /// Reminds every row of the engrams that matter to its working ones, and fires them together.
    ///
    /// A row without working engrams is reminded of nothing. May be repeated before
    /// [`adjust`](Self::adjust); each call fires, and the last one's result is to be adjusted with.
    ///
    /// Costs one pass over the short-term vectors and one over the long-term vectors that the walk
    /// found; at most two device round trips. The search is described at [`MemoriaConfig`]'s fields and
    /// in section 3 of the paper; in the Python package it is `Memoria.remind`.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NonFiniteData`] or [`MemoriaError::NonFiniteGain`] if what was given since the
    /// last read turns out not to be finite; [`MemoriaError::Device`].
    pub fn remind(&mut self) -> Result<Recall<B>, MemoriaError> {
        self.remind_of(None, &[], false)
    }

    /// As [`remind`](Self::remind), but the rows in `absent` take no part in the step: they are reminded of
    /// nothing, nothing fires in them, and [`adjust`](Self::adjust) leaves them as they are, so that no
    /// time passes for them. For rows of a batch that have reached the end of their document while others
    /// go on; give them [nothing](Self::add_working_memory_except), either.
    ///
    /// # Errors
    ///
    /// As [`remind`](Self::remind), and [`MemoriaError::RowOutOfRange`].
    pub fn remind_except(&mut self, absent: &[usize]) -> Result<Recall<B>, MemoriaError> {
        self.remind_of(None, absent, false)
    }

    /// As [`remind`](Self::remind), but compares the engrams with `query` `[batch, q, hidden_dim]` in place
    /// of the working engrams: what is asked need not be what is learnt.
    ///
    /// The query is not stored, does not fire and has no identity; the working engrams fire together with what
    /// is found, as ever. A row without working engrams is reminded of nothing, and its part of the query is
    /// not looked at. Costs what [`remind`](Self::remind) costs, and no further round trip.
    ///
    /// # Errors
    ///
    /// As [`remind`](Self::remind), and for the query [`MemoriaError::WrongRank`],
    /// [`MemoriaError::EmptyDimension`] also for `q` = 0, [`MemoriaError::WrongDimension`],
    /// [`MemoriaError::WrongDType`], [`MemoriaError::WrongDevice`], [`MemoriaError::OutOfMemory`] if it does not
    /// fit in the host's memory, and [`MemoriaError::NonFiniteQuery`]:
    /// nothing has fired then, and the call may be repeated with another query.
    pub fn remind_for(&mut self, query: FloatTensor<B>) -> Result<Recall<B>, MemoriaError> {
        self.remind_for_except(query, &[])
    }

    /// As [`remind_for`](Self::remind_for), but the rows in `absent` take no part, as in
    /// [`remind_except`](Self::remind_except).
    ///
    /// # Errors
    ///
    /// As [`remind_for`](Self::remind_for), and [`MemoriaError::RowOutOfRange`].
    pub fn remind_for_except(
        &mut self,
        query: FloatTensor<B>,
        absent: &[usize],
    ) -> Result<Recall<B>, MemoriaError> {
        self.remind_by(query, absent, false)
    }

    /// As [`remind_for_except`](Self::remind_for_except), but what was added since the last read is withdrawn with a
    /// query that is not finite, so that the step may be repeated as a whole.
    #[doc(hidden)]
    pub fn remind_added_for(
        &mut self,
        query: FloatTensor<B>,
        absent: &[usize],
    ) -> Result<Recall<B>, MemoriaError> {
        self.remind_by(query, absent, true)
    }

    fn remind_by(
        &mut self,
        query: FloatTensor<B>,
        absent: &[usize],
        withdraws: bool,
    ) -> Result<Recall<B>, MemoriaError> {
        let [batch, count, dim] = self.check_data("query", &query)?;
        if count == 0 {
            let (tensor, dimension, got) = ("query", "vector", vec![batch, count, dim]);
            return Err(MemoriaError::EmptyDimension { tensor, dimension, got });
        }
        check_query_size([batch, count, dim], query.dtype())?;
        let vectors = B::float_reshape(B::float_detach(query), Shape::new([batch * count, dim]));
        let query = Some(GivenQuery { vectors, count, counts: None });
        self.remind_of(query, absent, withdraws)
    }

    fn remind_of(
        &mut self,
        query: Option<GivenQuery<B>>,
        absent: &[usize],
        withdraws: bool,
    ) -> Result<Recall<B>, MemoriaError> {
        static TICKETS: AtomicU64 = AtomicU64::new(0);
        let absent = Absent::among(self.lanes.len(), absent)?;
        let asked = Asked { query, fires: true, withdraws, absent };
        let found = Arc::new(self.search(&asked)?);
        let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
        self.step = Step::Reminded(OpenStep::new(ticket, found.clone(), asked.absent));
        Ok(self.recalled(found, Some(ticket)))
    }

    /// Notes from now on [why a row is reminded](crate::SearchTrace) of each engram, or no longer;
    /// [`Recall::trace`] tells it, and a [history](Self::record_history) that is recorded keeps it of every step.
    ///
    /// Costs a comparison with everything that is reminded: on a device one more round trip. What is found
    /// stays the same.
    pub fn trace_searches(&mut self, trace: bool) {
        self.traces_searches = trace;
    }

    /// Sets [how many cells are looked at](MemoriaConfig::long_term_probes) from now on: few for speed, many for what is
    /// found, more than there are for exactly the nearest. With 0 there are no cells any more, and making them again
    /// costs a look at every long-term vector.
    pub fn set_long_term_probes(&mut self, probes: usize) {
        self.config.long_term_probes = probes;
        if !self.config.keeps_cells() {
            self.lanes.iter_mut().for_each(|lane| lane.row.drop_cells());
        }
    }

    /// Whether searches are [traced](Self::trace_searches).
    pub fn traces_searches(&self) -> bool {
        self.traces_searches
    }

    /// Whether the memory is large enough for several threads to work on it.
    fn is_shared(&self) -> bool {
        let engrams: usize = self.lanes.iter().map(|lane| lane.row.counts().total()).sum();
        are_worth_sharing(engrams * self.store.as_ref().map_or(0, |store| store.dim))
    }

    /// What [`remind`](Self::remind) would find for the working memories `query`
    /// `[batch, n, hidden_dim]`, without storing them, firing anything or changing the memory: for
    /// evaluation and generation.
    ///
    /// Working engrams of the present step take no part. Costs what [`remind`](Self::remind) costs.
    ///
    /// # Errors
    ///
    /// As [`add_working_memory`](Self::add_working_memory), but for what only stored engrams come to, and
    /// [`remind`](Self::remind); [`MemoriaError::NonFiniteQuery`]; [`MemoriaError::OutOfMemory`] if the query does not fit in the
    /// host's memory.
    pub fn peek(&mut self, query: FloatTensor<B>) -> Result<Recall<B>, MemoriaError> {
        self.peek_except(query, &[])
    }

    /// As [`peek`](Self::peek), but the rows in `absent` are reminded of nothing, whatever `query` has for
    /// them.
    ///
    /// # Errors
    ///
    /// As [`peek`](Self::peek), and [`MemoriaError::RowOutOfRange`].
    pub fn peek_except(
        &mut self,
        query: FloatTensor<B>,
        absent: &[usize],
    ) -> Result<Recall<B>, MemoriaError> {
        self.peek_first(query, absent, None)
    }

    /// As [`peek_except`](Self::peek_except), but compares only with the first `counts` vectors of each row's query, if
    /// given: at least one for each row that is not absent. All vectors must be finite.
    #[doc(hidden)]
    pub fn peek_first(
        &mut self,
        query: FloatTensor<B>,
        absent: &[usize],
        counts: Option<Vec<usize>>,
    ) -> Result<Recall<B>, MemoriaError> {
        let [batch, count, dim] = self.check_data("query", &query)?;
        let absent = Absent::among(batch, absent)?;
        check_query_size([batch, count, dim], query.dtype())?;
        if count == 0 || self.store.is_none() {
            self.settle()?;
            return Ok(Recall::nothing(batch));
        }
        let vectors = B::float_reshape(B::float_detach(query), Shape::new([batch * count, dim]));
        let query = Some(GivenQuery { vectors, count, counts });
        let found = self.search(&Asked { query, fires: false, withdraws: false, absent })?;
        Ok(self.recalled(Arc::new(found), None))
    }

    /// Ends the step: reminded engrams gain lifespan, then every engram loses 1 and ages by 1, working
    /// engrams become short-term, the oldest short-term ones above the capacity long-term, and an
    /// engram without lifespan left is forgotten with all connections.
    ///
    /// Rows that were reset since the remind, or [absent](Self::remind_except) from it, are left alone. Costs what gains, moves or dies, whatever
    /// the number of engrams; no device round trip of its own (one if working memories were added since
    /// the remind). In the Python package it is `Memoria.adjust_lifespan_and_memories`.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NothingReminded`] or [`MemoriaError::StaleReminded`];
    /// [`MemoriaError::WrongRank`], [`MemoriaError::WrongDimension`] or
    /// [`MemoriaError::WrongGainCount`] for gains of the wrong shape; [`MemoriaError::WrongDevice`];
    /// [`MemoriaError::NonFiniteGain`], for gains on the device when the memory is next read. If working memories were
    /// added since the remind, [`MemoriaError::NonFiniteData`] and [`MemoriaError::Device`].
    pub fn adjust(
        &mut self,
        reminded: &Recall<B>,
        gain: LifespanGain<B>,
    ) -> Result<(), MemoriaError> {
        let Step::Reminded(open) = &self.step else { return Err(MemoriaError::NothingReminded) };
        if Some(open.ticket) != reminded.ticket {
            return Err(MemoriaError::StaleReminded);
        }
        self.check_gain(reminded, &gain)?;
        if !self.incoming.is_empty() {
            self.settle()?;
        }
        let Step::Reminded(mut open) = core::mem::replace(&mut self.step, Step::Begun) else {
            return Err(MemoriaError::NothingReminded);
        };
        open.forgives = false;
        match gain {
            LifespanGain::Zero => self.close(&open, |_, _| 0.0),
            LifespanGain::Host(rows) => self.close(&open, |row, place| rows[row][place]),
            LifespanGain::Device(gains) => {
                self.step = Step::Adjusted(open, B::float_detach(gains));
            }
        }
        Ok(())
    }

    /// As [`adjust`](Self::adjust) with gains on a device that no user has given: a row with gains
    /// that are not finite is given none of that step, which is told once, when the memory is next read.
    ///
    /// # Errors
    ///
    /// As [`adjust`](Self::adjust); when the memory is next read [`MemoriaError::NonFiniteAttention`].
    #[doc(hidden)]
    pub fn adjust_forgiving(
        &mut self,
        reminded: &Recall<B>,
        gains: FloatTensor<B>,
    ) -> Result<(), MemoriaError> {
        self.adjust(reminded, LifespanGain::Device(gains))?;
        if let Step::Adjusted(open, _) = &mut self.step {
            open.forgives = true;
        }
        Ok(())
    }

    /// Has squared norms `[batch, seq]` of hidden states read with what is read next, at no round trip of its
    /// own. If one is too large, that call fails with [`MemoriaError::NonFiniteHidden`], and the memory is as
    /// before what was added since the last read.
    #[doc(hidden)]
    pub fn watch(&mut self, squared_norms: Option<FloatTensor<B>>) {
        self.watched = squared_norms;
    }

    /// Empties all rows and drops their [attachments](crate::Attachment). Identities go on from where they were; batch, dimension, float type and device
    /// stay fixed.
    pub fn reset(&mut self) {
        let all: Vec<usize> = (0..self.lanes.len()).collect();
        self.end_recorded_step();
        self.empty(&all);
        self.step = Step::Begun;
    }

    /// Empties some rows, as [`reset`](Self::reset) does all: a document ended, its neighbours go on.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub fn reset_rows(&mut self, rows: &[usize]) -> Result<(), MemoriaError> {
        rows.iter().try_for_each(|&row| self.check_row(row))?;
        self.end_recorded_step();
        self.empty(rows);
        Ok(())
    }

    /// A memory of rows, each with its attachments; the vectors of the rows lie in a store.
    pub(crate) fn restored(
        config: MemoriaConfig,
        storage: Storage,
        memory_limit: Option<u64>,
        store: Option<VectorStore<B>>,
        rows: Vec<Row>,
        attachments: Vec<RowAttachments<B>>,
    ) -> Result<Self, MemoriaError> {
        let lanes = rows.into_iter().map(|row| Lane { row, ..Lane::default() }).collect();
        Ok(Self { storage, memory_limit, store, lanes, attachments, ..Self::new(config)? })
    }

    /// A look into the memory.
    ///
    /// Takes `&mut` because gains and working memories may still have to be read from the device: one
    /// round trip if so, none otherwise.
    ///
    /// # Errors
    ///
    /// As [`remind`](Self::remind).
    pub fn state(&mut self) -> Result<State<'_, B>, MemoriaError> {
        self.settle()?;
        Ok(State { lanes: &self.lanes, store: self.store.as_ref() })
    }
}
