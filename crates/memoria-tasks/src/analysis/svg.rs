//! Analyses as a picture.

use std::{error::Error, ops::Range, path::Path};

use plotters::prelude::*;

use super::Analysis;
use crate::{
    TaskError,
    picture::{self, Area, COLORS},
};

/// A curve over x.
struct Line {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// One of the panels.
struct Panel {
    title: String,
    x: &'static str,
    y: &'static str,
    /// Whether x has a logarithmic scale, plus one because of a distance of 0.
    logarithmic: bool,
    legend: SeriesLabelPosition,
    lines: Vec<Line>,
}

/// Draws an analysis, one panel per effect.
pub(super) fn draw(analysis: &Analysis, path: &Path) -> Result<(), TaskError> {
    picture::write(path, (1120, 760), |root| {
        let areas = root.split_evenly((2, 2));
        areas.iter().zip(panels(analysis)).try_for_each(|(area, panel)| panel.draw(area))
    })
}

fn panels(analysis: &Analysis) -> [Panel; 4] {
    let middle = |first: u64, last: u64| (first + last) as f64 / 2.0;
    let survival = analysis.survival.iter().filter(|part| part.made > 0);
    let contiguity = |weight: fn(&super::Contiguity) -> f64| {
        let point = |part: &super::Contiguity| (middle(part.first, part.last), weight(part));
        analysis.contiguity.iter().map(point).collect()
    };
    let ages = |age: fn(&super::Ages) -> Option<f64>| {
        let point = |part: &super::Ages| Some((middle(part.first, part.last), age(part)?));
        analysis.ages.iter().filter_map(point).collect()
    };
    let practice = |share: fn(&super::Practice) -> f64| {
        analysis.practice.iter().map(|part| (part.lag as f64, share(part))).collect()
    };
    [
        Panel {
            title: "Primacy and recency".into(),
            x: "segment it was made in",
            y: "share alive at the end",
            logarithmic: false,
            legend: SeriesLabelPosition::UpperRight,
            lines: vec![Line {
                name: "engrams",
                points: survival
                    .map(|part| (middle(part.first, part.last), part.share()))
                    .collect(),
            }],
        },
        Panel {
            title: "Temporal contiguity".into(),
            x: "segments between",
            y: "mean connection weight",
            logarithmic: true,
            legend: SeriesLabelPosition::UpperRight,
            lines: vec![
                Line { name: "to later ones", points: contiguity(|part| part.forward) },
                Line { name: "to earlier ones", points: contiguity(|part| part.backward) },
            ],
        },
        Panel {
            title: "Age of what is reminded".into(),
            x: "segment",
            y: "mean age in segments",
            logarithmic: false,
            legend: SeriesLabelPosition::UpperLeft,
            lines: vec![
                Line { name: "reminded", points: ages(|part| part.age) },
                Line { name: "all that live", points: ages(|part| part.living_age) },
            ],
        },
        Panel {
            title: "Retrieval practice".into(),
            x: "segments later",
            y: "share reminded",
            logarithmic: true,
            legend: SeriesLabelPosition::UpperRight,
            lines: vec![
                Line { name: "of the reminded", points: practice(|part| part.again) },
                Line { name: "of all", points: practice(|part| part.any) },
            ],
        },
    ]
}

impl Panel {
    fn draw(&self, area: &Area<'_>) -> Result<(), Box<dyn Error>> {
        let place = |x: f64| if self.logarithmic { (x + 1.0).log2() } else { x };
        let points = || self.lines.iter().flat_map(|line| &line.points);
        if points().next().is_none() {
            area.titled(&format!("{}: nothing to tell", self.title), ("sans-serif", 18))?;
            return Ok(());
        }
        let high = points().map(|point| point.1).fold(0.0, f64::max);
        let last = points().map(|point| place(point.0)).fold(0.0, f64::max);
        let first = points().map(|point| place(point.0)).fold(last, f64::min);
        let room = ((last - first) / 40.0).max(0.1);
        let across: Range<f64> = first - room..last + room;
        let up = 0.0..if high > 0.0 { 1.08 * high } else { 1.0 };
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(14)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .x_labels(8)
            .x_label_formatter(&|&x| match self.logarithmic {
                true if (x - x.round()).abs() > 1e-6 => String::new(),
                true => format!("{:.0}", x.exp2() - 1.0),
                false => format!("{x:.0}"),
            })
            .light_line_style(WHITE)
            .draw()?;
        for (line, color) in self.lines.iter().zip(COLORS) {
            let points: Vec<(f64, f64)> = line.points.iter().map(|&(x, y)| (place(x), y)).collect();
            chart
                .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
                .label(line.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2))
                });
            chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, color.filled())))?;
        }
        if self.lines.len() > 1 {
            chart
                .configure_series_labels()
                .position(self.legend.clone())
                .background_style(WHITE.mix(0.8))
                .border_style(BLACK.mix(0.3))
                .draw()?;
        }
        Ok(())
    }
}
