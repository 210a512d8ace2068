use burn::tensor::{Bool, Device, Tensor, TensorData};
use memoria_core::MemoriaError;

use crate::places::indices;

/// Which positions of a batch are padding, on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Padding {
    seq: usize,
    /// `batch × seq`, row by row.
    positions: Vec<bool>,
}

impl Padding {
    /// Reads a mask `[batch, seq]`, true for padding, from its device; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::Device`].
    pub fn read(mask_pad: &Tensor<2, Bool>) -> Result<Option<Self>, MemoriaError> {
        let seq = mask_pad.dims()[1];
        let mask = mask_pad.clone().try_into_data();
        let mask = mask.map_err(|error| MemoriaError::Device(Box::new(error)))?;
        Ok(Self::new(seq, mask.iter().collect()))
    }

    /// Rows of `seq` positions, true for padding, row by row; `None` if nothing is padding.
    ///
    /// # Panics
    ///
    /// If the positions are not those of whole rows.
    pub fn new(seq: usize, positions: Vec<bool>) -> Option<Self> {
        let count = positions.len();
        assert!(count.is_multiple_of(seq), "rows of {seq} positions cannot have {count} together");
        positions.contains(&true).then_some(Self { seq, positions })
    }

    /// Rows of `[batch, seq]` that are padding alone, beside others that have none; `None` if `rows` is empty.
    ///
    /// # Panics
    ///
    /// If a row is not below `batch`.
    pub fn of_rows(rows: &[usize], [batch, seq]: [usize; 2]) -> Option<Self> {
        let mut positions = vec![false; batch * seq];
        rows.iter().for_each(|row| positions[row * seq..][..seq].fill(true));
        Self::new(seq, positions)
    }

    /// Padding where at least one of the two has padding. Both have the same positions.
    pub(crate) fn either(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(mut one), Some(other)) => {
                one.positions
                    .iter_mut()
                    .zip(other.positions)
                    .for_each(|(one, other)| *one |= other);
                Some(one)
            }
            (one, other) => one.or(other),
        }
    }

    pub(crate) fn dims(&self) -> [usize; 2] {
        [self.positions.len() / self.seq, self.seq]
    }

    pub(crate) fn row(&self, row: usize) -> &[bool] {
        &self.positions[row * self.seq..][..self.seq]
    }

    /// Rows of nothing but padding, in ascending order.
    pub fn empty_rows(&self) -> Vec<usize> {
        let is_empty = |&row: &usize| !self.row(row).contains(&false);
        (0..self.dims()[0]).filter(is_empty).collect()
    }

    /// Positions of a row that are no padding, in ascending order.
    pub(crate) fn read_positions(&self, row: usize) -> Vec<usize> {
        let positions = self.row(row).iter().enumerate();
        positions.filter(|&(_, &padding)| !padding).map(|(position, _)| position).collect()
    }

    /// Runs of positions that the same rows have as padding, with those rows: `(start, length, rows)`.
    pub(crate) fn runs(&self) -> Vec<(usize, usize, Vec<usize>)> {
        let [batch, seq] = self.dims();
        let column = |position: usize| -> Vec<usize> {
            (0..batch).filter(|&row| self.row(row)[position]).collect()
        };
        let mut runs: Vec<(usize, usize, Vec<usize>)> = Vec::new();
        for position in 0..seq {
            let rows = column(position);
            match runs.last_mut() {
                Some((_, length, last)) if *last == rows => *length += 1,
                _ => runs.push((position, 1, rows)),
            }
        }
        runs
    }

    /// `[batch, seq]`, true for padding.
    pub fn mask(&self, device: &Device) -> Tensor<2, Bool> {
        Tensor::from_data(TensorData::new(self.positions.clone(), self.dims()), device)
    }
}

/// Removes the padding from rows `[batch, seq, d_model]`. Returns `[batch, longest, d_model]` and the length of each
/// row. Places beyond a row's length repeat its first place.
pub(crate) fn closed_up(hidden: Tensor<3>, padding: &Padding) -> (Tensor<3>, Vec<usize>) {
    let [batch, seq, d_model] = hidden.dims();
    let read: Vec<Vec<usize>> = (0..batch).map(|row| padding.read_positions(row)).collect();
    let lengths: Vec<usize> = read.iter().map(Vec::len).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0).max(1);
    let position = |row: usize, place: usize| {
        let read = &read[row];
        (row * seq + read.get(place).or(read.first()).copied().unwrap_or(0)) as i64
    };
    let places = (0..batch).flat_map(|row| (0..longest).map(move |place| (row, place)));
    let places =
        indices(places.map(|(row, place)| position(row, place)).collect(), &hidden.device());
    let closed = hidden.reshape([batch * seq, d_model]).select(0, places);
    (closed.reshape([batch, longest, d_model]), lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_all_positions() {
        let (x, o) = (true, false);
        let padding = Padding::new(4, vec![o, o, o, x, x, x, x, x, o, o, x, x]).unwrap();
        assert_eq!(padding.empty_rows(), [1]);
        assert_eq!(padding.read_positions(0), [0, 1, 2]);
        assert_eq!(padding.runs(), [(0, 2, vec![1]), (2, 1, vec![1, 2]), (3, 1, vec![0, 1, 2])]);
        assert_eq!(Padding::new(2, vec![o, o]), None);
        assert_eq!(Padding::of_rows(&[1], [2, 1]).unwrap().row(1), [x]);
        let read = Padding::read(&padding.mask(&Device::flex())).unwrap();
        assert_eq!(read, Some(padding));
    }
}
