use std::{path::Path, slice::from_ref, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    EvaluationConfig, Loaded, MemoryConfig, Shipped, TaskConfig, TaskName, TrainingConfig, values,
};
use crate::{
    TaskError,
    data::LmConfig,
    error::at_least,
    files,
    model::{ContextName, ModelConfig, ModelKind},
    text::tokenizer_file,
};

/// The full configuration of a run, except its context and seed.
#[derive(Clone, Debug, PartialEq)]
pub struct RunConfig {
    /// The task and its options.
    pub task: TaskConfig,
    /// The model.
    pub model: ModelConfig,
    /// The model's memory, if it has one.
    pub memory: MemoryConfig,
    /// The training.
    pub training: TrainingConfig,
    /// The tests.
    pub evaluation: EvaluationConfig,
}

impl RunConfig {
    /// Returns a task's shipped configuration.
    ///
    /// # Errors
    ///
    /// None: shipped configurations are tested.
    pub fn of(task: TaskName) -> Result<Self, TaskError> {
        Self::read(task, None, &[])
    }

    /// Returns the shipped configuration of a task, changed by a file and then by single values `table.key=value`.
    /// `file` may also be the name of a shipped configuration.
    ///
    /// # Errors
    ///
    /// If the file is missing, is not TOML or belongs to another task; for an unknown key; for a value of another type.
    pub fn read(task: TaskName, file: Option<&Path>, values: &[String]) -> Result<Self, TaskError> {
        let mut table = parse(Path::new("the shipped configuration"), Shipped::of(task).text)?;
        if let Some(path) = file {
            let shipped = path.to_str().and_then(Shipped::named);
            let over = match shipped {
                Some(shipped) => parse(path, shipped.text)?,
                None => {
                    let hint = "`memoria configs` lists those that are shipped, by name";
                    parse(path, &files::read_text(path, hint)?)?
                }
            };
            merge(&mut table, over);
        }
        for value in values {
            set(&mut table, value)?;
        }
        let named = table.get("task").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        if named != task.name() {
            let expected = format!("{}, the task that is to be run", task.name());
            return Err(TaskError::option("task", expected, named));
        }
        Self::from_table(table)
    }

    /// Reads a configuration from all tables at once.
    ///
    /// # Errors
    ///
    /// For an unknown table or key, or a value that does not fit.
    pub fn from_table(mut table: toml::Table) -> Result<Self, TaskError> {
        table.iter().try_for_each(|(key, value)| values::check(key, value))?;
        let name = table.remove("task").unwrap_or_else(|| "".into());
        let got = name.to_string();
        let name: TaskName =
            name.try_into().map_err(|_| TaskError::option("task", "the name of a task", got))?;
        let data = sub_table(&mut table, "data")?;
        let config = Self {
            task: TaskConfig::from_table(name, data)?,
            model: section(&mut table, "model")?,
            memory: section(&mut table, "memory")?,
            training: section(&mut table, "training")?,
            evaluation: section(&mut table, "evaluation")?,
        };
        if let Some(unknown) = table.keys().next() {
            let expected = "of task, data, model, memory, training, evaluation";
            return Err(TaskError::option("a configuration's tables", expected, unknown));
        }
        config.training.check()?;
        config.evaluation.check()?;
        config.check_model()?;
        config.memory.state(0).init()?;
        Ok(config)
    }

    /// Checks the model, and that it fits the task and the memory.
    fn check_model(&self) -> Result<(), TaskError> {
        self.model.check()?;
        let (kind, task) = (self.model.kind, self.task.name());
        if kind.is_encoder() && task != TaskName::Classify {
            let expected = format!(
                "decoder or gpt2 for {}: BERT and RoBERTa tell classes, for `classify`",
                task.name()
            );
            return Err(TaskError::option("model.kind", expected, kind.name()));
        }
        if let Some(sees) =
            self.task.next_tokens().filter(|_| kind == ModelKind::Decoder && !self.model.causal)
        {
            let expected = format!("true for {sees}, where each place asks for the token after it");
            return Err(TaskError::option("model.causal", expected, false));
        }
        if task == TaskName::Lm && self.training.growth != [1] {
            let got = format!("{:?}", self.training.growth);
            return Err(TaskError::option(
                "training.growth",
                "[1] for lm, which has no documents to make",
                got,
            ));
        }
        if let (ModelKind::Gpt2, Some(folder)) = (kind, &self.model.weights)
            && task != TaskName::Lm
        {
            let expected =
                format!("absent for {}: a GPT-2's tokens are those of texts", task.name());
            return Err(TaskError::option("model.weights", expected, folder.display()));
        }
        self.model.check_memory(&self.memory)
    }

