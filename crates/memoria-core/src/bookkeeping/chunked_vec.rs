//! A vector that grows without moving its items and keeps almost no spare room.

use core::ops::{Index, IndexMut};

/// Items per chunk.
const CHUNK: usize = 1024;

/// Items in chunks of equal length: growing by one copies one chunk at most, and at most one chunk is
/// unused, however many items there are.
#[derive(Clone, Debug)]
pub(crate) struct ChunkedVec<T> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> ChunkedVec<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, item: T) {
        if self.len == self.chunks.len() * CHUNK {
            // Small vectors stay small: the first chunk grows as any vector does.
            let room = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        self.chunks[self.len / CHUNK].push(item);
        self.len += 1;
    }

    /// Removes an item and puts the last one into its place.
    pub(crate) fn swap_remove(&mut self, index: usize) -> T {
        let Some(last) = self.chunks.last_mut().and_then(Vec::pop) else {
            panic!("removing item {index} of none");
        };
        if self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
        }
        self.len -= 1;
        if index == self.len { last } else { core::mem::replace(&mut self[index], last) }
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    pub(crate) fn bytes(&self) -> usize {
        let items: usize = self.chunks.iter().map(Vec::capacity).sum();
        items * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>()
    }
}

impl<T> Default for ChunkedVec<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Index<usize> for ChunkedVec<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.chunks[index / CHUNK][index % CHUNK]
    }
}

impl<T> IndexMut<usize> for ChunkedVec<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.chunks[index / CHUNK][index % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_a_vector_holds() {
        let (mut chunked, mut vector) = (ChunkedVec::default(), Vec::new());
        for item in 0..3 * CHUNK {
            chunked.push(item);
            vector.push(item);
        }
        for step in 0..2 * CHUNK + 7 {
            let index = step * 31 % vector.len();
            assert_eq!(chunked.swap_remove(index), vector.swap_remove(index));
            assert_eq!(chunked.len(), vector.len());
        }
        chunked.push(7);
        vector.push(7);
        assert!((0..vector.len()).all(|i| chunked[i] == vector[i]));
        assert_eq!(chunked.get(vector.len()), None);
    }

    #[test]
    fn little_lies_idle() {
        let mut chunked = ChunkedVec::default();
        for item in 0..100 * CHUNK as u64 + 1 {
            chunked.push(item);
        }
        assert!(chunked.bytes() < 102 * CHUNK * 8);
    }
}
