//! The log compared with a matrix of counts.

use super::*;
use crate::{
    EngramId,
    bookkeeping::{
        lifespan::Lifespan,
        marks::Marks,
        records::{Place, Record},
    },
    id::Slot,
};
use proptest::prelude::*;
use rstest::rstest;
use std::collections::HashMap;

/// A log and a matrix of the same engrams. These are made in one order, become long-term in that order, and die in any.
#[derive(Default)]
struct Judged {
    log: FiringLog,
    records: Records,
    /// In order of id.
    living: Vec<Member>,
    /// How many of them are long-term.
    long_term: usize,
    born: u64,
    matrix: HashMap<(EngramId, EngramId), u32>,
}

impl Judged {
    fn with_limits(limits: GraphLimits) -> Self {
        let mut judged = Self::default();
        judged.log.limits = limits;
        judged
    }

    fn bear(&mut self, count: usize) {
        for _ in 0..count {
            let id = EngramId(self.born);
            let entry = self.records.add(Record {
                id,
                born: 0,
                lifespan: Lifespan::new(1.0, 0),
                appointment: None,
                slot: Slot(0),
                fire_count: 0,
                place: Place::SHORT_TERM,
            });
            self.living.push(Member { id, entry });
            self.born += 1;
        }
        self.log.grow(self.records.len());
    }

    /// Fires the living engrams with a set bit.
    fn fire(&mut self, bits: u64) {
        let fires = |place: usize| bits >> (place % 64) & 1 == 1;
        let places = (0..self.living.len()).filter(|&place| fires(place));
        let members: Vec<Member> = places.clone().map(|place| self.living[place]).collect();
        let long_term = places.filter(|&place| place < self.long_term).count();
        members.iter().for_each(|m| self.records.get_mut(m.entry).fire_count += 1);
        self.log.fire(&members, long_term, &self.records);
        for a in &members {
            for b in members.iter().filter(|&b| b != a) {
                *self.matrix.entry((a.id, b.id)).or_default() += 1;
            }
        }
    }

    fn promote(&mut self, count: usize) {
        let until = self.living.len().min(self.long_term + count);
        let promoted = &self.living[self.long_term..until];
        for member in promoted {
            self.records.get_mut(member.entry).place = Place::long_term(0);
        }
        self.log.promote(promoted, &self.records);
        self.long_term = until;
    }

    /// Forgets the living engrams with a set bit.
    fn forget(&mut self, bits: u64) {
        let dies = |place: usize| bits >> (place % 64) & 1 == 1;
        let places: Vec<usize> = (0..self.living.len()).filter(|&place| dies(place)).collect();
        let dead: Vec<Member> = places.iter().map(|&place| self.living[place]).collect();
        self.log.forget(&dead);
        dead.iter().for_each(|member| {
            self.records.vacate(member.entry);
        });
        self.long_term -= places.iter().filter(|&&place| place < self.long_term).count();
        self.living.retain(|member| !dead.contains(member));
        let is_dead = |id: EngramId| dead.iter().any(|member| member.id == id);
        self.matrix.retain(|(a, b), _| !is_dead(*a) && !is_dead(*b));
    }

    fn expected(&self, a: Member, b: Member) -> u32 {
        self.matrix.get(&(a.id, b.id)).copied().unwrap_or(0)
    }

    /// Compares every row, every pair, and every walk to the strongest.
    fn check(&mut self) {
        self.log.verify(&self.living, self.long_term, &self.records, None).unwrap();
        let living = self.living.clone();
        for &here in &living {
            let mut counts = Counts::default();
            self.log.count(here.entry, &self.records, &mut counts);
            let counted: HashMap<Entry, u32> = counts.iter().collect();
            for &other in living.iter().filter(|&&other| other != here) {
                let expected = self.expected(here, other);
                assert_eq!(self.log.pair(here, other), expected, "{here:?} and {other:?}");
                assert_eq!(counted.get(&other.entry).copied().unwrap_or(0), expected);
            }
            assert!(counted.keys().all(|&e| living.iter().any(|m| m.entry == e)), "the dead");
            self.check_strongest(here);
        }
        self.check_strongest_together();
    }

    /// From an engram to its strongest, next strongest, and so on until there is none.
    fn check_strongest(&mut self, here: Member) {
        let mut visited = vec![here];
        loop {
            let expected = self.expected_strongest(here, &visited);
            assert_eq!(self.strongest(&[here], &visited), Vec::from_iter(expected), "{here:?}");
            let Some(found) = expected else { return };
            visited.push(found);
        }
    }

    /// From all engrams at once, with some of the long-term engrams visited.
    fn check_strongest_together(&mut self) {
        let visited: Vec<Member> = self.living[..self.long_term].to_vec();
        for visited in [&visited[..], &visited[visited.len() / 2..]] {
            let from: Vec<Member> = [visited, &self.living[self.long_term..]].concat().to_vec();
            let strongest = from.iter().filter_map(|&here| self.expected_strongest(here, visited));
            let mut expected: Vec<Member> = strongest.collect();
            let mut got = self.strongest(&from, visited);
            expected.sort_unstable();
            got.sort_unstable();
            assert_eq!(got, expected, "from {from:?}");
        }
    }

    fn strongest(&mut self, from: &[Member], visited: &[Member]) -> Vec<Member> {
        let youngest = self.living.get(self.long_term).map_or(self.born, |member| member.id.0);
        let mut marks = Marks::default();
        visited.iter().for_each(|member| {
            marks.insert(member.entry);
        });
        let youngest = EngramId(youngest);
        let mut connections = Vec::new();
        let push = |connection| connections.push(connection);
        self.log.strongest_connections(from, youngest, &marks, &self.records, push);
        let found = connections.iter().map(|connection| connection.to).collect();
        for Connection { from, to, count } in connections {
            assert_eq!(count, self.expected(from, to), "{from:?} to {to:?}");
        }
        found
    }

