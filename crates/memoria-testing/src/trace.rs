//! The trace file format: the inputs of a memory, step by step.

use std::{fs, path::Path};

use memoria::MemoriaConfig;
use serde::Deserialize;

/// A whole trace, without the expected results of the file.
#[derive(Debug, Deserialize)]
#[allow(missing_docs, reason = "named as in the file")]
pub struct Trace {
    pub config: MemoriaConfig,
    pub batch: usize,
    pub dim: usize,
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Deserialize)]
pub struct Step {
    /// `[batch][n][dim]`.
    pub working_memory: Vec<Vec<Vec<f32>>>,
    /// `[batch][q][dim]`: the query, if it is not the working memories.
    pub query: Option<Vec<Vec<Vec<f32>>>>,
    /// Rows that are reset before the step.
    #[serde(default)]
    pub reset_rows: Vec<usize>,
    /// `[batch][id]`: gain of an engram if it is reminded.
    pub gain: Vec<Vec<f32>>,
}

impl Trace {
    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// A message with the line and column, or the step and row, of the error.
    pub fn read(path: &Path) -> Result<Self, String> {
        Self::parse(&fs::read_to_string(path).map_err(|error| error.to_string())?)
    }

    /// Checks the text of a file.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn parse(text: &str) -> Result<Self, String> {
        let trace: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        trace.check()?;
        Ok(trace)
    }

    fn check(&self) -> Result<(), String> {
        self.config.validate().map_err(|error| format!("config: {error}"))?;
        if self.batch == 0 || self.dim == 0 {
            return Err(format!(
                "`batch` and `dim` must be above 0, got {} and {}",
                self.batch, self.dim
            ));
        }
        let mut steps = self.steps.iter().enumerate();
        steps.try_for_each(|(index, step)| step.check(index, self.batch, self.dim))
    }
}

impl Step {
    fn check(&self, index: usize, batch: usize, dim: usize) -> Result<(), String> {
        let place = format!("steps[{index}]");
        check_vectors(&format!("{place}.working_memory"), &self.working_memory, batch, dim)?;
        if let Some(query) = &self.query {
            check_vectors(&format!("{place}.query"), query, batch, dim)?;
        }
        expect_length(&format!("{place}.gain"), batch, self.gain.len())?;
        for (position, row) in self.reset_rows.iter().enumerate() {
            if *row >= batch {
                return Err(format!(
                    "{place}.reset_rows[{position}] must be below {batch}, got {row}"
                ));
            }
        }
        Ok(())
    }
}

/// Checks that all rows have the same number of vectors, each of `dim` numbers.
fn check_vectors(
    place: &str,
    rows: &[Vec<Vec<f32>>],
    batch: usize,
    dim: usize,
) -> Result<(), String> {
    expect_length(place, batch, rows.len())?;
    let width = rows[0].len();
    for (row, vectors) in rows.iter().enumerate() {
        let place = format!("{place}[{row}]");
        expect_length(&place, width, vectors.len())?;
        for (position, vector) in vectors.iter().enumerate() {
            expect_length(&format!("{place}[{position}]"), dim, vector.len())?;
        }
    }
    Ok(())
}

fn expect_length(place: &str, expected: usize, got: usize) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    Err(format!("{place} must have {expected} entries, got {got}"))
}
