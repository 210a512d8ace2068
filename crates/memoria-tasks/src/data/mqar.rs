//! Multi-query associative recall (arXiv 2312.04927): key-value pairs, then keys that ask for their values, at places
//! that follow a power law.
//!
//! A document of `length` tokens is cut into segments. It begins with the pairs, `k1 v1 … kN vN`. A question is a key
//! at an even place after them; its value is expected at the place of the key. In the variant `forgetting`, some keys
//! are told twice, and the second value counts.

use rand::{
    Rng, RngExt,
    seq::{SliceRandom, index},
};
use serde::{Deserialize, Serialize};

use super::{Document, DocumentId, Task};
use crate::{TaskError, error::at_least};

/// Configuration of the task `mqar`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mqar {
    /// Number of tokens: 0 is filler, keys are in the lower half, values in the upper half.
    pub vocabulary: usize,
    /// Tokens of a document.
    pub length: usize,
    /// Number of keys; each is asked for once.
    pub pairs: usize,
    /// Number of keys that get a second value.
    pub updates: usize,
    /// Tokens of a segment; even.
    pub segment_length: usize,
    /// Exponent a of the power law a · x^(a − 1) of the questions' places.
    pub power: f64,
    /// Whether random tokens of both halves are between the questions, instead of 0.
    pub random_fillers: bool,
}

impl Default for Mqar {
    fn default() -> Self {
        Self {
            vocabulary: 8192,
            length: 64,
            pairs: 4,
            updates: 0,
            segment_length: 16,
            power: 0.01,
            random_fillers: false,
        }
    }
}

impl Mqar {
    /// Checks the sizes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(&self) -> Result<(), TaskError> {
        at_least("data.vocabulary", self.vocabulary, 4)?;
        at_least("data.pairs", self.pairs, 1)?;
        at_least("data.segment_length", self.segment_length, 2)?;
        if !self.segment_length.is_multiple_of(2) {
            let expected = "even, so that it cuts no pair";
            return Err(TaskError::option("data.segment_length", expected, self.segment_length));
        }
        if self.updates > self.pairs {
            let expected = format!("at most data.pairs = {}", self.pairs);
            return Err(TaskError::option("data.updates", expected, self.updates));
        }
        at_least("data.length", self.length, 2 * (2 * self.pairs + self.updates))?;
        if !(self.power > 0.0 && self.power.is_finite()) {
            return Err(TaskError::option("data.power", "above 0", self.power));
        }
        let keys = self.vocabulary / 2 - 1;
        if self.pairs > keys {
            let expected = format!("at least {} for {} keys", 2 * self.pairs + 2, self.pairs);
            return Err(TaskError::option("data.vocabulary", expected, self.vocabulary));
        }
        Ok(())
    }

    fn value(&self, rng: &mut impl Rng) -> u32 {
        rng.random_range(self.vocabulary as u32 / 2..self.vocabulary as u32)
    }

    /// Returns the slots of the question zone that have questions, one for each key.
    fn slots(&self, slots: usize, rng: &mut impl Rng) -> Vec<usize> {
        // Drawing one after the other without replacement is equivalent to taking the first arrivals of exponential
        // clocks with these rates.
        let arrival = |slot: usize| {
            let rate = self.power * ((slot + 1) as f64).powf(self.power - 1.0);
            -(1.0 - rng.random::<f64>()).ln() / rate
        };
        let mut arrivals: Vec<(f64, usize)> = (0..slots).map(arrival).zip(0..).collect();
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
        arrivals.into_iter().take(self.pairs).map(|(_, slot)| slot).collect()
    }
}

impl Task for Mqar {
    fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    fn segment_length(&self) -> usize {
        self.segment_length
    }

