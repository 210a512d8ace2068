//! Invariants of a firing log.

use super::{FiringLog, participation::Participation};
use crate::{
    bookkeeping::{counters::Counts, records::Records},
    id::{Entry, Member},
    invariant::{Finding, Invariant, ensure, mark_once},
};

impl FiringLog {
    /// Checks every invariant. `living` is in order of id, and its first `long_term` engrams are long-term. Each was
    /// logged at most `at_most` times, or as often as it fired. Costs a visit to every firing and every tie, and a
    /// count of the connections of the hubs that have a cache.
    pub(crate) fn verify(
        &self,
        living: &[Member],
        long_term: usize,
        records: &Records,
        at_most: Option<u64>,
    ) -> Result<(), Finding> {
        let first_short_term = living.get(long_term).map(|member| member.id);
        let is_long_term = |member: Member| first_short_term.is_none_or(|id| member.id < id);
        let participations = self.participations.by_entry.len();
        let found = format_args!("{participations} lists for {} entries", records.len());
        ensure(participations == records.len(), Invariant::FiringList, found)?;
        self.verify_firings(is_long_term, records)?;
        self.verify_hubs(living, records)?;
        self.verify_lists(living, records)?;
        let found = format_args!("marks or counts are left in the firing log");
        ensure(self.workspace.is_clear(), Invariant::Scratch, found)?;
        let mut counts = Counts::default();
        for &here in living {
            let most = at_most.unwrap_or(records.get(here.entry).fire_count.into());
            let hub = self.participations.hub(here.entry);
            let ties = hub.into_iter().flat_map(|hub| hub.ties(records));
            let tied = ties.map(|(_, count)| u64::from(count)).max().unwrap_or(0);
            let logged = self.participations.firings(here.entry).len() as u64;
            // Every firing of the log, and every flushed one that a tie comes from, was one of its own. Counts stop at
            // their maximum.
            let counted = (logged + tied).min(u32::MAX.into());
            let found = format_args!(
                "engram {} fired {most} times, with others {logged} + {tied}",
                here.id
            );
            ensure(counted <= most, Invariant::CofireCount, found)?;
            if let Some(strongest) = hub.and_then(|hub| hub.strongest.as_ref()) {
                self.count(here.entry, records, &mut counts);
                let checked = strongest.verify(&counts, records, is_long_term);
                checked.map_err(|found| {
                    Finding::new(Invariant::Strongest, format!("of engram {}: {found}", here.id))
                })?;
            }
        }
        Ok(())
    }

    fn verify_firings(
        &self,
        is_long_term: impl Fn(Member) -> bool,
        records: &Records,
    ) -> Result<(), Finding> {
        let mut unused = vec![false; self.firings.len() as usize];
        for &index in &self.firings.unused {
            let is_free =
                mark_once(&mut unused, index as usize) && self.firings[index].members.is_empty();
            let found = format_args!("firing {index} is said to be unused");
            ensure(is_free, Invariant::Firing, found)?;
        }
        let mut pending = vec![false; unused.len()];
        for index in self.pending.firings() {
            let is_new = mark_once(&mut pending, index as usize);
            ensure(is_new, Invariant::Firing, format_args!("firing {index} is pending twice"))?;
        }
        for index in (0..self.firings.len()).filter(|&index| !unused[index as usize]) {
            let firing = &self.firings[index];
            let lives = |&entry: &Entry| {
                entry.index() < records.len() && records.lives(records.member(entry))
            };
            let all_live = firing.members.len() >= 2 && firing.members.iter().all(lives);
            let found = format_args!("firing {index} has dead members or fewer than two");
            ensure(all_live, Invariant::Firing, found)?;
            let members = || firing.members.iter().map(|&entry| records.member(entry));
            let found = format_args!("the members of firing {index} are not in order");
            ensure(members().is_sorted_by(|a, b| a < b), Invariant::Firing, found)?;
            let long_term = members().filter(|&member| is_long_term(member)).count();
            let found = format_args!(
                "firing {index}: {} of {long_term} long-term members",
                firing.long_term
            );
            ensure(long_term == firing.long_term as usize, Invariant::Firing, found)?;
            let is_hub = |member: &Member| self.participations.is_hub(member.entry);
            let few = members().filter(|member| !is_hub(member)).count();
            let found =
                format_args!("firing {index}: {} of {few} members that are no hubs", firing.few);
            ensure(few == firing.few as usize, Invariant::Firing, found)?;
            let is_pending = pending[index as usize];
            let found = format_args!(
                "firing {index} with {few} members that are no hubs: pending? {is_pending}"
            );
            ensure((few == 0) == is_pending, Invariant::Firing, found)?;
        }
        Ok(())
    }

