//! From working vectors to what the rows are reminded of.

use std::time::Instant;

use burn::backend::{Backend, TensorData, TensorMetadata, tensor::FloatTensor};

use super::{Memoria, Step, rows::for_each_row};
use crate::{
    MemoriaError, Recollection, Reminded,
    id::Slot,
    incoming::check_squared_norms,
    pool::{Numbers, Pool, Query, squared_norms},
    row::Row,
    search::{Candidates, Search},
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

impl<B: Backend> Question<B> {
    /// The scores that have to be read.
    pub(super) fn to_read(&self) -> Vec<FloatTensor<B>> {
        let on_device = |row: &RowQuestion<B>| match &row.scores {
            Some(Numbers::OnDevice(scores)) => Some(scores.clone()),
            _ => None,
        };
        self.rows.iter().filter_map(on_device).collect()
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

impl<B: Backend> Memoria<B> {
    /// What the step that is about to be reminded is compared with, row by row, incoming vectors
    /// included.
    pub(super) fn working_queries(&mut self) -> Vec<Option<Query<B>>> {
        let started = Instant::now();
        let Some(pool) = &self.pool else { return Vec::new() };
        let adjusted = matches!(self.step, Step::Adjusted(..));
        let query = |(index, row): (usize, &Row)| {
            // Those of an adjusted step are short-term by now.
            let working = if adjusted { &[][..] } else { row.working() };
            let mut slots: Vec<Slot> =
                working.iter().map(|member| row.slot(member.entry)).collect();
            slots.extend(self.incoming.iter().flat_map(|incoming| &incoming.rows[index]));
            (!slots.is_empty()).then(|| pool.query(&slots, self.config.correlation))
        };
        let queries = self.rows.iter().enumerate().map(query).collect();
        self.costs.data_plane += started.elapsed();
        queries
    }

    /// Asks for the scores of the short-term engrams, with one query per row.
    pub(super) fn ask(&mut self, queries: Vec<Option<Query<B>>>) -> Question<B> {
        let started = Instant::now();
        let Some(pool) = &self.pool else { return Question { rows: Vec::new() } };
        let (config, is_on_host) = (self.config, pool.is_on_host());
        let adjusted = matches!(self.step, Step::Adjusted(..));
        let ask = |row: &mut Row, query: &Option<Query<B>>| {
            let candidates = match query {
                None => Candidates::default(),
                Some(_) if adjusted => {
                    Candidates::new(row, row.next_short_term(config.stm_capacity))
                }
                Some(_) => Candidates::new(row, row.short_term()),
            };
            let wanted = query.as_ref().filter(|_| candidates.need_scores(&config));
            let scores =
                wanted.map(|query| pool.scores(query, &candidates.slots, config.correlation));
            (candidates, scores)
        };
        let asked = for_each_row(&mut self.rows, &queries, is_on_host, ask);
        let rows = queries
            .into_iter()
            .zip(asked)
            .map(|(query, (candidates, scores))| RowQuestion { query, candidates, scores });
        let rows = rows.collect();
        self.costs.data_plane += started.elapsed();
        Question { rows }
    }

    /// Searches all rows with the scores that were asked for; reads the scores of the long-term engrams
    /// that were found if there are too many of them.
    pub(super) fn answer(&mut self, question: Question<B>) -> Result<Vec<Search>, MemoriaError> {
        let started = Instant::now();
        let config = self.config;
        let begin = |row: &mut Row, question: &RowQuestion<B>| match question.query {
            None => Search::default(),
            Some(_) => {
                let scores = match &question.scores {
                    Some(Numbers::Here(scores)) => Some(&scores[..]),
                    _ => None,
                };
                Search::begin(row, &question.candidates, scores, &config)
            }
        };
        let mut searches = for_each_row(&mut self.rows, &question.rows, true, begin);
        self.costs.control_plane += started.elapsed();

        let mut scores = self.ask_for_ltms(&searches, &question);
        let on_device = |scores: &Option<Numbers<B>>| match scores {
            Some(Numbers::OnDevice(scores)) => Some(scores.clone()),
            _ => None,
        };
        let mut read = self.read(scores.iter().filter_map(on_device).collect())?.into_iter();
        let started = Instant::now();
        for (search, scores) in searches.iter_mut().zip(&mut scores) {
            match scores.take() {
                None => {}
                Some(Numbers::Here(scores)) => search.choose(&scores, &config),
                Some(Numbers::OnDevice(_)) => {
                    let scores: Vec<f64> =
                        read.next().map(|data| data.iter().collect()).unwrap_or_default();
                    search.choose(&scores, &config);
                }
            }
        }
        self.costs.control_plane += started.elapsed();
        Ok(searches)
    }

    /// The scores of the long-term engrams that were found, where there are too many of them.
    fn ask_for_ltms(
        &mut self,
        searches: &[Search],
        question: &Question<B>,
    ) -> Vec<Option<Numbers<B>>> {
        let started = Instant::now();
        let Some(pool) = &self.pool else { return Vec::new() };
        let (config, is_on_host) = (self.config, pool.is_on_host());
        let pairs: Vec<_> = searches.iter().zip(&question.rows).collect();
        let scores = for_each_row(&mut self.rows, &pairs, is_on_host, |row, (search, question)| {
            let query = question.query.as_ref().filter(|_| search.is_undecided(&config))?;
            Some(pool.scores(query, &search.found_slots(row), config.correlation))
        });
        self.costs.data_plane += started.elapsed();
        scores
    }

    /// Searches with vectors `[batch · n, dim]` that are not stored.
    pub(super) fn search_for(
        &mut self,
        vectors: FloatTensor<B>,
        batch: usize,
    ) -> Result<Vec<Search>, MemoriaError> {
        let dtype = vectors.dtype();
        let is_on_host = self.pool.as_ref().is_some_and(Pool::is_on_host);
        let data = match is_on_host {
            true => self.read(vec![vectors.clone()])?.pop(),
            false => None,
        };
        let mut question = self.ask(self.queries_of(&vectors, data.as_ref(), batch));
        let norms = match (&self.pool, &data) {
            (Some(pool), Some(data)) => pool.squared_norms(data),
            _ => {
                let mut tensors = vec![squared_norms::<B>(vectors)];
                tensors.extend(question.to_read());
                let mut read = self.read(tensors)?;
                question.has_read(read.split_off(1));
                read[0].iter().collect()
            }
        };
        check_squared_norms(&norms, batch, dtype, |_| true)?;
        self.answer(question)
    }

    /// One query for each row, of vectors `[batch · n, dim]`; none if there is nobody to compare with.
    fn queries_of(
        &self,
        vectors: &FloatTensor<B>,
        read: Option<&TensorData>,
        batch: usize,
    ) -> Vec<Option<Query<B>>> {
        let Some(pool) = &self.pool else { return Vec::new() };
        let count = vectors.shape()[0] / batch;
        let query = |row: usize| {
            let range = row * count..(row + 1) * count;
            Some(pool.query_of(vectors, read, range, self.config.correlation))
        };
        (0..self.rows.len()).map(query).collect()
    }

    /// The vectors and ids of what was found.
    pub(super) fn reminded(&mut self, searches: &[Search], ticket: Option<u64>) -> Reminded<B> {
        let started = Instant::now();
        let rows: Vec<Recollection> = searches.iter().map(Search::recollection).collect();
        let slots: Vec<Vec<Slot>> = self
            .rows
            .iter()
            .zip(searches)
            .map(|(row, search)| search.reminded().map(|member| row.slot(member.entry)).collect())
            .collect();
        let fired = |row: &Row| match ticket {
            Some(_) => row.working().iter().map(|member| member.id).collect(),
            None => Vec::new(),
        };
        let working = self.rows.iter().map(fired).collect();
        self.costs.control_plane += started.elapsed();
        let started = Instant::now();
        let width = slots.iter().map(Vec::len).max().unwrap_or(0);
        let pool = self.pool.as_ref().filter(|_| width > 0);
        let data = pool.map(|pool| pool.gather(&slots, width));
        self.costs.data_plane += started.elapsed();
        Reminded { data, rows, working, ticket }
    }
}
