//! A cache of a hub's strongest connections to long-term engrams, so that its row need not be counted.

use core::cmp::Reverse;
use std::collections::HashSet;

use super::limits::GraphLimits;
use crate::{
    EngramId,
    bookkeeping::{counters::Counts, marks::Marks, records::Records},
    id::{Entry, Member},
};

/// The rank of a connection: the greater is the stronger, of equal counts that to the smaller id.
type Rank = (u32, Reverse<EngramId>);

/// A cached connection, in 16 bytes.
#[derive(Clone, Copy, Debug)]
struct Kept {
    id: EngramId,
    entry: Entry,
    count: u32,
}

impl Kept {
    fn new(to: Member, count: u32) -> Self {
        Self { id: to.id, entry: to.entry, count }
    }

    fn to(&self) -> Member {
        Member { id: self.id, entry: self.entry }
    }

    fn rank(&self) -> Rank {
        (self.count, Reverse(self.id))
    }
}

/// Some of a hub's connections to long-term engrams, with their present counts, and an upper bound of the others.
///
/// A connection to an engram that has died is detected when it is used.
#[derive(Clone, Debug)]
pub(super) struct StrongestCache {
    kept: Vec<Kept>,
    /// No connection outside the cache ranks higher. `None` if all are cached.
    others: Option<Rank>,
    /// How many remain when some are dropped.
    room: usize,
    /// Above this number, the dead are dropped, and then the weakest.
    full: usize,
}

/// The long-term engrams that have just fired together.
#[derive(Clone, Copy)]
pub(super) struct Partners<'a> {
    pub(super) members: &'a [Member],
    /// The same, as a set.
    pub(super) marks: &'a Marks,
}

impl StrongestCache {
    /// Caches the strongest of all connections, more than were `visited`.
    pub(super) fn of(
        counts: &Counts,
        visited: usize,
        limits: &GraphLimits,
        records: &Records,
    ) -> Self {
        let connection = |(entry, count)| Kept { id: records.get(entry).id, entry, count };
        let kept = counts.iter().map(connection).collect();
        // As many again, so that enough are left without the visited and the dead.
        let room = limits.kept_connections.max(2 * visited + 1);
        let mut cache = Self { kept, others: None, room, full: 0 };
        cache.prune(room, records);
        cache
    }

    /// The strongest connection to a living engram that was not visited, if any is left, with its count; `None` if one
    /// outside the cache may be stronger.
    pub(super) fn unvisited(
        &self,
        visited: &Marks,
        records: &Records,
    ) -> Option<Option<(Member, u32)>> {
        let mut best: Option<Kept> = None;
        for connection in &self.kept {
            if best.is_none_or(|best| connection.rank() > best.rank())
                && !visited.contains(connection.entry)
                && records.lives(connection.to())
            {
                best = Some(*connection);
            }
        }
        if let Some(others) = self.others
            && best.is_none_or(|best| best.rank() <= others)
        {
            return None;
        }
        Some(best.map(|best| (best.to(), best.count)))
    }

    /// Counts one more firing of the hub with these long-term engrams, of which it may be one.
    ///
    /// `at_most` is an upper bound of the count with one of them, this firing included; `exact` computes it.
    pub(super) fn fired_with(
        &mut self,
        here: Member,
        partners: Partners<'_>,
        noted: &mut Marks,
        records: &Records,
        at_most: impl Fn(Member) -> u32,
        exact: impl Fn(Member) -> u32,
    ) {
        noted.clear();
        for connection in &mut self.kept {
            if partners.marks.contains(connection.entry) && records.lives(connection.to()) {
                connection.count = connection.count.saturating_add(1);
                noted.insert(connection.entry);
            }
        }
        for &partner in partners.members.iter().filter(|&&partner| partner != here) {
            if !noted.contains(partner.entry) && self.may_outrank(partner, at_most(partner)) {
                self.kept.push(Kept::new(partner, exact(partner)));
            }
        }
        self.prune_if_full(records);
    }

    /// Adds a connection to an engram that has just become long-term, if it is strong enough.
    pub(super) fn promoted(&mut self, to: Member, count: u32, records: &Records) {
        if self.may_outrank(to, count) {
            self.kept.push(Kept::new(to, count));
            self.prune_if_full(records);
        }
    }

    /// Whether a connection of this count might rank higher than all outside the cache.
    fn may_outrank(&self, to: Member, count: u32) -> bool {
        self.others.is_none_or(|others| (count, Reverse(to.id)) > others)
    }

    fn prune_if_full(&mut self, records: &Records) {
        if self.kept.len() > self.full {
            self.prune(2 * self.room, records);
        }
    }

    /// Drops the dead, and if more than `most` are left, all but the strongest.
    fn prune(&mut self, most: usize, records: &Records) {
        self.kept.retain(|connection| records.lives(connection.to()));
        if self.kept.len() > most {
            self.kept.select_nth_unstable_by_key(self.room, |c| Reverse(c.rank()));
            let strongest_gone = self.kept[self.room].rank();
            self.others = self.others.max(Some(strongest_gone));
            self.kept.truncate(self.room);
        }
        self.full = (2 * self.kept.len()).clamp(self.room / 4, 2 * self.room);
        if self.kept.capacity() > 2 * self.full {
            self.kept.shrink_to(self.full);
        }
    }

    /// Checks the cached connections against all `counts` of the engram's row.
    pub(super) fn verify(
        &self,
        counts: &Counts,
        records: &Records,
        is_long_term: impl Fn(Member) -> bool,
    ) -> Result<(), String> {
        let mut kept = HashSet::new();
        for connection in self.kept.iter().filter(|connection| records.lives(connection.to())) {
            let (to, count) = (connection.to(), connection.count);
            if !kept.insert(to) || !is_long_term(to) {
                return Err(format!("engram {} is kept twice or is not long-term", to.id));
            }
            if counts.get(to.entry) != count {
                let expected = counts.get(to.entry);
                return Err(format!("{count} with engram {}, which should be {expected}", to.id));
            }
        }
        let others = counts.iter().map(|(entry, count)| (records.member(entry), count));
        let outranks = |&(to, count): &(Member, u32)| {
            is_long_term(to) && !kept.contains(&to) && self.may_outrank(to, count)
        };
        match others.into_iter().find(outranks) {
            Some((to, count)) => Err(format!("{count} with engram {} is not kept", to.id)),
            None => Ok(()),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<Kept>()
    }
}
