//! Learning curves as a picture.

use std::{error::Error, path::Path};

use plotters::prelude::*;

use crate::{control::Control, options::Options, run::RunResult};

/// Draws validation accuracy over training steps, a line per run, as SVG.
///
/// # Errors
///
/// If the file cannot be written.
pub(crate) fn draw(
    path: &Path,
    options: &Options,
    results: &[RunResult],
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (860, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let epochs = results.iter().map(|run| run.curve.len()).max().unwrap_or(0).max(1);
    let steps = (epochs * options.epoch_steps) as f64;
    let chance = 1.0 / options.values as f64;
    let mut chart = ChartBuilder::on(&root)
        .caption("Recalling facts of earlier segments", ("sans-serif", 20))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..steps, 0.0..1.02)?;
    chart
        .configure_mesh()
        .x_desc("training steps")
        .y_desc("accuracy on documents not trained on")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{:.0} %", y * 100.0))
        .light_line_style(WHITE)
        .draw()?;
    let dashes =
        DashedLineSeries::new([(0.0, chance), (steps, chance)], 6, 4, BLACK.mix(0.5).into());
    chart
        .draw_series(dashes)?
        .label("chance")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BLACK.mix(0.5)));
    let mut named: Vec<Control> = Vec::new();
    for run in results {
        let color = color(run.control);
        let start = std::iter::once((0.0, chance));
        let points = (1..).zip(&run.curve);
        let points = points.map(|(epoch, &y)| (f64::from(epoch) * options.epoch_steps as f64, y));
        let series =
            chart.draw_series(LineSeries::new(start.chain(points), color.stroke_width(2)))?;
        if !named.contains(&run.control) {
            named.push(run.control);
            series.label(run.control.name()).legend(move |(x, y)| {
                PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2))
            });
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}

/// Distinguishable also for the colour-blind.
fn color(control: Control) -> RGBColor {
    match control {
        Control::Memory => RGBColor(0, 114, 178),
        Control::NoWindow => RGBColor(230, 159, 0),
        Control::WorkingOnly => RGBColor(0, 158, 115),
        Control::NoMemory => RGBColor(204, 121, 167),
    }
}
