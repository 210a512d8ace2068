//! A memory and the slow reference, side by side.

use burn::backend::{Flex, TensorData, ops::FloatTensorOps, tensor::FloatTensor};

use super::{
    Expected, ReferenceRow,
    recorded::{self, Chronicle},
};
use crate::{
    Engram, EngramCounts, EngramId, LifespanGain, Memoria, MemoriaConfig, MemoriaError, Reached,
    Recall, Restore, RowState, Stages, Storage, Wiring,
    graph::GraphLimits,
    store::{CellLimits, read},
};

/// How the gains of a step are handed over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GainKind {
    Zero,
    Host,
    Device,
}

/// Applies every operation to both, and compares their results at once. `None` if single precision could rank otherwise
/// than double: then the rest cannot be judged.
pub(crate) struct Judged {
    pub(crate) memory: Memoria<Flex>,
    limits: (GraphLimits, CellLimits),
    rows: Vec<ReferenceRow>,
    dim: usize,
    last: Option<Recall<Flex>>,
    is_open: bool,
    ids_seen: Vec<Option<EngramId>>,
    /// The expected history of each row, once it is recorded.
    chronicles: Option<Vec<Chronicle>>,
}

impl Judged {
    /// With firing logs of the default limits.
    pub(crate) fn new(config: MemoriaConfig, rows: usize, dim: usize) -> Self {
        Self::stored(config, rows, dim, Storage::Auto)
    }

    pub(crate) fn stored(config: MemoriaConfig, rows: usize, dim: usize, storage: Storage) -> Self {
        let mut memory = Memoria::new(config).unwrap().with_storage(storage);
        // Whether searches are traced changes nothing else.
        memory.trace_searches(rows.is_multiple_of(2));
        Self {
            memory,
            limits: Default::default(),
            rows: vec![ReferenceRow::new(config); rows],
            dim,
            last: None,
            is_open: false,
            ids_seen: vec![None; rows],
            chronicles: None,
        }
    }

    /// Sets small limits of firing logs and cells if `is_small`.
    pub(crate) fn with_small_limits(mut self, is_small: bool) -> Self {
        let small = (GraphLimits::SMALL, CellLimits::SMALL);
        self.limits = if is_small { small } else { Default::default() };
        self
    }

    /// Begins to record.
    pub(crate) fn record(&mut self) {
        self.memory.record_history(true);
        self.chronicles = Some(self.rows.iter().map(Chronicle::new).collect());
    }

    /// Compares the history with everything that happened.
    pub(crate) fn check_history(&self) {
        let Some(chronicles) = &self.chronicles else { return };
        let mut look = self.memory.clone();
        let history = look.history().unwrap();
        for ((row, chronicle), expected) in history.rows().zip(chronicles).zip(&self.rows) {
            chronicle.check(row);
            recorded::check_moment(&row.now(), expected);
        }
        recorded::check_bytes(&history);
    }

    /// Adds `width` vectors to every row, made of `numbers` repeated.
    pub(crate) fn add(&mut self, width: usize, numbers: &[f32]) {
        let vectors = self.vectors(width, numbers);
        self.memory.add_working_memory(self.tensor(&vectors)).unwrap();
        // Rows made by the first vectors, or from a snapshot, have the default limits.
        self.memory.set_limits(self.limits.0, self.limits.1);
        for (row, vectors) in self.rows.iter_mut().zip(vectors) {
            row.add(vectors);
        }
    }

    pub(crate) fn remind(&mut self) -> Option<()> {
        self.remind_of(None)
    }

    /// Reminds with a query of `width` vectors, made of `numbers` repeated.
    pub(crate) fn remind_for(&mut self, width: usize, numbers: &[f32]) -> Option<()> {
        self.remind_of(Some(self.vectors(width, numbers)))
    }

