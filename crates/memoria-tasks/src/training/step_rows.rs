use std::ops::Range;

/// The rows of a step that a batch has: all of them, or those of one of several devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRows {
    /// The rows, counted through the whole step.
    pub range: Range<usize>,
    /// Number of rows of the whole step.
    pub of: usize,
}

impl StepRows {
    /// All rows of a step.
    pub fn all(of: usize) -> Self {
        Self { range: 0..of, of }
    }

    /// Whether these are all rows of the step.
    pub fn is_all(&self) -> bool {
        self.range == (0..self.of)
    }

    /// Returns the rows of some of a loader's items, which are counted row by row. Consecutive slices have consecutive
    /// rows, and all items have all rows.
    pub(super) fn slice(&self, items: Range<usize>, of_items: usize) -> Self {
        let row = |item: usize| self.range.start + item * self.range.len() / of_items.max(1);
        Self { range: row(items.start)..row(items.end), of: self.of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slices as Burn does for devices: the last one gets the rest.
    fn divided(rows: usize, steps: usize, devices: usize) -> Vec<Range<usize>> {
        let items = rows * steps;
        let cut = |device| if device == devices { items } else { items / devices * device };
        let slice = |device| StepRows::all(rows).slice(cut(device)..cut(device + 1), items).range;
        (0..devices).map(slice).collect()
    }

    #[test]
    fn every_device_has_rows_and_every_row_a_device() {
        for (rows, steps, devices) in [(4, 3, 2), (5, 1, 2), (3, 7, 3), (32, 100, 5), (9, 2, 4)] {
            let divided = divided(rows, steps, devices);
            let all: Vec<usize> = divided.iter().cloned().flatten().collect();
            assert_eq!(all, (0..rows).collect::<Vec<_>>(), "{divided:?}");
            assert!(divided.iter().all(|rows| !rows.is_empty()), "{divided:?}");
        }
        // With fewer rows than devices some have none.
        assert_eq!(divided(1, 4, 2), [0..0, 0..1]);
    }
}
