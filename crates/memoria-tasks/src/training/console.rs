//! Progress for output that is not a terminal: one line per epoch. On a terminal Burn shows its dashboard.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use burn::train::{
    logger::{EvaluationProgressLogger, TrainingProgressLogger},
    metric::MetricDefinition,
    renderer::{
        EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
        MetricsRendererTraining,
    },
};

use crate::print::println;

/// Prints the results of each epoch, and the remaining time.
pub(super) struct ConsoleRenderer {
    name: String,
    epochs: usize,
    first: usize,
    started: Instant,
    metrics: Vec<MetricDefinition>,
    latest: BTreeMap<String, f64>,
}

impl ConsoleRenderer {
    pub(super) fn new(name: &str) -> Self {
        let (name, started) = (name.to_owned(), Instant::now());
        Self { name, epochs: 0, first: 1, started, metrics: Vec::new(), latest: BTreeMap::new() }
    }
}

/// Formats a time as `1 h 5 min`, `3 min 20 s` or `7 s`.
fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

impl MetricsRendererTraining for ConsoleRenderer {
    fn update_train(&mut self, _state: MetricState) {}

    fn update_valid(&mut self, state: MetricState) {
        if let MetricState::Numeric(entry, Some(value)) = state
            && let Some(metric) = self.metrics.iter().find(|m| m.metric_id == entry.metric_id)
        {
            self.latest.insert(metric.name.to_lowercase(), value.current());
        }
    }
}

impl TrainingProgressLogger for ConsoleRenderer {
    fn start(&mut self, epochs: usize, first: usize, _items: Option<usize>, _label: Option<&str>) {
        (self.epochs, self.first, self.started) = (epochs, first, Instant::now());
    }

    fn update_epoch(&mut self, epoch: usize) {
        let values: Vec<String> =
            self.latest.iter().map(|(metric, value)| format!("{metric} {value:.3}")).collect();
        let done = (epoch + 1).saturating_sub(self.first).max(1) as f64;
        let left = self.started.elapsed().mul_f64(self.epochs.saturating_sub(epoch) as f64 / done);
        let left =
            if epoch < self.epochs { format!("; {} left", duration(left)) } else { "".into() };
        let (name, epochs) = (&self.name, self.epochs);
        println(&format!("{name}: epoch {epoch} of {epochs}: {}{left}", values.join(", ")));
    }

    fn start_split(&mut self, _split: &str, _items: usize) {}

    fn update_split(&mut self, _items: usize) {}

    fn end_split(&mut self) {}

    fn end(&mut self) {}

    fn log_event_training(&mut self, _event: String) {}
}

impl EvaluationProgressLogger for ConsoleRenderer {
    fn start_global_progress(&mut self, _tests: usize) {}

    fn start_test(&mut self, _name: &str, _items: usize) {}

    fn update_test_progress(&mut self, _items: usize) {}

    fn end_test(&mut self) {}

    fn end_global_progress(&mut self) {}

    fn log_event_evaluation(&mut self, _event: String) {}
}

impl MetricsRendererEvaluation for ConsoleRenderer {
    fn update_test(&mut self, _name: EvaluationName, _state: MetricState) {}
}

impl MetricsRenderer for ConsoleRenderer {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, definition: MetricDefinition) {
        self.metrics.push(definition);
    }
}
