//! What a row is reminded of, from scores to the chosen engrams.

pub(crate) mod draw;
pub(crate) mod ranking;
mod trace;
mod walk;
mod workspace;

pub(crate) use workspace::SearchWorkspace;

use draw::Draw;

pub use trace::{Reached, SearchStage, SearchTrace};

use crate::{
    EngramId, LongTermSearch, MemoriaConfig, Recollection, ShortTermSearch,
    id::{Member, Slot},
    row::Row,
};

/// Short-term engrams that a row may be reminded of, as they were when their scores were asked for, in
/// order of id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    members: Vec<Member>,
    pub(crate) slots: Vec<Slot>,
    /// Whether they are those of a step whose dead are not known yet.
    may_be_dead: bool,
}

impl Candidates {
    /// Who is short-term.
    pub(crate) fn present(row: &mut Row) -> Self {
        let mut candidates = core::mem::take(&mut row.scratch.candidates);
        candidates.refill(row, row.short_term());
        candidates.may_be_dead = false;
        candidates
    }

    /// Who will be short-term after the present step, some of whom may die in it.
    pub(crate) fn next(row: &Row, stm_capacity: usize) -> Self {
        let mut candidates = Self { may_be_dead: true, ..Self::default() };
        candidates.refill(row, row.next_short_term(stm_capacity));
        candidates
    }

    fn refill(&mut self, row: &Row, members: impl Iterator<Item = Member>) {
        self.members.clear();
        self.members.extend(members);
        self.slots.clear();
        self.slots.extend(self.members.iter().map(|member| row.slot(member.entry)));
    }

    /// Who they are, with their slots.
    pub(crate) fn with_slots(&self) -> impl Iterator<Item = (EngramId, Slot)> {
        self.members.iter().map(|member| member.id).zip(self.slots.iter().copied())
    }

    /// Leaves the room that they took to those of the row's next step.
    pub(crate) fn leave(self, row: &mut Row) {
        row.scratch.candidates = self;
    }

    /// Whether scores are needed to choose: not if all are wanted or none.
    pub(crate) fn need_scores(&self, config: &MemoriaConfig) -> bool {
        let wanted = config.num_reminded_stm;
        let by_score = config.short_term_search == ShortTermSearch::Nearest;
        by_score && wanted > 0 && self.members.len() > wanted
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        self.members.capacity() * size_of::<Member>() + self.slots.capacity() * size_of::<Slot>()
    }

    /// Puts the living ones that are to be reminded into the row's [chosen](SearchWorkspace), in
    /// order of id. Without scores all are alike; one with NaN for a score is known to be none of them.
    fn choose(&self, row: &mut Row, scores: Option<&[f64]>, config: &MemoriaConfig) {
        let k = config.num_reminded_stm;
        let mut chosen = core::mem::take(&mut row.scratch.chosen);
        chosen.clear();
        let lives = |member: &Member| !self.may_be_dead || row.lives(*member);
        let living = || self.members.iter().copied().filter(lives);
        match config.short_term_search {
            ShortTermSearch::Nearest => {
                let mut ranking = core::mem::take(&mut row.scratch.ranking);
                let score = |place: usize| scores.map_or(0.0, |scores| scores[place]);
                let scored = self.members.iter().enumerate().map(|(at, &m)| (m, score(at)));
                let scored = scored.filter(|(_, score)| !score.is_nan());
                let living = scored.filter(|&(member, _)| !self.may_be_dead || row.lives(member));
                chosen.extend_from_slice(ranking.best(living, k));
                row.scratch.ranking = ranking;
            }
            ShortTermSearch::Newest => {
                let older = living().count().saturating_sub(k);
                chosen.extend(living().skip(older));
            }
            ShortTermSearch::Random => {
                chosen.extend(living());
                let drawn = Draw::ShortTerm.positions(config.seed, row.reminds(), chosen.len(), k);
                let mut drawn: Vec<Member> = drawn.into_iter().map(|at| chosen[at]).collect();
                drawn.sort_unstable();
                chosen = drawn;
            }
            ShortTermSearch::None => {}
        }
        row.scratch.chosen = chosen;
    }
}

/// The stages of one row's search, each in order of id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// One stage after the other, so that what fires stands together: the long-term engrams that the walk
    /// starts from, those it found, those of them that the row is reminded of, the short-term ones that it
    /// is reminded of, and its working ones.
    members: Vec<Member>,
    /// Where the stages end, all but the last.
    initial_end: usize,
    found_end: usize,
    reminded_ltm_end: usize,
    reminded_stm_end: usize,
    /// Long-term engrams that are compared with the query, if not only those that a walk found.
    rivals: Vec<Member>,
    is_undecided: bool,
}

impl Search {
    /// Chooses short-term engrams and finds long-term ones. If those have to be compared with the query,
    /// they are still to be [chosen](Self::choose).
    pub(crate) fn begin(
        row: &mut Row,
        candidates: &Candidates,
        scores: Option<&[f64]>,
        config: &MemoriaConfig,
    ) -> Self {
        candidates.choose(row, scores, config);
        let mut search = match config.long_term_search {
            LongTermSearch::Walk | LongTermSearch::WalkAndNearest => Self::walk(row, config),
            _ => Self::default(),
        };
        let wanted = config.num_final_ltms;
        match config.long_term_search {
            LongTermSearch::Walk => search.is_undecided = search.found_ltm().len() > wanted,
            LongTermSearch::Nearest | LongTermSearch::WalkAndNearest => {
                search.is_undecided = row.long_term_len() > wanted;
                if wanted > 0 {
                    search.rivals.extend(row.long_term());
                    search.rivals.sort_unstable();
                }
            }
            LongTermSearch::Random => {
                let len = row.long_term_len();
                let drawn = Draw::LongTerm.positions(config.seed, row.reminds(), len, wanted);
                search.rivals.extend(drawn.into_iter().map(|at| row.long_term_at(at)));
                search.rivals.sort_unstable();
            }
            LongTermSearch::None => {}
        }
        search.is_undecided &= wanted > 0;
        if !search.is_undecided {
            match config.long_term_search {
                LongTermSearch::Walk if wanted > 0 => {
                    search.members.extend_from_within(search.initial_end..);
                }
                LongTermSearch::Walk => {}
                _ => search.members.append(&mut search.rivals),
            }
            search.conclude(row);
        }
        search
    }

