//! What a document tells and asks, without where.

use rand::{
    Rng, RngExt,
    seq::{IndexedRandom, index},
};

use super::Recall;
use crate::TaskError;

/// A key and its value, which with two hops may be a key.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) key: usize,
    pub(super) value: Vec<u32>,
}

/// A question with its answer.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) key: usize,
    pub(super) answer: Vec<u32>,
    /// The segment that told it last.
    pub(super) told: usize,
    /// Whether there was anything to ask for.
    pub(super) counts: bool,
}

/// What was told of a key.
#[derive(Clone, Debug)]
struct Told {
    key: usize,
    value: Vec<u32>,
    /// The segment of its last fact.
    segment: usize,
    /// With two hops: which of the told facts its value leads to.
    leads_to: Option<usize>,
}

/// A document as it is told.
pub(super) struct Story<'a> {
    recall: &'a Recall,
    /// Keys that were not told of yet.
    keys: Vec<usize>,
    told: Vec<Told>,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        recall: &'a Recall,
        segments: usize,
        rng: &mut impl Rng,
    ) -> Result<Self, TaskError> {
        let (needed, there) = (segments * recall.facts, recall.different_keys());
        if needed > there {
            let expected = format!(
                "so many that there are {needed} keys: a document of {segments} segments tells of as many"
            );
            return Err(TaskError::option("data.keys", expected, format!("{there} keys")));
        }
        let keys = index::sample(rng, there, needed).into_vec();
        Ok(Self { recall, keys, told: Vec::new() })
    }

    /// The facts of a segment.
    pub(super) fn tell(&mut self, segment: usize, rng: &mut impl Rng) -> Vec<Fact> {
        (0..self.recall.facts).map(|_| self.fact(segment, rng)).collect()
    }

    fn fact(&mut self, segment: usize, rng: &mut impl Rng) -> Fact {
        if self.recall.retold > 0.0 && rng.random_bool(self.recall.retold) {
            let before: Vec<usize> = self.told_before(segment);
            if let Some(&index) = before.choose(rng) {
                let value = loop {
                    let value = self.value(rng);
                    if value != self.told[index].value {
                        break value;
                    }
                };
                let told = &mut self.told[index];
                (told.value, told.segment) = (value.clone(), segment);
                return Fact { key: told.key, value };
            }
        }
        let key = self.keys.pop().expect("a key for every fact");
        let leads_to = if self.recall.hops == 2 && segment % 2 == 1 {
            self.an_end(segment, rng)
        } else {
            None
        };
        let value = match leads_to {
            Some(index) => self.recall.key(self.told[index].key),
            None => self.value(rng),
        };
        self.told.push(Told { key, value: value.clone(), segment, leads_to });
        Fact { key, value }
    }

    /// A fact of an earlier segment that no other leads to.
    fn an_end(&self, segment: usize, rng: &mut impl Rng) -> Option<usize> {
        let led_to = |index| self.told.iter().any(|told| told.leads_to == Some(index));
        let ends = |&index: &usize| self.told[index].leads_to.is_none() && !led_to(index);
        let ends: Vec<usize> = self.told_before(segment).into_iter().filter(ends).collect();
        ends.choose(rng).copied()
    }

    /// What was told in earlier segments and not again in this one.
    fn told_before(&self, segment: usize) -> Vec<usize> {
        (0..self.told.len()).filter(|&index| self.told[index].segment < segment).collect()
    }

    /// The segment's question of that number: of what was told in earlier segments; different ones as long as
    /// there are.
    pub(super) fn ask(
        &self,
        segment: usize,
        number: usize,
        facts: &[Fact],
        rng: &mut impl Rng,
    ) -> Asked {
        let wanted = |&index: &usize| self.recall.hops == 1 || self.told[index].leads_to.is_some();
        let mut before: Vec<usize> = self.told_before(segment).into_iter().filter(wanted).collect();
        // Every question of a segment picks from a part of its own.
        let questions = self.recall.questions;
        if before.len() >= questions {
            before = before.into_iter().skip(number).step_by(questions).collect();
        }
        let Some(&index) = before.choose(rng) else {
            let (key, told) = (facts[0].key, segment);
            return Asked { key, answer: facts[0].value.clone(), told, counts: false };
        };
        let told = &self.told[index];
        let answered_by = told.leads_to.map_or(told, |end| &self.told[end]);
        Asked {
            key: told.key,
            answer: answered_by.value.clone(),
            // Of two facts the one that was told first is farther away.
            told: told.segment.min(answered_by.segment),
            counts: true,
        }
    }

    fn value(&self, rng: &mut impl Rng) -> Vec<u32> {
        let token = |_| self.recall.first_value() + rng.random_range(0..self.recall.values as u32);
        (0..self.recall.value_tokens).map(token).collect()
    }
}
