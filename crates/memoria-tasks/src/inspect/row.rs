use burn::backend::Backend;
use memoria_core::{Engram, EngramCounts, EngramId, MemoriaError, RowState};
use serde::Serialize;

/// Maximum number of engrams with counted connections. If there are more, evenly spaced ones are counted.
const COUNTED: usize = 10_000;

/// The contents of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowReport {
    /// Number of engrams of each kind.
    pub counts: EngramCounts,
    /// Ages of the engrams in steps.
    pub ages: Option<Spread>,
    /// Remaining lifespans of the engrams in steps.
    pub lifespans: Option<Spread>,
    /// Fire counts of the engrams.
    pub fire_counts: Option<Spread>,
    /// Number of connections per engram.
    pub connections: Option<Spread>,
    /// Weight of each engram's strongest connection.
    pub strongest: Option<Spread>,
    /// Number of engrams with counted connections: all, or at most 10,000 evenly spaced ones.
    pub connections_of: usize,
    /// Names of its attachments.
    pub attached: Vec<String>,
}

/// Statistics of some numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub least: f64,
    /// The median; the smaller of two middle numbers.
    pub median: f64,
    /// Their mean.
    pub mean: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Computes the statistics; `None` without numbers.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_unstable_by(f64::total_cmp);
        let (&least, &most) = (numbers.first()?, numbers.last()?);
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        Some(Self { least, median: numbers[(numbers.len() - 1) / 2], mean, most })
    }
}

impl RowReport {
    pub(super) fn new<B: Backend>(
        row: &RowState<'_, B>,
        attached: Vec<String>,
    ) -> Result<Self, MemoriaError> {
        let engrams: Vec<Engram> = row.engrams().collect();
        let of = |number: fn(&Engram) -> f64| Spread::of(engrams.iter().map(number));
        let stride = engrams.len().div_ceil(COUNTED).max(1);
        let counted: Vec<EngramId> =
            engrams.iter().step_by(stride).map(|engram| engram.id).collect();
        let (mut connections, mut strongest) = (Vec::new(), Vec::new());
        for &id in &counted {
            let of_engram = row.strongest_connections(id, usize::MAX)?;
            connections.push(of_engram.len() as f64);
            strongest.push(of_engram.first().map_or(0.0, |strongest| f64::from(strongest.weight)));
        }
        Ok(Self {
            counts: row.counts(),
            ages: of(|engram| engram.age as f64),
            lifespans: of(|engram| f64::from(engram.lifespan)),
            fire_counts: of(|engram| f64::from(engram.fire_count)),
            connections: Spread::of(connections),
            strongest: Spread::of(strongest),
            connections_of: counted.len(),
            attached,
        })
    }
}
