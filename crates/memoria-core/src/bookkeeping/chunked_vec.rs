//! A vector that grows without moving and keeps no room to spare.

use core::ops::{Index, IndexMut};

/// Items per piece.
const PIECE: usize = 1024;

/// Items in pieces of equal length: growing by one never copies more than a piece, and no more than a
/// piece lies idle, however many items there are.
#[derive(Clone, Debug)]
pub(crate) struct ChunkedVec<T> {
    pieces: Vec<Vec<T>>,
    len: usize,
}

impl<T> ChunkedVec<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, item: T) {
        if self.len == self.pieces.len() * PIECE {
            // Small tables stay small: the first piece grows as any vector does.
            let room = if self.pieces.is_empty() { 0 } else { PIECE };
            self.pieces.push(Vec::with_capacity(room));
        }
        self.pieces[self.len / PIECE].push(item);
        self.len += 1;
    }

    /// Takes an item out and puts the last one into its place.
    pub(crate) fn swap_remove(&mut self, index: usize) -> T {
        let Some(last) = self.pieces.last_mut().and_then(Vec::pop) else {
            panic!("removing item {index} of none");
        };
        if self.pieces.last().is_some_and(Vec::is_empty) {
            self.pieces.pop();
        }
        self.len -= 1;
        if index == self.len { last } else { core::mem::replace(&mut self[index], last) }
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.pieces.get(index / PIECE)?.get(index % PIECE)
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        let items: usize = self.pieces.iter().map(Vec::capacity).sum();
        items * size_of::<T>() + self.pieces.capacity() * size_of::<Vec<T>>()
    }
}

impl<T> Default for ChunkedVec<T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), len: 0 }
    }
}

impl<T> Index<usize> for ChunkedVec<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.pieces[index / PIECE][index % PIECE]
    }
}

impl<T> IndexMut<usize> for ChunkedVec<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.pieces[index / PIECE][index % PIECE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_vector_holds() {
        let (mut table, mut vector) = (ChunkedVec::default(), Vec::new());
        for item in 0..3 * PIECE {
            table.push(item);
            vector.push(item);
        }
        for step in 0..2 * PIECE + 7 {
            let index = step * 31 % vector.len();
            assert_eq!(table.swap_remove(index), vector.swap_remove(index));
            assert_eq!(table.len(), vector.len());
        }
        table.push(7);
        vector.push(7);
        assert!((0..vector.len()).all(|i| table[i] == vector[i]));
        assert_eq!(table.get(vector.len()), None);
    }

    #[test]
    fn little_lies_idle() {
        let mut table = ChunkedVec::default();
        for item in 0..100 * PIECE as u64 + 1 {
            table.push(item);
        }
        assert!(table.bytes() < 102 * PIECE * 8);
    }
}
