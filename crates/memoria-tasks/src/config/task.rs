use std::sync::Arc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::values;
use crate::{
    TaskError,
    data::{
        ClassifyConfig, Dictionary, LmConfig, Mqar, QaConfig, Recall, Remember, Retain, Rewrite,
        SortConfig, Task, Text, Vocabulary,
    },
};

/// The tasks there are.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum TaskName {
    /// Facts that are told once and asked for segments later.
    Recall,
    /// Symbols by how often they occurred in a long sequence (∞-former).
    Sort,
    /// The next byte or token of a text.
    Lm,
    /// The class of a long document.
    Classify,
    /// Records of four-token keys and values, looked up (Focused Transformer).
    Dictionary,
    /// Multi-query associative recall (Zoology), and its variant with forgetting.
    Mqar,
    /// The last value of a key that is told of again and again (ARMT).
    Rewrite,
    /// The value of one of many keys (ARMT).
    Remember,
    /// Who and what is where, told among sentences of novels, as BABILong does.
    Qa,
    /// A few facts asked for again and again among many that never are.
    Retain,
}

/// The options of a task.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "named after the tasks")]
pub enum TaskConfig {
    Recall(Recall),
    Sort(SortConfig),
    Lm(LmConfig),
    Classify(ClassifyConfig),
    Dictionary(Dictionary),
    Mqar(Mqar),
    Rewrite(Rewrite),
    Remember(Remember),
    Qa(QaConfig),
    Retain(Retain),
}

/// What a model of a task is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Number of tokens.
    pub vocabulary: usize,
    /// Tokens of the longest segment.
    pub segment_length: usize,
    /// The first so many tokens are classes, if the task is about such.
    pub classes: Option<usize>,
}

/// A task with what it reads from files.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// Documents with questions.
    Documents(Arc<dyn Task>),
    /// Text to be modelled.
    Text(Arc<Text>),
}

impl TaskName {
    /// As it is called in configurations and on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl TaskConfig {
    /// Reads the options of a task.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] names what is unknown, or not of its type.
    pub fn from_table(name: TaskName, table: toml::Table) -> Result<Self, TaskError> {
        fn read<T: DeserializeOwned>(table: toml::Table) -> Result<T, TaskError> {
            values::read("data", table)
        }
        Ok(match name {
            TaskName::Recall => Self::Recall(read(table)?),
            TaskName::Sort => Self::Sort(read(table)?),
            TaskName::Lm => Self::Lm(read(table)?),
            TaskName::Classify => Self::Classify(read(table)?),
            TaskName::Dictionary => Self::Dictionary(read(table)?),
            TaskName::Mqar => Self::Mqar(read(table)?),
            TaskName::Rewrite => Self::Rewrite(read(table)?),
            TaskName::Remember => Self::Remember(read(table)?),
            TaskName::Qa => Self::Qa(read(table)?),
            TaskName::Retain => Self::Retain(read(table)?),
        })
    }

    /// Which task's they are.
    pub fn name(&self) -> TaskName {
        match self {
            Self::Recall(_) => TaskName::Recall,
            Self::Sort(_) => TaskName::Sort,
            Self::Lm(_) => TaskName::Lm,
            Self::Classify(_) => TaskName::Classify,
            Self::Dictionary(_) => TaskName::Dictionary,
            Self::Mqar(_) => TaskName::Mqar,
            Self::Rewrite(_) => TaskName::Rewrite,
            Self::Remember(_) => TaskName::Remember,
            Self::Qa(_) => TaskName::Qa,
            Self::Retain(_) => TaskName::Retain,
        }
    }

    /// What it is called where the answers are tokens that follow in the same segment, which a model that is not causal
    /// would see.
    pub(crate) fn next_tokens(&self) -> Option<&'static str> {
        match self {
            Self::Lm(_) => Some("lm"),
            Self::Sort(_) => Some("sort"),
            Self::Dictionary(dictionary) if dictionary.shown => Some("dictionary with data.shown"),
            _ => None,
        }
    }

    /// All options, those that were not given too.
    pub fn to_table(&self) -> toml::Table {
        let table = match self {
            Self::Recall(config) => toml::Table::try_from(config),
            Self::Sort(config) => toml::Table::try_from(config),
            Self::Lm(config) => toml::Table::try_from(config),
            Self::Classify(config) => toml::Table::try_from(config),
            Self::Dictionary(config) => toml::Table::try_from(config),
            Self::Mqar(config) => toml::Table::try_from(config),
            Self::Rewrite(config) => toml::Table::try_from(config),
            Self::Remember(config) => toml::Table::try_from(config),
            Self::Qa(config) => toml::Table::try_from(config),
            Self::Retain(config) => toml::Table::try_from(config),
        };
        table.unwrap_or_default()
    }

    /// Checks the options and reads the files.
    ///
    /// # Errors
    ///
    /// [`TaskError`]; it says what to do.
    pub fn load(&self) -> Result<Loaded, TaskError> {
        let task: Arc<dyn Task> = match self {
            Self::Lm(config) => return config.load().map(|text| Loaded::Text(Arc::new(text))),
            Self::Recall(task) => {
                task.check()?;
                Arc::new(task.clone())
            }
            Self::Dictionary(task) => {
                task.check()?;
                Arc::new(task.clone())
            }
            Self::Mqar(task) => {
                task.check()?;
                Arc::new(task.clone())
            }
            Self::Rewrite(task) => {
                task.check()?;
                Arc::new(task.clone())
            }
            Self::Remember(task) => {
                task.check()?;
                Arc::new(task.clone())
            }
            Self::Retain(task) => {
                task.check()?;
                Arc::new(task.clone())
            }
            Self::Sort(config) => Arc::new(config.load()?),
            Self::Classify(config) => Arc::new(config.load()?),
            Self::Qa(config) => Arc::new(config.load()?),
        };
        Ok(Loaded::Documents(task))
    }
}

impl Loaded {
    /// The tokens there are.
    pub fn vocabulary(&self) -> Vocabulary {
        match self {
            Self::Documents(task) => {
                let words = (0..task.vocabulary() as u32).map(|token| task.word(token));
                Vocabulary::of_words(words.collect())
            }
            Self::Text(text) => text.vocabulary().clone(),
        }
    }

    /// Tokens of the longest segment.
    pub fn segment_length(&self) -> usize {
        self.sizes().segment_length
    }

    /// What models of it are made for.
    pub fn sizes(&self) -> Sizes {
        match self {
            Self::Documents(task) => Sizes {
                vocabulary: task.vocabulary(),
                segment_length: task.segment_length(),
                classes: task.classes(),
            },
            Self::Text(text) => Sizes {
                vocabulary: text.vocabulary().len(),
                segment_length: text.segment_length(),
                classes: None,
            },
        }
    }
}
