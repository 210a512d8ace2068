//! The search of all rows, from what they are compared with to what they are reminded of.

use std::sync::Arc;

use burn::backend::{Backend, TensorData, tensor::FloatTensor};

use super::Memoria;
use crate::{
    Costs, MemoriaError, Recall,
    costs::Meter,
    id::Slot,
    search::{Found, Lane, Search},
    step::{Absent, Due, RowSearch, Scoring, check_squared_norms, fire, width},
    store::{CODED_ABOVE, Metric, Query, VectorStore, squared_norms},
    threads::{share, share_if},
};

/// What all rows are compared with, and what comes of it.
pub(super) struct Asked<B: Backend> {
    /// In place of the working engrams.
    pub(super) query: Option<GivenQuery<B>>,
    /// Whether what is found fires, and then only in rows with working engrams.
    pub(super) fires: bool,
    /// Whether what was added and not settled yet is withdrawn if the query is refused.
    pub(super) withdraws: bool,
    /// Rows that take no part.
    pub(super) absent: Absent,
}

/// Vectors that are compared with and not stored.
pub(super) struct GivenQuery<B: Backend> {
    /// `[batch · count, dim]`.
    pub(super) vectors: FloatTensor<B>,
    pub(super) count: usize,
    /// How many of each row's vectors are compared with, if not all.
    pub(super) counts: Option<Vec<usize>>,
}

impl<B: Backend> GivenQuery<B> {
    /// The part of a row; on the host of the vectors as they were `read`.
    fn of_row(
        &self,
        store: &VectorStore<B>,
        read: Option<&TensorData>,
        row: usize,
        metric: Metric,
    ) -> Query<B> {
        let start = row * self.count;
        let count = self.counts.as_ref().map_or(self.count, |counts| counts[row]);
        store.query_of(&self.vectors, read, start..start + count, metric)
    }
}

impl<B: Backend> Memoria<B> {
    /// Settles what waits, searches all rows, and fires what was found if that is asked.
    pub(super) fn search(&mut self, asked: &Asked<B>) -> Result<Vec<Found>, MemoriaError> {
        self.meter.begin();
        match &self.store {
            None => Ok(Vec::new()),
            Some(store) if store.is_on_host() => self.search_on_host(asked),
            Some(_) => self.search_on_device(asked),
        }
    }

    /// Scores are there at once, but vectors have to be read before they are compared. A row goes through all
    /// stages while what it touches is in the processor's cache.
    fn search_on_host(&mut self, asked: &Asked<B>) -> Result<Vec<Found>, MemoriaError> {
        let mut tensors = self.unsettled();
        let settling = tensors.len();
        tensors.extend(asked.query.iter().map(|query| query.vectors.clone()));
        let mut read = self.read(tensors)?;
        let vectors = read.split_off(settling).pop();
        if let (Some(store), Some(vectors)) = (&self.store, &vectors) {
            let norms = store.squared_norms(vectors);
            self.check_query(&norms, asked, &read)?;
        }
        let due = self.due(&read)?;
        Ok(self.search_rows(asked, vectors.as_ref(), &due))
    }

