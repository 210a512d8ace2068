use burn::backend::Backend;
use memoria_core::{Engram, EngramCounts, EngramId, MemoriaError, RowState};
use serde::Serialize;

/// Connections of this many engrams at most are counted; if there are more, of as many that are evenly spread.
const COUNTED: usize = 10_000;

/// What a row holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowReport {
    /// Engrams of each kind.
    pub counts: EngramCounts,
    /// Steps that engrams have lived.
    pub ages: Option<Spread>,
    /// Steps that they have left unless they are reminded.
    pub lifespans: Option<Spread>,
    /// How often they fired.
    pub fire_counts: Option<Spread>,
    /// Connections of an engram to others.
    pub connections: Option<Spread>,
    /// Weight of each engram's strongest connection.
    pub strongest: Option<Spread>,
    /// Engrams of which the connections were counted: all, or 10,000 that are evenly spread.
    pub connections_of: usize,
    /// Names of what is attached to it.
    pub attached: Vec<String>,
}

/// How numbers are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub least: f64,
    /// The one in the middle; of two the smaller.
    pub median: f64,
    /// Their mean.
    pub mean: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Of some numbers; `None` of none.
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
