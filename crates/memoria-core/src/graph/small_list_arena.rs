//! Millions of small lists in few allocations.

use core::{num::NonZeroU8, slice};

use crate::invariant::mark_once;

/// The allocated lengths.
const SIZES: [usize; 5] = [2, 4, 6, 8, 12];
/// For each length above 1, the index of the size it fits in.
const CLASSES: [u8; SmallList::MAX_LEN + 1] = {
    let mut classes = [0; SmallList::MAX_LEN + 1];
    let (mut len, mut class) = (2, 0);
    while len <= SmallList::MAX_LEN {
        if len > SIZES[class] {
            class += 1;
        }
        classes[len] = class as u8;
        len += 1;
    }
    classes
};
/// Slots per chunk of memory.
const CHUNK: usize = 256;

/// A list kept in a [`SmallListArena`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmallList {
    /// Its slot, or its only item if it has one item.
    at: u32,
    /// One more than its length, so that an enum of a list and a number takes no more room.
    len_and_one: NonZeroU8,
}

impl Default for SmallList {
    fn default() -> Self {
        Self { at: 0, len_and_one: NonZeroU8::MIN }
    }
}

impl SmallList {
    /// The largest length of a list.
    pub(crate) const MAX_LEN: usize = SIZES[SIZES.len() - 1];

    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len_and_one.get() - 1)
    }

    fn set_len(&mut self, len: usize) {
        self.len_and_one = NonZeroU8::MIN.saturating_add(len as u8);
    }

    /// The index of its slot's size; a list of fewer than two items has no slot.
    #[inline]
    fn class(&self) -> Option<usize> {
        (self.len() > 1).then(|| usize::from(CLASSES[self.len()]))
    }
}

/// The items of small lists. A list has a slot of the smallest size that it fits in. A slot that it leaves is reused by
/// the next list of that size.
#[derive(Clone, Debug)]
pub(crate) struct SmallListArena {
    slots: [Slots; SIZES.len()],
}

/// All slots of one size, in chunks that do not move, so that a new slot copies no others.
#[derive(Clone, Debug)]
struct Slots {
    size: usize,
    chunks: Vec<Vec<u32>>,
    count: usize,
    vacant: Vec<u32>,
}

impl SmallListArena {
    #[inline]
    pub(crate) fn get<'a>(&'a self, list: &'a SmallList) -> &'a [u32] {
        match list.class() {
            Some(class) => &self.slots[class].slot(list.at)[..list.len()],
            None => &slice::from_ref(&list.at)[..list.len()],
        }
    }

    /// Appends an item to a list shorter than [`SmallList::MAX_LEN`].
    pub(crate) fn push(&mut self, list: &mut SmallList, item: u32) {
        let len = list.len();
        self.resize(list, len + 1);
        self.get_mut(list)[len] = item;
    }

    /// Removes an item, if it is there; the others may change their order.
    pub(crate) fn remove(&mut self, list: &mut SmallList, item: u32) {
        let items = self.get_mut(list);
        if let Some(place) = items.iter().position(|&other| other == item) {
            items[place] = items[items.len() - 1];
            self.resize(list, list.len() - 1);
        }
    }

    /// Empties a list and appends its items to `items`.
    pub(crate) fn take(&mut self, list: &mut SmallList, items: &mut Vec<u32>) {
        items.extend_from_slice(self.get(list));
        self.resize(list, 0);
    }

    fn get_mut<'a>(&'a mut self, list: &'a mut SmallList) -> &'a mut [u32] {
        let len = list.len();
        match list.class() {
            Some(class) => &mut self.slots[class].slot_mut(list.at)[..len],
            None => &mut slice::from_mut(&mut list.at)[..len],
        }
    }

    /// Changes the length of a list, in a slot that fits the new length.
    #[inline]
    fn resize(&mut self, list: &mut SmallList, len: usize) {
        let old = *list;
        list.set_len(len);
        if list.class() != old.class() {
            self.relocate(list, old);
        }
    }

    /// Moves the items that both lengths have to a slot for the new length.
    #[inline(never)]
    fn relocate(&mut self, list: &mut SmallList, old: SmallList) {
        let (from, to) = (old.class(), list.class());
        if let Some(to) = to {
            list.at = self.slots[to].set_aside();
        }
        let both = old.len().min(list.len());
        match (from, to) {
            (Some(from), Some(to)) => {
                let Ok([from, to]) = self.slots.get_disjoint_mut([from, to]) else { return };
                to.slot_mut(list.at)[..both].copy_from_slice(&from.slot(old.at)[..both]);
            }
            (None, Some(to)) => self.slots[to].slot_mut(list.at)[0] = old.at,
            (Some(from), None) => list.at = self.slots[from].slot(old.at)[0],
            (None, None) => {}
        }
        if let Some(from) = from {
            self.slots[from].vacant.push(old.at);
        }
    }

