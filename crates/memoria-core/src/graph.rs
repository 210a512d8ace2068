//! Who fired with whom, as a log of firings instead of a matrix of counts.
//!
//! The co-firing counts are C = Σ 1_A · 1_Aᵀ over the sets A that fired together: a Gram matrix. The
//! log keeps its factor: per firing its living members, per engram the firings it took part in. Firing
//! costs |A|; a row of C costs the sizes of the firings that the engram took part in.
//!
//! Members are kept in order of id. Who was made earlier becomes long-term earlier, so the long-term
//! members of a firing are always the first ones, and of equal counts the first that comes wins.
//!
//! An engram that fires again and again is a *veteran*. Two things keep its age out of the costs:
//!
//! - A firing whose living members are all veterans [leaves the log](FiringLog::settle): what it says
//!   is added to counts that each of them keeps with the others. What stays in the log is there because
//!   of engrams that took part in few firings.
//! - The connections of a veteran are not counted each time the strongest is asked for: it keeps its
//!   [strongest](Strongest) ones, and a bound for all others, as it fires.

mod forgetting;
mod promotion;
mod remembered;
mod small_lists;
mod snapshot;
mod strongest;
#[cfg(test)]
mod tests;
mod verify;
mod veteran;
mod workspace;

use rustc_hash::FxHashMap;

use crate::{
    EngramId,
    bookkeeping::{
        bit_set::BitSet, chunked_vec::ChunkedVec, counters::Counts, counters::Tally, marks::Marks,
        records::Records,
    },
    id::{Entry, Member},
};
use small_lists::{SmallList, SmallListArena};
use strongest::{Answer, Partners, Strongest};
use veteran::Veteran;
use workspace::GraphWorkspace;

/// Who takes part in more firings than this is a veteran.
const VETERAN_ABOVE: usize = if cfg!(test) { 4 } else { SmallList::MAX };
/// How many firings of veterans leave the log at once.
const SETTLED_AT_ONCE: usize = if cfg!(test) { 5 } else { 64 };
/// Among fewer engrams it is not looked who took part in the same firings.
const FEW: usize = if cfg!(test) { 3 } else { 16 };

/// Co-firing counts of one row's engrams. The diagonal (fire counts) is not kept here.
#[derive(Clone, Debug, Default)]
pub(crate) struct FiringLog {
    firings: ChunkedVec<Firing>,
    unused: Vec<u32>,
    /// By entry, the firings of those who are not veterans.
    lists: ChunkedVec<SmallList>,
    items: SmallListArena,
    is_veteran: BitSet,
    veterans: FxHashMap<Entry, Veteran>,
    /// Firings with none but veterans.
    settling: Vec<u32>,
    workspace: GraphWorkspace,
}

#[derive(Clone, Debug, Default)]
struct Firing {
    /// In order of id.
    members: Vec<Entry>,
    /// How many of them are long-term: the first ones.
    long_term: u32,
    /// How many of them are not veterans.
    recruits: u32,
}

impl Firing {
    fn long_term(&self) -> &[Entry] {
        &self.members[..self.long_term as usize]
    }
}

impl FiringLog {
    /// Makes room for a table of `len` entries.
    pub(crate) fn grow(&mut self, len: usize) {
        while self.lists.len() < len {
            self.lists.push(SmallList::default());
        }
    }

    /// Logs that `members`, in order of id and the first `long_term` of them long-term, fired together.
    pub(crate) fn fire(&mut self, members: &[Member], long_term: usize, records: &Records) {
        if members.len() < 2 {
            return;
        }
        let index = self.unused.pop().unwrap_or_else(|| {
            self.firings.push(Firing::default());
            (self.firings.len() - 1) as u32
        });
        let firing = &mut self.firings[index as usize];
        firing.members.extend(members.iter().map(|member| member.entry));
        (firing.long_term, firing.recruits) = (long_term as u32, members.len() as u32);
        for member in members {
            self.enlist(member.entry, index);
        }
        if self.firings[index as usize].recruits == 0 {
            self.settling.push(index);
        }
        let mut work = core::mem::take(&mut self.workspace);
        self.raise_strongest(members, long_term, records, &mut work);
        if self.settling.len() >= SETTLED_AT_ONCE {
            self.settle(records, &mut work.counts);
        }
        self.workspace = work;
    }

    /// Counts how often everyone fired together with `entry`, itself excluded.
    ///
    /// Costs the sizes of the firings of the log it took part in, plus, for a veteran, its ties.
    pub(crate) fn count(&self, entry: Entry, records: &Records, counts: &mut Counts) {
        counts.clear(records.len());
        if let Some(veteran) = self.veteran(entry) {
            veteran.ties(records).for_each(|(with, count)| counts.add(with.entry, count));
        }
        for &firing in self.listed(entry) {
            for &member in self.firings[firing as usize].members.iter().filter(|&&m| m != entry) {
                counts.add(member, 1);
            }
        }
    }

