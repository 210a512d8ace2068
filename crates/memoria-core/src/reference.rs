//! One row of a memory, implemented slowly and simply, to judge the fast one.
//!
//! It has a list of engrams in order of creation and a matrix of co-firing counts. It computes scores in double
//! precision directly from the formula, and sorts for the best. It shares only the configuration, ids, kinds and
//! [`Draw`] with the fast one.

mod judged;
mod recorded;
mod sequences;
mod traces;

use std::collections::{BTreeSet, HashMap};

use crate::{
    Correlation, Engram, EngramId, EngramKind, LongTermSearch, MemoriaConfig, Pooling, Reached,
    SearchStage, SearchTrace, ShortTermSearch, Stages, Wiring, search::draw::Draw,
};

/// Single precision may rank scores closer than this either way, relative to the largest distance involved.
const MARGIN: f64 = 1e-5;

#[derive(Clone, Debug)]
pub(crate) struct ReferenceEngram {
    pub(crate) id: EngramId,
    pub(crate) kind: EngramKind,
    pub(crate) lifespan: f32,
    pub(crate) age: u64,
    pub(crate) vector: Vec<f32>,
}

#[derive(Clone, Debug)]
pub(crate) struct ReferenceRow {
    config: MemoriaConfig,
    /// Scores closer than this, relative to the largest distance involved, may be ranked either way.
    margin: f64,
    pub(crate) engrams: Vec<ReferenceEngram>,
    cofired: HashMap<(EngramId, EngramId), u32>,
    /// Long-term engrams in the order of exploration. A new one is appended. Where one dies, the last one moves; of
    /// several that die together the smaller ids go first.
    long_term: Vec<EngramId>,
    /// The reminded engrams that are still to be adjusted.
    reminded: Vec<EngramId>,
    next_id: u64,
    reminds: u64,
}

/// The expected result of a search, and why.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) stages: Stages,
    pub(crate) trace: SearchTrace,
    /// The largest squared distance of an engram from a vector of the query: it limits the accuracy of scores.
    pub(crate) largest: f64,
}

#[derive(Clone, Debug, Default)]
struct Walk {
    initial: BTreeSet<EngramId>,
    visited: BTreeSet<EngramId>,
    /// The step in which an engram was reached, and from where.
    arrivals: HashMap<EngramId, (usize, EngramId)>,
}

impl ReferenceRow {
    pub(crate) fn new(config: MemoriaConfig) -> Self {
        Self {
            config,
            margin: MARGIN,
            engrams: Vec::new(),
            cofired: HashMap::new(),
            long_term: Vec::new(),
            reminded: Vec::new(),
            next_id: 0,
            reminds: 0,
        }
    }

    pub(crate) fn add(&mut self, vectors: Vec<Vec<f32>>) {
        for vector in vectors {
            self.engrams.push(ReferenceEngram {
                id: EngramId(self.next_id),
                kind: EngramKind::Working,
                lifespan: self.config.initial_lifespan,
                age: 0,
                vector,
            });
            self.next_id += 1;
        }
    }

    /// The expected result of a remind by the working engrams, or by the vectors of a query. `None`, without any
    /// change, if single precision could rank otherwise.
    pub(crate) fn remind(&mut self, query: Option<&[Vec<f32>]>) -> Option<Expected> {
        let working = self.ids(EngramKind::Working);
        let vectors: Vec<_> = working.iter().map(|&id| self.vector(id).to_vec()).collect();
        let query = query.filter(|_| !working.is_empty()).unwrap_or(&vectors);
        let expected = self.search(query)?;
        let stages = &expected.stages;
        let wired = self.wired(stages);
        if !working.is_empty() {
            self.reminds += 1;
        }
        for &i in working.iter().chain(&stages.reminded) {
            *self.cofired.entry((i, i)).or_default() += 1;
        }
        let wired: Vec<EngramId> = working.iter().copied().chain(wired).collect();
        for &i in &wired {
            for &j in wired.iter().filter(|&&j| j != i) {
                *self.cofired.entry((i, j)).or_default() += 1;
            }
        }
        self.reminded = stages.reminded.clone();
        Some(expected)
    }

    /// The engrams that are connected with the working ones.
    fn wired(&self, stages: &Stages) -> Vec<EngramId> {
        let (stms, ltms) = (stages.reminded_stm.len(), stages.reminded_ltm.len());
        match self.config.wiring {
            Wiring::CoFiring => stages.reminded.clone(),
            Wiring::Random => [
                self.drawn(Draw::ShortTermWiring, &self.ids(EngramKind::ShortTerm), stms),
                self.drawn(Draw::LongTermWiring, &self.long_term, ltms),
            ]
            .concat(),
        }
    }

