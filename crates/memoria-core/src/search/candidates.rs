use crate::{
    EngramId,
    id::{Member, Slot},
    row::Row,
};

/// Engrams to choose from, in order of id, with the slots of their vectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    members: Vec<Member>,
    slots: Vec<Slot>,
    /// Steps that the row had lived through when they were listed.
    listed_at: u64,
}

impl Candidates {
    /// Replaces the list.
    pub(super) fn list(&mut self, row: &Row, members: impl Iterator<Item = Member>) {
        self.members.clear();
        self.members.extend(members);
        self.find_slots(row);
    }

    /// As [`list`](Self::list), for members in any order, possibly repeated.
    pub(crate) fn list_sorted(&mut self, row: &Row, members: impl Iterator<Item = Member>) {
        self.members.clear();
        self.members.extend(members);
        self.members.sort_unstable();
        self.members.dedup();
        self.find_slots(row);
    }

    fn find_slots(&mut self, row: &Row) {
        self.slots.clear();
        self.slots.extend(self.members.iter().map(|member| row.slot(member.entry)));
        self.listed_at = row.steps;
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Their identities and slots.
    pub(crate) fn with_slots(&self) -> impl Iterator<Item = (EngramId, Slot)> {
        self.members.iter().map(|member| member.id).zip(self.slots.iter().copied())
    }

    /// Which of them live: all, unless a step has ended since they were listed.
    pub(super) fn lives<'a>(&self, row: &'a Row) -> impl Fn(&Member) -> bool + Copy + use<'a> {
        let all_live = self.listed_at == row.steps;
        move |&member| all_live || row.lives(member)
    }

    pub(super) fn bytes(&self) -> usize {
        self.members.capacity() * size_of::<Member>() + self.slots.capacity() * size_of::<Slot>()
    }
}