    /// Checks that `lists`, which are all lists, and the list of vacant slots share no slot.
    pub(crate) fn verify(&self, lists: impl Iterator<Item = SmallList>) -> Result<(), String> {
        let mut taken: Vec<Vec<bool>> =
            self.slots.iter().map(|slots| vec![false; slots.count]).collect();
        let vacant = self.slots.iter().enumerate();
        let vacant =
            vacant.flat_map(|(class, slots)| slots.vacant.iter().map(move |&at| (class, at)));
        let used = lists.filter_map(|list| list.class().map(|class| (class, list.at)));
        for (class, at) in vacant.chain(used) {
            if !mark_once(&mut taken[class], at as usize) {
                return Err(format!("slot {at} of {} is taken twice", SIZES[class]));
            }
        }
        if taken.iter().flatten().all(|&taken| taken) {
            return Ok(());
        }
        Err("a slot is neither taken nor vacant".into())
    }

    pub(crate) fn bytes(&self) -> usize {
        let in_chunks = |slots: &Slots| slots.chunks.iter().map(Vec::capacity).sum::<usize>();
        let numbers = |slots: &Slots| in_chunks(slots) + slots.vacant.capacity();
        self.slots.iter().map(numbers).sum::<usize>() * size_of::<u32>()
    }
}

impl Default for SmallListArena {
    fn default() -> Self {
        let slots = |size| Slots { size, chunks: Vec::new(), count: 0, vacant: Vec::new() };
        Self { slots: SIZES.map(slots) }
    }
}

impl Slots {
    /// Finds or makes a slot, with any content.
    fn set_aside(&mut self) -> u32 {
        if let Some(at) = self.vacant.pop() {
            return at;
        }
        let at = self.count;
        if at == self.chunks.len() * CHUNK {
            let capacity = if self.chunks.is_empty() { 0 } else { CHUNK * self.size };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let chunk = &mut self.chunks[at / CHUNK];
        chunk.resize(chunk.len() + self.size, 0);
        self.count += 1;
        at as u32
    }

    fn slot(&self, at: u32) -> &[u32] {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK * self.size..]
    }

    fn slot_mut(&mut self, at: u32) -> &mut [u32] {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK * self.size..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Change {
        Push(usize, u32),
        Remove(usize, u32),
        Take(usize),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            8 => (0..9usize, 0..5u32).prop_map(|(list, item)| Change::Push(list, item)),
            2 => (0..9usize, 0..5u32).prop_map(|(list, item)| Change::Remove(list, item)),
            1 => (0..9usize).prop_map(Change::Take),
        ]
    }

    proptest! {
        #[test]
        fn hold_what_vectors_hold(changes in proptest::collection::vec(change(), 1..500)) {
            let mut lists = SmallListArena::default();
            let mut handles = [SmallList::default(); 9];
            let mut vectors = vec![Vec::new(); 9];
            for change in changes {
                match change {
                    Change::Push(list, item) if vectors[list].len() < SmallList::MAX_LEN => {
                        lists.push(&mut handles[list], item);
                        vectors[list].push(item);
                    }
                    Change::Push(..) => {}
                    Change::Remove(list, item) => {
                        lists.remove(&mut handles[list], item);
                        if let Some(place) = vectors[list].iter().position(|&i| i == item) {
                            vectors[list].swap_remove(place);
                        }
                    }
                    Change::Take(list) => {
                        let mut taken = vec![7];
                        lists.take(&mut handles[list], &mut taken);
                        prop_assert_eq!(&taken[1..], &vectors[list][..]);
                        vectors[list].clear();
                    }
                }
                for (handle, vector) in handles.iter().zip(&vectors) {
                    prop_assert_eq!(lists.get(handle), &vector[..]);
                }
            }
        }
    }

    #[test]
    fn rooms_are_used_again() {
        let mut lists = SmallListArena::default();
        for _ in 0..1000 {
            let mut list = SmallList::default();
            (0..SmallList::MAX_LEN as u32).for_each(|item| lists.push(&mut list, item));
            lists.take(&mut list, &mut Vec::new());
        }
        assert!(lists.bytes() < 4000, "{} bytes", lists.bytes());
    }
}
