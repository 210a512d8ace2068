//! Questions about the actions of people, which are told among sentences of novels. It follows BABILong (arXiv
//! 2406.10149), tasks 1 to 3, but with Jane Austen's novels instead of those of PG-19, and with words as tokens. Its
//! results are not comparable with those of BABILong.
//!
//! Task 1 asks where a person is, 2 where an object is, 3 where an object was before its current place.

mod reader;
#[cfg(test)]
mod tests;
mod world;

use std::path::PathBuf;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::{Document, DocumentId, Question, Segment, Split, Task};
use crate::{
    TaskError,
    error::at_least,
    text::{Novel, Words, sentences},
};
use reader::{Asked, Reader};
use world::{Action, World};

/// The position of the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactsAt {
    /// At random places, in order.
    Anywhere,
    /// After everything else: a control that needs no memory of distant text.
    End,
}

/// Configuration of the task `qa`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QaConfig {
    /// 1, 2 or 3.
    pub task: usize,
    /// Tokens of a training document, without its questions.
    pub tokens: usize,
    /// Maximum number of tokens of a segment. It has as many whole sentences as fit, or a part of a longer one.
    pub segment_length: usize,
    /// Questions of a document, about different people or objects, each in its own segment. There are fewer if fewer
    /// can be answered.
    pub questions: usize,
    /// The position of the facts.
    pub facts: FactsAt,
    /// Maximum number of tokens: the words of facts, and the most frequent words of the novels.
    pub words: usize,
    /// The folder of the R package janeaustenr. By default Debian's place.
    pub path: Option<PathBuf>,
}

/// The task `qa`; see the [configuration](QaConfig).
#[derive(Clone, Debug)]
pub struct Qa {
    config: QaConfig,
    words: Words,
    /// Sentences for training, and those of the held-out novel.
    sentences: [Vec<Vec<u32>>; 2],
}

/// Minimum and maximum number of facts in a document, by task.
const FACTS: [[usize; 2]; 3] = [[2, 10], [2, 68], [4, 320]];
/// Minimum number of words of a sentence of a novel.
const SENTENCE: usize = 10;
/// Approximate number of tokens of a fact.
const FACT: usize = 7;

impl Default for QaConfig {
    fn default() -> Self {
        Self {
            task: 1,
            tokens: 1000,
            segment_length: 64,
            questions: 1,
            facts: FactsAt::Anywhere,
            words: 4096,
            path: None,
        }
    }
}

impl QaConfig {
    /// Reads the novels.
    ///
    /// # Errors
    ///
    /// As [`Novel::text`]; [`TaskError::Option`].
    pub fn load(&self) -> Result<Qa, TaskError> {
        let mut novels = Vec::new();
        for novel in Novel::ALL {
            novels.push(novel.text(self.path.as_deref())?);
        }
        let held_out = novels.pop().unwrap_or_default();
        self.with_novels(&novels.concat(), &held_out)
    }

    /// As [`load`](Self::load), with texts other than Jane Austen's.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn with_novels(&self, training: &str, held_out: &str) -> Result<Qa, TaskError> {
        if !(1..=3).contains(&self.task) {
            return Err(TaskError::option("data.task", "1, 2 or 3", self.task));
        }
        at_least("data.segment_length", self.segment_length, 1)?;
        at_least("data.questions", self.questions, 1)?;
        at_least("data.tokens", self.tokens, 1)?;
        let certain: Vec<&str> = Action::words().collect();
        at_least("data.words", self.words, certain.len() + 1)?;
        let words = Words::new(certain, [training], self.words, 0);
        let tokens = |text: &str| -> Vec<Vec<u32>> {
            let tokens = sentences(text).into_iter().map(|sentence| words.tokens(&sentence));
            tokens.filter(|tokens| tokens.len() >= SENTENCE).collect()
        };
        let sentences = [tokens(training), tokens(held_out)];
        for of in &sentences {
            at_least("long sentences of a novel", of.len(), 1)?;
        }
        Ok(Qa { config: self.clone(), words, sentences })
    }
}