    /// For each of some engrams, none of them long-term unless visited, the long-term one that fired with
    /// it most often, of those not in `visited`; of equal ones that with the smallest id. Those
    /// without any are passed over. Long-term are those with ids below `youngest`. They take the place of
    /// what was in `found`, in no particular order.
    ///
    /// Costs the long-term members of the few firings that an engram took part in, once for all engrams
    /// that took part in the same. For a veteran it costs the connections it keeps, about twice as many as
    /// were visited; now and then they are made anew, which costs a count of its row.
    pub(crate) fn strongest_ltms(
        &mut self,
        from: &[Member],
        youngest: EngramId,
        visited: &Marks,
        records: &Records,
        found: &mut Vec<Member>,
    ) {
        found.clear();
        let mut work = core::mem::take(&mut self.workspace);
        let GraphWorkspace { counts, tally, .. } = &mut work;
        if !self.veterans.is_empty() {
            for here in from {
                let strongest =
                    self.strongest_of_veteran(here.entry, youngest, visited, records, counts);
                found.extend(strongest);
            }
        }
        let are_few = from.len() <= FEW;
        let mut of_one: Option<(u32, Option<Member>)> = None;
        let mut of_several: FxHashMap<&[u32], Option<Member>> = FxHashMap::default();
        for here in from.iter().filter(|member| !self.is_veteran.contains(member.entry)) {
            let firings = self.items.get(&self.lists[here.entry.index()]);
            let mut strongest = || self.strongest_of_firings(firings, visited, records, tally);
            found.extend(match (firings, of_one) {
                (&[only], Some((firing, known))) if only == firing => known,
                (&[only], _) => of_one.insert((only, strongest())).1,
                _ if are_few => strongest(),
                _ => *of_several.entry(firings).or_insert_with(strongest),
            });
        }
        self.workspace = work;
    }

    /// As [`strongest_ltms`](Self::strongest_ltms), for a veteran; none for anybody else.
    fn strongest_of_veteran(
        &mut self,
        here: Entry,
        youngest: EngramId,
        visited: &Marks,
        records: &Records,
        counts: &mut Counts,
    ) -> Option<Member> {
        let veteran = self.veteran(here)?;
        if let Some(strongest) = &veteran.strongest
            && let Answer::Known(found) = strongest.unvisited(visited, records)
        {
            return found;
        }
        counts.clear(records.len());
        for (with, count) in veteran.ties(records).filter(|(with, _)| with.id < youngest) {
            counts.add(with.entry, count);
        }
        self.count_long_term(here, &veteran.firings, counts);
        let connections = counts.iter().map(|(entry, count)| (records.member(entry), count));
        let strongest = Strongest::of(connections, visited.len(), records);
        let Answer::Known(found) = strongest.unvisited(visited, records) else {
            unreachable!("more are kept than were visited");
        };
        if let Some(veteran) = self.veterans.get_mut(&here) {
            veteran.strongest = Some(strongest);
        }
        found
    }

    /// The long-term engram that took part in most of some firings, of those not in `visited`.
    fn strongest_of_firings(
        &self,
        firings: &[u32],
        visited: &Marks,
        records: &Records,
        tally: &mut Tally,
    ) -> Option<Member> {
        let long_term = |&firing: &u32| self.firings[firing as usize].long_term();
        if let [only] = firings {
            let first = long_term(only).iter().find(|&&entry| !visited.contains(entry));
            return first.map(|&entry| records.member(entry));
        }
        tally.begin(records.len(), firings.len() as u32);
        let mut strongest: Option<(u32, Member)> = None;
        for firing in firings {
            // Counts only grow, so that the strongest of all is the strongest of some firing when that has
            // been counted. Members come in order of id: in one firing the first of equals will do.
            let mut most = strongest.map_or(0, |(count, _)| count - 1);
            let mut with_most = None;
            for &entry in long_term(firing) {
                let count = tally.add(entry);
                if count > most && !visited.contains(entry) {
                    (most, with_most) = (count, Some(entry));
                }
            }
            if let Some(member) = with_most.map(|entry| records.member(entry))
                && strongest.is_none_or(|(count, of)| most > count || member.id < of.id)
            {
                strongest = Some((most, member));
            }
        }
        strongest.map(|(_, member)| member)
    }

    fn count_long_term(&self, here: Entry, firings: &[u32], counts: &mut Counts) {
        for &firing in firings {
            for &member in self.firings[firing as usize].long_term() {
                if member != here {
                    counts.add(member, 1);
                }
            }
        }
    }