    fn search_rows(
        &mut self,
        asked: &Asked<B>,
        vectors: Option<&TensorData>,
        due: &Due<B>,
    ) -> Vec<Found> {
        let is_shared = self.is_shared();
        let Some(store) = &self.store else { return Vec::new() };
        let (config, is_traced) = (self.config, self.traces_searches);
        let short_term: usize = self.lanes.iter().map(|lane| lane.row.short_term().len()).sum();
        let scoring = Scoring {
            by_codes: short_term * store.dim > CODED_ABOVE,
            // Threads that have rows of their own do not help each other with single rows.
            is_shared: is_shared && self.lanes.len() < rayon::current_num_threads(),
            probes: config.long_term_probes,
        };
        let run = |lane: &mut Lane, index: usize, left: &mut Vec<Slot>, meter: &mut Meter| {
            due.settle(&mut lane.row, index, &config, left);
            let stages = Search::begin(lane, &config, is_traced, false);
            meter.was_control();
            let working = lane.row.working();
            let query = match &asked.query {
                _ if asked.absent.contains(index) => return Found::default(),
                _ if asked.fires && working.is_empty() => return Found::default(),
                Some(query) => query.of_row(store, vectors, index, config.metric()),
                None => {
                    let slot = |index: usize| lane.row.slot(working[index].entry);
                    store.query(working.len(), slot, config.metric())
                }
            };
            let mut search = RowSearch { query, stages };
            search.ask(lane, store, scoring);
            meter.was_data();
            while !search.stages.go_on(lane, &config) {
                if search.stages.ask.is_some() {
                    meter.was_control();
                    search.ask(lane, store, scoring);
                    meter.was_data();
                }
            }
            // What follows is no work on vectors either, and is looked at the time after.
            let found = search.stages.found;
            if asked.fires {
                fire(&mut lane.row, &found, &config);
                if config.keeps_cells() {
                    lane.row.follow_cells(store, scoring.is_shared);
                }
            }
            found
        };
        let mut found = Vec::with_capacity(self.lanes.len());
        let mut left = Vec::new();
        if is_shared {
            let searched = share(self.lanes.iter_mut().enumerate(), |(index, lane)| {
                let (mut left, mut meter) = (Vec::new(), Meter::started());
                let found = run(lane, index, &mut left, &mut meter);
                meter.was_control();
                (found, left, meter.costs())
            });
            let mut spent = Costs::default();
            for (of_row, left_by_row, costs) in searched {
                found.push(of_row);
                left.extend(left_by_row);
                spent += costs;
            }
            // Threads that work at the same time share the time that passed.
            self.meter.was_shared(&spent);
        } else {
            let lanes = self.lanes.iter_mut().enumerate();
            found.extend(lanes.map(|(i, lane)| run(lane, i, &mut left, &mut self.meter)));
        }
        self.release(left);
        found
    }

    /// Scores are worth waiting for only together: those of the first stage are asked for before anything is
    /// settled, and read with what settles it.
    fn search_on_device(&mut self, asked: &Asked<B>) -> Result<Vec<Found>, MemoriaError> {
        let queries = self.queries(asked);
        let (config, is_traced, step) = (self.config, self.traces_searches, &self.step);
        let begin = |((index, lane), query): ((usize, &mut Lane), Option<Query<B>>)| {
            let stages = Search::begin(lane, &config, is_traced, step.adjusts(index));
            query.map(|query| RowSearch { query, stages })
        };
        let rows = self.lanes.iter_mut().enumerate();
        let mut searches: Vec<_> = rows.zip(queries).map(begin).collect();
        self.meter.was_control();

        let scores = self.ask(&mut searches);
        let mut tensors = self.unsettled();
        let settling = tensors.len();
        tensors.extend(asked.query.iter().map(|query| squared_norms::<B>(query.vectors.clone())));
        let settled = tensors.len();
        tensors.extend(scores);
        let mut read = self.read(tensors)?;
        let mut scores = read.split_off(settled);
        if let Some(norms) = read.split_off(settling).pop() {
            let norms: Vec<f64> = norms.iter().collect();
            self.check_query(&norms, asked, &read)?;
        }
        self.settle_with(&read)?;
        while self.go_on(&mut searches, scores) {
            let asked = self.ask(&mut searches);
            scores = self.read(asked)?;
        }

        let found = |search: Option<RowSearch<B>>| search.map(|search| search.stages.found);
        let found = searches.into_iter().map(|search| found(search).unwrap_or_default());
        let found: Vec<Found> = found.collect();
        if asked.fires {
            let is_shared = self.is_shared();
            let rows = self.lanes.iter_mut().zip(&found).enumerate();
            share_if(is_shared, rows, |(index, (lane, found))| {
                if !asked.absent.contains(index) {
                    fire(&mut lane.row, found, &config);
                }
            });
            self.meter.was_control();
        }
        Ok(found)
    }

    /// Asks for the scores that the searches want to know next.
    fn ask(&mut self, searches: &mut [Option<RowSearch<B>>]) -> Vec<FloatTensor<B>> {
        let Some(store) = &self.store else { return Vec::new() };
        let scoring = Scoring { by_codes: false, is_shared: false, probes: 0 };
        let mut asked = Vec::new();
        // Devices order their work by the thread it comes from.
        for (lane, search) in self.lanes.iter_mut().zip(searches) {
            asked.extend(search.as_mut().and_then(|search| search.ask(lane, store, scoring)));
        }
        self.meter.was_data();
        asked
    }

