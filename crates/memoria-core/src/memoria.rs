mod checks;
mod recall;
mod settle;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use burn::backend::{Backend, Shape, Slice, TensorMetadata, tensor::FloatTensor};

use crate::{
    Costs, LifespanGain, MemoriaConfig, MemoriaError, Reminded, State,
    id::Slot,
    incoming::{Incoming, check_squared_norms},
    pool::{Pool, squared_norms},
    reminded::OpenStep,
    row::Row,
    walk::WalkScratch,
};

/// A memory of independent rows, one per sequence of a batch.
///
/// An explicit value: whoever uses it passes it along as `&mut`. A clone goes on independently.
///
/// Corresponds to `Memoria` of the Python package; [the crate's page](crate) shows a step.
#[derive(Clone, Debug)]
pub struct Memoria<B: Backend> {
    config: MemoriaConfig,
    /// Made by the first working memories, which fix batch, dimension, float type and device.
    pool: Option<Pool<B>>,
    rows: Vec<Row>,
    incoming: Vec<Incoming<B>>,
    step: Step<B>,
    scratch: WalkScratch,
    costs: Costs,
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

impl<B: Backend> Memoria<B> {
    /// An empty memory.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::InvalidConfig`].
    pub fn new(config: MemoriaConfig) -> Result<Self, MemoriaError> {
        config.validate()?;
        Ok(Self {
            config,
            pool: None,
            rows: Vec::new(),
            incoming: Vec::new(),
            step: Step::Begun,
            scratch: WalkScratch::default(),
            costs: Costs::default(),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &MemoriaConfig {
        &self.config
    }

    /// Number of rows; 0 before the first working memories.
    pub fn batch(&self) -> usize {
        self.rows.len()
    }

    /// What the memory has cost since it was made.
    pub fn costs(&self) -> Costs {
        self.costs
    }

    /// Appends `n` working engrams to every row; `data` is `[batch, n, hidden_dim]`.
    ///
    /// The vectors are stored detached from any autodiff graph, in the float type they come in. May be
    /// called several times in a step, with any `n`. Costs batch · n · hidden_dim numbers written; no
    /// device round trip: whether they are finite shows when the memory is next read.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::WrongRank`]; [`MemoriaError::EmptyDimension`] for an empty batch or hidden
    /// dimension; [`MemoriaError::WrongDimension`], [`MemoriaError::WrongDType`] or
    /// [`MemoriaError::WrongDevice`] if it does not fit what the first call fixed;
    /// [`MemoriaError::PoolFull`].
    pub fn add_working_memory(&mut self, data: FloatTensor<B>) -> Result<(), MemoriaError> {
        let started = Instant::now();
        let [batch, count, dim] = self.check_data("working memory", &data)?;
        let (dtype, device) = (data.dtype(), data.device());
        let pool = self.pool.get_or_insert_with(|| Pool::new(dim, dtype, device));
        if count > 0 {
            let data = B::float_reshape(B::float_detach(data), Shape::new([batch * count, dim]));
            let slots = pool.write(data.clone())?;
            let rows = slots.chunks(count).map(<[Slot]>::to_vec).collect();
            self.incoming.push(Incoming { rows, count, squared_norms: squared_norms::<B>(data) });
        }
        self.rows.resize_with(batch, Row::default);
        if let Step::Reminded(open) | Step::Adjusted(open, _) = &mut self.step {
            open.rows.resize(batch, Vec::new());
        }
        self.costs.data_plane += started.elapsed();
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
    pub fn remind(&mut self) -> Result<Reminded<B>, MemoriaError> {
        let working = self.working_vectors();
        let question = self.ask(working);
        let mut tensors = self.unsettled();
        let settling = tensors.len();
        tensors.extend(question.scores());
        let mut read = self.read(tensors)?;
        let scores = read.split_off(settling);
        self.settle_with(&read)?;
        let searches = self.answer(&question, scores)?;

        let started = Instant::now();
        for (row, search) in self.rows.iter_mut().zip(&searches) {
            if !row.working().is_empty() {
                row.count_remind();
            }
            let mut members = row.working().to_vec();
            members.extend_from_slice(&search.reminded_stm);
            members.extend_from_slice(&search.reminded_ltm);
            row.fire(&members, &mut self.scratch.counts);
        }
        static TICKETS: AtomicU64 = AtomicU64::new(0);
        let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
        let rows =
            self.rows.iter().zip(&searches).map(|(row, search)| search.reminded_with_ids(row));
        self.step = Step::Reminded(OpenStep::new(ticket, rows.collect()));
        self.costs.control_plane += started.elapsed();
        Ok(self.reminded(&searches, Some(ticket)))
    }

    /// What [`remind`](Self::remind) would find for the working memories `query`
    /// `[batch, n, hidden_dim]`, without storing them, firing anything or changing the memory: for
    /// evaluation and generation.
    ///
    /// Working engrams of the present step take no part. Costs what [`remind`](Self::remind) costs.
    ///
    /// # Errors
    ///
    /// As [`add_working_memory`](Self::add_working_memory) and [`remind`](Self::remind).
    pub fn peek(&mut self, query: FloatTensor<B>) -> Result<Reminded<B>, MemoriaError> {
        let [batch, count, dim] = self.check_data("query", &query)?;
        self.settle()?;
        if count == 0 {
            return Ok(Reminded::nothing(batch));
        }
        let dtype = query.dtype();
        let vectors = B::float_reshape(B::float_detach(query), Shape::new([batch * count, dim]));
        let row_vectors = |row: usize| {
            let place = [Slice::from(row * count..(row + 1) * count), Slice::from(0..dim)];
            Some(B::float_slice(vectors.clone(), &place))
        };
        // Before the first working memories there is nobody to compare with.
        let question = self.ask((0..self.rows.len()).map(row_vectors).collect());
        let mut tensors = vec![squared_norms::<B>(vectors.clone())];
        tensors.extend(question.scores());
        let mut read = self.read(tensors)?;
        let scores = read.split_off(1);
        check_squared_norms(&read[0], batch, dtype, |_| true)?;
        let searches = self.answer(&question, scores)?;
        if searches.is_empty() {
            return Ok(Reminded::nothing(batch));
        }
        Ok(self.reminded(&searches, None))
    }

    /// Ends the step: reminded engrams gain lifespan, then every engram loses 1 and ages by 1, working
    /// engrams become short-term, the oldest short-term ones above the capacity long-term, and whoever
    /// has no lifespan left is forgotten with all connections.
    ///
    /// Rows that were reset since the remind are left alone. Costs what gains, moves or dies, whatever
    /// the number of engrams; no device round trip of its own (one if working memories were added since
    /// the remind). In the Python package it is `Memoria.adjust_lifespan_and_memories`.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::NothingReminded`] or [`MemoriaError::StaleReminded`];
    /// [`MemoriaError::WrongRank`], [`MemoriaError::WrongDimension`] or
    /// [`MemoriaError::WrongGainCount`] for gains of the wrong shape; [`MemoriaError::WrongDevice`];
    /// [`MemoriaError::NonFiniteGain`], for gains on the device when the memory is next read.
    pub fn adjust(
        &mut self,
        reminded: &Reminded<B>,
        gain: LifespanGain<B>,
    ) -> Result<(), MemoriaError> {
        let started = Instant::now();
        match &self.step {
            Step::Begun | Step::Adjusted(..) => return Err(MemoriaError::NothingReminded),
            Step::Reminded(open) if Some(open.ticket) != reminded.ticket => {
                return Err(MemoriaError::StaleReminded);
            }
            Step::Reminded(_) => {}
        }
        self.check_gain(reminded, &gain)?;
        if !self.incoming.is_empty() {
            self.settle()?;
        }
        let Step::Reminded(open) = core::mem::replace(&mut self.step, Step::Begun) else {
            return Err(MemoriaError::NothingReminded);
        };
        match gain {
            LifespanGain::Zero => self.close(&open, |_, _| 0.0),
            LifespanGain::Host(rows) => self.close(&open, |row, place| rows[row][place]),
            LifespanGain::Device(gains) => {
                self.step = Step::Adjusted(open, B::float_detach(gains));
            }
        }
        self.costs.control_plane += started.elapsed();
        Ok(())
    }

    /// Empties all rows. Identities go on from where they were; batch, dimension, float type and device
    /// stay fixed.
    pub fn reset(&mut self) {
        let all: Vec<usize> = (0..self.rows.len()).collect();
        self.empty(&all);
        self.step = Step::Begun;
    }

    /// Empties some rows, as [`reset`](Self::reset) does all: a document ended, its neighbours go on.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::RowOutOfRange`].
    pub fn reset_rows(&mut self, rows: &[usize]) -> Result<(), MemoriaError> {
        let batch = self.rows.len();
        if let Some(&got) = rows.iter().find(|&&row| row >= batch) {
            return Err(MemoriaError::RowOutOfRange { got, rows: batch });
        }
        self.empty(rows);
        Ok(())
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
        Ok(State { rows: &self.rows, pool: self.pool.as_ref() })
    }
}
