//! The firings of a log.

use core::ops::{Index, IndexMut};

use crate::{
    bookkeeping::chunked_vec::ChunkedVec,
    id::{Entry, Member},
};

/// The living ones of engrams that fired together once.
#[derive(Clone, Debug, Default)]
pub(super) struct Firing {
    /// In order of id; empty in an unused firing.
    pub(super) members: Vec<Entry>,
    /// How many of them are long-term: the first ones.
    pub(super) long_term: u32,
    /// How many of them are not hubs.
    pub(super) few: u32,
}

impl Firing {
    pub(super) fn long_term(&self) -> &[Entry] {
        &self.members[..self.long_term as usize]
    }

    /// How many of its members are hubs.
    pub(super) fn hubs(&self) -> usize {
        self.members.len() - self.few as usize
    }

    /// Whether it can be flushed: all its members are hubs.
    pub(super) fn is_pending(&self) -> bool {
        self.few == 0 && !self.members.is_empty()
    }
}

/// Firings by index. An index is reused when its firing is gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Firings {
    table: ChunkedVec<Firing>,
    pub(super) unused: Vec<u32>,
}

impl Firings {
    /// Adds a firing; returns its index. None of its members counts as a hub yet.
    pub(super) fn add(&mut self, members: &[Member], long_term: usize) -> u32 {
        let index = self.unused.pop().unwrap_or_else(|| {
            self.table.push(Firing::default());
            (self.table.len() - 1) as u32
        });
        let firing = &mut self[index];
        firing.members.extend(members.iter().map(|member| member.entry));
        (firing.long_term, firing.few) = (long_term as u32, members.len() as u32);
        index
    }

    /// Removes a firing. Keeps the room of at most `spare` members for the next one.
    pub(super) fn remove(&mut self, index: u32, spare: usize) {
        let mut members = core::mem::take(&mut self[index]).members;
        if members.capacity() <= spare {
            members.clear();
            self[index].members = members;
        }
        self.unused.push(index);
    }

    /// How many indices there are, used or not.
    pub(super) fn len(&self) -> u32 {
        self.table.len() as u32
    }

    /// All firings that are used, with their indices.
    pub(super) fn used(&self) -> impl Iterator<Item = (u32, &Firing)> {
        (0..).zip(self.table.iter()).filter(|(_, firing)| !firing.members.is_empty())
    }

    pub(super) fn bytes(&self) -> usize {
        let members: usize = self.table.iter().map(|firing| firing.members.capacity()).sum();
        members * size_of::<Entry>()
            + self.unused.capacity() * size_of::<u32>()
            + self.table.bytes()
    }
}

impl Index<u32> for Firings {
    type Output = Firing;

    #[inline]
    fn index(&self, index: u32) -> &Firing {
        &self.table[index as usize]
    }
}

impl IndexMut<u32> for Firings {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Firing {
        &mut self.table[index as usize]
    }
}
