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
    /// The folder that all runs are kept in.
    pub output: PathBuf,
}

impl SavedRun {
    /// The finished ones of a folder, by seed and context.
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
            .filter(|run| run.model_file().is_file())
            .collect();
        runs.sort_unstable();
        if runs.is_empty() {
            return Err(missing(output.join("CONTEXT-SEED/model.bpk")));
        }
        Ok(runs)
    }

    /// The one of a folder such as `out/lm/memoria-0`, or the first one in a folder such as `out/lm`.
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

    /// From a folder's name, if that is one of a run.
    fn of_folder(path: &Path) -> Option<Self> {
        let (context, seed) = path.file_name()?.to_str()?.rsplit_once('-')?;
        let context = ContextName::from_str(context, false).ok()?;
        let output = path.parent().unwrap_or(Path::new("")).to_owned();
        Some(Self { seed: seed.parse().ok()?, context, output })
    }

    /// Its own folder.
    pub fn folder(&self) -> PathBuf {
        self.output.join(format!("{}-{}", self.context.name(), self.seed))
    }

    /// What it is called in output.
    pub fn label(&self) -> String {
        format!("{}, seed {}", self.context.name(), self.seed)
    }

    /// Where what happened in its memory is kept, if it was recorded.
    pub fn history_file(&self) -> PathBuf {
        self.folder().join("history.bin")
    }

    fn model_file(&self) -> PathBuf {
        self.folder().join("model.bpk")
    }

    /// What the runs of a folder were run with.
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

    /// The tokens that the models of a folder were trained with, if that is told there.
    ///
    /// # Errors
    ///
    /// As [`Vocabulary::read`].
    pub fn vocabulary(output: &Path) -> Result<Option<Vocabulary>, TaskError> {
        Vocabulary::read(&output.join("vocabulary.json"))
    }

    /// All that its model is made of, for a task of such sizes.
    pub(super) fn spec(&self, config: &RunConfig, sizes: Sizes) -> ModelSpec {
        let (model, memory) = (config.model.clone(), config.memory.clone());
        ModelSpec { model, memory, context: self.context, sizes, seed: self.seed }
    }

    /// The trained model, without autodiff, of a task of such sizes.
    ///
    /// # Errors
    ///
    /// [`TaskError::Missing`] or [`TaskError::Format`]: there is no model, it is damaged, or it is of another
    /// architecture than the configuration tells; as [`ModelSpec::init`].
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

/// Gives a model the parameters of a file.
///
/// # Errors
///
/// [`TaskError::Format`] if the file is damaged, or of a model of another architecture.
pub fn load_model<M: Module>(model: M, path: &Path) -> Result<M, TaskError> {
    let record = ModuleRecord::load(path)
        .map_err(|error| TaskError::format(path, format!("cannot be read as a model: {error}")))?;
    fill(model, record, path)
}
