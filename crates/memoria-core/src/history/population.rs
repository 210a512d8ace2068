use crate::EngramId;

/// Values of living engrams, in order of id. New engrams have the largest ids.
#[derive(Clone, Debug)]
pub(super) struct Population<T> {
    ids: Vec<EngramId>,
    /// The value of each id; `None` for the dead, which are removed in large groups.
    living: Vec<Option<T>>,
    dead: usize,
    /// Where the last search ended. Searches mostly go upwards.
    near: usize,
}

impl<T> Population<T> {
    pub(super) fn new() -> Self {
        Self { ids: Vec::new(), living: Vec::new(), dead: 0, near: 0 }
    }

    /// Adds an engram with a larger id than all others.
    pub(super) fn push(&mut self, id: EngramId, new: T) {
        self.ids.push(id);
        self.living.push(Some(new));
    }

    pub(super) fn get_mut(&mut self, id: EngramId) -> Option<&mut T> {
        let at = self.find(id)?;
        self.living[at].as_mut()
    }

    pub(super) fn remove(&mut self, id: EngramId) -> Option<T> {
        let at = self.find(id)?;
        let removed = self.living[at].take()?;
        self.dead += 1;
        if self.dead > 64 && 2 * self.dead > self.ids.len() {
            let mut lives = self.living.iter().map(Option::is_some);
            self.ids.retain(|_| lives.next() == Some(true));
            self.living.retain(Option::is_some);
            self.dead = 0;
        }
        Some(removed)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// In order of id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EngramId, &T)> {
        let pairs = self.ids.iter().zip(&self.living);
        pairs.filter_map(|(&id, living)| Some((id, living.as_ref()?)))
    }

    /// Those with smaller ids than `last`, in descending order.
    pub(super) fn below(&self, last: EngramId) -> impl Iterator<Item = (EngramId, &T)> {
        let end = self.ids.partition_point(|&id| id < last);
        let pairs = self.ids[..end].iter().zip(&self.living[..end]).rev();
        pairs.filter_map(|(&id, living)| Some((id, living.as_ref()?)))
    }

    /// Searches from where it last found an engram, in strides that double, then between two strides.
    fn find(&mut self, id: EngramId) -> Option<usize> {
        let is_ahead = self.ids.get(self.near).is_some_and(|&near| near <= id);
        let (mut from, mut stride) = (if is_ahead { self.near } else { 0 }, 1);
        while self.ids.get(from + stride).is_some_and(|&other| other <= id) {
            from += stride;
            stride *= 2;
        }
        let to = (from + stride).min(self.ids.len());
        let found = from + self.ids.get(from..to)?.binary_search(&id).ok()?;
        self.near = found;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn is_a_map(operations in proptest::collection::vec((0..4u8, 0..300u64), 0..600)) {
            let (mut population, mut map, mut next) = (Population::new(), BTreeMap::new(), 0);
            for (operation, number) in operations {
                match operation {
                    0 | 1 => {
                        next += 1 + number % 3;
                        population.push(EngramId(next), number);
                        map.insert(EngramId(next), number);
                    }
                    2 => {
                        let id = EngramId(next.saturating_sub(number));
                        prop_assert_eq!(population.remove(id), map.remove(&id));
                    }
                    _ => {
                        let id = EngramId(number);
                        prop_assert_eq!(population.get_mut(id), map.get_mut(&id));
                        let below = population.below(id).map(|(id, &number)| (id, number));
                        let expected = map.range(..id).rev().map(|(&id, &number)| (id, number));
                        prop_assert!(below.eq(expected));
                    }
                }
                let all = population.iter().map(|(id, &number)| (id, number));
                prop_assert!(all.eq(map.iter().map(|(&id, &number)| (id, number))));
            }
            population.clear();
            prop_assert_eq!(population.iter().count(), 0);
        }
    }
}
