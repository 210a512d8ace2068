//! The middle stages of a step: a row's search, with the store that answers it.

use burn::backend::{Backend, TensorData, tensor::FloatTensor};

use super::Lane;
use crate::{
    MemoriaConfig,
    search::{Ask, Found, Search},
    store::{Query, VectorStore},
};

/// The search of one row with its query.
pub(crate) struct RowSearch<B: Backend> {
    query: Query<B>,
    search: Search,
    pending: Pending<B>,
}

/// Scores that the next stage of a search has asked for.
pub(crate) enum Pending<B: Backend> {
    /// It asked for none.
    Nothing,
    /// They are in the workspace.
    Here,
    /// They have to be read.
    OnDevice(FloatTensor<B>),
}

/// How scores are computed on the host.
#[derive(Clone, Copy)]
pub(crate) struct Scoring {
    /// By codes of the short-term vectors, where they tell enough.
    pub(crate) by_codes: bool,
    /// By several threads for one row.
    pub(crate) is_shared: bool,
}

impl<B: Backend> RowSearch<B> {
    /// A search that has listed its first candidates.
    pub(crate) fn new(query: Query<B>, search: Search) -> Self {
        Self { query, search, pending: Pending::Nothing }
    }

    /// Whether everything is found.
    pub(crate) fn is_done(&self) -> bool {
        self.search.is_done()
    }

    /// Whether the next stage wants to know anything.
    pub(crate) fn asks(&self) -> bool {
        self.search.ask().is_some()
    }

    /// Asks the store what the next stage wants to know, if anything.
    pub(crate) fn ask(
        &mut self,
        lane: &mut Lane,
        store: &VectorStore<B>,
        config: &MemoriaConfig,
        scoring: Scoring,
    ) {
        let Some(ask) = self.search.ask() else { return };
        let Lane { row, workspace } = lane;
        if let Ask::Nearest(_) = ask {
            // All of them: what is chosen is the same.
            workspace.candidates.list_sorted(row, row.long_term());
        }
        let slots = workspace.candidates.slots();
        if !store.is_on_host() {
            self.pending = Pending::OnDevice(store.scores(&self.query, slots, config.metric()));
            return;
        }
        match ask {
            Ask::ShortTerm(wanted) if scoring.by_codes => {
                // The working engrams will be candidates, and the query was just made of them.
                let working =
                    row.working().iter().map(|member| (member.id, row.slot(member.entry)));
                store.deciding_scores_here(
                    &self.query,
                    (slots, wanted),
                    workspace.candidates.with_slots().chain(working),
                    &mut workspace.codes,
                    scoring.is_shared,
                    &mut workspace.scores,
                );
            }
            _ => store.scores_here(&self.query, slots, scoring.is_shared, &mut workspace.scores),
        }
        self.pending = Pending::Here;
    }

    /// What has to be read before the search can go on.
    pub(crate) fn to_read(&self) -> Option<FloatTensor<B>> {
        match &self.pending {
            Pending::OnDevice(scores) => Some(scores.clone()),
            Pending::Nothing | Pending::Here => None,
        }
    }

    /// Takes the scores if they had [to be read](Self::to_read).
    pub(crate) fn take_read(
        &mut self,
        lane: &mut Lane,
        read: &mut impl Iterator<Item = TensorData>,
    ) {
        if let Pending::OnDevice(_) = self.pending
            && let Some(scores) = read.next()
        {
            lane.workspace.scores.clear();
            lane.workspace.scores.extend(scores.iter::<f64>());
            self.pending = Pending::Here;
        }
    }

    /// Goes through the next stage.
    pub(crate) fn go_on(&mut self, lane: &mut Lane, config: &MemoriaConfig) {
        let Lane { row, workspace } = lane;
        let scores = core::mem::take(&mut workspace.scores);
        let known = matches!(self.pending, Pending::Here).then_some(&scores[..]);
        self.search.answer(row, workspace, known, config);
        workspace.scores = scores;
        self.pending = Pending::Nothing;
    }

    /// What was found.
    pub(crate) fn into_found(self) -> Found {
        self.search.into_found()
    }
}