    /// Goes through the next stage of the searches, with the scores that they asked for. Whether any of them
    /// is not done.
    fn go_on(&mut self, searches: &mut [Option<RowSearch<B>>], scores: Vec<TensorData>) -> bool {
        let (config, is_shared) = (self.config, self.is_shared());
        let mut scores = scores.into_iter();
        let rows = self.lanes.iter_mut().zip(searches);
        let mut rows: Vec<_> = rows.filter_map(|(lane, s)| Some((lane, s.as_mut()?))).collect();
        rows.iter_mut().for_each(|(lane, search)| search.take_read(lane, &mut scores));
        let go_on =
            |(lane, search): (&mut Lane, &mut RowSearch<B>)| search.stages.go_on(lane, &config);
        let are_done = share_if(is_shared, rows.into_iter(), go_on);
        self.meter.was_control();
        are_done.contains(&false)
    }

    /// What rows are compared with once everything is settled. None for rows that are reminded of nothing.
    fn queries(&mut self, asked: &Asked<B>) -> Vec<Option<Query<B>>> {
        let Some(store) = &self.store else { return Vec::new() };
        let metric = self.config.metric();
        let query = |index: usize| {
            let slots = self.next_working(index);
            match &asked.query {
                _ if asked.absent.contains(index) => None,
                _ if asked.fires && slots.is_empty() => None,
                Some(query) => Some(query.of_row(store, None, index, metric)),
                None => Some(store.query(slots.len(), |place: usize| slots[place], metric)),
            }
        };
        let queries = (0..self.lanes.len()).map(query).collect();
        self.meter.was_data();
        queries
    }

    /// The slots of what a row will have in working memory once everything is settled.
    fn next_working(&self, index: usize) -> Vec<Slot> {
        let lane = &self.lanes[index];
        // Those of an adjusted step are short-term by then.
        let working = if self.step.adjusts(index) { &[][..] } else { lane.row.working() };
        let mut slots: Vec<Slot> =
            working.iter().map(|member| lane.row.slot(member.entry)).collect();
        slots.extend(self.incoming.iter().flat_map(|incoming| incoming.of_row(index)));
        slots
    }

    /// Refuses a query that is not finite where it matters. What has been `read` is settled with before, so
    /// that it is not lost; what was added is withdrawn if that is asked.
    fn check_query(
        &mut self,
        squared_norms: &[f64],
        asked: &Asked<B>,
        read: &[TensorData],
    ) -> Result<(), MemoriaError> {
        let Some(store) = &self.store else { return Ok(()) };
        let matters = |row: usize| {
            !asked.absent.contains(row) && (!asked.fires || !self.next_working(row).is_empty())
        };
        let refused = |row, position, squared_norm| MemoriaError::NonFiniteQuery {
            row,
            position,
            squared_norm,
        };
        let (rows, dtype) = (self.lanes.len(), store.dtype);
        let checked = check_squared_norms(squared_norms, rows, dtype, matters, refused);
        if checked.is_err() {
            if asked.withdraws {
                self.withdraw_added();
            }
            self.settle_with(read)?;
        }
        checked
    }

    /// What was found, with the vectors of what the rows are reminded of.
    pub(super) fn recalled(&mut self, found: Arc<Vec<Found>>, ticket: Option<u64>) -> Recall<B> {
        let width = width(&found);
        let mut slots = Vec::with_capacity(found.len() * width);
        for (index, (lane, found)) in self.lanes.iter().zip(&*found).enumerate() {
            slots.extend(found.reminded().iter().map(|member| Some(lane.row.slot(member.entry))));
            slots.resize((index + 1) * width, None);
        }
        self.meter.was_control();
        let is_shared = self.is_shared();
        let store = self.store.as_ref().filter(|_| width > 0);
        let data = store.map(|store| store.gather(&slots, width, is_shared));
        self.meter.was_data();
        Recall::new(found, data, ticket)
    }
}
