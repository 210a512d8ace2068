//! Comparisons as pictures.

use std::{error::Error, path::Path};

use plotters::prelude::*;

use super::{Comparison, Test};
use crate::{
    TaskError,
    config::TaskName,
    picture::{self, Area, COLORS},
};

/// Draws means over length, or over the names of the tests, with deviations as bars.
pub(super) fn draw(comparison: &Comparison, path: &Path) -> Result<(), TaskError> {
    picture::write(path, (860, 480), |root| draw_on(comparison, root))
}

fn draw_on(comparison: &Comparison, root: &Area<'_>) -> Result<(), Box<dyn Error>> {
    let names = comparison.test_names();
    let place = |test: &Test| match test {
        Test::Questions { length, .. } => f64::from(*length).log2(),
        other => names.iter().position(|name| *name == other.name()).unwrap_or(0) as f64,
    };
    let tests = || comparison.lines.iter().flat_map(|line| &line.tests);
    let last = tests().map(|(test, ..)| place(test)).fold(0.0, f64::max);
    let text = comparison.task == TaskName::Lm;
    let high = tests().map(|(_, mean, deviation)| mean + deviation).fold(0.0, f64::max);
    let low = tests().map(|(_, mean, deviation)| mean - deviation).fold(high, f64::min);
    let range = if text { low - 0.1..high + 0.1 } else { 0.0..1.02 };
    let mut chart = ChartBuilder::on(root)
        .caption(format!("{}: means of seeds", comparison.task.name()), ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(64)
        // Leaves room for the legend.
        .build_cartesian_2d(-0.25..1.35 * (last + 0.5), range)?;
    let questions = tests().all(|(test, ..)| matches!(test, Test::Questions { .. }));
    let x_label = |&x: &f64| match (questions, (x - x.round()).abs() < 1e-6) {
        (_, false) => String::new(),
        (true, _) if x > last + 0.1 => String::new(),
        (true, _) => format!("{:.0}×", x.exp2()),
        (false, _) => names.get(x.round() as usize).cloned().unwrap_or_default(),
    };
    chart
        .configure_mesh()
        .x_desc(if questions { "length, in times the trained" } else { "test" })
        .y_desc(if text { "bits per byte" } else { "accuracy" })
        .x_labels(2 * last.round() as usize + 2)
        .x_label_formatter(&x_label)
        .y_label_formatter(&|y| {
            if text { format!("{y:.2}") } else { format!("{:.0} %", y * 100.0) }
        })
        .light_line_style(WHITE)
        .draw()?;
    for (line, color) in comparison.lines.iter().zip(COLORS.into_iter().cycle()) {
        let points: Vec<(f64, f64, f64)> = line
            .tests
            .iter()
            .map(|(test, mean, deviation)| (place(test), *mean, *deviation))
            .collect();
        let means = points.iter().map(|&(x, mean, _)| (x, mean));
        let joined: Vec<(f64, f64)> = if questions { means.clone().collect() } else { vec![] };
        chart
            .draw_series(LineSeries::new(joined, color.stroke_width(2)))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        chart.draw_series(means.map(|point| Circle::new(point, 3, color.filled())))?;
        let bar = |&(x, mean, deviation): &(f64, f64, f64)| {
            PathElement::new([(x, mean - deviation), (x, mean + deviation)], color.stroke_width(1))
        };
        chart.draw_series(points.iter().map(bar))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
