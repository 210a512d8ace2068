//! What must hold of a firing log.

use super::{FiringLog, VETERAN_ABOVE};
use crate::{
    EngramId,
    bookkeeping::counters::Counts,
    bookkeeping::records::Records,
    id::{Entry, Member},
    invariant::{Finding, Invariant, ensure},
};

impl FiringLog {
    /// Checks every invariant, for the `living` in order of id, of which the first `long_term` are
    /// long-term. An engram is connected as often as it fired at most, or `at_most` so often. Costs a look at every firing and every tie, and a count of the connections of those
    /// who keep the strongest.
    pub(crate) fn verify(
        &self,
        living: &[Member],
        long_term: usize,
        records: &Records,
        at_most: Option<u64>,
    ) -> Result<(), Finding> {
        let first_short_term = living.get(long_term).map(|member| member.id);
        self.verify_firings(first_short_term, records)?;
        ensure(self.lists.len() == records.len(), Invariant::FiringList, || {
            format!("{} lists for {} entries", self.lists.len(), records.len())
        })?;
        self.verify_veterans(living, records)?;
        self.verify_lists(living, records)?;
        ensure(self.workspace.is_clear(), Invariant::Scratch, || {
            "marks or counts are left in the firing log".into()
        })?;
        let mut counts = Counts::default();
        for &here in living {
            self.verify_counts(here, records, at_most)?;
            let veteran = self.veteran(here.entry);
            if let Some(strongest) = veteran.and_then(|veteran| veteran.strongest.as_ref()) {
                self.count(here.entry, records, &mut counts);
                let is_long_term =
                    |member: Member| first_short_term.is_none_or(|id| member.id < id);
                let checked = strongest.verify(&counts, records, is_long_term);
                checked.map_err(|found| {
                    Finding::new(Invariant::Strongest, format!("of engram {}: {found}", here.id))
                })?;
            }
        }
        Ok(())
    }

    /// That an engram fired as often as it is said to have fired with any one other: every firing that
    /// is logged, and every one that a count outside the log comes from, was one of its own.
    fn verify_counts(
        &self,
        here: Member,
        records: &Records,
        at_most: Option<u64>,
    ) -> Result<(), Finding> {
        let logged = u32::try_from(self.listed(here.entry).len()).unwrap_or(u32::MAX);
        let ties = self.veteran(here.entry).into_iter().flat_map(|veteran| veteran.ties(records));
        let outside = ties.map(|(_, count)| count).max().unwrap_or(0);
        let fired = at_most.unwrap_or(records.get(here.entry).fire_count.into());
        ensure(u64::from(logged.saturating_add(outside)) <= fired, Invariant::CofireCount, || {
            format!("engram {} fired {fired} times, with others {logged} + {outside}", here.id)
        })
    }

    fn verify_firings(
        &self,
        first_short_term: Option<EngramId>,
        records: &Records,
    ) -> Result<(), Finding> {
        let mut unused = vec![false; self.firings.len()];
        for &index in &self.unused {
            let is_free = self.firings.get(index as usize).is_some_and(|f| f.members.is_empty());
            ensure(is_free && !unused[index as usize], Invariant::Firing, || {
                format!("firing {index} is said to be unused")
            })?;
            unused[index as usize] = true;
        }
        let mut settling = vec![false; self.firings.len()];
        for &index in &self.settling {
            let is_known = settling.get(index as usize) == Some(&false);
            ensure(is_known, Invariant::Firing, || format!("firing {index} settles twice"))?;
            settling[index as usize] = true;
        }
        for index in (0..self.firings.len()).filter(|&index| !unused[index]) {
            let firing = &self.firings[index];
            let is_member = |&entry: &Entry| {
                entry.index() < records.len() && records.lives(records.member(entry))
            };
            let all_live = firing.members.len() >= 2 && firing.members.iter().all(is_member);
            ensure(all_live, Invariant::Firing, || {
                format!("firing {index} has dead members or fewer than two")
            })?;
            let ids = || firing.members.iter().map(|&entry| records.get(entry).id);
            ensure(ids().is_sorted_by(|a, b| a < b), Invariant::Firing, || {
                format!("the members of firing {index} are not in order")
            })?;
            let long_term = ids().filter(|&id| first_short_term.is_none_or(|s| id < s)).count();
            ensure(long_term == firing.long_term as usize, Invariant::Firing, || {
                format!("firing {index}: {} of {long_term} long-term members", firing.long_term)
            })?;
            let recruits = firing.members.iter().filter(|&&e| !self.is_veteran.contains(e)).count();
            ensure(recruits == firing.recruits as usize, Invariant::Firing, || {
                format!("firing {index}: {} of {recruits} recruits", firing.recruits)
            })?;
            ensure((recruits == 0) == settling[index], Invariant::Firing, || {
                format!("firing {index} with {recruits} recruits: settles? {}", settling[index])
            })?;
        }
        Ok(())
    }

