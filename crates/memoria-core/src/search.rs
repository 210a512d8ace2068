//! What a row is reminded of, from scores to the chosen engrams.

use crate::{
    EngramId, MemoriaConfig, Recollection, exploration,
    id::{Member, Slot},
    ranking::best,
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

    /// The `k` living ones with the highest scores, in order of id; without scores all are alike. Who has
    /// NaN for a score is known to be none of them.
    fn best(&self, row: &mut Row, scores: Option<&[f64]>, k: usize) -> Vec<Member> {
        let mut ranking = core::mem::take(&mut row.scratch.ranking);
        let score = |place: usize| scores.map_or(0.0, |scores| scores[place]);
        let scored = self.members.iter().enumerate().map(|(at, &member)| (member, score(at)));
        let scored = scored.filter(|(_, score)| !score.is_nan());
        let living = scored.filter(|&(member, _)| !self.may_be_dead || row.lives(member));
        let best = best(living, k, &mut ranking);
        row.scratch.ranking = ranking;
        best
    }
}

/// The stages of one row's search, each in order of id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    reminded_stm: Vec<Member>,
    initial_ltm: Vec<Member>,
    found_ltm: Vec<Member>,
    reminded_ltm: Vec<Member>,
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
        let reminded_stm = candidates.best(row, scores, config.num_reminded_stm);
        let mut initial_ltm = row.initial_ltms(&reminded_stm);
        if config.ltm_exploration > 0 {
            let (amount, from) = (config.ltm_exploration, row.long_term_len());
            let drawn = exploration::draw(config.seed, row.reminds(), from, amount);
            initial_ltm.extend(drawn.into_iter().map(|position| row.long_term_at(position)));
            initial_ltm.sort_unstable();
            initial_ltm.dedup();
        }
        let found_ltm = row.walk(&initial_ltm, config.ltm_search_depth);
        let mut search = Self { reminded_stm, initial_ltm, found_ltm, reminded_ltm: Vec::new() };
        if config.num_final_ltms > 0 && !search.is_undecided(config) {
            search.reminded_ltm.clone_from(&search.found_ltm);
        }
        search
    }

    /// Whether there are more long-term engrams than may be reminded.
    pub(crate) fn is_undecided(&self, config: &MemoriaConfig) -> bool {
        config.num_final_ltms > 0 && self.found_ltm.len() > config.num_final_ltms
    }

    /// Appends the slots of the long-term engrams that were found.
    pub(crate) fn found_slots(&self, row: &Row, slots: &mut Vec<Slot>) {
        slots.extend(self.found_ltm.iter().map(|member| row.slot(member.entry)));
    }

    /// Chooses among the found long-term engrams by their scores.
    pub(crate) fn choose(&mut self, row: &mut Row, scores: &[f64], config: &MemoriaConfig) {
        let scored = self.found_ltm.iter().copied().zip(scores.iter().copied());
        self.reminded_ltm = best(scored, config.num_final_ltms, &mut row.scratch.ranking);
    }

    /// Fires what was found together with the row's working engrams.
    pub(crate) fn fire(&self, row: &mut Row) {
        row.fire(&self.reminded_ltm, &self.reminded_stm);
    }

    /// Everything the row is reminded of, in order of id: who is long-term is older than who is
    /// short-term.
    pub(crate) fn reminded(&self) -> impl Iterator<Item = Member> {
        self.reminded_ltm.iter().chain(&self.reminded_stm).copied()
    }

    /// How many engrams the row is reminded of.
    pub(crate) fn reminded_len(&self) -> usize {
        self.reminded_ltm.len() + self.reminded_stm.len()
    }

    pub(crate) fn recollection(&self) -> Recollection {
        let ids = |members: &[Member]| members.iter().map(|member| member.id).collect();
        Recollection {
            reminded_stm: ids(&self.reminded_stm),
            initial_ltm: ids(&self.initial_ltm),
            found_ltm: ids(&self.found_ltm),
            reminded_ltm: ids(&self.reminded_ltm),
            reminded: self.reminded().map(|member| member.id).collect(),
        }
    }
}