    /// Checks that every engram lists as many firings as it is a member of, each once.
    fn verify_lists(&self, living: &[Member], records: &Records) -> Result<(), Finding> {
        let mut memberships = vec![0usize; records.len()];
        for (_, firing) in self.firings.used() {
            firing.members.iter().for_each(|entry| memberships[entry.index()] += 1);
        }
        for member in living {
            let mut firings = self.participations.firings(member.entry).to_vec();
            firings.sort_unstable();
            let id = |entry: &Entry| records.get(*entry).id;
            let is_member = |&index: &u32| {
                index < self.firings.len()
                    && self.firings[index].members.binary_search_by_key(&member.id, id).is_ok()
            };
            let fits = firings.len() == memberships[member.entry.index()]
                && firings.is_sorted_by(|a, b| a < b)
                && firings.iter().all(is_member);
            let found = format_args!("engram {} lists {} firings", member.id, firings.len());
            ensure(fits, Invariant::FiringList, found)?;
        }
        let entries = (0..records.len() as u32).map(Entry);
        let is_dead = |&entry: &Entry| !records.lives(records.member(entry));
        let listing = |&entry: &Entry| {
            self.participations.is_hub(entry) || !self.participations.firings(entry).is_empty()
        };
        let dead = entries.clone().filter(is_dead).find(listing);
        let found = format_args!("{dead:?} lists firings, dead");
        ensure(dead.is_none(), Invariant::FiringList, found)?;
        let lists = entries.filter_map(|entry| match self.participations.by_entry[entry.index()] {
            Participation::Few(list) => Some(list),
            Participation::Hub(_) => None,
        });
        let found = self.participations.lists.verify(lists);
        found.map_err(|found| Finding::new(Invariant::FiringList, found))
    }

