//! Which slots of the store are taken.

use crate::{MemoriaError, id::Slot, invariant::mark_once};

/// Slots are numbered by 31 bits, which every backend can index with; slot 0 is never assigned.
const MAX_SLOTS: usize = i32::MAX as usize;

/// Assigns slots and takes them back.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    vacant: Vec<Slot>,
    used: usize,
}

impl Default for Slots {
    fn default() -> Self {
        Self { vacant: Vec::new(), used: 1 }
    }
}

impl Slots {
    /// Slots that the store must have room for to assign `count` more, slot 0 included.
    pub(super) fn needed(&self, count: usize) -> Result<usize, MemoriaError> {
        let needed = self.used.saturating_add(count.saturating_sub(self.vacant.len()));
        if needed > MAX_SLOTS {
            let taken = self.used - 1 - self.vacant.len();
            let requested = taken.saturating_add(count);
            return Err(MemoriaError::PoolFull { requested, limit: MAX_SLOTS - 1 });
        }
        Ok(needed)
    }

    /// Assigns slots for which [`needed`](Self::needed) has confirmed the room.
    pub(super) fn take(&mut self, count: usize) -> Vec<Slot> {
        let again = count.min(self.vacant.len());
        let mut slots = self.vacant.split_off(self.vacant.len() - again);
        let fresh = count - again;
        slots.extend((self.used..self.used + fresh).map(|slot| Slot(slot as u32)));
        self.used += fresh;
        slots
    }

    /// Makes slots available again.
    pub(crate) fn release(&mut self, slots: impl IntoIterator<Item = Slot>) {
        self.vacant.extend(slots);
    }

    /// Checks that the `taken` slots, which are all taken ones, and the vacant ones together contain every slot once.
    pub(crate) fn verify(&self, taken: impl Iterator<Item = Slot>) -> Result<(), String> {
        let mut seen = vec![false; self.used];
        seen[0] = true;
        for slot in taken.chain(self.vacant.iter().copied()) {
            if !mark_once(&mut seen, slot.index()) {
                return Err(format!("{slot:?} is taken or vacant twice, or was never given out"));
            }
        }
        match seen.iter().position(|&seen| !seen) {
            Some(lost) => Err(format!("{:?} is neither taken nor vacant", Slot(lost as u32))),
            None => Ok(()),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.vacant.capacity() * size_of::<Slot>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again_and_zero_is_not() {
        let mut slots = Slots::default();
        let first = slots.take(5);
        assert!(!first.contains(&Slot(0)));
        slots.release(first[1..4].iter().copied());
        assert_eq!(slots.needed(4).unwrap(), 7);
        let mut second = slots.take(4);
        second.sort();
        assert_eq!(second, [Slot(2), Slot(3), Slot(4), Slot(6)]);
    }

    #[test]
    fn more_than_can_be_numbered_is_refused() {
        let slots = Slots { vacant: vec![Slot(3)], used: 11 };
        assert_eq!(slots.needed(MAX_SLOTS - 10).unwrap(), MAX_SLOTS);
        match slots.needed(MAX_SLOTS - 9) {
            Err(MemoriaError::PoolFull { requested, limit }) => {
                assert_eq!((requested, limit), (MAX_SLOTS, MAX_SLOTS - 1));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn more_than_a_number_can_count_is_refused() {
        for slots in [Slots::default(), Slots { vacant: vec![Slot(3)], used: 11 }] {
            for count in [usize::MAX, usize::MAX - 1, usize::MAX - 10] {
                match slots.needed(count) {
                    Err(MemoriaError::PoolFull { requested, .. }) => assert!(requested >= count),
                    other => panic!("{count}: {other:?}"),
                }
            }
        }
    }
}
