//! Who fired with whom, as a log of firings instead of a matrix of counts.
//!
//! The co-firing counts are C = Σ 1_A · 1_Aᵀ over the sets A that fired together: a Gram matrix. The
//! log keeps its factor: per firing its living members, per engram the firings it took part in. Firing
//! costs |A|; a row of C costs the sizes of the firings that the engram took part in.
//!
//! The search only ever asks for the long-term columns of a row, which are few among those that fired
//! lately. So a firing lists its long-term members once more, and counting them touches nobody else.
//!
//! An engram that fires again and again would make its row ever longer to count. When counting it
//! would touch many times more members than it has distinct partners, its past is moved out of the log
//! into explicit counts with those partners. So the log does not grow with the age of survivors.

use crate::{id::Entry, scratch::Counts};

/// How many times its distinct partners an engram's row may be long before it is moved.
const MOVE_AT: usize = 8;
/// Rows shorter than this stay in the log.
const MIN_MOVED: usize = 512;

/// Co-firing counts of one row's engrams. The diagonal (fire counts) is not kept here.
#[derive(Clone, Debug, Default)]
pub(crate) struct FiringLog {
    firings: Vec<Firing>,
    unused: Vec<u32>,
    engrams: Vec<History>,
}

#[derive(Clone, Debug, Default)]
struct Firing {
    members: Vec<Entry>,
    /// Those of the members that are long-term.
    long_term: Vec<Entry>,
}

#[derive(Clone, Debug, Default)]
struct History {
    is_long_term: bool,
    /// Firings of the log it took part in.
    firings: Vec<u32>,
    /// Counts that are no longer in the log, by partner; each stands with both partners.
    moved: Vec<(Entry, u32)>,
    /// Members of its firings when they were logged, an upper bound of what counting touches.
    length: usize,
    /// Length at which it is next considered for moving.
    limit: usize,
}

impl FiringLog {
    /// Makes room for a table of `len` entries.
    pub(crate) fn grow(&mut self, len: usize) {
        if self.engrams.len() < len {
            self.engrams.resize_with(len, History::default);
        }
    }

    /// Logs that `members`, all different, fired together.
    pub(crate) fn fire(&mut self, members: &[Entry], counts: &mut Counts) {
        if members.len() < 2 {
            return;
        }
        let firing = match self.unused.pop() {
            Some(firing) => firing,
            None => {
                self.firings.push(Firing::default());
                (self.firings.len() - 1) as u32
            }
        };
        let engrams = &self.engrams;
        let long_term = members.iter().filter(|member| engrams[member.index()].is_long_term);
        self.firings[firing as usize] =
            Firing { members: members.to_vec(), long_term: long_term.copied().collect() };
        for &member in members {
            let history = &mut self.engrams[member.index()];
            history.firings.push(firing);
            history.length += members.len();
        }
        for &member in members {
            let history = &self.engrams[member.index()];
            if history.length > history.limit.max(MIN_MOVED) {
                self.consider_moving(member, counts);
            }
        }
    }

    /// Tells that an engram has become long-term.
    pub(crate) fn promote(&mut self, entry: Entry) {
        let history = &mut self.engrams[entry.index()];
        history.is_long_term = true;
        for &firing in &history.firings {
            self.firings[firing as usize].long_term.push(entry);
        }
    }

    /// Counts how often everyone fired together with `entry`, itself excluded.
    ///
    /// Costs the sizes of the firings of the log it took part in, plus its moved partners.
    pub(crate) fn count(&self, entry: Entry, counts: &mut Counts) {
        self.count_among(entry, counts, |_| true, |firing| &firing.members);
    }

    /// As [`count`](Self::count), of the long-term engrams only.
    ///
    /// Costs the long-term members of the firings of the log it took part in, plus its moved partners.
    pub(crate) fn count_long_term(&self, entry: Entry, counts: &mut Counts) {
        let is_long_term = |partner: Entry| self.engrams[partner.index()].is_long_term;
        self.count_among(entry, counts, is_long_term, |firing| &firing.long_term);
    }