    fn remind_of(&mut self, query: Option<Vec<Vec<Vec<f32>>>>) -> Option<()> {
        let mut rows = self.rows.clone();
        let of_row = |row: usize| query.as_ref().map(|query| &query[row][..]);
        let expected = rows.iter_mut().enumerate().map(|(row, r)| r.remind(of_row(row)));
        let expected = expected.collect::<Option<Vec<_>>>()?;
        self.rows = rows;
        let got = match &query {
            None => self.memory.remind(),
            Some(query) => self.memory.remind_for(self.tensor(query)),
        };
        let got = got.unwrap();
        self.check_reminded(&got, &expected);
        for (chronicle, row) in self.chronicles.iter_mut().flatten().zip(&self.rows) {
            chronicle.reminded(row);
        }
        (self.last, self.is_open) = (Some(got), true);
        Some(())
    }

    pub(crate) fn peek(&mut self, width: usize, numbers: &[f32]) -> Option<()> {
        let vectors = self.vectors(width, numbers);
        let expected = self.rows.iter().zip(&vectors).map(|(row, vectors)| row.search(vectors));
        let expected = expected.collect::<Option<Vec<_>>>()?;
        let got = self.memory.peek(self.tensor(&vectors)).unwrap();
        self.check_reminded(&got, &expected);
        Some(())
    }

    /// Adjusts with gains from `numbers` repeated. Padding gains NaN, which is ignored.
    pub(crate) fn adjust(&mut self, kind: GainKind, numbers: &[f32]) {
        let Some(reminded) = &self.last else { return };
        let mut numbers = numbers.iter().copied().cycle();
        let gains: Vec<Vec<f32>> = (0..reminded.batch())
            .map(|row| numbers.by_ref().take(reminded.ids(row).len()).collect())
            .collect();
        let given = match kind {
            GainKind::Zero => LifespanGain::Zero,
            GainKind::Host => LifespanGain::Host(gains.clone()),
            GainKind::Device => {
                let width = reminded.width();
                let padded = gains.iter().flat_map(|gains| {
                    gains.iter().copied().chain(std::iter::repeat(f32::NAN)).take(width)
                });
                let data = TensorData::new(padded.collect::<Vec<_>>(), [gains.len(), width]);
                LifespanGain::Device(Flex::float_from_data(data, &Default::default()))
            }
        };
        let result = self.memory.adjust(reminded, given);
        if !self.is_open {
            assert!(matches!(result, Err(MemoriaError::NothingReminded)));
            return;
        }
        result.unwrap();
        self.is_open = false;
        for (index, row) in self.rows.iter_mut().enumerate() {
            let gains = gains.get(index).filter(|_| !matches!(kind, GainKind::Zero));
            let gains = gains.map_or(&[][..], |gains| gains);
            let reminded = row.reminded.clone();
            row.adjust(gains);
            if self.memory.batch() > 0
                && let Some(chronicles) = &mut self.chronicles
            {
                chronicles[index].adjusted(reminded.into_iter().zip(gains.iter().copied()), row);
            }
        }
    }

    pub(crate) fn reset(&mut self) {
        self.memory.reset();
        self.rows.iter_mut().for_each(ReferenceRow::reset);
        self.is_open = false;
    }

    /// Goes on with the memory restored from a snapshot, if the step is over.
    pub(crate) fn save(&mut self) {
        let device = Default::default();
        let saved = self.memory.clone().snapshot().and_then(|snapshot| snapshot.to_bytes());
        if self.is_open {
            assert!(matches!(saved, Err(MemoriaError::OpenStep { .. })), "{saved:?}");
            return;
        }
        let saved = saved.unwrap();
        let mut restored = Restore::new(&device).read_bytes(&saved).unwrap().memory;
        assert!(restored.snapshot().unwrap().to_bytes().unwrap() == saved, "saved again");
        restored.set_limits(self.limits.0, self.limits.1);
        restored.trace_searches(self.memory.traces_searches());
        self.memory = restored;
        // A snapshot contains no history.
        if self.chronicles.is_some() {
            self.record();
        }
    }

