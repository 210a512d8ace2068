//! Long-term vectors in cells of similar ones, so that a search reads a few cells instead of all vectors: an inverted
//! file that grows and shrinks with the memory.
//!
//! A vector lies in the cell with the nearest centre. A cell that has become too large is split in two; one that is
//! nearly empty is dissolved. Vectors added since the last update are fresh: they lie in no cell yet and are always
//! compared. So the result of a search depends only on what happened in the row.

mod snapshot;
mod split;
mod verify;

use super::{
    super::{HostQuery, vectors::centre},
    byte_codes::{ABREAST, CodedQuery, MOST_DIMENSIONS},
    chunk::Chunk,
    nearest,
    shortlist::Shortlist,
    single,
};
use crate::{
    store::number::{Number, Wide},
    threads::{are_worth_sharing, share},
};
use split::halves;

/// Cells around a new one that it exchanges vectors with.
const ABOUT: usize = 16;
/// The list of fresh positions may be longer than twice the list of engrams by this before it is cleaned.
const SPARE: usize = 64;
/// Vectors that a thread finds cells for before it takes more.
const ROUTED_AT_ONCE: usize = 8;

/// When there are cells, and how large they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellLimits {
    /// A row has cells from this many long-term engrams on, and drops them below half of it.
    pub(crate) worth_it: usize,
    /// A cell with more vectors is split, one with at most a sixteenth of them dissolved.
    pub(crate) largest: usize,
    /// Fresh vectors wait until there are this many before they are put into cells.
    pub(crate) fresh: usize,
}

#[cfg(test)]
impl CellLimits {
    /// So small that a few engrams have many cells.
    pub(crate) const SMALL: Self = Self { worth_it: 4, largest: 3, fresh: 2 };
}

impl Default for CellLimits {
    fn default() -> Self {
        Self { worth_it: 1 << 13, largest: 1 << 10, fresh: 32 }
    }
}

/// Where a vector lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    cell: u32,
    at: u32,
}

impl Place {
    /// In no cell.
    const FRESH: Self = Self { cell: u32::MAX, at: u32::MAX };
}

/// A row's long-term vectors by cell.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    dim: usize,
    /// One after the other, so that all are compared in one stream.
    centres: Vec<f32>,
    /// The codes of the centres: of all of them, or of none yet.
    codes: Chunk<i16>,
    cells: Vec<Cell>,
    /// By position in the row's list.
    places: Vec<Place>,
    /// Positions of vectors in no cell, and some others.
    fresh: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Cell {
    /// Positions in the row's list, in the order of the codes.
    positions: Vec<u32>,
    /// Made from the vectors, and made again if lost.
    codes: Chunk,
}