    /// That everybody lists as many firings as it is a member of, once each.
    fn verify_lists(&self, living: &[Member], records: &Records) -> Result<(), Finding> {
        let mut memberships = vec![0usize; records.len()];
        for index in 0..self.firings.len() {
            self.firings[index].members.iter().for_each(|entry| memberships[entry.index()] += 1);
        }
        let mut listed = 0;
        for member in living {
            let entry = member.entry;
            let mut firings = self.listed(entry).to_vec();
            firings.sort_unstable();
            let is_member = |&index: &u32| {
                let firing = self.firings.get(index as usize);
                let id = |entry: &Entry| records.get(*entry).id;
                firing.is_some_and(|f| f.members.binary_search_by_key(&member.id, id).is_ok())
            };
            let fits = firings.len() == memberships[entry.index()]
                && firings.is_sorted_by(|a, b| a < b)
                && firings.iter().all(is_member);
            ensure(fits, Invariant::FiringList, || {
                format!("engram {} lists {} firings", member.id, firings.len())
            })?;
            listed += self.lists[entry.index()].len();
        }
        let all: usize = (0..self.lists.len()).map(|entry| self.lists[entry].len()).sum();
        ensure(listed == all, Invariant::FiringList, || "the dead list firings".into())?;
        let items = self.items.verify((0..self.lists.len()).map(|entry| self.lists[entry]));
        items.map_err(|found| Finding::new(Invariant::FiringList, found))
    }

