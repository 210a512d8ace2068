//! From working vectors to what the rows are reminded of.

use std::sync::Arc;

use burn::backend::{Backend, TensorData, TensorMetadata, tensor::FloatTensor};

use super::{Memoria, rows::for_each_row};
use crate::{
    MemoriaError, Reminded,
    absent::Absent,
    id::Slot,
    incoming::check_query_norms,
    reminded::width,
    row::Row,
    search::{Candidates, Search},
    store::{Metric, Query, VectorStore, squared_norms},
};

/// Scores that were asked for, with what is needed to make something of them.
pub(super) struct Question<B: Backend> {
    rows: Vec<RowQuestion<B>>,
}

struct RowQuestion<B: Backend> {
    /// What is compared with; a row without any is reminded of nothing.
    query: Option<Query<B>>,
    candidates: Candidates,
    scores: Option<Numbers<B>>,
}

/// Numbers that were asked for.
#[derive(Clone, Debug)]
enum Numbers<B: Backend> {
    /// Still to be read.
    OnDevice(FloatTensor<B>),
    Here(Vec<f64>),
}

impl<B: Backend> Numbers<B> {
    /// The numbers, unless they still have to be read.
    fn here(&self) -> Option<&[f64]> {
        match self {
            Self::Here(numbers) => Some(numbers),
            Self::OnDevice(_) => None,
        }
    }

    /// The tensor that has to be read, if there is one.
    fn on_device(&self) -> Option<FloatTensor<B>> {
        match self {
            Self::OnDevice(numbers) => Some(numbers.clone()),
            Self::Here(_) => None,
        }
    }
}

impl<B: Backend> Question<B> {
    /// The scores that have to be read.
    pub(super) fn to_read(&self) -> Vec<FloatTensor<B>> {
        self.rows.iter().filter_map(|row| row.scores.as_ref()?.on_device()).collect()
    }

    /// Takes the scores that have been read, in their order.
    pub(super) fn has_read(&mut self, read: Vec<TensorData>) {
        let mut read = read.iter();
        for row in &mut self.rows {
            if let Some(Numbers::OnDevice(_)) = row.scores {
                row.scores = read.next().map(|data| Numbers::Here(data.iter().collect()));
            }
        }
    }
}

/// Vectors that are compared with and not stored.
pub(super) struct GivenQuery<B: Backend> {
    /// `[batch · count, dim]`.
    pub(super) vectors: FloatTensor<B>,
    pub(super) count: usize,
}

impl<B: Backend> GivenQuery<B> {
    /// The part of a row; on the host of the vectors as they were `read`.
    pub(super) fn of_row(
        &self,
        store: &VectorStore<B>,
        read: Option<&TensorData>,
        row: usize,
        metric: Metric,
    ) -> Query<B> {
        store.query_of(&self.vectors, read, row * self.count..(row + 1) * self.count, metric)
    }
}

/// The query for what a row has in working memory, everything settled.
pub(super) fn working_query<B: Backend>(
    metric: Metric,
) -> impl Fn(&VectorStore<B>, &Row) -> Option<Query<B>> {
    move |store, row| {
        let working = row.working().len();
        let slot = |index: usize| row.slot(row.working()[index].entry);
        (working > 0).then(|| store.query(working, slot, metric))
    }
}

impl<B: Backend> Memoria<B> {
    /// What the step that is about to be reminded is compared with, row by row: what is given, or else the
    /// working vectors. None for rows that will have no working engrams, and for absent ones.
    pub(super) fn queries(
        &mut self,
        given: Option<&GivenQuery<B>>,
        absent: &Absent,
    ) -> Vec<Option<Query<B>>> {
        let Some(store) = &self.store else { return Vec::new() };
        let metric = self.config.metric();
        let query = |index: usize| {
            if absent.contains(index) {
                return None;
            }
            let slots = self.next_working(index);
            let slot = |index: usize| slots[index];
            (!slots.is_empty()).then(|| match given {
                Some(given) => given.of_row(store, None, index, metric),
                None => store.query(slots.len(), slot, metric),
            })
        };
        let queries = (0..self.rows.len()).map(query).collect();
        self.meter.was_data();
        queries
    }

    /// The slots of what a row will have in working memory when everything is settled.
    fn next_working(&self, index: usize) -> Vec<Slot> {
        let row = &self.rows[index];
        // Those of an adjusted step are short-term by now.
        let working = if self.step.adjusts(index) { &[][..] } else { row.working() };
        let mut slots: Vec<Slot> = working.iter().map(|member| row.slot(member.entry)).collect();
        slots.extend(self.incoming.iter().flat_map(|incoming| incoming.of_row(index)));
        slots
    }

    /// Refuses a query that is not finite where it matters. What has been `read` is settled with before, so
    /// that it is not lost.
    pub(super) fn check_query(
        &mut self,
        squared_norms: &[f64],
        read: &[TensorData],
        absent: &Absent,
    ) -> Result<(), MemoriaError> {
        let Some(store) = &self.store else { return Ok(()) };
        let matters = |row: usize| !absent.contains(row) && !self.next_working(row).is_empty();
        let rows = self.rows.len();
        let checked = check_query_norms(squared_norms, rows, store.dtype(), matters);
        if checked.is_err() {
            self.settle_with(read)?;
        }
        checked
    }

