//! Cells in snapshots: their centres, and the cell of each position.

use std::io::{Read, Write};

use super::{Cell, Cells, Chunk, Place};
use crate::{
    MemoriaError,
    files::checksummed::{ChecksummedReader, ChecksummedWriter},
};

impl Cells {
    /// Writes them, or that there are none.
    pub(crate) fn write(
        cells: Option<&Self>,
        to: &mut ChecksummedWriter<impl Write>,
    ) -> Result<(), MemoriaError> {
        let Some(cells) = cells else { return to.put_number(0) };
        to.put_number(cells.cells.len() as u64)?;
        to.put_number(cells.dim as u64)?;
        for number in &cells.centres {
            to.put(&number.to_le_bytes())?;
        }
        for place in &cells.places {
            // Zero for fresh ones.
            to.put_number(u64::from(place.cell.wrapping_add(1)))?;
        }
        Ok(())
    }

    /// Reads what [`write`](Self::write) wrote of a list of `len` engrams with vectors of `dim` dimensions.
    pub(crate) fn read(
        len: usize,
        dim: Option<usize>,
        from: &mut ChecksummedReader<impl Read>,
    ) -> Result<Option<Self>, MemoriaError> {
        let count = from.count("cells")?;
        if count == 0 {
            return Ok(None);
        }
        let of_cells = from.count("the dimension of cells")?;
        let Some(dim) = dim.filter(|&dim| dim > 0 && dim == of_cells) else {
            return Err(from.invalid(format!("cells of dimension {of_cells}")));
        };
        let (mut centres, mut cells) = (Vec::new(), Vec::new());
        for _ in 0..count {
            for _ in 0..dim {
                let number = f32::from_le_bytes(from.array()?);
                if !number.is_finite() {
                    return Err(from.invalid(format!("the centre of a cell has a {number}")));
                }
                centres.push(number);
            }
            cells.push(Cell { positions: Vec::new(), codes: Chunk::default() });
        }
        let (mut places, mut fresh) = (Vec::new(), Vec::new());
        for position in 0..len as u32 {
            let place = match from.count("a cell")?.checked_sub(1) {
                None => {
                    fresh.push(position);
                    Place::FRESH
                }
                Some(index) if index < count => {
                    let cell: &mut Cell = &mut cells[index];
                    cell.positions.push(position);
                    Place { cell: index as u32, at: cell.positions.len() as u32 - 1 }
                }
                Some(index) => {
                    return Err(from.invalid(format!("cell {index} of {count} cells")));
                }
            };
            places.push(place);
        }
        let codes = Chunk::default();
        Ok(Some(Self { dim, centres, codes, cells, places, fresh }))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::files::checksummed::Format;

    static FORMAT: Format = Format { magic: *b"thecells", name: "snapshot", version: 1 };

    /// Three engrams in two cells, the last of them fresh.
    fn cells() -> Cells {
        let place = |cell, at| Place { cell, at };
        let cell = |positions| Cell { positions, codes: Chunk::default() };
        Cells {
            dim: 2,
            centres: vec![0.5, -1.0, 3.0, 4.0],
            codes: Chunk::default(),
            cells: vec![cell(vec![1]), cell(vec![0])],
            places: vec![place(1, 0), place(0, 0), Place::FRESH],
            fresh: vec![2],
        }
    }

    fn read(cells: &Cells, len: usize) -> Result<Option<Cells>, MemoriaError> {
        let mut to = ChecksummedWriter::begin(Vec::new(), &FORMAT, 1).unwrap();
        Cells::write(Some(cells), &mut to).unwrap();
        let bytes = to.end().unwrap();
        let mut from = ChecksummedReader::begin(&bytes[..], &FORMAT)?;
        let cells = Cells::read(len, Some(2), &mut from)?;
        from.end()?;
        Ok(cells)
    }

    #[test]
    fn they_come_back() {
        let (written, read) = (cells(), read(&cells(), 3).unwrap().unwrap());
        read.verify(3).unwrap();
        assert_eq!((read.dim, &read.centres), (2, &written.centres));
        assert_eq!((&read.places, &read.fresh), (&written.places, &written.fresh));
    }

    #[rstest]
    #[case::no_dimension(|cells: &mut Cells| (cells.dim, cells.centres) = (0, vec![]))]
    #[case::another_dimension(|cells: &mut Cells| (cells.dim, cells.centres) = (1, vec![0.5, 3.0]))]
    #[case::no_number(|cells: &mut Cells| cells.centres[2] = f32::NAN)]
    #[case::no_such_cell(|cells: &mut Cells| cells.places[1].cell = 2)]
    #[case::too_few_places(|cells: &mut Cells| cells.places.truncate(2))]
    #[case::too_many_places(|cells: &mut Cells| cells.places.push(Place::FRESH))]
    fn what_cannot_be_is_refused(#[case] change: fn(&mut Cells)) {
        let mut cells = cells();
        change(&mut cells);
        assert!(read(&cells, 3).is_err());
    }
}
