//! What a document tells and asks, without where.

use rand::{Rng, RngExt, seq::IndexedRandom};

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
    /// The segment that told of the key that leads to it, with two hops.
    pub(super) via: Option<usize>,
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
    /// Whether another one leads to it.
    led_to: bool,
}

/// A document as it is told.
pub(super) struct Story<'a> {
    recall: &'a Recall,
    /// Keys that were not told of yet.
    keys: Vec<usize>,
    told: Vec<Told>,
    /// What the present segment asked for already.
    asked: Vec<usize>,
}

/// Draws before all that could be drawn is gone through.
const DRAWS: usize = 32;

impl<'a> Story<'a> {
    pub(super) fn new(
        recall: &'a Recall,
        segments: usize,
        rng: &mut impl Rng,
    ) -> Result<Self, TaskError> {
        let keys = recall.different_keys().draw(segments * recall.facts, "data.keys", rng)?;
        Ok(Self { recall, keys, told: Vec::new(), asked: Vec::new() })
    }

    /// The facts of a segment.
    pub(super) fn tell(&mut self, segment: usize, rng: &mut impl Rng) -> Vec<Fact> {
        self.asked.clear();
        (0..self.recall.facts).map(|_| self.fact(segment, rng)).collect()
    }

    fn fact(&mut self, segment: usize, rng: &mut impl Rng) -> Fact {
        if self.recall.retold > 0.0
            && rng.random_bool(self.recall.retold)
            && let Some(index) = self.draw(segment, |_| true, rng)
        {
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
        let key = self.keys.pop().expect("a key for every fact");
        let links = self.recall.hops == 2 && segment % 2 == 1;
        let an_end = |told: &Told| told.leads_to.is_none() && !told.led_to;
        let leads_to = if links { self.draw(segment, an_end, rng) } else { None };
        let value = match leads_to {
            Some(index) => self.recall.key(self.told[index].key),
            None => self.value(rng),
        };
        if let Some(index) = leads_to {
            self.told[index].led_to = true;
        }
        self.told.push(Told { key, value: value.clone(), segment, leads_to, led_to: false });
        Fact { key, value }
    }

    /// One of what was told in earlier segments, and not again in this one.
    fn draw(
        &self,
        segment: usize,
        wanted: impl Fn(&Told) -> bool,
        rng: &mut impl Rng,
    ) -> Option<usize> {
        let wanted = |&index: &usize| {
            let told = &self.told[index];
            told.segment < segment && !self.asked.contains(&index) && wanted(told)
        };
        let all = 0..self.told.len();
        // Nearly always one of the first will do; a long document is gone through for none of them.
        let drawn = (0..DRAWS.min(all.len())).map(|_| rng.random_range(all.clone())).find(wanted);
        drawn.or_else(|| all.filter(wanted).collect::<Vec<_>>().choose(rng).copied())
    }

    /// A question of what was told in earlier segments, none twice in a segment.
    pub(super) fn ask(&mut self, segment: usize, facts: &[Fact], rng: &mut impl Rng) -> Asked {
        let hops = self.recall.hops;
        let wanted = |told: &Told| hops == 1 || told.leads_to.is_some();
        let Some(index) = self.draw(segment, wanted, rng) else {
            let (key, told) = (facts[0].key, segment);
            return Asked { key, answer: facts[0].value.clone(), told, via: None, counts: false };
        };
        self.asked.push(index);
        let told = &self.told[index];
        let (answered_by, via) = match told.leads_to {
            Some(end) => (&self.told[end], Some(told.segment)),
            None => (told, None),
        };
        Asked {
            key: told.key,
            answer: answered_by.value.clone(),
            told: answered_by.segment,
            via,
            counts: true,
        }
    }

    fn value(&self, rng: &mut impl Rng) -> Vec<u32> {
        let token = |_| self.recall.first_value() + rng.random_range(0..self.recall.values as u32);
        (0..self.recall.value_tokens).map(token).collect()
    }
}
