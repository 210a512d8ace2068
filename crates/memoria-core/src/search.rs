//! What a row is reminded of, from scores to the chosen engrams.

use burn::backend::{Backend, tensor::FloatTensor};

use crate::{
    EngramId, MemoriaConfig, Recollection, exploration,
    id::{Entry, Slot},
    pool::Pool,
    ranking::{Scored, keep_best},
    row::Row,
    walk::WalkScratch,
};

/// Short-term engrams that a row may be reminded of, as they were when their scores were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    pub(crate) entries: Vec<(Entry, EngramId)>,
    pub(crate) slots: Vec<Slot>,
}

impl Candidates {
    pub(crate) fn new(row: &Row, entries: impl Iterator<Item = Entry>) -> Self {
        let entries: Vec<_> = entries.map(|entry| (entry, row.id(entry))).collect();
        let slots = entries.iter().map(|&(entry, _)| row.slot(entry)).collect();
        Self { entries, slots }
    }

    /// Asks for scores, unless all of them are wanted or none.
    pub(crate) fn scores<B: Backend>(
        &self,
        pool: &Pool<B>,
        working: Option<FloatTensor<B>>,
        config: &MemoriaConfig,
    ) -> Option<FloatTensor<B>> {
        let wanted = config.num_reminded_stm;
        if wanted == 0 || self.slots.len() <= wanted {
            return None;
        }
        working.map(|working| pool.scores(working, &self.slots, config.correlation))
    }

    /// The living ones, each with its score; without scores all are alike.
    fn living(&self, row: &Row, scores: Option<&[f64]>) -> Vec<Scored<Entry>> {
        let scored = self.entries.iter().enumerate().map(|(i, &(item, id))| {
            let score = scores.map_or(0.0, |scores| scores[i]);
            Scored { item, id, score }
        });
        scored.filter(|candidate| row.is_living(candidate.item, candidate.id)).collect()
    }
}

/// The stages of one row's search.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    pub(crate) reminded_stm: Vec<Entry>,
    pub(crate) initial_ltm: Vec<Entry>,
    pub(crate) found_ltm: Vec<Entry>,
    pub(crate) reminded_ltm: Vec<Entry>,
}

impl Search {
    /// Chooses short-term engrams and walks long-term memory from them. All that were found count as
    /// reminded until [`choose`](Self::choose) is told otherwise.
    pub(crate) fn begin(
        row: &Row,
        candidates: &Candidates,
        scores: Option<&[f64]>,
        config: &MemoriaConfig,
        scratch: &mut WalkScratch,
    ) -> Self {
        let mut best = candidates.living(row, scores);
        keep_best(&mut best, config.num_reminded_stm);
        let reminded_stm = in_order(row, best.into_iter().map(|scored| scored.item));
        let mut initial_ltm = row.initial_ltms(&reminded_stm, scratch);
        if config.ltm_exploration > 0 {
            let all = row.long_term();
            let drawn =
                exploration::draw(config.seed, row.reminds(), all.len(), config.ltm_exploration);
            initial_ltm.extend(drawn.into_iter().map(|position| all[position]));
        }
        let initial_ltm = in_order(row, initial_ltm);
        let found_ltm = in_order(row, row.walk(&initial_ltm, config.ltm_search_depth, scratch));
        let reminded_ltm = if config.num_final_ltms == 0 { Vec::new() } else { found_ltm.clone() };
        Self { reminded_stm, initial_ltm, found_ltm, reminded_ltm }
    }

    /// Whether there are more long-term engrams than may be reminded.
    pub(crate) fn is_undecided(&self, config: &MemoriaConfig) -> bool {
        self.reminded_ltm.len() > config.num_final_ltms
    }

    pub(crate) fn found_slots(&self, row: &Row) -> Vec<Slot> {
        self.found_ltm.iter().map(|&entry| row.slot(entry)).collect()
    }

    /// Chooses among the found long-term engrams by their scores.
    pub(crate) fn choose(&mut self, row: &Row, scores: &[f64], config: &MemoriaConfig) {
        let scored = self.found_ltm.iter().zip(scores);
        let mut best: Vec<_> =
            scored.map(|(&item, &score)| Scored { item, id: row.id(item), score }).collect();
        keep_best(&mut best, config.num_final_ltms);
        self.reminded_ltm = in_order(row, best.into_iter().map(|scored| scored.item));
    }

    /// Everything the row is reminded of, in order of id.
    fn reminded(&self, row: &Row) -> Vec<Entry> {
        in_order(row, self.reminded_stm.iter().chain(&self.reminded_ltm).copied())
    }

    pub(crate) fn reminded_with_ids(&self, row: &Row) -> Vec<(Entry, EngramId)> {
        self.reminded(row).into_iter().map(|entry| (entry, row.id(entry))).collect()
    }

    pub(crate) fn reminded_slots(&self, row: &Row) -> Vec<Slot> {
        self.reminded(row).into_iter().map(|entry| row.slot(entry)).collect()
    }

    pub(crate) fn recollection(&self, row: &Row) -> Recollection {
        let ids = |entries: &[Entry]| entries.iter().map(|&entry| row.id(entry)).collect();
        Recollection {
            reminded_stm: ids(&self.reminded_stm),
            initial_ltm: ids(&self.initial_ltm),
            found_ltm: ids(&self.found_ltm),
            reminded_ltm: ids(&self.reminded_ltm),
            reminded: ids(&self.reminded(row)),
        }
    }
}

/// In order of id, each once.
fn in_order(row: &Row, entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = entries.into_iter().collect();
    entries.sort_unstable_by_key(|&entry| row.id(entry));
    entries.dedup();
    entries
}
