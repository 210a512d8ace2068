use super::TaskName;

/// A configuration that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// What it is called.
    pub name: &'static str,
    /// As TOML; comments at its head say what it is.
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

/// All of them. The one that is named as a task is what the task is run with, and what the others change.
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
    /// The one that a task is run with.
    ///
    /// # Panics
    ///
    /// Never: there is one for each.
    pub fn of(task: TaskName) -> Self {
        Self::named(&task.name()).expect("a configuration for each task")
    }

    /// The one of a name.
    pub fn named(name: &str) -> Option<Self> {
        SHIPPED.iter().find(|shipped| shipped.name == name).copied()
    }

    /// What it is: the comments at its head.
    pub fn about(self) -> String {
        let comments = self.text.lines().map_while(|line| line.strip_prefix("# "));
        comments.collect::<Vec<_>>().join(" ")
    }

    /// Which task it is of.
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
    use crate::config::RunConfig;

    #[test]
    fn every_shipped_configuration_can_be_run() {
        for shipped in SHIPPED {
            let task = shipped.task().unwrap();
            RunConfig::read(task, Some(Path::new(shipped.name)), &[])
                .unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
            assert!(!shipped.about().is_empty());
        }
        for task in TaskName::value_variants() {
            assert_eq!(Shipped::of(*task).task(), Some(*task));
        }
    }
}