    /// The expected result of a search for `query`; `None` if single precision could rank otherwise.
    pub(crate) fn search(&self, query: &[Vec<f32>]) -> Option<Expected> {
        if query.is_empty() {
            return Some(Expected::default());
        }
        let reminded_stm = self.short_term(query)?;
        let walk = match self.config.long_term_search {
            LongTermSearch::Walk | LongTermSearch::WalkAndNearest => self.walk(&reminded_stm),
            _ => Walk::default(),
        };
        let found_ltm: Vec<EngramId> = walk.visited.iter().copied().collect();
        let wanted = self.config.num_final_ltms;
        let all = self.ids(EngramKind::LongTerm);
        let mut reminded_ltm = match self.config.long_term_search {
            LongTermSearch::Walk => self.best(found_ltm.clone(), query, wanted)?,
            LongTermSearch::Nearest => self.best(all, query, wanted)?,
            LongTermSearch::WalkAndNearest => {
                let walked = self.best(found_ltm.clone(), query, wanted - wanted / 2)?;
                let others = all.into_iter().filter(|id| !walked.contains(id)).collect();
                [self.best(others, query, wanted - walked.len())?, walked].concat()
            }
            LongTermSearch::Random => self.drawn(Draw::LongTerm, &self.long_term, wanted),
            LongTermSearch::None => Vec::new(),
        };
        reminded_ltm.sort();
        let mut reminded = [reminded_stm.clone(), reminded_ltm.clone()].concat();
        reminded.sort();
        let reached = |&id: &EngramId| {
            let arrival = walk.arrivals.get(&id).copied();
            let stage = match arrival {
                _ if reminded_stm.contains(&id) => SearchStage::ShortTerm,
                Some((0, _)) => SearchStage::WalkStart,
                Some((step, _)) => SearchStage::Walk { step },
                None if self.config.long_term_search == LongTermSearch::Random => {
                    SearchStage::Random
                }
                None if walk.visited.contains(&id) => SearchStage::Explored,
                None => SearchStage::Nearest,
            };
            let via = arrival.map(|(_, from)| (from, self.weight(from, id)));
            Reached { id, score: Some(self.score(self.vector(id), query)), stage, via }
        };
        let trace = SearchTrace { reached: reminded.iter().map(reached).collect() };
        let initial_ltm = walk.initial.into_iter().collect();
        let stages = Stages { reminded_stm, initial_ltm, found_ltm, reminded_ltm, reminded };
        Some(Expected { stages, trace, largest: self.largest(&self.engram_ids(), query) })
    }

    fn short_term(&self, query: &[Vec<f32>]) -> Option<Vec<EngramId>> {
        let mut from = self.ids(EngramKind::ShortTerm);
        let wanted = self.config.num_reminded_stm;
        Some(match self.config.short_term_search {
            ShortTermSearch::Nearest => self.best(from, query, wanted)?,
            ShortTermSearch::Newest => from.split_off(from.len().saturating_sub(wanted)),
            ShortTermSearch::Random => self.drawn(Draw::ShortTerm, &from, wanted),
            ShortTermSearch::None => Vec::new(),
        })
    }

    fn walk(&self, reminded_stm: &[EngramId]) -> Walk {
        let mut walk = Walk::default();
        for &here in reminded_stm {
            if let Some(to) = self.strongest_ltm(here, &BTreeSet::new()) {
                walk.initial.insert(to);
                walk.arrivals.entry(to).or_insert((0, here));
            }
        }
        let explored = self.config.ltm_exploration;
        walk.initial.extend(self.drawn(Draw::Exploration, &self.long_term, explored));
        walk.visited = walk.initial.clone();
        let mut walkers = walk.initial.clone();
        for step in 1..=self.config.ltm_search_depth {
            let mut next = BTreeSet::new();
            for &here in &walkers {
                if let Some(to) = self.strongest_ltm(here, &walk.visited) {
                    next.insert(to);
                    walk.arrivals.entry(to).or_insert((step, here));
                }
            }
            walk.visited.extend(&next);
            walkers = next;
        }
        walk
    }

    /// Some of these, in order of id.
    fn drawn(&self, draw: Draw, from: &[EngramId], amount: usize) -> Vec<EngramId> {
        let drawn = draw.positions(self.config.seed, self.reminds, from.len(), amount);
        let mut drawn: Vec<EngramId> = drawn.into_iter().map(|at| from[at]).collect();
        drawn.sort();
        drawn
    }

