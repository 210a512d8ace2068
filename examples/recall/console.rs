//! Progress for output that is not a terminal: a line per epoch. On a terminal Burn shows its dashboard.

use std::collections::BTreeMap;

use burn::train::{
    logger::{EvaluationProgressLogger, TrainingProgressLogger},
    metric::MetricDefinition,
    renderer::{
        EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
        MetricsRendererTraining,
    },
};

/// Prints how each epoch ended.
pub(crate) struct ConsoleRenderer {
    name: String,
    epochs: usize,
    metrics: Vec<MetricDefinition>,
    latest: BTreeMap<String, f64>,
}

impl ConsoleRenderer {
    pub(crate) fn new(name: String) -> Self {
        Self { name, epochs: 0, metrics: Vec::new(), latest: BTreeMap::new() }
    }
}

impl MetricsRendererTraining for ConsoleRenderer {
    fn update_train(&mut self, _state: MetricState) {}

    fn update_valid(&mut self, state: MetricState) {
        if let MetricState::Numeric(entry, Some(value)) = state
            && let Some(metric) = self.metrics.iter().find(|m| m.metric_id == entry.metric_id)
        {
            self.latest.insert(metric.name.to_string(), value.current());
        }
    }
}

impl TrainingProgressLogger for ConsoleRenderer {
    fn start(&mut self, epochs: usize, _first: usize, _items: Option<usize>, _label: Option<&str>) {
        self.epochs = epochs;
    }

    fn update_epoch(&mut self, epoch: usize) {
        let values: Vec<String> =
            self.latest.iter().map(|(metric, value)| format!("{metric} {value:.3}")).collect();
        println!("{}: epoch {epoch} of {}: {}", self.name, self.epochs, values.join(", "));
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