    /// Documents of another length have the same multiple of pairs and updates.
    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        let longer = id.longer as usize;
        let sizes = Self {
            length: self.length * longer,
            pairs: self.pairs * longer,
            updates: self.updates * longer,
            ..self.clone()
        };
        sizes.check()?;
        let rng = &mut id.rng();
        let keys = index::sample(rng, self.vocabulary / 2 - 1, sizes.pairs).into_vec();
        let mut told: Vec<usize> = (0..sizes.pairs).chain(0..sizes.updates).collect();
        if sizes.updates > 0 {
            told.shuffle(rng);
        }
        let mut tokens: Vec<u32> =
            (0..sizes.length)
                .map(|_| {
                    if self.random_fillers {
                        rng.random_range(1..self.vocabulary as u32)
                    } else {
                        0
                    }
                })
                .collect();
        let mut last = vec![(0, 0); sizes.pairs];
        for (number, &pair) in told.iter().enumerate() {
            let value = loop {
                let value = sizes.value(rng);
                if value != last[pair].0 {
                    break value;
                }
            };
            last[pair] = (value, 2 * number);
            tokens[2 * number..2 * number + 2].copy_from_slice(&[keys[pair] as u32 + 1, value]);
        }
        let zone = 2 * told.len();
        let slots = sizes.slots((sizes.length - zone) / 2, rng);
        let mut questions: Vec<_> =
            (0..).zip(slots).map(|(pair, slot)| (zone + 2 * slot, pair)).collect();
        questions.sort_unstable();
        for &(place, pair) in &questions {
            let pair: usize = pair;
            tokens[place] = keys[pair] as u32 + 1;
        }
        let question =
            |(place, pair): (usize, usize)| (place, vec![last[pair].0], Some(last[pair].1));
        Ok(Document::cut(tokens, self.segment_length, questions.into_iter().map(question)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::data::Split;

    /// Reads the pairs from left to right into a map, then answers the questions.
    fn check(mqar: &Mqar, longer: u32) {
        mqar.check().unwrap();
        for index in 0..20 {
            let id = DocumentId::new(Split::Train, 0, index).longer(longer);
            let document = mqar.document(id).unwrap();
            assert_eq!(document, mqar.document(id).unwrap());
            let tokens: Vec<u32> = document.tokens().collect();
            let longer = longer as usize;
            assert_eq!(tokens.len(), mqar.length * longer);
            let half = mqar.vocabulary as u32 / 2;
            let mut values = HashMap::new();
            let context = 2 * (mqar.pairs + mqar.updates) * longer;
            let mut told_twice = 0;
            for pair in tokens[..context].chunks(2) {
                assert!((1..half).contains(&pair[0]) && pair[1] >= half);
                told_twice += usize::from(values.insert(pair[0], pair[1]).is_some());
            }
            assert_eq!(values.len(), mqar.pairs * longer);
            assert_eq!(told_twice, mqar.updates * longer);
            let mut asked = 0;
            for (segment, question) in document.questions() {
                let place = segment * mqar.segment_length + question.at;
                assert!(place >= context && place.is_multiple_of(2));
                assert_eq!(question.answer, [values.remove(&tokens[place]).expect("asked once")]);
                assert!(question.told.unwrap() <= segment);
                asked += 1;
            }
            assert_eq!(asked, mqar.pairs * longer);
        }
    }

    #[test]
    fn every_key_is_asked_once_and_its_last_value_counts() {
        check(&Mqar::default(), 1);
        check(&Mqar { length: 256, pairs: 64, random_fillers: true, ..Mqar::default() }, 4);
        check(&Mqar { length: 128, pairs: 16, updates: 8, ..Mqar::default() }, 1);
        check(
            &Mqar { vocabulary: 12, length: 20, pairs: 5, segment_length: 4, ..Mqar::default() },
            1,
        );
    }

    #[test]
    fn places_follow_the_power_law() {
        // The first drawn slot follows the law exactly; with one pair it is the only one.
        let mqar = Mqar { length: 64, pairs: 1, power: 0.3, ..Mqar::default() };
        let mut counts = [0.0; 31];
        for index in 0..20_000 {
            let document = mqar.document(DocumentId::new(Split::Test, 0, index)).unwrap();
            let (segment, question) = document.questions().next().unwrap();
            counts[(segment * mqar.segment_length + question.at - 2) / 2] += 1.0 / 20_000.0;
        }
        let weights: Vec<f64> = (1..=31).map(|x| f64::from(x).powf(0.3 - 1.0)).collect();
        let sum: f64 = weights.iter().sum();
        for (count, weight) in counts.iter().zip(weights) {
            assert!((count - weight / sum).abs() < 0.012, "{count} for {}", weight / sum);
        }
    }

    #[test]
    fn too_many_pairs_are_refused() {
        let message = |mqar: Mqar| mqar.check().unwrap_err().to_string();
        assert!(message(Mqar { pairs: 17, ..Mqar::default() }).contains("at least 68, got 64"));
        assert!(message(Mqar { vocabulary: 8, ..Mqar::default() }).contains("at least 10"));
        assert!(message(Mqar { segment_length: 15, ..Mqar::default() }).contains("even"));
    }
}