    fn expected_strongest(&self, here: Member, visited: &[Member]) -> Option<Member> {
        let candidates = self.living[..self.long_term].iter().copied();
        let connected = candidates.filter(|&member| {
            member != here && !visited.contains(&member) && self.expected(here, member) > 0
        });
        connected.max_by_key(|&member| (self.expected(here, member), core::cmp::Reverse(member.id)))
    }
}

proptest! {
    /// With all operations of a log, in any order.
    #[test]
    fn equals_the_matrix(
        rounds in proptest::collection::vec(
            (0..4usize, proptest::collection::vec(any::<u64>(), 0..9), 0..3usize, any::<u64>(), 0..4u8),
            1..40,
        ),
        is_small in any::<bool>(),
    ) {
        let limits = if is_small { GraphLimits::SMALL } else { GraphLimits::default() };
        let mut judged = Judged::with_limits(limits);
        for (born, firings, promoted, dead, mercy) in rounds {
            judged.bear(born);
            firings.into_iter().for_each(|bits| judged.fire(bits));
            judged.promote(promoted);
            // Most of the time few die, so that some grow old.
            let rotated = (1..=2 * u32::from(mercy)).fold(dead, |bits, by| bits & dead.rotate_left(7 * by));
            judged.forget(rotated);
            judged.check();
        }
    }
}

/// Old survivors that fire in every step while others come and go.
#[rstest]
#[case::small(GraphLimits::SMALL)]
#[case::users(GraphLimits::default())]
fn the_log_does_not_grow_with_the_age_of_survivors(#[case] limits: GraphLimits) {
    let mut judged = Judged::with_limits(limits);
    judged.bear(30);
    judged.promote(30);
    let mut sizes = Vec::new();
    for step in 0..20_000u64 {
        judged.bear(1);
        let members: Vec<Member> = (0..31)
            .filter(|i| *i == 30 || (step >> (i % 7)) & 1 == 0)
            .map(|i| judged.living[i])
            .collect();
        let long_term = members.len() - 1;
        judged.log.fire(&members, long_term, &judged.records);
        judged.forget(1 << 30);
        if step % 5_000 == 4_999 {
            let logged = judged.log.firings.used().map(|(_, firing)| firing.members.len());
            sizes.push(logged.sum::<usize>());
            assert!(judged.log.bytes() < 100_000, "{} bytes", judged.log.bytes());
        }
    }
    assert!(sizes.iter().all(|&size| size <= 31 * 64), "{sizes:?} members logged");
    let count = judged.log.pair(judged.living[0], judged.living[7]);
    assert_eq!(count, 10_000, "both fire in every other step");
}

/// Engrams that do not die, of which the `width` newest fire with each other in every step.
fn fire_in_windows(judged: &mut Judged, steps: usize, width: usize, born: usize) {
    for _ in 0..steps {
        judged.bear(born);
        let window = judged.living.len().saturating_sub(width);
        judged.log.promote(
            &judged.living[judged.long_term..window.max(judged.long_term)],
            &judged.records,
        );
        judged.long_term = window.max(judged.long_term);
        judged.log.fire(&judged.living[window..], 0, &judged.records);
    }
}

/// Two of a window fired together in so many steps that they are all hubs, each with a hundred others. As ties that
/// takes 800 bytes per engram and more, as firings 25 times 8 bytes.
#[test]
fn dense_firings_of_ever_new_engrams_stay_in_the_log() {
    let mut judged = Judged::default();
    fire_in_windows(&mut judged, 2_000, 100, 4);
    assert_eq!(judged.log.participations.hubs.len(), judged.living.len() - 12 * 4);
    assert_eq!(judged.log.ties(&judged.records), []);
    let per_engram = judged.log.bytes() / judged.living.len();
    assert!(per_engram < 600, "{per_engram} bytes per engram");
}

/// The same engrams in every step: their firings are flushed, a few in each step.
#[test]
fn the_work_of_a_step_is_bounded() {
    let limits = GraphLimits { flush_work: 1 << 16, ..GraphLimits::default() };
    let mut judged = Judged::with_limits(limits);
    judged.bear(150);
    let (mut before, mut flushed) = (0, 0);
    for _ in 0..1_000 {
        judged.log.fire(&judged.living, 0, &judged.records);
        let work = judged.log.workspace.work - before;
        assert!(work <= (1 << 16) + 150 * 150, "{work} counts in one step");
        before += work;
        flushed = flushed.max(judged.log.pair(judged.living[0], judged.living[1]));
    }
    assert_eq!(flushed, 1_000);
    let logged: usize = judged.log.firings.used().map(|(_, firing)| firing.members.len()).sum();
    assert!(logged <= 150 * 150, "{logged} members logged");
}

/// A hub that fired with many engrams that all die in one step.
#[test]
fn many_firings_that_end_in_one_step_are_looked_through_once() {
    let mut judged = Judged::default();
    judged.bear(2_001);
    for mortal in 1..=2_000 {
        judged.log.fire(&[judged.living[0], judged.living[mortal]], 0, &judged.records);
    }
    let dead = judged.living.split_off(1);
    let before = judged.log.workspace.work;
    judged.log.forget(&dead);
    assert_eq!(judged.log.workspace.work - before, 2_000);
    assert_eq!(judged.log.firings.used().count(), 0);
}
