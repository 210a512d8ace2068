//! Flushing: firings of hubs only leave the log, and their counts are added to the ties of their members.

use super::FiringLog;
use crate::{bookkeeping::records::Records, id::Entry};

/// Firings that have only hubs as members.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    /// Firings that stay in the log until it pays to flush them.
    pub(super) waiting: Vec<u32>,
    /// Firings that are being flushed, a few in each step.
    pub(super) flushing: Vec<u32>,
    /// The number of waiting firings at which it is next checked whether flushing pays.
    next_check: usize,
}

impl Pending {
    /// All of them, in no particular order.
    pub(super) fn firings(&self) -> impl Iterator<Item = u32> {
        self.waiting.iter().chain(&self.flushing).copied()
    }

    /// Drops the firings that are gone.
    pub(super) fn retain(&mut self, is_kept: impl Fn(u32) -> bool) {
        self.waiting.retain(|&index| is_kept(index));
        self.flushing.retain(|&index| is_kept(index));
        self.next_check = self.next_check.min(checked_after(self.waiting.len()));
    }

    pub(super) fn bytes(&self) -> usize {
        (self.waiting.capacity() + self.flushing.capacity()) * size_of::<u32>()
    }
}

/// The number at which it is checked again, if flushing does not pay for `waiting` firings.
fn checked_after(waiting: usize) -> usize {
    waiting + waiting / 4 + 1
}

impl FiringLog {
    /// Flushes some pending firings if it pays.
    ///
    /// A firing in the log takes memory for each member. A flushed one takes it for each two members that had no tie.
    /// So firings of the same hubs are flushed, because the log would grow without end, and firings of ever new hubs
    /// stay. Adds at most [`flush_work`](super::GraphLimits::flush_work) counts, except for the last firing.
    pub(super) fn flush(&mut self, records: &Records) {
        let waiting = self.pending.waiting.len();
        if waiting >= self.limits.pending.max(self.pending.next_check) {
            if self.flushing_pays() {
                self.pending.flushing.append(&mut self.pending.waiting);
                self.pending.next_check = 0;
            } else {
                self.pending.next_check = checked_after(waiting);
            }
        }
        if !self.pending.flushing.is_empty() {
            self.flush_some(records);
        }
    }

    fn flushing_pays(&mut self) -> bool {
        let hubs = &mut self.workspace.marked;
        hubs.clear();
        let mut members = 0;
        for &index in &self.pending.waiting {
            members += self.firings[index].members.len();
            for &entry in &self.firings[index].members {
                hubs.insert(entry);
            }
        }
        hubs.len().saturating_mul(hubs.len()) <= members.saturating_mul(self.limits.ties_per_member)
    }

    fn flush_some(&mut self, records: &Records) {
        let (mut first, mut work) = (self.pending.flushing.len(), 0);
        while first > 0 && work < self.limits.flush_work {
            first -= 1;
            work += self.firings[self.pending.flushing[first]].members.len().pow(2);
        }
        self.workspace.work += work as u64;
        let mut took_part: Vec<(Entry, u32)> = Vec::new();
        for &index in &self.pending.flushing[first..] {
            took_part.extend(self.firings[index].members.iter().map(|&entry| (entry, index)));
        }
        took_part.sort_unstable();
        let counts = &mut self.workspace.counts;
        for of_one in took_part.chunk_by(|a, b| a.0 == b.0) {
            counts.clear(records.len());
            for &(_, index) in of_one {
                for &member in &self.firings[index].members {
                    counts.add(member, 1);
                }
            }
            if let Some(hub) = self.participations.hub_mut(of_one[0].0) {
                hub.add_ties(counts, records);
                let is_flushed = |index: &u32| of_one.binary_search(&(hub.entry, *index)).is_ok();
                hub.firings.retain(|index| !is_flushed(index));
            }
        }
        for index in self.pending.flushing.drain(first..) {
            self.firings.remove(index, self.limits.spare_members);
        }
    }
}
