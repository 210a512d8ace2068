use std::ops::Range;

/// Which rows of a step there are: all of them, or those of one device of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRows {
    /// The rows, counted through the whole step.
    pub range: Range<usize>,
    /// Rows of the whole step.
    pub of: usize,
}

impl StepRows {
    /// All rows of a step.
    pub fn all(of: usize) -> Self {
        Self { range: 0..of, of }
    }

    /// Whether there is no other row in the step.
    pub fn is_all(&self) -> bool {
        self.range == (0..self.of)
    }

    /// The rows that some of a loader's items are, counted row by row. Slices that follow one another have rows
    /// that do, and all items have all rows.
    pub(super) fn slice(&self, items: Range<usize>, of_items: usize) -> Self {
        let row = |item: usize| self.range.start + item * self.range.len() / of_items.max(1);
        Self { range: row(items.start)..row(items.end), of: self.of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Burn slices loaders for devices: the last one gets what is left.
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
