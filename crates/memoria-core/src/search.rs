//! What a row is reminded of, from scores to the chosen engrams.

pub(crate) mod exploration;
pub(crate) mod ranking;
mod trace;
mod walk;

pub use trace::{Reached, SearchStage, SearchTrace};

use crate::{
    EngramId, MemoriaConfig, Recollection,
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
        wanted > 0 && self.members.len() > wanted
    }

    /// Bytes set aside.
    pub(crate) fn bytes(&self) -> usize {
        self.members.capacity() * size_of::<Member>() + self.slots.capacity() * size_of::<Slot>()
    }

    /// Puts the `k` living ones with the highest scores into the row's [chosen](crate::row::scratch::Scratch),
    /// in order of id; without scores all are alike. Who has NaN for a score is known to be none of them.
    fn choose(&self, row: &mut Row, scores: Option<&[f64]>, k: usize) {
        let mut ranking = core::mem::take(&mut row.scratch.ranking);
        let score = |place: usize| scores.map_or(0.0, |scores| scores[place]);
        let scored = self.members.iter().enumerate().map(|(at, &member)| (member, score(at)));
        let scored = scored.filter(|(_, score)| !score.is_nan());
        let living = scored.filter(|&(member, _)| !self.may_be_dead || row.lives(member));
        let best = ranking.best(living, k);
        row.scratch.chosen.clear();
        row.scratch.chosen.extend_from_slice(best);
        row.scratch.ranking = ranking;
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
}

impl Search {
    /// Chooses short-term engrams and walks long-term memory from them. If that finds more than may be
    /// reminded, those still have to be [chosen](Self::choose).
    pub(crate) fn begin(
        row: &mut Row,
        candidates: &Candidates,
        scores: Option<&[f64]>,
        config: &MemoriaConfig,
    ) -> Self {
        candidates.choose(row, scores, config.num_reminded_stm);
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
            let drawn = exploration::draw(config.seed, row.reminds(), from, amount);
            members.extend(drawn.into_iter().map(|position| row.long_term_at(position)));
            members.sort_unstable();
            members.dedup();
        }
        let initial_end = members.len();
        row.walk(&mut members, config.ltm_search_depth);
        let found_end = members.len();
        let mut search = Self { members, initial_end, found_end, ..Self::default() };
        if !search.is_undecided(config) {
            if config.num_final_ltms > 0 {
                search.members.extend_from_within(initial_end..);
            }
            search.conclude(row);
        }
        search
    }

    /// Whether there are more long-term engrams than may be reminded.
    pub(crate) fn is_undecided(&self, config: &MemoriaConfig) -> bool {
        config.num_final_ltms > 0 && self.found_ltm().len() > config.num_final_ltms
    }

    /// Appends the slots of the long-term engrams that were found.
    pub(crate) fn found_slots(&self, row: &Row, slots: &mut Vec<Slot>) {
        slots.extend(self.found_ltm().iter().map(|member| row.slot(member.entry)));
    }

    /// Chooses among the found long-term engrams by their scores.
    pub(crate) fn choose(&mut self, row: &mut Row, scores: &[f64], config: &MemoriaConfig) {
        let scored = self.found_ltm().iter().copied().zip(scores.iter().copied());
        let best = row.scratch.ranking.best(scored, config.num_final_ltms);
        self.members.extend_from_slice(best);
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
