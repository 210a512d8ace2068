//! What a row is reminded of, from scores to the chosen engrams.

use crate::{
    MemoriaConfig, Recollection, exploration,
    id::{Member, Slot},
    ranking::{Scored, keep_best},
    row::Row,
};

/// Short-term engrams that a row may be reminded of, as they were when their scores were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    members: Vec<Member>,
    pub(crate) slots: Vec<Slot>,
}

impl Candidates {
    pub(crate) fn new(row: &Row, members: impl Iterator<Item = Member>) -> Self {
        let members: Vec<_> = members.collect();
        let slots = members.iter().map(|member| row.slot(member.entry)).collect();
        Self { members, slots }
    }

    /// Whether scores are needed to choose: not if all are wanted or none.
    pub(crate) fn need_scores(&self, config: &MemoriaConfig) -> bool {
        let wanted = config.num_reminded_stm;
        wanted > 0 && self.members.len() > wanted
    }

    /// The `k` living ones with the highest scores, in order of id; without scores all are alike.
    fn best(&self, row: &mut Row, scores: Option<&[f64]>, k: usize) -> Vec<Member> {
        let mut scored = core::mem::take(&mut row.scratch.scored);
        scored.clear();
        for (place, &member) in self.members.iter().enumerate().filter(|(_, m)| row.lives(**m)) {
            let score = scores.map_or(0.0, |scores| scores[place]);
            scored.push(Scored { member, score });
        }
        let best = best(&mut scored, k);
        row.scratch.scored = scored;
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
    /// Chooses short-term engrams and walks long-term memory from them. All that were found count as
    /// reminded until [`choose`](Self::choose) is told otherwise.
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
        let reminded_ltm = if config.num_final_ltms == 0 { Vec::new() } else { found_ltm.clone() };
        Self { reminded_stm, initial_ltm, found_ltm, reminded_ltm }
    }

    /// Whether there are more long-term engrams than may be reminded.
    pub(crate) fn is_undecided(&self, config: &MemoriaConfig) -> bool {
        self.reminded_ltm.len() > config.num_final_ltms
    }

    pub(crate) fn found_slots(&self, row: &Row) -> Vec<Slot> {
        self.found_ltm.iter().map(|member| row.slot(member.entry)).collect()
    }

    /// Chooses among the found long-term engrams by their scores.
    pub(crate) fn choose(&mut self, scores: &[f64], config: &MemoriaConfig) {
        let scored = self.found_ltm.iter().zip(scores);
        let mut scored: Vec<_> = scored.map(|(&member, &score)| Scored { member, score }).collect();
        self.reminded_ltm = best(&mut scored, config.num_final_ltms);
    }

    /// Fires what was found together with the row's working engrams.
    pub(crate) fn fire(&self, row: &mut Row) {
        row.fire(&self.reminded_ltm, &self.reminded_stm);
    }

    /// Everything the row is reminded of, in order of id: who is long-term is older than who is
    /// short-term.
    pub(crate) fn reminded(&self) -> impl Iterator<Item = Member> + Clone {
        self.reminded_ltm.iter().chain(&self.reminded_stm).copied()
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

/// The `k` best, in order of id. What is left of the candidates is unspecified.
fn best(scored: &mut Vec<Scored>, k: usize) -> Vec<Member> {
    keep_best(scored, k);
    let mut best: Vec<Member> = scored.iter().map(|scored| scored.member).collect();
    best.sort_unstable();
    best
}
