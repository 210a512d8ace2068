//! The middle stages of a step: a row's search, with the store that answers it.

use burn::backend::{Backend, TensorData, tensor::FloatTensor};

use crate::{
    MemoriaConfig,
    search::{Answer, Ask, Found, Lane, Search, SearchWorkspace},
    store::{LongTermCodes, Query, VectorStore},
};

/// The search of one row with its query.
pub(crate) struct RowSearch<B: Backend> {
    query: Query<B>,
    search: Search,
}

/// How scores are computed on the host.
#[derive(Clone, Copy)]
pub(crate) struct Scoring {
    /// By codes of the short-term vectors, where they tell enough.
    pub(crate) by_codes: bool,
    /// By several threads for one row.
    pub(crate) is_shared: bool,
    /// In so many cells, if the row has any.
    pub(crate) probes: usize,
}

impl<B: Backend> RowSearch<B> {
    /// A search that has listed its first candidates.
    pub(crate) fn new(query: Query<B>, search: Search) -> Self {
        Self { query, search }
    }

    /// Whether the next stage wants to know anything.
    pub(crate) fn asks(&self) -> bool {
        self.search.ask.is_some()
    }

    /// Asks the store what the next stage wants to know, if anything. On a device: the scores, which have to be
    /// [read](Self::take_read) before the search can go on.
    pub(crate) fn ask(
        &mut self,
        lane: &mut Lane,
        store: &VectorStore<B>,
        scoring: Scoring,
    ) -> Option<FloatTensor<B>> {
        let ask = self.search.ask?;
        if let Ask::Nearest(wanted) = ask {
            self.list_nearest(lane, store, wanted, scoring);
        }
        let Lane { row, workspace } = lane;
        let SearchWorkspace { candidates, scores, pruned, quantized, .. } = workspace;
        let slots = candidates.slots();
        if !store.is_on_host() {
            return Some(store.scores(&self.query, slots));
        }
        self.search.answer = match ask {
            Ask::ShortTerm(wanted) if scoring.by_codes => {
                // The working engrams will be candidates, and the query was just made of them.
                let working =
                    row.working().iter().map(|member| (member.id, row.slot(member.entry)));
                let members = candidates.with_slots().chain(working);
                let (of, is_shared) = ((slots, wanted), scoring.is_shared);
                store.prune_and_rescore(&self.query, of, members, quantized, is_shared, pruned);
                Answer::Pruned
            }
            _ => {
                store.host_scores(&self.query, slots, scoring.is_shared, scores);
                Answer::Scores
            }
        };
        None
    }

    /// Lists the nearest long-term engrams as candidates, with those that a walk visited, and some others: as
    /// few as codes can tell, or on a device all there are.
    fn list_nearest(
        &self,
        lane: &mut Lane,
        store: &VectorStore<B>,
        wanted: usize,
        scoring: Scoring,
    ) {
        let Lane { row, workspace } = lane;
        let SearchWorkspace { candidates, long_term_codes: codes, .. } = workspace;
        let visited = self.search.found.visited().iter().copied();
        let (of, is_shared) = ((wanted, scoring.probes), scoring.is_shared);
        if let Some(nearest) = row.cell_candidates(store, &self.query, of, is_shared) {
            *codes = LongTermCodes::default();
            row.long_term_changes.stop();
            return candidates.list_sorted(row, nearest.into_iter().chain(visited));
        }
        if !store.is_on_host() {
            return candidates.list_sorted(row, row.long_term());
        }
        let list = row.long_term_list();
        let nearest = store.long_term_candidates(&self.query, &list, wanted, codes, is_shared);
        let nearest = nearest.into_iter().map(|position| row.long_term_at(position as usize));
        candidates.list_sorted(row, nearest.chain(visited));
        if codes.is_empty() {
            row.long_term_changes.stop();
        } else {
            row.long_term_changes.begin();
        }
    }

    /// Takes the scores that were [asked](Self::ask) for on a device.
    pub(crate) fn take_read(
        &mut self,
        lane: &mut Lane,
        read: &mut impl Iterator<Item = TensorData>,
    ) {
        if self.asks()
            && let Some(scores) = read.next()
        {
            lane.workspace.scores.clear();
            lane.workspace.scores.extend(scores.iter::<f64>());
            self.search.answer = Answer::Scores;
        }
    }

    /// Goes through the next stage. Whether everything is found then.
    pub(crate) fn go_on(&mut self, lane: &mut Lane, config: &MemoriaConfig) -> bool {
        self.search.go_on(lane, config)
    }

    pub(crate) fn into_found(self) -> Found {
        self.search.found
    }
}
