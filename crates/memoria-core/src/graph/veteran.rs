//! Engrams that fire again and again.

use crate::{
    EngramId,
    bookkeeping::counters::Counts,
    bookkeeping::records::Records,
    graph::strongest::Strongest,
    id::{Entry, Member},
};

/// What the log keeps of an engram that has taken part in more firings than a
/// [`SmallList`](super::small_lists::SmallList) holds.
#[derive(Clone, Debug)]
pub(crate) struct Veteran {
    /// Firings of the log it took part in.
    pub(crate) firings: Vec<u32>,
    /// Counts with other veterans from firings that have left the log, in order of id. Some of them
    /// may be dead.
    ties: Vec<Tie>,
    /// Made when it is first asked for.
    pub(crate) strongest: Option<Strongest>,
}

#[derive(Clone, Copy, Debug)]
struct Tie {
    with: Member,
    count: u32,
}

impl Veteran {
    pub(crate) fn new(firings: Vec<u32>) -> Self {
        Self { firings, ties: Vec::new(), strongest: None }
    }

    /// Counts with other living veterans from firings that have left the log.
    pub(crate) fn ties(&self, records: &Records) -> impl Iterator<Item = (Member, u32)> {
        let living = self.ties.iter().filter(|tie| records.lives(tie.with));
        living.map(|tie| (tie.with, tie.count))
    }

    /// The count with the engram of this id.
    pub(crate) fn tie(&self, with: EngramId) -> u32 {
        let found = self.ties.binary_search_by_key(&with, |tie| tie.with.id);
        found.map_or(0, |at| self.ties[at].count)
    }

    /// Adds counts with other veterans to the ties.
    pub(crate) fn tie_to(&mut self, counts: &Counts, but: Entry, records: &Records) {
        self.ties.retain(|tie| records.lives(tie.with));
        let known = self.ties.len();
        let mut unknown = Vec::new();
        for (entry, count) in counts.iter().filter(|&(entry, _)| entry != but) {
            let with = records.member(entry);
            match self.ties[..known].binary_search_by_key(&with.id, |tie| tie.with.id) {
                Ok(at) => self.ties[at].count = self.ties[at].count.saturating_add(count),
                Err(_) => unknown.push(Tie { with, count }),
            }
        }
        if !unknown.is_empty() {
            self.ties.append(&mut unknown);
            self.ties.sort_unstable_by_key(|tie| tie.with.id);
        }
    }

    /// Adds a tie to an engram that comes after all it has ties with.
    pub(crate) fn add_tie(&mut self, with: Member, count: u32) {
        self.ties.push(Tie { with, count });
    }

    /// Whether the ties are in order of id, each of them once.
    pub(crate) fn ties_are_in_order(&self) -> bool {
        self.ties.is_sorted_by(|a, b| a.with.id < b.with.id)
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        self.firings.capacity() * size_of::<u32>()
            + self.ties.capacity() * size_of::<Tie>()
            + self.strongest.as_ref().map_or(0, Strongest::bytes)
    }
}
