//! The middle stages of a step: a row's search, answered by the store.

use burn::backend::{Backend, TensorData, tensor::FloatTensor};

use crate::{
    search::{Answer, Ask, Lane, Search, SearchWorkspace},
    store::{Query, VectorStore},
};

/// The search of one row with its query.
pub(crate) struct RowSearch<B: Backend> {
    pub(crate) query: Query<B>,
    /// The search; its first stage has listed its candidates.
    pub(crate) stages: Search,
}

/// How scores are computed on the host.
#[derive(Clone, Copy)]
pub(crate) struct Scoring {
    /// Whether codes of the short-term vectors are used where they suffice.
    pub(crate) by_codes: bool,
    /// Whether several threads work on one row.
    pub(crate) is_shared: bool,
    /// How many cells are read, if the row has any.
    pub(crate) probes: usize,
}

impl<B: Backend> RowSearch<B> {
    /// Asks the store for what the next stage needs, if anything. On a device these are the scores, which have to be
    /// [read](Self::take_read) before the search can go on.
    pub(crate) fn ask(
        &mut self,
        lane: &mut Lane,
        store: &VectorStore<B>,
        scoring: Scoring,
    ) -> Option<FloatTensor<B>> {
        let ask = self.stages.ask?;
        if let Ask::Nearest(wanted) = ask {
            self.list_nearest(lane, store, wanted, scoring);
        }
        let Lane { row, workspace } = lane;
        let SearchWorkspace { candidates, scores, pruned, quantized, .. } = workspace;
        let slots = candidates.slots();
        if !store.is_on_host() {
            return Some(store.scores(&self.query, slots));
        }
        self.stages.answer = match ask {
            Ask::ShortTerm(wanted) if scoring.by_codes => {
                // The working engrams will be candidates later, and the query was just made from them.
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

    /// Lists as candidates the nearest long-term engrams, those that a walk visited, and some others: as few as codes
    /// allow, or on a device all long-term engrams.
    fn list_nearest(
        &self,
        lane: &mut Lane,
        store: &VectorStore<B>,
        wanted: usize,
        scoring: Scoring,
    ) {
        let Lane { row, workspace } = lane;
        let visited = self.stages.found.visited().iter().copied();
        let of = (wanted, scoring.probes);
        let nearest = row.nearest_candidates(store, &self.query, of, scoring.is_shared);
        workspace.candidates.list_sorted(row, nearest.into_iter().chain(visited));
    }

    /// Takes the scores that were [asked](Self::ask) for on a device.
    pub(crate) fn take_read(
        &mut self,
        lane: &mut Lane,
        read: &mut impl Iterator<Item = TensorData>,
    ) {
        if self.stages.ask.is_some()
            && let Some(scores) = read.next()
        {
            lane.workspace.scores.clear();
            lane.workspace.scores.extend(scores.iter::<f64>());
            self.stages.answer = Answer::Scores;
        }
    }
}
