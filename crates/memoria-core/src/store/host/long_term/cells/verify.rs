//! The invariants of cells.

use super::{Cells, Place};

impl Cells {
    /// Checks that each position of a list of `len` engrams is in one cell, at its place, or fresh.
    pub(crate) fn verify(&self, len: usize) -> Result<(), String> {
        if self.places.len() != len || self.centres.len() != self.cells.len() * self.dim {
            let (places, numbers) = (self.places.len(), self.centres.len());
            return Err(format!("{places} places for {len} engrams, {numbers} numbers of centres"));
        }
        let placed = |position: usize| self.places[position] != Place::FRESH;
        let listed: usize = self.cells.iter().map(|cell| cell.positions.len()).sum();
        let count = (0..len).filter(|&position| placed(position)).count();
        if listed != count {
            return Err(format!("cells list {listed} engrams, of which {count} are placed"));
        }
        for (cell, of_cell) in (0u32..).zip(&self.cells) {
            for (at, &position) in (0u32..).zip(&of_cell.positions) {
                if self.places.get(position as usize) != Some(&Place { cell, at }) {
                    return Err(format!(
                        "position {position} is in cell {cell} and has another place"
                    ));
                }
            }
        }
        let mut sorted = self.fresh.clone();
        sorted.sort_unstable();
        let fresh = |position: usize| sorted.binary_search(&(position as u32)).is_ok();
        match (0..len).find(|&position| !placed(position) && !fresh(position)) {
            Some(position) => Err(format!("position {position} is neither in a cell nor fresh")),
            None => Ok(()),
        }
    }
}