    /// Takes rows out and appends them again, in the given order; a single one takes the place of the first, which
    /// becomes the last.
    pub(crate) fn regroup(&mut self, rows: &[usize]) {
        if self.memory.batch() == 0 {
            return;
        }
        let twice = (1..rows.len()).any(|place| rows[..place].contains(&rows[place]));
        let (memory, is_open) = (&mut self.memory, self.is_open);
        let mut taken = match memory.split(rows) {
            Ok(taken) => taken,
            Err(MemoriaError::RowTwice { .. }) if twice => return,
            Err(MemoriaError::OpenStep { .. }) if is_open => return,
            Err(error) => panic!("{error}"),
        };
        assert!(!twice && !is_open);
        let mut order: Vec<usize> =
            (0..self.rows.len()).filter(|row| !rows.contains(row)).collect();
        taken.verify().unwrap();
        memory.verify().unwrap();
        assert_eq!((memory.batch(), taken.batch()), (order.len(), rows.len()));
        order.extend(rows);
        if rows.len() == 1 && memory.batch() > 0 {
            memory.replace_row(0, &mut taken).unwrap();
            taken.verify().unwrap();
            let last = order.len() - 1;
            order.swap(0, last);
        }
        memory.merge(&mut taken).unwrap();
        assert_eq!((memory.batch(), taken.batch()), (order.len(), 0));
        self.rows = order.iter().map(|&row| self.rows[row].clone()).collect();
        if let Some(chronicles) = &mut self.chronicles {
            *chronicles = order.iter().map(|&row| chronicles[row].clone()).collect();
        }
        self.ids_seen = order.iter().map(|&row| self.ids_seen[row]).collect();
    }

    pub(crate) fn reset_rows(&mut self, rows: &[usize]) {
        if self.memory.batch() == 0 {
            return;
        }
        self.memory.reset_rows(rows).unwrap();
        rows.iter().for_each(|&row| self.rows[row].reset());
    }

    /// Compares the whole state. Reads a clone, so that pending gains and data on the device stay pending.
    pub(crate) fn check_state(&mut self) {
        self.memory.verify().unwrap();
        let mut look = self.memory.clone();
        look.state().unwrap();
        look.verify().unwrap();
        let state = look.state().unwrap();
        if state.batch() == 0 {
            assert!(self.rows.iter().all(|row| row.engrams.is_empty()));
            return;
        }
        assert_eq!(state.batch(), self.rows.len());
        // Engrams that are wired at random need not have fired.
        let is_random = self.memory.config().wiring == Wiring::Random;
        for (index, row) in self.rows.iter().enumerate() {
            let state = state.row(index).unwrap();
            check_row(&state, row, is_random);
            let seen = &mut self.ids_seen[index];
            let newest = state.engrams().map(|engram| engram.id).max();
            let first_new = state.engrams().find(|e| e.age == 0).map(|engram| engram.id);
            if let (Some(first_new), Some(seen)) = (first_new, *seen)
                && state.engram(seen).is_err()
            {
                assert!(first_new > seen, "{first_new} comes after {seen}");
            }
            *seen = newest.max(*seen);
        }
    }

    fn vectors(&self, width: usize, numbers: &[f32]) -> Vec<Vec<Vec<f32>>> {
        let mut numbers = numbers.iter().copied().cycle();
        let mut vector = || numbers.by_ref().take(self.dim).collect::<Vec<f32>>();
        self.rows.iter().map(|_| (0..width).map(|_| vector()).collect()).collect()
    }

    fn tensor(&self, vectors: &[Vec<Vec<f32>>]) -> FloatTensor<Flex> {
        let numbers: Vec<f32> = vectors.iter().flatten().flatten().copied().collect();
        let shape = [vectors.len(), vectors[0].len(), self.dim];
        Flex::float_from_data(TensorData::new(numbers, shape), &Default::default())
    }