impl Cells {
    /// Cells for a list of long-term engrams, if there are enough.
    pub(in crate::store) fn of<'a, N: Number>(
        dim: usize,
        len: usize,
        vector: &impl Fn(usize) -> &'a [N],
        limits: CellLimits,
    ) -> Option<Self> {
        if len < limits.worth_it.max(1) || dim > MOST_DIMENSIONS {
            return None;
        }
        let places = (0..len as u32).map(|at| Place { cell: 0, at }).collect();
        let cell = Cell { positions: (0..len as u32).collect(), codes: Chunk::default() };
        let (centres, codes, fresh) = (centre(len, dim, vector), Chunk::default(), Vec::new());
        let mut cells = Self { dim, centres, codes, cells: vec![cell], places, fresh };
        cells.split(0, limits.largest, vector);
        Some(cells)
    }

    /// Notes that an engram was appended to the list.
    pub(crate) fn pushed(&mut self) {
        self.fresh.push(self.places.len() as u32);
        self.places.push(Place::FRESH);
        if self.fresh.len() > 2 * self.places.len() + SPARE {
            self.sort_fresh();
        }
    }

    /// Notes that an engram was removed from the list, and that the last one is in its place now.
    pub(crate) fn swap_removed(&mut self, position: usize) {
        self.take_out(position);
        let Some(last) = self.places.pop() else { return };
        let Some(place) = self.places.get_mut(position) else { return };
        *place = last;
        match self.cells.get_mut(last.cell as usize) {
            Some(cell) => cell.positions[last.at as usize] = position as u32,
            None => self.fresh.push(position as u32),
        }
    }

    /// Takes a position out of its cell, if it is in one.
    fn take_out(&mut self, position: usize) {
        let Some(place) = self.places.get_mut(position) else { return };
        let Place { cell, at } = core::mem::replace(place, Place::FRESH);
        let Some(cell) = self.cells.get_mut(cell as usize) else { return };
        cell.positions.swap_remove(at as usize);
        cell.codes.swap_remove(at as usize, self.dim);
        if let Some(&moved) = cell.positions.get(at as usize) {
            self.places[moved as usize].at = at;
        }
    }

    /// Keeps each fresh position once, ascending, and no other.
    fn sort_fresh(&mut self) {
        let places = &self.places;
        self.fresh.retain(|&position| places.get(position as usize) == Some(&Place::FRESH));
        self.fresh.sort_unstable();
        self.fresh.dedup();
    }

    /// Positions, ascending. They include the `k` nearest to a query among the vectors of the `probes` cells with the
    /// nearest centres, or of more cells if these have fewer than `k`. They also include all fresh ones.
    ///
    /// Costs a comparison with every centre and with every code of those cells.
    pub(in crate::store) fn candidates<'a, N: Number>(
        &mut self,
        query: &HostQuery,
        vector: &impl Fn(usize) -> &'a [N],
        (k, probes): (usize, usize),
        may_share: bool,
    ) -> Vec<u32> {
        self.sort_fresh();
        let numbers = N::Wide::of_vectors(&query.vectors);
        let mut buffer = Vec::new();
        let single = single(numbers, &mut buffer);
        let mut order = self.distances(single);
        let mut sorted = 0;
        // Places in the cells that are read, one cell after the other, each rounded up to as many as are abreast.
        let (mut first, mut looked_at, mut offered) = (0, Vec::new(), 0);
        for probed in 0..order.len() {
            if probed >= probes && offered >= k {
                break;
            }
            if probed == sorted {
                sorted = sort_nearest(&mut order, sorted, probes);
            }
            let index = order[probed].1;
            let cell = &mut self.cells[index as usize];
            if cell.positions.is_empty() {
                continue;
            }
            cell.code(self.dim, vector);
            offered += cell.positions.len();
            looked_at.push((first, index));
            first = (first + cell.positions.len()).next_multiple_of(ABREAST);
        }
        let chunk = |&(first, index): &(usize, u32)| (first, &self.cells[index as usize].codes);
        let chunks = looked_at.iter().map(chunk).collect();
        let found = nearest((numbers, single), query.comparison, chunks, k, may_share);
        let position = |place: u32| {
            let (first, index) =
                looked_at[looked_at.partition_point(|&(first, _)| first <= place as usize) - 1];
            self.cells[index as usize].positions[place as usize - first]
        };
        let mut positions: Vec<u32> = found.into_iter().map(position).collect();
        positions.extend_from_slice(&self.fresh);
        positions.sort_unstable();
        positions
    }

    /// All cells with the squared distances of their centres from the nearest vector of a query.
    fn distances(&self, queries: &[f32]) -> Vec<(f32, u32)> {
        let mut all: Vec<(f32, u32)> = Vec::with_capacity(self.cells.len());
        for query in queries.chunks_exact(self.dim) {
            let mut at = 0;
            each_distance(&self.centres, query, |distance| {
                match all.get_mut(at) {
                    Some(nearest) => nearest.0 = nearest.0.min(distance),
                    None => all.push((distance, at as u32)),
                }
                at += 1;
            });
        }
        all
    }

    /// Puts fresh vectors into cells, if it is worth it, and keeps the sizes of cells within their limits. Returns
    /// whether there are still enough vectors for cells.
    ///
    /// Costs a comparison with the codes of every centre for each fresh vector. A cell that is split or dissolved costs
    /// its vectors, and the codes in the cells around it.
    pub(in crate::store) fn follow<'a, N: Number>(
        &mut self,
        vector: &(impl Fn(usize) -> &'a [N] + Sync),
        limits: CellLimits,
        may_share: bool,
    ) -> bool {
        if self.places.len() < limits.worth_it / 2 {
            return false;
        }
        self.sort_fresh();
        if self.fresh.len() < limits.fresh {
            return true;
        }
        if self.codes.len() != self.cells.len() {
            let (dim, centres) = (self.dim, &self.centres);
            self.codes.code_all(dim, self.cells.len(), |index| &centres[index * dim..][..dim]);
        }
        self.dissolve(limits.largest / 16);
        self.sort_fresh();
        let fresh = core::mem::take(&mut self.fresh);
        let route = |some: &[u32]| self.route(some, vector);
        let routes = if may_share && are_worth_sharing(fresh.len() * self.centres.len()) {
            share(fresh.chunks(ROUTED_AT_ONCE), route).concat()
        } else {
            route(&fresh)
        };
        let mut large = Vec::new();
        for (position, index) in fresh.into_iter().zip(routes) {
            self.put(position, index, vector);
            if self.cells[index].positions.len() > limits.largest {
                large.push(index);
            }
        }
        for index in large {
            if self.cells[index].positions.len() > limits.largest {
                self.split(index, limits.largest, vector);
            }
        }
        true
    }

    /// The cell with the nearest centre, for each of some vectors. Only the few centres that codes leave in doubt are
    /// compared.
    fn route<'a, N: Number>(
        &self,
        positions: &[u32],
        vector: &impl Fn(usize) -> &'a [N],
    ) -> Vec<usize> {
        let (mut wide, mut buffer, mut coded) = (Vec::new(), Vec::new(), CodedQuery::default());
        let (mut maybe, count) = (Shortlist::new(1, f32::INFINITY), self.cells.len());
        let route = |&position: &u32| {
            let vector = N::widen(vector(position as usize), &mut wide);
            let vector = single(vector, &mut buffer);
            self.codes.compare(vector, &mut coded, |at, ranges| maybe.offer(at, count, ranges));
            let mut nearest = (f32::INFINITY, count);
            maybe.take(|index| {
                let index = index as usize;
                let distance = squared_distance(vector, self.centre(index)) as f32;
                if (distance, index) < nearest {
                    nearest = (distance, index);
                }
            });
            // Only the first cell of all has no codes at first.
            if nearest.1 < count { nearest.1 } else { 0 }
        };
        positions.iter().map(route).collect()
    }

    /// Makes the vectors of small cells fresh, and drops those cells.
    fn dissolve(&mut self, few: usize) {
        for index in (0..self.cells.len()).rev() {
            if self.cells[index].positions.len() > few || self.cells.len() == 1 {
                continue;
            }
            let Cell { positions, .. } = self.cells.swap_remove(index);
            for &position in &positions {
                self.places[position as usize] = Place::FRESH;
            }
            self.fresh.extend(positions);
            let (last, dim) = (self.cells.len(), self.dim);
            self.centres.copy_within(last * dim.., index * dim);
            self.centres.truncate(last * dim);
            self.codes.swap_remove(index, dim);
            if let Some(moved) = self.cells.get(index) {
                for &position in &moved.positions {
                    self.places[position as usize].cell = index as u32;
                }
            }
        }
    }

    /// Splits a cell, and the halves, until none is too large. Then vectors that are nearer to another centre around it
    /// move to that cell.
    fn split<'a, N: Number>(
        &mut self,
        index: usize,
        most: usize,
        vector: &impl Fn(usize) -> &'a [N],
    ) {
        let (mut left, mut made) = (vec![index], Vec::new());
        while let Some(index) = left.pop() {
            if self.cells[index].positions.len() <= most {
                made.push(index);
                continue;
            }
            let mut positions = core::mem::take(&mut self.cells[index].positions);
            positions.sort_unstable();
            let of_cell = |position: u32| vector(position as usize);
            let [(near, centre), (far, other_centre)] = halves(&positions, self.dim, of_cell);
            let other = self.cells.len();
            self.cells.push(Cell::default());
            self.centres.resize((other + 1) * self.dim, 0.0);
            self.set(index, near, &centre);
            self.set(other, far, &other_centre);
            left.extend([other, index]);
        }
        for index in made {
            self.settle(index, vector);
        }
    }

    /// Exchanges vectors between a new cell and those around it, if they are nearer to the other centre.
    fn settle<'a, N: Number>(&mut self, index: usize, vector: &impl Fn(usize) -> &'a [N]) {
        let centre = self.centre(index);
        let mut about = self.distances(centre);
        let sorted = sort_nearest(&mut about, 0, ABOUT + 1);
        about.truncate(sorted);
        about.retain(|&(_, other)| other as usize != index);
        let (mut wide, mut buffer) = (Vec::new(), Vec::new());
        let mut moves = Vec::new();
        for &position in &self.cells[index].positions {
            let vector = N::widen(vector(position as usize), &mut wide);
            let vector = single(vector, &mut buffer);
            let mut nearest = (squared_distance(vector, centre), index as u32);
            for &(_, other) in &about {
                let distance = squared_distance(vector, self.centre(other as usize));
                if distance < nearest.0 {
                    nearest = (distance, other);
                }
            }
            if nearest.1 as usize != index {
                moves.push((position, nearest.1));
            }
        }
        let (centre, mut coded) = (centre.to_vec(), CodedQuery::default());
        let widened = |centre: &[f32]| -> Vec<N::Wide> {
            centre.iter().map(|&number| N::Wide::from_f64(number.into())).collect()
        };
        let wide_centre = widened(&centre);
        for (_, other) in about {
            self.cells[other as usize].code(self.dim, vector);
            let (cell, other_centre) = (&self.cells[other as usize], self.centre(other as usize));
            // For most vectors, codes show that the centre of their own cell is the nearer one.
            let (mut most, mut maybe) = (Vec::new(), Vec::new());
            cell.codes.compare(other_centre, &mut coded, |_, ranges| most.push(ranges.most));
            cell.codes.compare(&centre, &mut coded, |first, ranges| {
                let (least, most) = (ranges.least.to_array(), most[first / ABREAST].to_array());
                let places = (first..cell.positions.len()).zip(least.into_iter().zip(most));
                maybe.extend(places.filter(|(_, (least, most))| least < most).map(|(at, _)| at));
            });
            let other_centre = widened(other_centre);
            for position in maybe.into_iter().map(|at| cell.positions[at]) {
                let vector = N::widen(vector(position as usize), &mut wide);
                let distance = |centre| N::Wide::squared_distances([vector], centre)[0];
                if distance(&wide_centre) < distance(&other_centre) {
                    moves.push((position, index as u32));
                }
            }
        }
        for (position, to) in moves {
            self.take_out(position as usize);
            self.put(position, to as usize, vector);
        }
    }

    fn centre(&self, index: usize) -> &[f32] {
        &self.centres[index * self.dim..][..self.dim]
    }

    /// Puts a position that is in no cell into a cell.
    fn put<'a, N: Number>(
        &mut self,
        position: u32,
        index: usize,
        vector: &impl Fn(usize) -> &'a [N],
    ) {
        let cell = &mut self.cells[index];
        let at = cell.positions.len();
        cell.positions.push(position);
        self.places[position as usize] = Place { cell: index as u32, at: at as u32 };
        // Codes that are not made yet are made later, of all vectors at once.
        if cell.codes.len() == at && at > 0 {
            cell.codes.code(self.dim, at, |at| vector(cell.positions[at] as usize));
        }
    }

    /// Sets a cell's vectors and centre. The codes are made when they are needed.
    fn set(&mut self, index: usize, positions: Vec<u32>, centre: &[f32]) {
        for (at, &position) in positions.iter().enumerate() {
            self.places[position as usize] = Place { cell: index as u32, at: at as u32 };
        }
        self.cells[index] = Cell { positions, codes: Chunk::default() };
        let (dim, centres) = (self.dim, &mut self.centres);
        centres[index * dim..][..dim].copy_from_slice(centre);
        if index <= self.codes.len() {
            self.codes.code(dim, index, |index| &centres[index * dim..][..dim]);
        }
    }

    /// Codes give the cell with the nearest centre.
    #[cfg(test)]
    pub(super) fn check_route<'a, N: Number>(
        &self,
        position: u32,
        vector: &impl Fn(usize) -> &'a [N],
    ) {
        let (mut wide, mut buffer) = (Vec::new(), Vec::new());
        let here = single(N::widen(vector(position as usize), &mut wide), &mut buffer);
        let distance = |&index: &usize| squared_distance(here, self.centre(index)) as f32;
        let nearest = (0..self.count()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        assert_eq!(self.route(&[position], vector).pop(), nearest);
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.cells.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        let of_cell =
            |cell: &Cell| cell.positions.capacity() * size_of::<u32>() + cell.codes.bytes();
        size_of::<Self>()
            + self.cells.iter().map(of_cell).sum::<usize>()
            + self.cells.capacity() * size_of::<Cell>()
            + self.centres.capacity() * size_of::<f32>()
            + self.codes.bytes()
            + self.places.capacity() * size_of::<Place>()
            + self.fresh.capacity() * size_of::<u32>()
    }
}