    fn verify_veterans(&self, living: &[Member], records: &Records) -> Result<(), Finding> {
        let veterans = living.iter().filter(|member| self.is_veteran.contains(member.entry));
        let known = veterans.clone().filter(|member| self.veterans.contains_key(&member.entry));
        let counts = (veterans.clone().count(), known.count(), self.veterans.len());
        let marked = self.is_veteran.len();
        ensure(
            counts.0 == counts.1 && counts.1 == counts.2 && marked == counts.2,
            Invariant::Tie,
            || format!("{counts:?} and {marked} veterans"),
        )?;
        for member in living {
            let listed = self.lists[member.entry.index()].len();
            let is_veteran = self.is_veteran.contains(member.entry);
            let fits = if is_veteran { listed == 0 } else { listed <= VETERAN_ABOVE };
            ensure(fits, Invariant::FiringList, || {
                format!("engram {} keeps {listed} firings; a veteran? {is_veteran}", member.id)
            })?;
        }
        for &here in veterans {
            let Some(veteran) = self.veterans.get(&here.entry) else { continue };
            ensure(veteran.ties_are_in_order(), Invariant::Tie, || {
                format!("those of engram {} are not in order", here.id)
            })?;
            for (with, count) in veteran.ties(records) {
                let other = self.veteran(with.entry).map(|other| other.tie(here.id));
                ensure(with != here && count > 0 && other == Some(count), Invariant::Tie, || {
                    format!("engram {} with {}: {count} and {other:?}", here.id, with.id)
                })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bookkeeping::lifespan::Lifespan,
        bookkeeping::marks::Marks,
        bookkeeping::records::{Place, Record},
        id::Slot,
    };
    use rstest::rstest;

    /// Seven engrams, three of them long-term, that all fired so often that they are veterans with ties,
    /// and then two by two with four newer ones.
    fn lived() -> (FiringLog, Records, Vec<Member>) {
        let (mut log, mut records) = (FiringLog::default(), Records::default());
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
            let (visited, found) = (Marks::default(), &mut Vec::new());
            log.strongest_ltms(&[here], EngramId(3), &visited, &records, found);
        }
        log.verify(&living, 3, &records, None).unwrap();
        assert!(!log.veterans.is_empty() && !log.settling.is_empty() && !log.unused.is_empty());
        (log, records, living)
    }

    fn used(log: &FiringLog) -> usize {
        (0..log.firings.len()).rfind(|&index| !log.firings[index].members.is_empty()).unwrap()
    }

    #[rstest]
    #[case::unused_twice(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| log.unused.push(log.unused[0]))]
    #[case::unused_but_used(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| log.unused.push(used(log) as u32))]
    #[case::settles_twice(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| log.settling.push(log.settling[0]))]
    #[case::does_not_settle(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { log.settling.pop(); })]
    #[case::alone(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { let i = used(log); log.firings[i].members.truncate(1); })]
    #[case::disorder(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { let i = used(log); log.firings[i].members.reverse(); })]
    #[case::dead(Invariant::Firing, |_: &mut FiringLog, records: &mut Records| { records.vacate(Entry(9)); })]
    #[case::long_term(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { let i = used(log); log.firings[i].long_term += 1; })]
    #[case::recruits(Invariant::Firing, |log: &mut FiringLog, _: &mut Records| { let i = used(log); log.firings[i].recruits -= 1; })]
    #[case::unlisted(Invariant::FiringList, |log: &mut FiringLog, _: &mut Records| { log.take_listed(Entry(10), &mut Vec::new()); })]
    #[case::listed_twice(Invariant::FiringList, |log: &mut FiringLog, _: &mut Records| {
        let listed = log.listed(Entry(10))[0];
        log.items.push(&mut log.lists[10], listed);
    })]
    #[case::too_few_lists(Invariant::FiringList, |log: &mut FiringLog, _: &mut Records| { log.lists.swap_remove(10); })]
    #[case::unknown_veteran(Invariant::Tie, |log: &mut FiringLog, _: &mut Records| { log.veterans.remove(&Entry(0)).unwrap(); })]
    #[case::marked(Invariant::Scratch, |log: &mut FiringLog, _: &mut Records| log.workspace.marked = Marks::unclear())]
    #[case::count(Invariant::CofireCount, |_: &mut FiringLog, records: &mut Records| records.get_mut(Entry(0)).fire_count = 1)]
    fn what_is_broken_is_named(
        #[case] expected: Invariant,
        #[case] fault: fn(&mut FiringLog, &mut Records),
    ) {
        let (mut log, mut records, living) = lived();
        fault(&mut log, &mut records);
        let finding = log.verify(&living, 3, &records, None).unwrap_err();
        assert_eq!(finding.invariant, expected, "{}", finding.found);
    }

    #[test]
    fn a_tie_that_only_one_side_knows_is_named() {
        let (mut log, records, living) = lived();
        let mut counts = Counts::default();
        counts.clear(records.len());
        counts.add(Entry(1), 1);
        log.veterans.get_mut(&Entry(0)).unwrap().tie_to(&counts, Entry(0), &records);
        assert_eq!(log.verify(&living, 3, &records, None).unwrap_err().invariant, Invariant::Tie);
    }

    #[test]
    fn a_strongest_connection_with_another_count_is_named() {
        let (mut log, records, living) = lived();
        let kept = super::super::Strongest::of([(living[1], 3)].into_iter(), 0, &records);
        log.veterans.get_mut(&Entry(0)).unwrap().strongest = Some(kept);
        assert_eq!(
            log.verify(&living, 3, &records, None).unwrap_err().invariant,
            Invariant::Strongest
        );
    }
}
