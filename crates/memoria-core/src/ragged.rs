//! A list for every row, all of them in one piece of memory.

/// Lists of different lengths, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Ragged<T> {
    items: Vec<T>,
    /// Where each list ends.
    ends: Vec<usize>,
}

impl<T> Ragged<T> {
    /// Lists of which each is told by `list` of its number.
    pub(crate) fn of<I: Iterator<Item = T>>(lists: usize, list: impl Fn(usize) -> I) -> Self {
        let sizes = (0..lists).map(|index| list(index).size_hint().0);
        let mut items = Vec::with_capacity(sizes.sum());
        let mut ends = Vec::with_capacity(lists);
        for index in 0..lists {
            items.extend(list(index));
            ends.push(items.len());
        }
        Self { items, ends }
    }

    /// Number of lists.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Length of the longest list.
    pub(crate) fn width(&self) -> usize {
        self.iter().map(<[T]>::len).max().unwrap_or(0)
    }

    /// # Panics
    ///
    /// If there is no such list.
    pub(crate) fn list(&self, index: usize) -> &[T] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start..self.ends[index]]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|index| self.list(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_a_list_of_any_length_for_each_row() {
        let lengths = [2, 0, 3, 0];
        let lists = Ragged::of(4, |row| (0..lengths[row]).map(move |item| 10 * row + item));
        let expected: [&[usize]; 4] = [&[0, 1], &[], &[20, 21, 22], &[]];
        assert!(lists.iter().eq(expected));
        assert_eq!((lists.len(), lists.width(), lists.list(2)), (4, 3, expected[2]));
        let none = Ragged::of(0, |_| core::iter::empty::<u8>());
        assert_eq!((none.len(), none.width()), (0, 0));
    }
}
