use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use burn::train::{
    logger::MetricLogger,
    metric::{
        MetricDefinition, MetricId, NumericEntry,
        store::{EpochSummary, MetricsUpdate, Split},
    },
};
use serde::{Deserialize, Serialize};

use super::learning::Failure;
use crate::{TaskError, files};

/// One line of `metrics.jsonl`: the results of an epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// Counted from 1.
    pub epoch: usize,
    /// `train` or `valid`.
    pub split: String,
    /// Means over the epoch, by the metric's name in lower case.
    #[serde(flatten)]
    pub values: BTreeMap<String, f64>,
}

/// Writes `metrics.jsonl`, one object per epoch and split.
pub(super) struct MetricsFile {
    path: PathBuf,
    names: HashMap<MetricId, String>,
    running: BTreeMap<String, f64>,
    written: Vec<EpochMetrics>,
    failure: Failure,
}

impl EpochMetrics {
    /// Reads the lines of a file, up to the first incomplete one. Returns none if there is no file.
    ///
    /// # Errors
    ///
    /// [`TaskError::File`].
    pub fn read(path: &Path) -> Result<Vec<Self>, TaskError> {
        if !path.exists() {
            return Ok(Vec::new());
        }
        let text = fs::read_to_string(path).map_err(TaskError::file(path))?;
        Ok(text.lines().map_while(|line| serde_json::from_str(line).ok()).collect())
    }
}

impl MetricsFile {
    /// Continues after `epochs_done` epochs and drops the lines of later ones. A loss that is not finite is a failure.
    pub(super) fn new(
        path: PathBuf,
        epochs_done: usize,
        failure: Failure,
    ) -> Result<Self, TaskError> {
        let mut written = EpochMetrics::read(&path)?;
        written.retain(|metrics| metrics.epoch <= epochs_done);
        let lines: Vec<String> =
            written.iter().filter_map(|metrics| serde_json::to_string(metrics).ok()).collect();
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        files::write(&path, text.as_bytes())?;
        Ok(Self { path, names: HashMap::new(), running: BTreeMap::new(), written, failure })
    }

    fn append(&self, metrics: &EpochMetrics) -> std::io::Result<()> {
        let line = serde_json::to_string(metrics)?;
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        writeln!(file, "{line}")
    }
}

impl MetricLogger for MetricsFile {
    fn log(&mut self, update: MetricsUpdate, _epoch: usize, _split: &Split) {
        for numeric in update.entries_numeric {
            let value = numeric.running_entry.or(numeric.numeric_entry);
            if let (Some(name), Some(value)) = (self.names.get(&numeric.entry.metric_id), value) {
                self.running.insert(name.clone(), value.current());
            }
        }
    }

    fn read_numeric(
        &mut self,
        name: &str,
        epoch: usize,
        split: &Split,
    ) -> Result<Vec<NumericEntry>, String> {
        let (name, split) = (name.to_lowercase(), split.to_string());
        let of_epoch = |metrics: &&EpochMetrics| metrics.epoch == epoch && metrics.split == split;
        let value =
            self.written.iter().find(of_epoch).and_then(|metrics| metrics.values.get(&name));
        Ok(value.map(|&value| NumericEntry::Final(value)).into_iter().collect())
    }

    fn log_metric_definition(&mut self, definition: MetricDefinition) {
        self.names.insert(definition.metric_id, definition.name.to_lowercase());
    }

    fn log_epoch_summary(&mut self, summary: EpochSummary) {
        let mut values = std::mem::take(&mut self.running);
        let (epoch, split) = (summary.epoch_number, summary.split.to_string());
        if values.get("loss").is_some_and(|loss| !loss.is_finite()) {
            let problem = format!("the loss of epoch {epoch} ({split}) is no finite number");
            self.failure.keep(TaskError::Diverged(problem));
        }
        // JSON has no other numbers.
        values.retain(|_, value| value.is_finite());
        let metrics = EpochMetrics { epoch, split, values };
        if let Err(error) = self.append(&metrics) {
            eprintln!("{}: {error}", self.path.display());
        }
        self.written.push(metrics);
    }
}
