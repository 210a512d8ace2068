//! Hubs: engrams that take part in many firings.

use super::{firings::Firings, strongest_cache::StrongestCache};
use crate::{
    EngramId,
    bookkeeping::{counters::Counts, records::Records},
    id::{Entry, Member},
};

/// An engram that took part in more firings than a [`SmallList`](super::small_list_arena::SmallList) holds.
#[derive(Clone, Debug)]
pub(super) struct Hub {
    pub(super) entry: Entry,
    /// Firings of the log that it takes part in.
    pub(super) firings: Vec<u32>,
    /// Counts with other hubs from flushed firings, in order of entry. Some of the others may be dead.
    ties: Vec<Tie>,
    /// The youngest engram of a tie. A younger one at the same entry has replaced a dead one.
    youngest_tied: EngramId,
    /// Made at the first request, and again after a [sweep](super::participation::Participations::sweep).
    pub(super) strongest: Option<StrongestCache>,
    /// The last search that requested it.
    pub(super) last_asked: u32,
}

#[derive(Clone, Copy, Debug)]
struct Tie {
    with: Entry,
    count: u32,
}

impl Hub {
    pub(super) fn new(entry: Entry) -> Self {
        Self {
            entry,
            firings: Vec::new(),
            ties: Vec::new(),
            youngest_tied: EngramId(0),
            strongest: None,
            last_asked: 0,
        }
    }

    /// Counts with other living hubs from flushed firings.
    pub(super) fn ties(&self, records: &Records) -> impl Iterator<Item = (Member, u32)> {
        let with = |tie: &Tie| Some((records.living_at(tie.with, self.youngest_tied)?, tie.count));
        self.ties.iter().filter_map(with)
    }

    /// The count with a living engram from flushed firings.
    pub(super) fn tie(&self, with: Member) -> u32 {
        if with.id > self.youngest_tied {
            return 0;
        }
        let found = self.ties.binary_search_by_key(&with.entry, |tie| tie.with);
        found.map_or(0, |at| self.ties[at].count)
    }

    /// Adds counts with other hubs to the ties; takes some of them out of `counts`.
    pub(super) fn add_ties(&mut self, counts: &mut Counts, records: &Records) {
        let youngest = self.youngest_tied;
        self.ties.retain_mut(|tie| {
            let lives = records.living_at(tie.with, youngest).is_some();
            if lives {
                tie.count = tie.count.saturating_add(counts.take(tie.with));
            }
            lives
        });
        let known = self.ties.len();
        let unknown = counts.iter().filter(|&(with, count)| with != self.entry && count > 0);
        self.ties.extend(unknown.map(|(with, count)| Tie { with, count }));
        for tie in &self.ties[known..] {
            self.youngest_tied = self.youngest_tied.max(records.get(tie.with).id);
        }
        if known < self.ties.len() {
            self.ties.sort_unstable_by_key(|tie| tie.with);
        }
    }

    /// Adds a tie with an engram at a later entry than those of all other ties.
    pub(super) fn add_tie(&mut self, with: Member, count: u32) {
        self.ties.push(Tie { with: with.entry, count });
        self.youngest_tied = self.youngest_tied.max(with.id);
    }

    /// Whether the ties are in order, without duplicates.
    pub(super) fn ties_are_in_order(&self) -> bool {
        self.ties.is_sorted_by(|a, b| a.with < b.with)
    }

    /// Counts how often each long-term engram, with an id below `youngest`, fired together with it.
    pub(super) fn count_long_term(
        &self,
        firings: &Firings,
        youngest: EngramId,
        records: &Records,
        counts: &mut Counts,
    ) {
        counts.clear(records.len());
        for (with, count) in self.ties(records).filter(|(with, _)| with.id < youngest) {
            counts.add(with.entry, count);
        }
        for &firing in &self.firings {
            for &member in firings[firing].long_term().iter().filter(|&&m| m != self.entry) {
                counts.add(member, 1);
            }
        }
    }

    /// Bytes that it has allocated, without its own size.
    pub(super) fn bytes(&self) -> usize {
        self.firings.capacity() * size_of::<u32>()
            + self.ties.capacity() * size_of::<Tie>()
            + self.strongest.as_ref().map_or(0, StrongestCache::bytes)
    }
}
