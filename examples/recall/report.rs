//! The table at the end.

use crate::{control::Control, options::Options, run::RunResult};

/// Prints accuracies, times and shares, averaged over seeds.
pub(crate) fn print(options: &Options, results: &[RunResult]) {
    let chance = 100.0 / options.values as f64;
    println!("\nAccuracy in % on fresh documents (chance {chance:.1} %):\n");
    let mut header = vec!["run".to_owned()];
    header.extend((1..options.segments).map(|distance| format!("{distance} ago")));
    header.extend(["1×", "2×", "4×", "ms per step", "in the memory"].map(str::to_owned));
    let mut rows = vec![header];
    for control in controls(results) {
        let runs: Vec<&RunResult> = results.iter().filter(|run| run.control == control).collect();
        let mean = |value: &dyn Fn(&RunResult) -> f64| {
            runs.iter().map(|run| value(run)).sum::<f64>() / runs.len() as f64
        };
        let mut row = vec![control.name().to_owned()];
        for distance in 0..options.segments - 1 {
            let at = |run: &RunResult| run.tests[0].by_distance().nth(distance).unwrap_or(f64::NAN);
            row.push(format!("{:.1}", 100.0 * mean(&at)));
        }
        for length in 0..3 {
            row.push(format!("{:.1}", 100.0 * mean(&|run| run.tests[length].overall())));
        }
        row.push(format!("{:.1}", mean(&|run| run.ms_per_step)));
        row.push(format!("{:.1} %", 100.0 * mean(&|run| run.memory_share)));
        rows.push(row);
    }
    print_table(&rows);
    print_long(options, results);
}

/// Accuracy by distance in the longest documents.
fn print_long(options: &Options, results: &[RunResult]) {
    println!("\nBy distance in documents of {} segments:\n", 4 * options.segments);
    let mut header = vec!["run".to_owned()];
    header.extend((1..4 * options.segments).map(|distance| distance.to_string()));
    let mut rows = vec![header];
    for control in controls(results) {
        let runs: Vec<&RunResult> = results.iter().filter(|run| run.control == control).collect();
        let mut row = vec![control.name().to_owned()];
        for distance in 0..4 * options.segments - 1 {
            let right: f64 =
                runs.iter().filter_map(|run| run.tests[2].by_distance().nth(distance)).sum();
            row.push(format!("{:.0}", 100.0 * right / runs.len() as f64));
        }
        rows.push(row);
    }
    print_table(&rows);
}

fn controls(results: &[RunResult]) -> Vec<Control> {
    let mut controls: Vec<Control> = results.iter().map(|run| run.control).collect();
    controls.sort_unstable();
    controls.dedup();
    controls
}

fn print_table(rows: &[Vec<String>]) {
    let columns = rows[0].len();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        println!("{}", cells.collect::<Vec<_>>().join("  "));
    }
}
