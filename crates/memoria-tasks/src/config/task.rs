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

/// The available tasks.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum TaskName {
    /// Facts that are told once; questions about them come segments later.
    Recall,
    /// Symbols, to be sorted by their frequency in a long sequence (∞-former).
    Sort,
    /// The next byte or token of a text.
    Lm,
    /// The class of a long document.
    Classify,
    /// Look-up of records with keys and values of four tokens (Focused Transformer).
    Dictionary,
    /// Multi-query associative recall (Zoology), also with forgetting.
    Mqar,
    /// The last value of a key; keys get new values again and again (ARMT).
    Rewrite,
    /// The value of one of many keys (ARMT).
    Remember,
    /// Facts about persons, things and their places, told among sentences of novels, as in BABILong.
    Qa,
    /// A few facts asked for again and again, among many facts that are never asked for.
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

/// Sizes that a model of a task needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Number of tokens.
    pub vocabulary: usize,
    /// Tokens of the longest segment.
    pub segment_length: usize,
    /// Number of classes; they are the first tokens. `None` if the task has no classes.
    pub classes: Option<usize>,
}

/// A task with the content of its files.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// Documents with questions.
    Documents(Arc<dyn Task>),
    /// Text to be modelled.
    Text(Arc<Text>),
}

impl TaskName {
    /// Returns its name in configurations and on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl TaskConfig {
    /// Reads the options of a task.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`] names an option that is unknown or of another type.
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

    /// Returns the task of these options.
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

    /// Returns a description of the task's questions if the answers are tokens that follow in the same segment. A model
    /// that is not causal would see them.
    pub(crate) fn next_tokens(&self) -> Option<&'static str> {
        match self {
            Self::Lm(_) => Some("lm"),
            Self::Sort(_) => Some("sort"),
            Self::Dictionary(dictionary) if dictionary.shown => Some("dictionary with data.shown"),
            _ => None,
        }
    }

    /// Returns all options, with defaults for those not given.
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
    /// [`TaskError`], with advice.
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
    /// Returns the tokens of the task.
    pub fn vocabulary(&self) -> Vocabulary {
        match self {
            Self::Documents(task) => {
                let words = (0..task.vocabulary() as u32).map(|token| task.word(token));
                Vocabulary::of_words(words.collect())
            }
            Self::Text(text) => text.vocabulary().clone(),
        }
    }

    /// Returns the sizes that its models need.
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