    fn count_among(
        &self,
        entry: Entry,
        counts: &mut Counts,
        wanted: impl Fn(Entry) -> bool,
        wanted_members: impl Fn(&Firing) -> &[Entry],
    ) {
        counts.clear(self.engrams.len());
        let history = &self.engrams[entry.index()];
        for &(partner, count) in &history.moved {
            if wanted(partner) {
                counts.add(partner, count);
            }
        }
        for &firing in &history.firings {
            for &member in wanted_members(&self.firings[firing as usize]) {
                if member != entry {
                    counts.add(member, 1);
                }
            }
        }
    }

    /// How often two different engrams fired together.
    pub(crate) fn pair(&self, a: Entry, b: Entry) -> u32 {
        let (of_a, of_b) = (&self.engrams[a.index()], &self.engrams[b.index()]);
        let moved = match of_a.moved.binary_search_by_key(&b, |&(partner, _)| partner) {
            Ok(at) => of_a.moved[at].1,
            Err(_) => 0,
        };
        let logged = of_a.firings.iter().filter(|firing| of_b.firings.contains(firing)).count();
        moved.saturating_add(logged as u32)
    }

    /// Takes dead engrams out; firings with fewer than two members left go with them.
    pub(crate) fn forget(&mut self, dead: &[Entry]) {
        let mut touched = Vec::new();
        for &entry in dead {
            let history = core::mem::take(&mut self.engrams[entry.index()]);
            touched.extend(history.firings);
            for (partner, _) in history.moved {
                self.engrams[partner.index()].remove_moved(entry);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let mut sorted = dead.to_vec();
        sorted.sort_unstable();
        for firing in touched {
            let Firing { members, long_term } = &mut self.firings[firing as usize];
            members.retain(|entry| sorted.binary_search(entry).is_err());
            long_term.retain(|entry| sorted.binary_search(entry).is_err());
            self.drop_if_lonely(firing);
        }
    }

    fn consider_moving(&mut self, entry: Entry, counts: &mut Counts) {
        self.count(entry, counts);
        let history = &mut self.engrams[entry.index()];
        let firings = &self.firings;
        history.length = history.firings.iter().map(|&f| firings[f as usize].members.len()).sum();
        history.limit = MOVE_AT * counts.len();
        if history.length > history.limit.max(MIN_MOVED) {
            self.move_out(entry, counts);
        }
    }

    /// Replaces the firings of `entry`, whose row has just been counted, by counts with its partners.
    fn move_out(&mut self, entry: Entry, counts: &Counts) {
        let mut moved: Vec<(Entry, u32)> = counts.iter().collect();
        moved.sort_unstable();
        for &(partner, count) in &moved {
            self.engrams[partner.index()].set_moved(entry, count);
        }
        let history = &mut self.engrams[entry.index()];
        history.moved = moved;
        history.length = 0;
        for firing in core::mem::take(&mut history.firings) {
            let Firing { members, long_term } = &mut self.firings[firing as usize];
            for list in [members, long_term] {
                if let Some(at) = list.iter().position(|&member| member == entry) {
                    list.swap_remove(at);
                }
            }
            self.drop_if_lonely(firing);
        }
    }

    fn drop_if_lonely(&mut self, firing: u32) {
        if self.firings[firing as usize].members.len() < 2 {
            let dropped = core::mem::take(&mut self.firings[firing as usize]);
            for last in dropped.members {
                self.engrams[last.index()].firings.retain(|&other| other != firing);
            }
            self.unused.push(firing);
        }
    }
}

impl History {
    fn set_moved(&mut self, partner: Entry, count: u32) {
        match self.moved.binary_search_by_key(&partner, |&(other, _)| other) {
            Ok(at) => self.moved[at].1 = count,
            Err(at) => self.moved.insert(at, (partner, count)),
        }
    }

    fn remove_moved(&mut self, partner: Entry) {
        if let Ok(at) = self.moved.binary_search_by_key(&partner, |&(other, _)| other) {
            self.moved.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ENGRAMS: u32 = 12;

    /// Rounds of engrams that fire, one that becomes long-term, and engrams that die.
    fn check_against_matrix(rounds: &[(Vec<u32>, u32, Vec<u32>)]) {
        let (mut log, mut counts) = (FiringLog::default(), Counts::default());
        log.grow(ENGRAMS as usize);
        let mut matrix = [[0u32; ENGRAMS as usize]; ENGRAMS as usize];
        let mut long_term = [false; ENGRAMS as usize];
        for (fired, promoted, dead) in rounds {
            let members: Vec<Entry> = fired.iter().map(|&i| Entry(i)).collect();
            // Many times over, so that pasts are moved out of the log.
            for _ in 0..20 {
                log.fire(&members, &mut counts);
                for &i in fired {
                    for &j in fired {
                        matrix[i as usize][j as usize] += 1;
                    }
                }
            }
            if !core::mem::replace(&mut long_term[*promoted as usize], true) {
                log.promote(Entry(*promoted));
            }
            log.forget(&dead.iter().map(|&i| Entry(i)).collect::<Vec<_>>());
            for &i in dead {
                long_term[i as usize] = false;
                matrix[i as usize].fill(0);
                matrix.iter_mut().for_each(|row| row[i as usize] = 0);
            }
            for i in 0..ENGRAMS {
                let row = row_of(|counts| log.count(Entry(i), counts));
                let long_term_row = row_of(|counts| log.count_long_term(Entry(i), counts));
                for j in (0..ENGRAMS).filter(|&j| j != i) {
                    let expected = matrix[i as usize][j as usize];
                    assert_eq!(row[j as usize], expected, "row {i}, column {j}");
                    let long_term = if long_term[j as usize] { expected } else { 0 };
                    assert_eq!(long_term_row[j as usize], long_term, "long-term {i}, {j}");
                    assert_eq!(log.pair(Entry(i), Entry(j)), expected, "pair {i}, {j}");
                }
            }
        }
    }

    fn row_of(count: impl FnOnce(&mut Counts)) -> [u32; ENGRAMS as usize] {
        let mut counts = Counts::default();
        count(&mut counts);
        let mut row = [0; ENGRAMS as usize];
        for (entry, count) in counts.iter() {
            row[entry.index()] = count;
        }
        row
    }

    fn some_engrams() -> impl Strategy<Value = Vec<u32>> {
        proptest::sample::subsequence((0..ENGRAMS).collect::<Vec<_>>(), 0..=ENGRAMS as usize)
    }

    proptest! {
        #[test]
        fn equals_the_matrix(
            rounds in proptest::collection::vec((some_engrams(), 0..ENGRAMS, some_engrams()), 1..30)
        ) {
            check_against_matrix(&rounds);
        }

        #[test]
        fn equals_the_matrix_with_survivors(
            rounds in proptest::collection::vec((some_engrams(), 0..ENGRAMS, 0..4u32), 1..40)
        ) {
            let rounds: Vec<_> = rounds
                .into_iter()
                .map(|(fired, promoted, dead)| (fired, promoted, vec![dead]))
                .collect();
            check_against_matrix(&rounds);
        }
    }

    #[test]
    fn the_log_stays_short_for_old_survivors() {
        let (mut log, mut counts) = (FiringLog::default(), Counts::default());
        log.grow(40);
        for step in 0..100_000u32 {
            let members: Vec<Entry> =
                (0..40).filter(|i| (step >> (i % 7)) & 1 == 0).map(Entry).collect();
            log.fire(&members, &mut counts);
        }
        let logged: usize = log.firings.iter().map(|firing| firing.members.len()).sum();
        assert!(logged < 40 * MIN_MOVED.max(MOVE_AT * 40), "{logged} members in the log");
    }
}