    /// Refuses contexts that the model cannot have.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check_contexts(&self, contexts: &[ContextName]) -> Result<(), TaskError> {
        if contexts.contains(&ContextName::NoWindow) && !self.has_window() {
            let expected = "no `no-window` where training.segments is 1: no gradient flows from one segment to the next \
                in any context";
            return Err(TaskError::option("--contexts", expected, "no-window"));
        }
        if contexts.iter().any(|context| context.has_search()) {
            self.memory.check_search()?;
        }
        if contexts.iter().any(|context| context.eviction().is_some()) {
            at_least("memory.capacity", self.memory.capacity, 1)?;
        }
        contexts.iter().try_for_each(|&context| self.model.check_context(context))
    }

    /// The default contexts: a memory that learns what to be reminded of, and those it is compared with.
    pub fn contexts(&self) -> Vec<ContextName> {
        let contexts = [
            ContextName::Memoria,
            ContextName::Paper,
            ContextName::NoWindow,
            ContextName::WorkingOnly,
            ContextName::None,
        ];
        let differs =
            |context: &ContextName| *context != ContextName::NoWindow || self.has_window();
        contexts.into_iter().filter(differs).collect()
    }

    /// Whether a training step reads more than one segment.
    fn has_window(&self) -> bool {
        self.task.name() != TaskName::Lm || self.training.segments > 1
    }

    /// Checks the task's options and reads its files. If the model begins with a checkpoint and no other tokenizer is
    /// given, it uses the checkpoint's tokens.
    ///
    /// # Errors
    ///
    /// As [`TaskConfig::load`].
    pub fn load(&self) -> Result<Loaded, TaskError> {
        match (&self.task, &self.model.weights) {
            (TaskConfig::Classify(config), Some(folder)) => {
                Ok(Loaded::Documents(Arc::new(config.load_with_tokenizer(folder)?)))
            }
            (TaskConfig::Lm(config), Some(folder)) => {
                let tokenizer = match &config.tokenizer {
                    Some(path) => path.clone(),
                    None => tokenizer_file(folder)?,
                };
                let config = LmConfig { tokenizer: Some(tokenizer), ..config.clone() };
                Ok(Loaded::Text(Arc::new(config.load()?)))
            }
            _ => self.task.load(),
        }
    }

    /// Returns the configuration changed by single values `table.key=value`.
    ///
    /// # Errors
    ///
    /// For an unknown key, or a value of another type.
    pub fn with(&self, values: &[String]) -> Result<Self, TaskError> {
        let mut table = parse(Path::new("the configuration"), &self.to_toml())?;
        values.iter().try_for_each(|value| set(&mut table, value))?;
        Self::from_table(table)
    }

    /// Returns the configuration changed by single values, for tests of models that were trained with it.
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with); also for a value of the model or the training, which must stay as trained. The
    /// exception is `training.segments`: the segments of a text that a test reads at a time.
    pub fn with_tested(&self, values: &[String]) -> Result<Self, TaskError> {
        let tested = self.with(values)?;
        let differs = |tested: &Self| {
            let segments = tested.training.segments;
            let training = TrainingConfig { segments, ..self.training.clone() };
            tested.model != self.model || tested.training != training
        };
        if differs(&tested) {
            let expected = "of data, memory or evaluation: the models are trained already";
            let alone =
                |value: &&String| self.with(from_ref(*value)).is_ok_and(|one| differs(&one));
            let given = values.iter().find(alone).cloned().unwrap_or_else(|| values.join(" "));
            return Err(TaskError::option("--set", expected, given));
        }
        Ok(tested)
    }

    /// Returns the configuration as TOML, every option with its value.
    pub fn to_toml(&self) -> String {
        let mut table = toml::Table::new();
        table.insert("task".into(), self.task.name().name().into());
        table.insert("data".into(), self.task.to_table().into());
        fn value(value: impl Serialize) -> toml::Value {
            toml::Value::try_from(value).unwrap_or_else(|_| toml::Table::new().into())
        }
        table.insert("model".into(), value(&self.model));
        table.insert("memory".into(), value(&self.memory));
        table.insert("training".into(), value(&self.training));
        table.insert("evaluation".into(), value(&self.evaluation));
        table.to_string()
    }

    /// Shortens the run to seconds. It shows that everything works, not that anything is learnt.
    pub fn quick(mut self) -> Self {
        let training = &mut self.training;
        training.epochs = training.epochs.min(2);
        training.epoch_steps = training.epoch_steps.min(2);
        training.batch = training.batch.min(4);
        training.validation = training.validation.min(4);
        let evaluation = &mut self.evaluation;
        evaluation.documents = evaluation.documents.min(4);
        evaluation.batch = evaluation.batch.min(4);
        evaluation.lengths.retain(|&length| length <= 4);
        if evaluation.lengths.is_empty() {
            evaluation.lengths.push(1);
        }
        self
    }
}