impl Cell {
    /// Codes the vectors, if they are not coded yet.
    fn code<'a, N: Number>(&mut self, dim: usize, vector: &impl Fn(usize) -> &'a [N]) {
        let Self { positions, codes } = self;
        if codes.len() != positions.len() {
            codes.code_all(dim, positions.len(), |at| vector(positions[at] as usize));
        }
    }
}

/// Sorts this many more cells by distance, of equal ones by index; all before `sorted` are sorted already. Returns how
/// many are sorted then.
fn sort_nearest(cells: &mut [(f32, u32)], sorted: usize, more: usize) -> usize {
    let by_distance = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    let rest = &mut cells[sorted..];
    let more = more.max(1);
    if more >= rest.len() {
        rest.sort_unstable_by(by_distance);
        return cells.len();
    }
    rest.select_nth_unstable_by(more, by_distance);
    rest[..more].sort_unstable_by(by_distance);
    sorted + more
}

fn squared_distance(vector: &[f32], from: &[f32]) -> f64 {
    let [distance] = f32::squared_distances([vector], from);
    distance
}

/// Calls `each` with the squared distances of vectors from another one, one after the other.
fn each_distance(vectors: &[f32], from: &[f32], mut each: impl FnMut(f32)) {
    const TOGETHER: usize = crate::store::number::ABREAST;
    let dim = from.len();
    let mut groups = vectors.chunks_exact(TOGETHER * dim);
    for group in &mut groups {
        let vectors: [&[f32]; TOGETHER] = core::array::from_fn(|at| &group[at * dim..][..dim]);
        let distances = f32::squared_distances(vectors, from);
        distances.into_iter().for_each(|distance| each(distance as f32));
    }
    for vector in groups.remainder().chunks_exact(dim) {
        each(squared_distance(vector, from) as f32);
    }
}
