//! Which engrams fired together: a log of firings instead of a matrix of counts.
//!
//! The co-firing counts are C = Σ 1_A · 1_Aᵀ over the sets A that fired together: a Gram matrix. The log keeps its
//! factor: per firing its living members, per engram the firings it took part in. Firing costs |A|; a row of C costs
//! the sizes of the firings that the engram took part in.
//!
//! Members are in order of id. Engrams become long-term in the order in which they were made, so the long-term members
//! of a firing are always the first ones, and of equal counts the first one wins.
//!
//! An engram that fires again and again is a *hub*. Two mechanisms keep its age out of the costs:
//!
//! - A firing of living members that are all hubs is [flushed](FiringLog::flush) if that saves memory. Its counts are
//!   added to *ties*, the counts that each hub keeps with the others. The log keeps the firings of engrams that took
//!   part in few firings, or that fire with ever new ones.
//! - The connections of a hub are not counted for each request of the strongest. The hub
//!   [caches](strongest_cache::StrongestCache) the strongest ones, and a bound for all others, as it fires.

mod firings;
mod flush;
mod forgetting;
mod hub;
mod limits;
mod participation;
mod promotion;
mod small_list_arena;
mod snapshot;
mod strongest;
mod strongest_cache;
#[cfg(test)]
mod tests;
mod verify;
mod workspace;

use crate::{
    EngramId,
    bookkeeping::{counters::Counts, records::Records},
    id::{Entry, Member},
};
use firings::Firings;
use flush::Pending;
use hub::Hub;
pub(crate) use limits::GraphLimits;
use participation::Participations;
pub(crate) use strongest::Connection;
use strongest_cache::Partners;
use workspace::GraphWorkspace;

/// Co-firing counts of one row's engrams. The diagonal (fire counts) is not kept here: a logged firing need not contain
/// the engrams that fired.
#[derive(Clone, Debug, Default)]
pub(crate) struct FiringLog {
    firings: Firings,
    participations: Participations,
    pending: Pending,
    pub(crate) limits: GraphLimits,
    workspace: GraphWorkspace,
}

impl FiringLog {
    pub(crate) fn grow(&mut self, len: usize) {
        self.participations.grow(len);
    }

    /// Logs that `members` fired together. They are in order of id, and the first `long_term` are long-term.
    pub(crate) fn fire(&mut self, members: &[Member], long_term: usize, records: &Records) {
        if members.len() >= 2 {
            let firing = self.add(members, long_term);
            self.raise_strongest(firing, members, long_term, records);
            self.flush(records);
        }
    }

    /// Counts how often every other engram fired together with `entry`.
    ///
    /// Costs the sizes of its firings in the log, and for a hub also its ties.
    pub(crate) fn count(&self, entry: Entry, records: &Records, counts: &mut Counts) {
        counts.clear(records.len());
        if let Some(hub) = self.participations.hub(entry) {
            hub.ties(records).for_each(|(with, count)| counts.add(with.entry, count));
        }
        for &firing in self.participations.firings(entry) {
            for &member in self.firings[firing].members.iter().filter(|&&m| m != entry) {
                counts.add(member, 1);
            }
        }
    }

    /// How often two different engrams fired together.
    pub(crate) fn pair(&self, a: Member, b: Member) -> u32 {
        let tied = self.participations.hub(a.entry).map_or(0, |hub| hub.tie(b));
        let (of_a, of_b) =
            (self.participations.firings(a.entry), self.participations.firings(b.entry));
        let (fewer, other) = if of_a.len() <= of_b.len() { (of_a, b) } else { (of_b, a) };
        let with_other = |&&firing: &&u32| self.firings[firing].members.contains(&other.entry);
        tied.saturating_add(fewer.iter().filter(with_other).count() as u32)
    }

    /// The firings in the log: their living members, in order of id.
    pub(crate) fn firings(&self) -> impl Iterator<Item = &[Entry]> {
        self.firings.used().map(|(_, firing)| &firing.members[..])
    }

    /// Counts from flushed firings: each pair of living engrams once, in order of id.
    pub(crate) fn ties(&self, records: &Records) -> Vec<(EngramId, EngramId, u32)> {
        let mut ties = Vec::new();
        for hub in self.participations.hubs.iter() {
            let here = records.get(hub.entry).id;
            let with = hub.ties(records).filter(|(with, _)| here < with.id);
            ties.extend(with.map(|(with, count)| (here, with.id, count)));
        }
        ties.sort_unstable();
        ties
    }

    /// Adds a firing, which may make its members hubs; returns its index.
    fn add(&mut self, members: &[Member], long_term: usize) -> u32 {
        let firing = self.firings.add(members, long_term);
        for &Member { entry, .. } in members {
            if !self.participations.add_to_few(entry, firing, self.limits.few_firings) {
                self.hub_at(entry).firings.push(firing);
                self.firings[firing].few -= 1;
            }
        }
        if self.firings[firing].is_pending() {
            self.pending.waiting.push(firing);
        }
        firing
    }

    /// The hub of an engram, which becomes one if it is none.
    fn hub_at(&mut self, entry: Entry) -> &mut Hub {
        if !self.participations.is_hub(entry) {
            for &earlier in &self.participations.make_hub(entry).firings {
                let firing = &mut self.firings[earlier];
                firing.few -= 1;
                if firing.few == 0 {
                    self.pending.waiting.push(earlier);
                }
            }
        }
        self.participations.hub_mut(entry).unwrap_or_else(|| unreachable!("it is a hub by now"))
    }

    /// Raises the cached connections of the hubs that have just fired in a firing of these members.
    fn raise_strongest(
        &mut self,
        firing: u32,
        members: &[Member],
        long_term: usize,
        records: &Records,
    ) {
        let mut hubs_left = self.firings[firing].hubs();
        if hubs_left == 0 {
            return;
        }
        let mut fired = core::mem::take(&mut self.workspace.marked);
        let mut noted = core::mem::take(&mut self.workspace.noted);
        fired.clear();
        for member in &members[..long_term] {
            fired.insert(member.entry);
        }
        let partners = Partners { members: &members[..long_term], marks: &fired };
        for &here in members {
            if hubs_left == 0 {
                break;
            }
            let Some(hub) = self.participations.hub_mut(here.entry) else { continue };
            hubs_left -= 1;
            let Some(mut strongest) = hub.strongest.take() else { continue };
            let at_most = |with: Member| self.participations.at_most(with.entry);
            let exact = |with| self.pair(here, with);
            strongest.fired_with(here, partners, &mut noted, records, at_most, exact);
            if let Some(hub) = self.participations.hub_mut(here.entry) {
                hub.strongest = Some(strongest);
            }
        }
        (self.workspace.marked, self.workspace.noted) = (fired, noted);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.firings.bytes()
            + self.participations.bytes()
            + self.pending.bytes()
            + self.workspace.bytes()
    }
}
