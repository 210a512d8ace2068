//! The facts and questions of a document, without their places.

use rand::{Rng, RngExt, seq::IndexedRandom};

use super::Recall;
use crate::TaskError;

/// A key and its value; with two hops the value may be a key.
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
    /// With two hops: the segment that told the key leading to it.
    pub(super) via: Option<usize>,
    /// Whether there was a fact to ask for.
    pub(super) counts: bool,
}

/// A key that was told.
#[derive(Clone, Debug)]
struct Told {
    key: usize,
    value: Vec<u32>,
    /// The segment of its last fact.
    segment: usize,
    /// With two hops: the index of the told fact that its value names.
    leads_to: Option<usize>,
    /// Whether another fact leads to it.
    led_to: bool,
}

/// The state while a document is made.
pub(super) struct Story<'a> {
    recall: &'a Recall,
    /// Keys not yet told.
    keys: Vec<usize>,
    told: Vec<Told>,
    /// Facts that the current segment has already asked for.
    asked: Vec<usize>,
}

/// Number of random draws before all candidates are searched.
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

    /// Draws the facts of a segment.
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

    /// Draws a fact of earlier segments that this segment has not told again.
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
        // Almost always one of the first draws fits; a long document is searched only if none does.
        let drawn = (0..DRAWS.min(all.len())).map(|_| rng.random_range(all.clone())).find(wanted);
        drawn.or_else(|| all.filter(wanted).collect::<Vec<_>>().choose(rng).copied())
    }

    /// Draws a question about a fact of earlier segments, different from the others of this segment.
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
