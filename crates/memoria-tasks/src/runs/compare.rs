use std::{collections::BTreeMap, path::Path};

use super::{Results, Test, svg};
use crate::{TaskError, config::TaskName, print::table};

/// A comparison of runs: means and standard deviations over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The task of all runs.
    pub task: TaskName,
    /// One line for each context and file of results.
    pub lines: Vec<Line>,
}

/// Runs that differ only in their seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The context, with the name of its results if there are several files.
    pub name: String,
    /// Number of seeds.
    pub seeds: usize,
    /// Number of parameters.
    pub parameters: usize,
    /// Mean time of the trainings, in seconds.
    pub seconds: f64,
    /// For each test: one run's test, and the mean and standard deviation of its main measure.
    pub tests: Vec<(Test, f64, f64)>,
}

impl Comparison {
    /// Combines named results.
    ///
    /// # Errors
    ///
    /// If there are none, or if their tasks differ.
    pub fn new(results: &[(String, Results)]) -> Result<Self, TaskError> {
        let Some((_, first)) = results.first() else {
            return Err(TaskError::option("results", "of one run at least", "none"));
        };
        let task = first.task;
        if let Some((name, other)) = results.iter().find(|(_, other)| other.task != task) {
            let expected = format!("all of one task, {}", task.name());
            let got = format!("{} in {name}", other.task.name());
            return Err(TaskError::option("results", expected, got));
        }
        let several = results.len() > 1;
        let mut lines = Vec::new();
        for (name, results) in results {
            let mut contexts: Vec<_> = results.runs.iter().map(|run| run.context).collect();
            contexts.sort();
            contexts.dedup();
            for context in contexts {
                let runs: Vec<_> =
                    results.runs.iter().filter(|run| run.context == context).collect();
                let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
                for test in runs.iter().flat_map(|run| &run.tests) {
                    values.entry(test.name()).or_default().push(test.value());
                }
                let of_test = |test: &Test| {
                    let (mean, deviation) = mean_and_deviation(&values[&test.name()]);
                    (test.clone(), mean, deviation)
                };
                let context = context.name();
                lines.push(Line {
                    name: if several { format!("{name}: {context}") } else { context },
                    seeds: runs.len(),
                    parameters: runs[0].parameters,
                    seconds: runs.iter().map(|run| run.seconds).sum::<f64>() / runs.len() as f64,
                    tests: runs[0].tests.iter().map(of_test).collect(),
                });
            }
        }
        Ok(Self { task, lines })
    }

    /// Names of the tests of all runs, each once, in order.
    pub(super) fn test_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (test, ..) in self.lines.iter().flat_map(|line| &line.tests) {
            if !names.contains(&test.name()) {
                names.push(test.name());
            }
        }
        names
    }

    /// Returns the comparison as a table.
    pub fn table(&self) -> String {
        let names = self.test_names();
        let percent = self.task != TaskName::Lm;
        let mut rows =
            vec![["context", "parameters", "seconds", "seeds"].map(str::to_owned).to_vec()];
        rows[0].extend(names.iter().cloned());
        for line in &self.lines {
            let seconds = format!("{:.0}", line.seconds);
            let [parameters, seeds] = [line.parameters, line.seeds].map(|count| count.to_string());
            let mut row = vec![line.name.clone(), parameters, seconds, seeds];
            for name in &names {
                let test = line.tests.iter().find(|(test, ..)| test.name() == *name);
                row.push(test.map_or_else(String::new, |(test, mean, deviation)| {
                    cell(test, *mean, *deviation, percent, line.seeds)
                }));
            }
            rows.push(row);
        }
        table(&rows)
    }

    /// Draws the comparison as SVG.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn draw(&self, path: &Path) -> Result<(), TaskError> {
        svg::draw(self, path)
    }
}

fn cell(test: &Test, mean: f64, deviation: f64, percent: bool, seeds: usize) -> String {
    let value =
        |value: f64| if percent { format!("{:.1}", 100.0 * value) } else { format!("{value:.3}") };
    let mut cell = value(mean);
    if seeds > 1 {
        cell = format!("{cell} ± {}", value(deviation));
    }
    if let Test::Questions { stored, reminded, .. } = test
        && *stored > 0
    {
        cell = format!("{cell} ({reminded} of {stored})");
    }
    cell
}

/// The mean, and the standard deviation of a sample; 0 for one value.
fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (values.len().max(2) - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::ContextName, runs::RunResult};

    fn results(task: TaskName, accuracies: &[f64]) -> Results {
        let run = |(seed, &accuracy): (usize, &f64)| RunResult {
            context: ContextName::Memoria,
            seed: seed as u64,
            parameters: 10,
            seconds: 2.0,
            tests: vec![Test::Questions {
                length: 4,
                stored: 14,
                reminded: 4,
                accuracy,
                bytes: 0,
                ms_per_token: 0.0,
            }],
        };
        let runs = accuracies.iter().enumerate().map(run).collect();
        Results { task, command: "memoria".into(), version: "0".into(), runs }
    }

    #[test]
    fn seeds_are_averaged() {
        let results = [("a".to_owned(), results(TaskName::Recall, &[0.5, 0.7, 0.9]))];
        let comparison = Comparison::new(&results).unwrap();
        let (_, mean, deviation) = comparison.lines[0].tests[0];
        assert!((mean - 0.7).abs() < 1e-9 && (deviation - 0.2).abs() < 1e-9);
        let expected = "context  parameters  seconds  seeds                      4×\n\
            memoria          10        2      3  70.0 ± 20.0 (4 of 14)\n";
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeeze(&comparison.table()), squeeze(expected));
    }

    #[test]
    fn tasks_are_not_mixed() {
        let of = |task| ("b".to_owned(), results(task, &[0.5]));
        let error = Comparison::new(&[of(TaskName::Recall), of(TaskName::Mqar)]).unwrap_err();
        assert!(error.to_string().contains("got mqar in b"), "{error}");
        assert!(Comparison::new(&[]).is_err());
    }

    #[test]
    fn a_picture_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("compared.svg");
        let results = [("a".to_owned(), results(TaskName::Recall, &[0.5, 0.7]))];
        Comparison::new(&results).unwrap().draw(&path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("memoria"));
    }
}