fn parse(path: &Path, text: &str) -> Result<toml::Table, TaskError> {
    text.parse()
        .map_err(|error: toml::de::Error| TaskError::format(path, format!("not TOML: {error}")))
}

fn sub_table(table: &mut toml::Table, name: &str) -> Result<toml::Table, TaskError> {
    match table.remove(name) {
        None => Ok(toml::Table::new()),
        Some(toml::Value::Table(table)) => Ok(table),
        Some(other) => Err(TaskError::option(name, "a table", other)),
    }
}

fn section<T: DeserializeOwned>(table: &mut toml::Table, name: &str) -> Result<T, TaskError> {
    values::read(name, sub_table(table, name)?)
}

/// Replaces values of `table` by those of `over`, table by table.
fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(table)), toml::Value::Table(over)) => merge(table, over),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// Sets one value of a table by `key=value`; dots in the key lead into inner tables. A value that is not TOML is taken
/// as text.
///
/// # Errors
///
/// If there is no `=`, or a key leads through a value that is not a table.
pub fn set(table: &mut toml::Table, assignment: &str) -> Result<(), TaskError> {
    let wrong = |got: &str| TaskError::option("--set", "table.key=value", got);
    let (keys, value) = assignment.split_once('=').ok_or_else(|| wrong(assignment))?;
    let (keys, value) = (keys.trim(), value.trim());
    let parsed = format!("value = {value}").parse::<toml::Table>();
    let parsed = parsed.ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| value.into());
    let mut keys: Vec<&str> = keys.split('.').collect();
    let last = keys.pop().filter(|key| !key.is_empty()).ok_or_else(|| wrong(assignment))?;
    let mut table = table;
    for key in keys {
        let inner = table.entry(key).or_insert_with(|| toml::Table::new().into());
        table = inner.as_table_mut().ok_or_else(|| wrong(assignment))?;
    }
    table.insert(last.into(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(values: &[&str]) -> String {
        let values: Vec<String> = values.iter().map(|&value| value.into()).collect();
        RunConfig::read(TaskName::Recall, None, &values).unwrap_err().to_string()
    }

    #[test]
    fn values_are_set_one_by_one() {
        let values =
            ["data.keys=99", "training.learning_rate = 1e-3", "memory.correlation=gaussian"];
        let values = values.map(str::to_owned);
        let config = RunConfig::read(TaskName::Recall, None, &values).unwrap();
        let TaskConfig::Recall(recall) = &config.task else { panic!("recall") };
        assert_eq!((recall.keys, config.training.learning_rate), (99, 1e-3));
        assert_eq!(config.memory.correlation, super::super::CorrelationName::Gaussian);
    }

    #[test]
    fn what_is_written_is_read() {
        for name in [TaskName::Recall, TaskName::Lm, TaskName::Sort] {
            let config = RunConfig::of(name).unwrap();
            let table = config.to_toml().parse().unwrap();
            assert_eq!(RunConfig::from_table(table).unwrap(), config);
        }
    }

    #[test]
    fn mistakes_are_named() {
        let config = RunConfig::of(TaskName::Recall).unwrap();
        let longer = config.with(&["evaluation.lengths=[99]".into()]).unwrap();
        assert_eq!((longer.evaluation.lengths, longer.training), (vec![99], config.training));
        assert!(refused(&["data.kees=3"]).contains("unknown field `kees`, expected one of"));
        assert!(refused(&["data.keys=many"]).contains("data.keys must be a value that it takes"));
        assert!(refused(&["data.keys=4294967296"]).contains("data.keys must be between 0 and"));
        assert!(refused(&["data.keys=-1"]).contains("data.keys must be between 0 and"));
        assert!(refused(&["training.growth=[1, 1e300]"]).contains("training.growth must be"));
        assert!(
            refused(&["memory.score_scale=nan"]).contains("memory.score_scale must be a number")
        );
        assert!(refused(&["memory.wiring=3"]).contains("memory.wiring must be a value"));
        assert!(refused(&["evaluation.initial_lifespan=-1.0"]).contains("evaluation.initial_"));
        assert!(refused(&["date.keys=3"]).contains("got date"));
        assert!(refused(&["data.keys"]).contains("table.key=value"));
        assert!(
            refused(&["training.epochs=0"]).contains("training.epochs must be at least 1, got 0")
        );
        assert!(refused(&["task=sort"]).contains("task must be recall"));
        assert!(refused(&["model=3"]).contains("model must be a table"));
        assert!(refused(&["model.heads=3"]).contains("model.heads"));
        assert!(refused(&["memory.initial_lifespan=-1.0"]).contains("initial_lifespan"));
    }
}