    /// Scores have a common constant, which does not affect the ranking.
    fn check_traces(&self, got: &Recall<Flex>, expected: &[Expected]) {
        for (row, expected) in expected.iter().enumerate() {
            let (expected, largest) = (&expected.trace.reached, expected.largest);
            let Some(got) = got.trace(row) else {
                assert!(expected.is_empty() || !self.memory.traces_searches());
                continue;
            };
            assert_eq!(got.reached.len(), expected.len());
            let score = |reached: &Reached| reached.score.unwrap();
            let (first, first_expected) = (score(&got.reached[0]), score(&expected[0]));
            for (got, expected) in got.reached.iter().zip(expected) {
                let alike = Reached { score: expected.score, ..*got };
                assert_eq!(alike, *expected, "{got:?}");
                let (a, b) = (score(got) - first, score(expected) - first_expected);
                assert!((a - b).abs() < 1e-5 * (1.0 + largest), "{a} {b}: {got:?} {expected:?}");
            }
        }
    }

    fn check_reminded(&self, got: &Recall<Flex>, expected: &[Expected]) {
        if got.batch() == 0 {
            assert!(expected.iter().all(|row| row.stages == Stages::default()));
            return;
        }
        assert!(got.stages().iter().eq(expected.iter().map(|row| &row.stages)));
        self.check_traces(got, expected);
        let expected: Vec<_> = expected.iter().map(|row| row.stages.clone()).collect();
        let width = expected.iter().map(|row| row.reminded.len()).max().unwrap_or(0);
        assert_eq!(got.width(), width);
        let (mut numbers, mut padding) = (Vec::new(), Vec::new());
        for (row, stages) in self.rows.iter().zip(&expected) {
            for &id in &stages.reminded {
                numbers.extend(row.vector(id).iter().map(|&x| f64::from(x)));
            }
            let empty = width - stages.reminded.len();
            numbers.extend(std::iter::repeat_n(0.0, empty * self.dim));
            padding.extend((0..width).map(|place| place >= stages.reminded.len()));
        }
        assert_eq!(got.padding(), padding);
        assert_eq!(got.data().is_some(), width > 0);
        if let Some(data) = got.data().cloned() {
            assert_eq!(numbers_of(data), numbers);
        }
    }
}

fn check_row(state: &RowState<'_, Flex>, row: &ReferenceRow, is_random: bool) {
    let (engrams, expected): (Vec<_>, _) = (state.engrams().collect(), row.told());
    assert!(recorded::alike(&engrams, &expected), "{engrams:?} is not {expected:?}");
    let ids = row.engram_ids();
    assert!(ids.is_sorted_by(|a, b| a < b));
    for &Engram { id, lifespan, fire_count, .. } in &engrams {
        assert!(lifespan > 0.0, "{id} should be dead");
        let mut connected = Vec::new();
        for &other in &ids {
            let count = state.cofire_count(id, other).unwrap();
            assert_eq!(count, row.cofire_count(id, other), "{id} with {other}");
            assert_eq!(count, state.cofire_count(other, id).unwrap());
            assert!(count <= fire_count || is_random, "{id} with {other}");
            if other != id && count > 0 {
                connected.push((other, count));
            }
        }
        connected.sort_by_key(|&(other, count)| (u32::MAX - count, other));
        let strongest = state.strongest_connections(id, usize::MAX).unwrap();
        let strongest: Vec<_> = strongest.iter().map(|c| (c.to, c.cofire_count)).collect();
        assert_eq!(strongest, connected, "connections of {id}");
    }
    assert_eq!(state.counts(), EngramCounts::of(&expected));
    let vectors = state.vectors(&ids).unwrap();
    assert_eq!(vectors.is_some(), !ids.is_empty());
    if let Some(vectors) = vectors {
        let expected: Vec<f64> =
            row.engrams.iter().flat_map(|e| &e.vector).map(|&x| f64::from(x)).collect();
        assert_eq!(numbers_of(vectors), expected);
    }
}

fn numbers_of(tensor: FloatTensor<Flex>) -> Vec<f64> {
    read::<Flex>(vec![tensor], true).unwrap()[0].iter().collect()
}