    /// Asks for the scores of the short-term engrams, with one query per row.
    pub(super) fn ask(&mut self, queries: Vec<Option<Query<B>>>) -> Question<B> {
        let Some(store) = &self.store else { return Question { rows: Vec::new() } };
        let config = self.config;
        let step = &self.step;
        let ask = |row: &mut Row, index: usize| {
            let query = &queries[index];
            let candidates = match query {
                None => Candidates::default(),
                Some(_) if step.adjusts(index) => Candidates::next(row, config.stm_capacity),
                Some(_) => Candidates::present(row),
            };
            let wanted = query.as_ref().filter(|_| candidates.need_scores(&config));
            let scores =
                wanted.map(|query| store.scores(query, &candidates.slots, config.metric()));
            let scores = scores.map(Numbers::OnDevice);
            (candidates, scores)
        };
        // Devices order their work by the thread it comes from.
        let asked = for_each_row(&mut self.rows, false, ask);
        let rows = queries
            .into_iter()
            .zip(asked)
            .map(|(query, (candidates, scores))| RowQuestion { query, candidates, scores });
        let rows = rows.collect();
        self.meter.was_data();
        Question { rows }
    }

    /// Searches all rows with the scores that were asked for; reads the scores of the long-term engrams
    /// that were found if there are too many of them.
    pub(super) fn answer(&mut self, question: Question<B>) -> Result<Vec<Search>, MemoriaError> {
        let config = self.config;
        let begin = |row: &mut Row, index: usize| match &question.rows[index] {
            RowQuestion { query: None, .. } => Search::default(),
            question => {
                let scores = question.scores.as_ref().and_then(Numbers::here);
                Search::begin(row, &question.candidates, scores, &config)
            }
        };
        let is_shared = self.is_shared();
        let mut searches = for_each_row(&mut self.rows, is_shared, begin);
        self.meter.was_control();

        let scores = self.ask_for_ltms(&searches, &question);
        let mut read = self.read(scores)?.into_iter();
        for (row, search) in self.rows.iter_mut().zip(&mut searches) {
            if search.is_undecided() {
                let scores: Vec<f64> =
                    read.next().map(|data| data.iter().collect()).unwrap_or_default();
                search.choose(row, &scores, &config);
            }
        }
        self.meter.was_control();
        Ok(searches)
    }

    /// The scores of the long-term engrams that were found, where there are too many of them.
    fn ask_for_ltms(&mut self, searches: &[Search], question: &Question<B>) -> Vec<FloatTensor<B>> {
        let Some(store) = &self.store else { return Vec::new() };
        let config = self.config;
        let rows = self.rows.iter().zip(searches).zip(&question.rows);
        let undecided = rows.filter(|((_, search), _)| search.is_undecided());
        let ask = |((row, search), question): ((&Row, &Search), &RowQuestion<B>)| {
            let query = question.query.as_ref()?;
            let mut found = Vec::new();
            search.compared_slots(row, &mut found);
            Some(store.scores(query, &found, config.metric()))
        };
        let scores = undecided.filter_map(ask).collect();
        self.meter.was_data();
        scores
    }

    /// Searches for vectors that are not stored, and changes nothing.
    pub(super) fn search_for(
        &mut self,
        given: &GivenQuery<B>,
        batch: usize,
        absent: &Absent,
    ) -> Result<Vec<Search>, MemoriaError> {
        let (dtype, metric) = (given.vectors.dtype(), self.config.metric());
        let is_present = |row: usize| !absent.contains(row);
        if self.store.as_ref().is_some_and(VectorStore::is_on_host) {
            let read = self.read(vec![given.vectors.clone()])?;
            let norms = self.store.as_ref().map(|store| store.squared_norms(&read[0]));
            check_query_norms(&norms.unwrap_or_default(), batch, dtype, is_present)?;
            let query = |store: &VectorStore<B>, row, _: &Row| {
                is_present(row).then(|| given.of_row(store, Some(&read[0]), row, metric))
            };
            return Ok(self.search_here(None, query));
        }
        let query = |store: &VectorStore<B>, row| given.of_row(store, None, row, metric);
        let queries = |store: &VectorStore<B>| {
            (0..batch).map(|row| is_present(row).then(|| query(store, row))).collect()
        };
        let queries = self.store.as_ref().map(queries).unwrap_or_default();
        let mut question = self.ask(queries);
        let mut tensors = vec![squared_norms::<B>(given.vectors.clone())];
        tensors.extend(question.to_read());
        let mut read = self.read(tensors)?;
        question.has_read(read.split_off(1));
        let norms: Vec<f64> = read[0].iter().collect();
        check_query_norms(&norms, batch, dtype, is_present)?;
        self.answer(question)
    }

    /// What was found, with the vectors of what the rows are reminded of.
    pub(super) fn reminded(
        &mut self,
        searches: Arc<Vec<Search>>,
        ticket: Option<u64>,
    ) -> Reminded<B> {
        let width = width(&searches);
        let mut slots = Vec::with_capacity(searches.len() * width);
        for (index, (row, search)) in self.rows.iter().zip(&*searches).enumerate() {
            slots.extend(search.reminded().iter().map(|member| Some(row.slot(member.entry))));
            slots.resize((index + 1) * width, None);
        }
        self.meter.was_control();
        let is_shared = self.is_shared();
        let store = self.store.as_ref().filter(|_| width > 0);
        let data = store.map(|store| store.gather(&slots, width, is_shared));
        self.meter.was_data();
        Reminded::new(searches, data, ticket)
    }
}