    /// Ends a step, with one gain per reminded engram, in order of id.
    pub(crate) fn adjust(&mut self, gains: &[f32]) {
        for (id, gain) in std::mem::take(&mut self.reminded).into_iter().zip(gains) {
            let engram = self.engrams.iter_mut().find(|engram| engram.id == id).unwrap();
            engram.lifespan = (engram.lifespan + gain).clamp(f32::MIN, f32::MAX);
        }
        for engram in &mut self.engrams {
            engram.lifespan -= 1.0;
            engram.age += 1;
            if engram.kind == EngramKind::Working {
                engram.kind = EngramKind::ShortTerm;
            }
        }
        let mut too_many =
            self.ids(EngramKind::ShortTerm).len().saturating_sub(self.config.stm_capacity);
        for engram in &mut self.engrams {
            if engram.kind == EngramKind::ShortTerm && too_many > 0 {
                engram.kind = EngramKind::LongTerm;
                self.long_term.push(engram.id);
                too_many -= 1;
            }
        }
        let dead: BTreeSet<EngramId> =
            self.engrams.iter().filter(|e| e.lifespan <= 0.0).map(|e| e.id).collect();
        for id in &dead {
            if let Some(position) = self.long_term.iter().position(|other| other == id) {
                self.long_term.swap_remove(position);
            }
        }
        self.engrams.retain(|engram| !dead.contains(&engram.id));
        self.cofired.retain(|(i, j), _| !dead.contains(i) && !dead.contains(j));
    }

    pub(crate) fn reset(&mut self) {
        self.engrams.clear();
        self.cofired.clear();
        self.long_term.clear();
        self.reminded.clear();
    }

    fn weight(&self, from: EngramId, to: EngramId) -> f32 {
        match self.cofire_count(from, from) {
            0 => 0.0,
            fired => self.cofire_count(from, to) as f32 / fired as f32,
        }
    }

    pub(crate) fn cofire_count(&self, i: EngramId, j: EngramId) -> u32 {
        self.cofired.get(&(i, j)).copied().unwrap_or(0)
    }

    /// The engrams as a memory reports them.
    pub(crate) fn told(&self) -> Vec<Engram> {
        let told =
            self.engrams.iter().map(|&ReferenceEngram { id, kind, lifespan, age, .. }| Engram {
                id,
                kind,
                lifespan,
                age,
                fire_count: self.cofire_count(id, id),
            });
        told.collect()
    }

    pub(crate) fn engram_ids(&self) -> Vec<EngramId> {
        self.engrams.iter().map(|engram| engram.id).collect()
    }

    pub(crate) fn vector(&self, id: EngramId) -> &[f32] {
        &self.engrams.iter().find(|engram| engram.id == id).unwrap().vector
    }

    pub(crate) fn ids(&self, kind: EngramKind) -> Vec<EngramId> {
        self.engrams.iter().filter(|engram| engram.kind == kind).map(|engram| engram.id).collect()
    }

    fn strongest_ltm(&self, here: EngramId, visited: &BTreeSet<EngramId>) -> Option<EngramId> {
        let (mut best, mut most) = (None, 0);
        for engram in self.engrams.iter().filter(|e| e.kind == EngramKind::LongTerm) {
            let count = self.cofire_count(here, engram.id);
            if count > most && !visited.contains(&engram.id) {
                (best, most) = (Some(engram.id), count);
            }
        }
        best
    }

    /// The `k` with the highest scores, in order of id.
    fn best(&self, from: Vec<EngramId>, query: &[Vec<f32>], k: usize) -> Option<Vec<EngramId>> {
        let score = |&id: &EngramId| (id, self.score(self.vector(id), query));
        let mut ranked: Vec<(EngramId, f64)> = from.iter().map(score).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        if 0 < k && k < ranked.len() && !self.is_exact(&from, query) {
            let largest = self.largest(&from, query).max(1.0);
            if ranked[k - 1].1 - ranked[k].1 < self.margin * largest {
                return None;
            }
        }
        ranked.truncate(k);
        let mut best: Vec<EngramId> = ranked.into_iter().map(|(id, _)| id).collect();
        best.sort();
        Some(best)
    }

    /// The largest squared distance of one of these from a vector of the query.
    fn largest(&self, of: &[EngramId], query: &[Vec<f32>]) -> f64 {
        let distances = of
            .iter()
            .flat_map(|&id| query.iter().map(move |w| squared_distance(w, self.vector(id))));
        distances.fold(0.0, f64::max)
    }

    /// The mean or the largest of the correlations, for the Gaussian its logarithm.
    fn score(&self, engram: &[f32], query: &[Vec<f32>]) -> f64 {
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let exponents: Vec<f64> = query.iter().map(|w| -squared_distance(w, engram)).collect();
        let max = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match (self.config.pooling, self.config.correlation) {
            (Pooling::Max, _) => max,
            (Pooling::Mean, Correlation::NegSquaredL2) => mean(exponents),
            (Pooling::Mean, Correlation::Gaussian) => {
                max + mean(exponents.iter().map(|exponent| (exponent - max).exp()).collect()).ln()
            }
        }
    }

    /// Whether single precision computes these scores without any rounding, so that ties are ties.
    fn is_exact(&self, from: &[EngramId], query: &[Vec<f32>]) -> bool {
        let small_integer = |x: &f32| x.fract() == 0.0 && x.abs() <= 16.0;
        let engrams = from.iter().flat_map(|&id| self.vector(id));
        self.config.correlation == Correlation::NegSquaredL2
            && query.len().is_power_of_two()
            && query.iter().flatten().chain(engrams).all(small_integer)
    }
}

fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
}