impl Qa {
    /// Draws the actions that a document tells, and its questions.
    fn story(&self, tokens: usize, rng: &mut impl Rng) -> (Vec<Action>, Vec<Asked>) {
        let task = self.config.task;
        let [least, most] = FACTS[task - 1];
        // Facts are at most an eighth of a document.
        let most = most.min(tokens / 8 / FACT).max(least);
        loop {
            let mut count = rng.random_range(least..=most);
            if task == 1 {
                count -= count % 2;
            }
            let (mut world, mut reader) = (World::new(), Reader::default());
            let mut actions = Vec::new();
            // A story continues until a question can be asked at its end.
            while actions.len() < 2 * most.max(16) {
                let action = if task == 1 { world.step_of_moves(rng) } else { world.step(rng) };
                actions.push(action);
                reader.read(action);
                if actions.len() >= count {
                    let mut asked = reader.ask(task, rng);
                    if !asked.is_empty() {
                        asked.truncate(self.config.questions);
                        return (actions, asked);
                    }
                }
            }
        }
    }

    /// Appends a sentence to the last segment if it fits, otherwise to new ones. Returns the index of the first segment
    /// that contains some of it.
    fn tell(&self, segments: &mut Vec<Vec<u32>>, sentence: &[u32]) -> usize {
        let length = self.config.segment_length;
        match segments.last_mut() {
            Some(last) if last.len() + sentence.len() <= length => {
                last.extend(sentence);
                segments.len() - 1
            }
            _ => {
                let first = segments.len();
                segments.extend(sentence.chunks(length).map(<[u32]>::to_vec));
                first
            }
        }
    }

    /// Returns whole sentences of a novel, from a random one on, with at least `tokens` tokens.
    fn sentences(&self, split: Split, tokens: usize, rng: &mut impl Rng) -> Vec<&[u32]> {
        let novel = &self.sentences[usize::from(split != Split::Train)];
        let mut next = rng.random_range(0..novel.len());
        let (mut sentences, mut length) = (Vec::new(), 0);
        while length < tokens {
            let sentence = &novel[next % novel.len()][..];
            length += sentence.len();
            sentences.push(sentence);
            next += 1;
        }
        sentences
    }
}

impl Task for Qa {
    fn vocabulary(&self) -> usize {
        self.words.vocabulary()
    }

    fn segment_length(&self) -> usize {
        // The longest question has eight words.
        self.config.segment_length.max(8)
    }

    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        let rng = &mut id.rng();
        let length = self.config.tokens * id.longer as usize;
        let (actions, asked) = self.story(length, rng);
        let facts: Vec<Vec<u32>> =
            actions.iter().map(|fact| self.words.tokens(&fact.sentence(rng))).collect();
        let of_facts: usize = facts.iter().map(Vec::len).sum();
        let noise = self.sentences(id.split, length.saturating_sub(of_facts), rng);
        let mut places: Vec<usize> = facts
            .iter()
            .map(|_| match self.config.facts {
                FactsAt::Anywhere => rng.random_range(0..=noise.len()),
                FactsAt::End => noise.len(),
            })
            .collect();
        places.sort_unstable();
        let mut facts = facts.into_iter().zip(places).peekable();
        let (mut segments, mut told) = (Vec::new(), Vec::new());
        for sentence in 0..=noise.len() {
            while let Some((fact, _)) = facts.next_if(|(_, at)| *at == sentence) {
                told.push(self.tell(&mut segments, &fact));
            }
            self.tell(&mut segments, noise.get(sentence).copied().unwrap_or_default());
        }
        let segment = |tokens| Segment { tokens, questions: vec![] };
        let mut document = Document { segments: segments.into_iter().map(segment).collect() };
        for asked in asked {
            let tokens = self.words.tokens(&asked.question);
            let question = Question {
                at: tokens.len() - 1,
                answer: vec![self.words.token(asked.answer)],
                told: Some(told[asked.told]),
                via: asked.via.map(|via| told[via]),
            };
            document.segments.push(Segment { tokens, questions: vec![question] });
        }
        Ok(document)
    }

    fn word(&self, token: u32) -> String {
        self.words.word(token).unwrap_or("?").into()
    }
}
