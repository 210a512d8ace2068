//! From working vectors to what the rows are reminded of.

use std::time::Instant;

use burn::backend::{Backend, tensor::FloatTensor};

use super::{Memoria, Step};
use crate::{
    MemoriaError, Recollection, Reminded,
    id::Slot,
    row::Row,
    search::{Candidates, Search},
};

/// Scores asked of the device, with what is needed to make something of them.
pub(super) struct Question<B: Backend> {
    rows: Vec<RowQuestion<B>>,
}

struct RowQuestion<B: Backend> {
    /// The vectors compared with, `[n, dim]`; a row without any is reminded of nothing.
    working: Option<FloatTensor<B>>,
    candidates: Candidates,
    scores: Option<FloatTensor<B>>,
}

impl<B: Backend> Question<B> {
    pub(super) fn scores(&self) -> impl Iterator<Item = FloatTensor<B>> {
        self.rows.iter().filter_map(|row| row.scores.clone())
    }
}

impl<B: Backend> Memoria<B> {
    /// The vectors of the step that is about to be reminded, row by row, those just added included.
    pub(super) fn working_vectors(&mut self) -> Vec<Option<FloatTensor<B>>> {
        let started = Instant::now();
        let Some(pool) = &self.pool else { return Vec::new() };
        let adjusted = matches!(self.step, Step::Adjusted(..));
        let vectors = |(index, row): (usize, &Row)| {
            // Those of an adjusted step are short-term by now.
            let working = if adjusted { &[][..] } else { row.working() };
            let mut slots: Vec<Slot> = working.iter().map(|&entry| row.slot(entry)).collect();
            slots.extend(self.incoming.iter().flat_map(|incoming| &incoming.rows[index]));
            (!slots.is_empty()).then(|| pool.select(&slots))
        };
        let working = self.rows.iter().enumerate().map(vectors).collect();
        self.costs.data_plane += started.elapsed();
        working
    }

    /// Asks for the scores of the short-term engrams, one entry of `working` per row.
    pub(super) fn ask(&mut self, working: Vec<Option<FloatTensor<B>>>) -> Question<B> {
        let started = Instant::now();
        let Some(pool) = &self.pool else { return Question { rows: Vec::new() } };
        let adjusted = matches!(self.step, Step::Adjusted(..));
        let ask = |(row, working): (&Row, Option<FloatTensor<B>>)| {
            let candidates = match &working {
                None => Candidates::default(),
                Some(_) if adjusted => {
                    Candidates::new(row, row.next_short_term(self.config.stm_capacity))
                }
                Some(_) => Candidates::new(row, row.short_term()),
            };
            let scores = candidates.scores(pool, working.clone(), &self.config);
            RowQuestion { working, candidates, scores }
        };
        let rows = self.rows.iter().zip(working).map(ask).collect();
        self.costs.data_plane += started.elapsed();
        Question { rows }
    }

    /// Searches all rows with the scores that were asked for, in their order; reads the scores of the
    /// long-term engrams that were found if there are too many of them.
    pub(super) fn answer(
        &mut self,
        question: &Question<B>,
        scores: Vec<Vec<f64>>,
    ) -> Result<Vec<Search>, MemoriaError> {
        let started = Instant::now();
        let mut scores = scores.into_iter();
        let scratch = &mut self.scratch;
        let search = |(row, question): (&Row, &RowQuestion<B>)| {
            let scores = question.scores.as_ref().and_then(|_| scores.next());
            match question.working {
                None => Search::default(),
                Some(_) => Search::begin(
                    row,
                    &question.candidates,
                    scores.as_deref(),
                    &self.config,
                    scratch,
                ),
            }
        };
        let mut searches: Vec<_> = self.rows.iter().zip(&question.rows).map(search).collect();
        self.costs.control_plane += started.elapsed();

        let asked = self.ask_for_ltms(&searches, question);
        let mut scores = self.read(asked)?.into_iter();
        let started = Instant::now();
        for (row, search) in self.rows.iter().zip(&mut searches) {
            if search.is_undecided(&self.config) {
                search.choose(row, &scores.next().unwrap_or_default(), &self.config);
            }
        }
        self.costs.control_plane += started.elapsed();
        Ok(searches)
    }

    fn ask_for_ltms(&mut self, searches: &[Search], question: &Question<B>) -> Vec<FloatTensor<B>> {
        let started = Instant::now();
        let Some(pool) = &self.pool else { return Vec::new() };
        let mut asked = Vec::new();
        for ((row, search), question) in self.rows.iter().zip(searches).zip(&question.rows) {
            if let Some(working) = question.working.clone()
                && search.is_undecided(&self.config)
            {
                asked.push(pool.scores(working, &search.found_slots(row), self.config.correlation));
            }
        }
        self.costs.data_plane += started.elapsed();
        asked
    }

    /// The vectors and ids of what was found.
    pub(super) fn reminded(&mut self, searches: &[Search], ticket: Option<u64>) -> Reminded<B> {
        let started = Instant::now();
        let rows: Vec<Recollection> =
            self.rows.iter().zip(searches).map(|(row, search)| search.recollection(row)).collect();
        let slots: Vec<Vec<Slot>> = self
            .rows
            .iter()
            .zip(searches)
            .map(|(row, search)| search.reminded_slots(row))
            .collect();
        let fired = |row: &Row| match ticket {
            Some(_) => row.working().iter().map(|&entry| row.id(entry)).collect(),
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
