use super::TaskName;

/// A configuration that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// Its TOML text; the comments at its head describe it.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../configs/", $name, ".toml")),
        }),*]
    };
}

/// All shipped configurations. A task runs with the configuration of its name; the others change that one.
pub const SHIPPED: &[Shipped] = shipped![
    "recall",
    "recall-far",
    "recall-several",
    "recall-again",
    "recall-anywhere",
    "recall-hops",
    "sort",
    "sort-paper",
    "lm",
    "lm-gpt2",
    "lm-enwik8",
    "lm-wikitext-103",
    "lm-pg-19",
    "classify",
    "classify-bert",
    "classify-hyperpartisan",
    "dictionary",
    "mqar",
    "mqar-1024",
    "mqar-forgetting",
    "rewrite",
    "remember",
    "qa",
    "qa-2",
    "qa-3",
    "retain",
];

impl Shipped {
    /// Returns the configuration that a task runs with.
    ///
    /// # Panics
    ///
    /// Never: each task has one.
    pub fn of(task: TaskName) -> Self {
        Self::named(&task.name()).expect("a configuration for each task")
    }

    /// Returns the configuration with this name.
    pub fn named(name: &str) -> Option<Self> {
        SHIPPED.iter().find(|shipped| shipped.name == name).copied()
    }

    /// Returns the description: the comments at its head.
    pub fn about(self) -> String {
        let comments = self.text.lines().map_while(|line| line.strip_prefix("# "));
        comments.collect::<Vec<_>>().join(" ")
    }

    /// Returns its task.
    pub fn task(self) -> Option<TaskName> {
        let table: toml::Table = self.text.parse().ok()?;
        table.get("task")?.clone().try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::ValueEnum;

    use super::*;
    use crate::{
        config::{Loaded, RunConfig},
        data::{DocumentId, Split},
    };

    #[test]
    fn every_shipped_configuration_can_be_run() {
        for shipped in SHIPPED {
            let task = shipped.task().unwrap();
            let config = RunConfig::read(task, Some(Path::new(shipped.name)), &[]);
            let config = config.unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
            config.check_contexts(&config.contexts()).unwrap();
            assert!(!shipped.about().is_empty());
            // Texts are read from files.
            if matches!(task, TaskName::Lm | TaskName::Qa | TaskName::Classify) {
                continue;
            }
            let Loaded::Documents(made) = config.load().unwrap() else { panic!("documents") };
            let document = |split, longer: &u32| {
                made.document(DocumentId::new(split, 0, 0).longer(*longer))
                    .unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
            };
            config.evaluation.lengths.iter().for_each(|longer| document(Split::Test, longer));
            config.training.growth.iter().for_each(|longer| document(Split::Train, longer));
        }
        for task in TaskName::value_variants() {
            assert_eq!(Shipped::of(*task).task(), Some(*task));
        }
    }
}
