//! An engram's strongest connections to long-term engrams, kept so that a long row need not be counted.

use core::cmp::Reverse;
use std::collections::HashSet;

use crate::{
    EngramId,
    bookkeeping::records::Records,
    bookkeeping::{counters::Counts, marks::Marks},
    id::Member,
};

/// How many connections are kept at least.
const KEPT: usize = if cfg!(test) { 3 } else { 64 };
/// Among fewer it is not looked who died.
const FEW: usize = if cfg!(test) { 4 } else { 16 };

/// What connections are ranked by: the greater is the stronger, of equal counts that to the smaller id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    count: u32,
    id: Reverse<EngramId>,
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    to: Member,
    count: u32,
}

impl Connection {
    fn rank(&self) -> Rank {
        Rank { count: self.count, id: Reverse(self.to.id) }
    }
}

/// Some of an engram's connections to long-term engrams, with their present counts, and how strong
/// the others are at most.
///
/// Those to engrams that died since are only noticed when they are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Strongest {
    kept: Vec<Connection>,
    /// No connection that is not kept ranks higher. `None` if all are kept.
    others: Option<Rank>,
    /// How many are kept when some must go.
    room: usize,
    /// Beyond so many it is looked who died, and who must go.
    full: usize,
}

/// The long-term engrams that have just fired together.
#[derive(Clone, Copy)]
pub(crate) struct Partners<'a> {
    pub(crate) members: &'a [Member],
    /// The same, as a set.
    pub(crate) marks: &'a Marks,
}

/// What can be said of the strongest connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This is it; `None` if there is no connection left.
    Known(Option<Member>),
    /// One that is not kept may be stronger.
    Unknown,
}

impl Strongest {
    /// Keeps the strongest of all `connections`, of which `visited` will not be wanted at present.
    pub(crate) fn of(
        connections: impl Iterator<Item = (Member, u32)>,
        visited: usize,
        records: &Records,
    ) -> Self {
        let kept = connections.map(|(to, count)| Connection { to, count }).collect();
        // As many again, so that those that are visited, and those that die, leave enough.
        let mut strongest = Self { kept, others: None, room: KEPT.max(2 * visited + 1), full: 0 };
        strongest.shrink(strongest.room, records);
        strongest
    }

    /// The strongest connection to a living engram that was not visited.
    pub(crate) fn unvisited(&self, visited: &Marks, records: &Records) -> Answer {
        let mut best: Option<Connection> = None;
        for connection in &self.kept {
            if best.is_none_or(|best| connection.rank() > best.rank())
                && !visited.contains(connection.to.entry)
                && records.lives(connection.to)
            {
                best = Some(*connection);
            }
        }
        match (best, self.others) {
            (best, None) => Answer::Known(best.map(|best| best.to)),
            (Some(best), Some(others)) if best.rank() > others => Answer::Known(Some(best.to)),
            _ => Answer::Unknown,
        }
    }

    /// Takes note that the engram fired once more with these long-term engrams, of which it may be one.
    ///
    /// `at_most` bounds the count with one of them, that firing included, and `exact` tells it.
    pub(crate) fn fired_with(
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
            if partners.marks.contains(connection.to.entry) && records.lives(connection.to) {
                connection.count = connection.count.saturating_add(1);
                noted.insert(connection.to.entry);
            }
        }
        for &partner in partners.members.iter().filter(|&&partner| partner != here) {
            if !noted.contains(partner.entry) && self.may_outrank(partner, at_most(partner)) {
                self.kept.push(Connection { to: partner, count: exact(partner) });
            }
        }
        self.shrink_if_large(records);
    }

    /// Takes note of a connection to an engram that has just become long-term.
    pub(crate) fn promoted(&mut self, to: Member, count: u32, records: &Records) {
        if self.may_outrank(to, count) {
            self.kept.push(Connection { to, count });
            self.shrink_if_large(records);
        }
    }

    /// Whether a connection of this count might rank higher than all that are not kept.
    fn may_outrank(&self, to: Member, count: u32) -> bool {
        let rank = Rank { count, id: Reverse(to.id) };
        self.others.is_none_or(|others| rank > others)
    }

    fn shrink_if_large(&mut self, records: &Records) {
        if self.kept.len() > self.full {
            self.shrink(2 * self.room, records);
        }
    }

    /// Lets the dead go, and if more than `most` are left, all but the strongest.
    fn shrink(&mut self, most: usize, records: &Records) {
        self.kept.retain(|connection| records.lives(connection.to));
        if self.kept.len() > most {
            self.kept.select_nth_unstable_by_key(self.room, |c| Reverse(c.rank()));
            let strongest_gone = self.kept[self.room].rank();
            self.others = self.others.max(Some(strongest_gone));
            self.kept.truncate(self.room);
        }
        self.full = (2 * self.kept.len()).clamp(FEW, 2 * self.room);
        if self.kept.capacity() > 2 * self.full {
            self.kept.shrink_to(self.full);
        }
    }

    /// Checks what is kept against all `counts` of the engram's row.
    pub(crate) fn verify(
        &self,
        counts: &Counts,
        records: &Records,
        is_long_term: impl Fn(Member) -> bool,
    ) -> Result<(), String> {
        let mut kept = HashSet::new();
        for connection in self.kept.iter().filter(|connection| records.lives(connection.to)) {
            let Connection { to, count } = *connection;
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

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.capacity() * size_of::<Connection>()
    }
}