    /// How often two different engrams fired together.
    pub(crate) fn pair(&self, a: Member, b: Member) -> u32 {
        let tied = self.veteran(a.entry).map_or(0, |veteran| veteran.tie(b.id));
        let (a, b) = (a.entry, b.entry);
        let few_first = if self.listed(a).len() <= self.listed(b).len() { (a, b) } else { (b, a) };
        let with_other =
            |&&firing: &&u32| self.firings[firing as usize].members.contains(&few_first.1);
        tied.saturating_add(self.listed(few_first.0).iter().filter(with_other).count() as u32)
    }

    fn veteran(&self, entry: Entry) -> Option<&Veteran> {
        if self.is_veteran.contains(entry) { self.veterans.get(&entry) } else { None }
    }

    /// The firings of the log that an engram took part in.
    fn listed(&self, entry: Entry) -> &[u32] {
        match self.veteran(entry) {
            Some(veteran) => &veteran.firings,
            None => self.items.get(&self.lists[entry.index()]),
        }
    }

    /// Adds a firing to the list of one of its members, who may become a veteran by it.
    fn enlist(&mut self, entry: Entry, index: u32) {
        if !self.is_veteran.contains(entry) {
            let list = &mut self.lists[entry.index()];
            if list.len() < VETERAN_ABOVE {
                return self.items.push(list, index);
            }
        }
        self.veteran_at(entry).firings.push(index);
        self.firings[index as usize].recruits -= 1;
    }

    /// What is kept of a veteran, which the engram becomes if it is none.
    fn veteran_at(&mut self, entry: Entry) -> &mut Veteran {
        let mut firings = Vec::new();
        if self.is_veteran.insert(entry) {
            self.items.take(&mut self.lists[entry.index()], &mut firings);
            for &earlier in &firings {
                let firing = &mut self.firings[earlier as usize];
                firing.recruits -= 1;
                if firing.recruits == 0 {
                    self.settling.push(earlier);
                }
            }
        }
        self.veterans.entry(entry).or_insert_with(|| Veteran::new(firings))
    }

    /// Raises the kept connections of the veterans that have just fired.
    fn raise_strongest(
        &mut self,
        members: &[Member],
        long_term: usize,
        records: &Records,
        work: &mut GraphWorkspace,
    ) {
        if self.veterans.is_empty() {
            return;
        }
        let GraphWorkspace { marked: fired, noted, .. } = work;
        fired.clear();
        let partners = &members[..long_term];
        partners.iter().for_each(|member| {
            fired.insert(member.entry);
        });
        let partners = Partners { members: partners, marks: fired };
        for &here in members.iter().filter(|member| self.is_veteran.contains(member.entry)) {
            let veteran = self.veterans.get_mut(&here.entry);
            let Some(mut strongest) = veteran.and_then(|veteran| veteran.strongest.take()) else {
                continue;
            };
            let at_most = |with: Member| match self.is_veteran.contains(with.entry) {
                true => u32::MAX,
                false => self.lists[with.entry.index()].len() as u32,
            };
            let exact = |with| self.pair(here, with);
            strongest.fired_with(here, partners, noted, records, at_most, exact);
            if let Some(veteran) = self.veterans.get_mut(&here.entry) {
                veteran.strongest = Some(strongest);
            }
        }
    }

    /// Takes firings of none but veterans out of the log and adds them to the ties of their members.
    fn settle(&mut self, records: &Records, counts: &mut Counts) {
        let settling = core::mem::take(&mut self.settling);
        let mut took_part: Vec<(Entry, u32)> = Vec::new();
        for &index in &settling {
            let members = &self.firings[index as usize].members;
            took_part.extend(members.iter().map(|&entry| (entry, index)));
        }
        took_part.sort_unstable();
        for of_one in took_part.chunk_by(|a, b| a.0 == b.0) {
            let entry = of_one[0].0;
            counts.clear(records.len());
            for &(_, index) in of_one {
                for &member in &self.firings[index as usize].members {
                    counts.add(member, 1);
                }
            }
            if let Some(veteran) = self.veterans.get_mut(&entry) {
                veteran.tie_to(counts, entry, records);
                let settled = |index: &u32| of_one.binary_search(&(entry, *index)).is_ok();
                veteran.firings.retain(|index| !settled(index));
            }
        }
        for index in settling {
            self.firings[index as usize] = Firing::default();
            self.unused.push(index);
        }
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        let members: usize =
            (0..self.firings.len()).map(|index| self.firings[index].members.capacity()).sum();
        let veteran = |veteran: &Veteran| size_of::<(Entry, Veteran)>() + veteran.bytes();
        members * size_of::<Entry>()
            + (self.unused.capacity() + self.settling.capacity()) * size_of::<u32>()
            + self.firings.bytes()
            + self.lists.bytes()
            + self.items.bytes()
            + self.is_veteran.bytes()
            + self.workspace.bytes()
            + self.veterans.values().map(veteran).sum::<usize>()
    }
}