    /// Checks that every hub belongs to one engram, and that ties exist on both sides.
    fn verify_hubs(&self, living: &[Member], records: &Records) -> Result<(), Finding> {
        let hubs = &self.participations.hubs;
        let mut is_taken = vec![false; hubs.len()];
        for here in living {
            let Participation::Hub(at) = self.participations.by_entry[here.entry.index()] else {
                continue;
            };
            let is_its_own =
                mark_once(&mut is_taken, at as usize) && hubs[at as usize].entry == here.entry;
            let found = format_args!("engram {} is not hub {at} of {}", here.id, hubs.len());
            ensure(is_its_own, Invariant::Tie, found)?;
        }
        ensure(is_taken.iter().all(|&taken| taken), Invariant::Tie, format_args!("a dead hub"))?;
        for hub in hubs.iter() {
            let here = records.member(hub.entry);
            let found = format_args!("those of engram {} are not in order", here.id);
            ensure(hub.ties_are_in_order(), Invariant::Tie, found)?;
            for (with, count) in hub.ties(records) {
                let other = self.participations.hub(with.entry).map(|other| other.tie(here));
                let found =
                    format_args!("engram {} with {}: {count} and {other:?}", here.id, with.id);
                ensure(with != here && count > 0 && other == Some(count), Invariant::Tie, found)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EngramId,
        bookkeeping::lifespan::Lifespan,
        bookkeeping::marks::Marks,
        bookkeeping::records::{Place, Record},
        graph::{GraphLimits, hub::Hub, strongest_cache::StrongestCache},
        id::Slot,
    };
    use rstest::rstest;

    /// Seven engrams, three of them long-term, that all fired so often that they are hubs with ties, and then in pairs
    /// with four newer ones.
    fn lived() -> (FiringLog, Records, Vec<Member>) {
        let (mut log, mut records) = (FiringLog::default(), Records::default());
        log.limits = GraphLimits::SMALL;
        let mut living = Vec::new();
        for id in (0..11).map(EngramId) {
            let place = if id.0 < 3 { Place::long_term(id.0 as usize) } else { Place::SHORT_TERM };
            let lifespan = Lifespan::new(9.0, 0);
            let (slot, fire_count) = (Slot(id.0 as u32 + 1), 40);
            let record =
                Record { id, born: 0, lifespan, appointment: None, slot, fire_count, place };
            living.push(Member { id, entry: records.add(record) });
        }
        log.grow(records.len());
        for step in 0..13 {
            let members =
                if step < 11 { living[..7].to_vec() } else { living[step - 11..9].to_vec() };
            let long_term = members.iter().filter(|member| member.id.0 < 3).count();
            log.fire(&members, long_term, &records);
        }
        log.fire(&living[9..], 0, &records);
        for &here in &living {
            log.strongest_connections(&[here], EngramId(3), &Marks::default(), &records, |_| ());
        }
        verify(&log, &records, &living).unwrap();
        assert!(log.participations.hubs.len() > 0 && !log.pending.waiting.is_empty());
        assert!(!log.firings.unused.is_empty());
        (log, records, living)
    }

    fn verify(log: &FiringLog, records: &Records, living: &[Member]) -> Result<(), Finding> {
        log.verify(living, 3, records, None)
    }

    fn used(log: &FiringLog) -> u32 {
        log.firings.used().last().unwrap().0
    }

    #[rstest]
    #[case::unused_twice(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| log.firings.unused.push(log.firings.unused[0]))]
    #[case::unused_but_used(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| log.firings.unused.push(used(log)))]
    #[case::pending_twice(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| log.pending.flushing.push(log.pending.waiting[0]))]
    #[case::not_pending(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { log.pending.waiting.pop(); })]
    #[case::alone(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { let i = used(log); log.firings[i].members.truncate(1); })]
    #[case::disorder(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { let i = used(log); log.firings[i].members.reverse(); })]
    #[case::dead(Invariant::Firing, |_: &mut FiringLog, records: &mut Records| { records.vacate(Entry(9)); })]
    #[case::long_term(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { let i = used(log); log.firings[i].long_term += 1; })]
    #[case::few(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { let i = used(log); log.firings[i].few -= 1; })]
    #[case::unlisted(Invariant::FiringList, |log: &mut FiringLog, _: &mut Records| { log.participations.remove(Entry(10), &mut Vec::new()); })]
    #[case::listed_twice(Invariant::FiringList, |log: &mut FiringLog, _: &mut Records| {
        let listed = log.participations.firings(Entry(10))[0];
        assert!(log.participations.add_to_few(Entry(10), listed, 12));
    })]
    #[case::too_few_lists(Invariant::FiringList, |log: &mut FiringLog, _: &mut Records| { log.participations.by_entry.swap_remove(10); })]
    #[case::unknown_hub(Invariant::Tie, |log: &mut FiringLog, _: &mut Records| log.participations.hubs.push(Hub::new(Entry(0))))]
    #[case::anothers_hub(Invariant::Tie, |log: &mut FiringLog, _: &mut Records| log.participations.hubs[0].entry = Entry(1))]
    #[case::marked(Invariant::Scratch, |log: &mut FiringLog, _: &mut Records| log.workspace.marked = Marks::unclear())]
    #[case::count(Invariant::CofireCount, |_: &mut FiringLog, records: &mut Records| records.get_mut(Entry(0)).fire_count = 1)]
    fn what_is_broken_is_named(
        #[case] expected: Invariant,
        #[case] fault: fn(&mut FiringLog, &mut Records),
    ) {
        let (mut log, mut records, living) = lived();
        fault(&mut log, &mut records);
        let finding = verify(&log, &records, &living).unwrap_err();
        assert_eq!(finding.invariant, expected, "{}", finding.found);
    }

    #[test]
    fn a_tie_that_only_one_side_knows_is_named() {
        let (mut log, records, living) = lived();
        let mut counts = Counts::default();
        counts.clear(records.len());
        counts.add(Entry(1), 1);
        log.participations.hub_mut(Entry(0)).unwrap().add_ties(&mut counts, &records);
        assert_eq!(verify(&log, &records, &living).unwrap_err().invariant, Invariant::Tie);
    }

    #[test]
    fn a_strongest_connection_with_another_count_is_named() {
        let (mut log, records, living) = lived();
        let mut counts = Counts::default();
        counts.clear(records.len());
        counts.add(living[1].entry, 3);
        let kept = StrongestCache::of(&counts, 0, &GraphLimits::SMALL, &records);
        log.participations.hub_mut(Entry(0)).unwrap().strongest = Some(kept);
        assert_eq!(verify(&log, &records, &living).unwrap_err().invariant, Invariant::Strongest);
    }
}
