use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::{module::Module, store::ModuleRecord, tensor::Device};
use clap::ValueEnum;

use crate::{
    TaskError,
    config::{RunConfig, Sizes},
    data::Vocabulary,
    files,
    model::{ContextName, ModelSpec, RunModel},
    training::resume::fill,
};

/// A model in the output folder of an [`Experiment`](super::Experiment).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SavedRun {
    /// The run's seed.
    pub seed: u64,
    /// What the model has of earlier segments.
    pub context: ContextName,
    /// The folder of all runs.
    pub output: PathBuf,
}

impl SavedRun {
    /// Returns the finished runs of a folder, ordered by seed and context.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`] if there is none, or no such folder; [`TaskError::File`].
    pub fn all(output: &Path) -> Result<Vec<Self>, TaskError> {
        let missing = |path: PathBuf| {
            let hint = "`memoria train TASK --output FOLDER` leaves a folder for each model, such as \
                memoria-0, when it has finished";
            TaskError::Missing { path, hint: hint.into() }
        };
        if !output.is_dir() {
            return Err(missing(output.into()));
        }
        let files = fs::read_dir(output).map_err(TaskError::file(output))?.flatten();
        let mut runs: Vec<Self> = files
            .filter_map(|entry| Self::of_folder(&entry.path()))
            .filter(|run| run.model_file().is_file() && run.result_file().is_file())
            .collect();
        runs.sort_unstable();
        if runs.is_empty() {
            return Err(missing(output.join("CONTEXT-SEED/model.bpk")));
        }
        Ok(runs)
    }

    /// Returns the run of a folder such as `out/lm/memoria-0`, or the first run in a folder such as `out/lm`.
    ///
    /// # Errors
    ///
    /// As [`all`](Self::all).
    pub fn open(path: &Path) -> Result<Self, TaskError> {
        match Self::of_folder(path) {
            Some(run) if run.model_file().is_file() => Ok(run),
            _ => Ok(Self::all(path)?.swap_remove(0)),
        }
    }

    /// Reads a run from a folder's name, if it is the name of one.
    fn of_folder(path: &Path) -> Option<Self> {
        let (context, seed) = path.file_name()?.to_str()?.rsplit_once('-')?;
        let context = ContextName::from_str(context, false).ok()?;
        let output = path.parent().unwrap_or(Path::new("")).to_owned();
        Some(Self { seed: seed.parse().ok()?, context, output })
    }

    /// Returns its own folder.
    pub fn folder(&self) -> PathBuf {
        self.output.join(format!("{}-{}", self.context.name(), self.seed))
    }

    /// Returns its name in output.
    pub fn label(&self) -> String {
        format!("{}, seed {}", self.context.name(), self.seed)
    }

    /// Returns the path of the recorded history of its memory.
    pub fn history_file(&self) -> PathBuf {
        self.folder().join("history.bin")
    }

    /// Returns the path of the results of its tests.
    pub(super) fn result_file(&self) -> PathBuf {
        self.folder().join("result.json")
    }

    fn model_file(&self) -> PathBuf {
        self.folder().join("model.bpk")
    }

    /// Reads the configuration of the runs of a folder.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`], [`TaskError::Format`], or as [`RunConfig::from_table`].
    pub fn config(output: &Path) -> Result<RunConfig, TaskError> {
        let path = output.join("config.toml");
        let text = files::read_text(&path, "RUN is the output folder of a `memoria train`")?;
        let table = text
            .parse::<toml::Table>()
            .map_err(|error| TaskError::format(&path, format!("not TOML: {error}")))?;
        RunConfig::from_table(table).map_err(|error| match error {
            TaskError::Option { .. } => TaskError::format(&path, error.to_string()),
            error => error,
        })
    }

    /// Reads the vocabulary of the models of a folder, if it is stored there.
    ///
    /// # Errors
    ///
    /// As [`Vocabulary::read`].
    pub fn vocabulary(output: &Path) -> Result<Option<Vocabulary>, TaskError> {
        Vocabulary::read(&output.join("vocabulary.json"))
    }

    /// Returns everything that defines its model, for a task of the given sizes.
    pub(super) fn spec(&self, config: &RunConfig, sizes: Sizes) -> ModelSpec {
        let (model, memory) = (config.model.clone(), config.memory.clone());
        ModelSpec { model, memory, context: self.context, sizes, seed: self.seed }
    }

    /// Loads the trained model, without autodiff, for a task of the given sizes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`] or [`TaskError::Format`] if there is no model, if it is damaged, or if its architecture
    /// differs from the configuration; as [`ModelSpec::init`].
    pub fn model(
        &self,
        config: &RunConfig,
        sizes: Sizes,
        device: &Device,
    ) -> Result<RunModel, TaskError> {
        let path = self.trained_file()?;
        let (model, _) = self.spec(config, sizes).init(device)?;
        load_model(model, &path)
    }

    fn trained_file(&self) -> Result<PathBuf, TaskError> {
        let path = self.model_file();
        let hint = "`memoria train TASK --output FOLDER` leaves it, when it has finished";
        match path.is_file() {
            true => Ok(path),
            false => Err(TaskError::Missing { path, hint: hint.into() }),
        }
    }
}

/// Loads the parameters of a file into a model.
///
/// # Errors
///
/// [`TaskError::Format`] if the file is damaged, or for another architecture.
pub fn load_model<M: Module>(model: M, path: &Path) -> Result<M, TaskError> {
    let record = ModuleRecord::load(path)
        .map_err(|error| TaskError::format(path, format!("cannot be read as a model: {error}")))?;
    fill(model, record, path)
}
