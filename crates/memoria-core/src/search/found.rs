use serde::{Deserialize, Serialize};

use super::SearchTrace;
use crate::{EngramId, id::Member};

/// What each stage of one row's search found, with ids in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// Short-term engrams that the row is reminded of.
    pub reminded_stm: Vec<EngramId>,
    /// Long-term engrams that a walk started from.
    pub initial_ltm: Vec<EngramId>,
    /// Long-term engrams that a walk visited, the initial ones included.
    pub found_ltm: Vec<EngramId>,
    /// Long-term engrams that the row is reminded of.
    pub reminded_ltm: Vec<EngramId>,
    /// Everything the row is reminded of.
    pub reminded: Vec<EngramId>,
}

/// What one row's search found, stage by stage, each in order of id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// One stage after the other, so that the firing engrams are adjacent: the long-term engrams that a walk starts
    /// from, those it visited, the reminded long-term ones, the reminded short-term ones, and the working ones.
    members: Vec<Member>,
    /// Where each stage except the last ends.
    initial_end: usize,
    visited_end: usize,
    reminded_ltm_end: usize,
    reminded_stm_end: usize,
    pub(super) trace: Option<SearchTrace>,
}

impl Found {
    /// The result of a walk: `members` are the `initial` engrams that it started from, then all that it visited.
    pub(super) fn walked(members: Vec<Member>, initial: usize) -> Self {
        let end = members.len();
        Self { members, initial_end: initial, visited_end: end, ..Self::default() }
    }

    /// Adds reminded long-term engrams, in order of id.
    pub(super) fn remind_of_ltms(&mut self, members: &[Member]) {
        self.members.extend_from_slice(members);
    }

    /// Adds all visited engrams to the reminded ones.
    pub(super) fn remind_of_visited(&mut self) {
        self.members.extend_from_within(self.initial_end..self.visited_end);
    }

    /// Adds the reminded short-term engrams and the working ones. Nothing is added after them.
    pub(crate) fn conclude(&mut self, short_term: &[Member], working: &[Member]) {
        self.reminded_ltm_end = self.members.len();
        self.members.extend_from_slice(short_term);
        self.reminded_stm_end = self.members.len();
        self.members.extend_from_slice(working);
    }

    /// All engrams that fire, in order of id: long-term engrams are older than short-term ones, and these are older
    /// than working ones.
    pub(crate) fn firing(&self) -> &[Member] {
        &self.members[self.visited_end..]
    }

    /// All reminded engrams, in order of id.
    pub(crate) fn reminded(&self) -> &[Member] {
        &self.members[self.visited_end..self.reminded_stm_end]
    }

    /// The row's working engrams, which fire with the reminded ones.
    pub(crate) fn working(&self) -> &[Member] {
        &self.members[self.reminded_stm_end..]
    }

    pub(crate) fn reminded_ltm(&self) -> &[Member] {
        &self.members[self.visited_end..self.reminded_ltm_end]
    }

    pub(crate) fn reminded_stm(&self) -> &[Member] {
        &self.members[self.reminded_ltm_end..self.reminded_stm_end]
    }

    /// The engrams that a walk visited, those it started from included.
    pub(crate) fn visited(&self) -> &[Member] {
        &self.members[self.initial_end..self.visited_end]
    }

    pub(crate) fn trace(&self) -> Option<&SearchTrace> {
        self.trace.as_ref()
    }

    pub(crate) fn stages(&self) -> Stages {
        let ids = |members: &[Member]| members.iter().map(|member| member.id).collect();
        Stages {
            reminded_stm: ids(self.reminded_stm()),
            initial_ltm: ids(&self.members[..self.initial_end]),
            found_ltm: ids(self.visited()),
            reminded_ltm: ids(self.reminded_ltm()),
            reminded: ids(self.reminded()),
        }
    }
}