    /// Walks long-term memory from the chosen short-term engrams.
    fn walk(row: &mut Row, config: &MemoriaConfig) -> Self {
        let chosen = core::mem::take(&mut row.scratch.chosen);
        let most = row.long_term_len();
        let start = chosen.len().saturating_add(config.ltm_exploration).min(most);
        let found = start.saturating_mul(config.ltm_search_depth.saturating_add(1)).min(most);
        let reminded = found.min(config.num_final_ltms) + chosen.len();
        let mut members = Vec::with_capacity(start + found + reminded + row.working().len());
        row.initial_ltms(&chosen, &mut members);
        row.scratch.chosen = chosen;
        if config.ltm_exploration > 0 {
            let (amount, from) = (config.ltm_exploration, row.long_term_len());
            let drawn = Draw::Exploration.positions(config.seed, row.reminds(), from, amount);
            members.extend(drawn.into_iter().map(|position| row.long_term_at(position)));
            members.sort_unstable();
            members.dedup();
        }
        let initial_end = members.len();
        row.walk(&mut members, config.ltm_search_depth);
        let found_end = members.len();
        Self { members, initial_end, found_end, ..Self::default() }
    }

    /// Whether long-term engrams have to be compared with the query.
    pub(crate) fn is_undecided(&self) -> bool {
        self.is_undecided
    }

    /// The long-term engrams that have to be compared, in order of id.
    fn compared(&self) -> &[Member] {
        if self.rivals.is_empty() { self.found_ltm() } else { &self.rivals }
    }

    /// Appends the slots of the long-term engrams that have to be compared.
    pub(crate) fn compared_slots(&self, row: &Row, slots: &mut Vec<Slot>) {
        slots.extend(self.compared().iter().map(|member| row.slot(member.entry)));
    }

    /// Chooses among the long-term engrams by their scores.
    pub(crate) fn choose(&mut self, row: &mut Row, scores: &[f64], config: &MemoriaConfig) {
        let ranking = &mut row.scratch.ranking;
        let wanted = config.num_final_ltms;
        let scored = self.compared().iter().copied().zip(scores.iter().copied());
        if config.long_term_search == LongTermSearch::WalkAndNearest {
            let found = self.found_ltm();
            let walked = scored.clone().filter(|(member, _)| found.binary_search(member).is_ok());
            let walked = ranking.best(walked, wanted.div_ceil(2)).to_vec();
            let others = scored.filter(|(member, _)| walked.binary_search(member).is_err());
            let nearest = ranking.best(others, wanted - walked.len());
            self.members.extend_from_slice(nearest);
            self.members.extend_from_slice(&walked);
            self.members[self.found_end..].sort_unstable();
        } else {
            let best = ranking.best(scored, wanted);
            self.members.extend_from_slice(best);
        }
        self.rivals = Vec::new();
        self.is_undecided = false;
        self.conclude(row);
    }

    /// Appends the short-term engrams that were chosen and the working ones: the long-term ones are known.
    fn conclude(&mut self, row: &Row) {
        self.reminded_ltm_end = self.members.len();
        self.members.extend_from_slice(&row.scratch.chosen);
        self.reminded_stm_end = self.members.len();
        self.members.extend_from_slice(row.working());
    }

    /// Fires what was found together with the row's working engrams.
    pub(crate) fn fire(&self, row: &mut Row) {
        row.fire(&self.members[self.found_end..], self.reminded_ltm().len(), self.reminded().len());
    }

    /// Everything the row is reminded of, in order of id: who is long-term is older than who is
    /// short-term.
    pub(crate) fn reminded(&self) -> &[Member] {
        &self.members[self.found_end..self.reminded_stm_end]
    }

    /// The row's working engrams, which fire with those.
    pub(crate) fn working(&self) -> &[Member] {
        &self.members[self.reminded_stm_end..]
    }

    pub(crate) fn recollection(&self) -> Recollection {
        let ids = |members: &[Member]| members.iter().map(|member| member.id).collect();
        Recollection {
            reminded_stm: ids(&self.members[self.reminded_ltm_end..self.reminded_stm_end]),
            initial_ltm: ids(&self.members[..self.initial_end]),
            found_ltm: ids(self.found_ltm()),
            reminded_ltm: ids(self.reminded_ltm()),
            reminded: ids(self.reminded()),
        }
    }

    /// One that reminds of nobody but these.
    #[cfg(test)]
    pub(crate) fn reminding_of(members: Vec<Member>) -> Self {
        let end = members.len();
        Self { members, reminded_ltm_end: end, reminded_stm_end: end, ..Self::default() }
    }

    fn found_ltm(&self) -> &[Member] {
        &self.members[self.initial_end..self.found_end]
    }

    fn reminded_ltm(&self) -> &[Member] {
        &self.members[self.found_end..self.reminded_ltm_end]
    }
}
