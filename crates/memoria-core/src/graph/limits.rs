//! From which sizes on the firing log works in another way.

use super::small_list_arena::SmallList;

/// Limits that change what the log costs, and never what it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GraphLimits {
    /// An engram in more firings of the log is a hub. At most [`SmallList::MAX_LEN`].
    pub(crate) few_firings: usize,
    /// Fewer pending firings stay in the log.
    pub(crate) pending: usize,
    /// Pending firings stay in the log while their hubs could have more ties than so many per member.
    pub(crate) ties_per_member: usize,
    /// Counts that are added in one step to flush firings, but for the last of them.
    pub(crate) flush_work: usize,
    /// Of more engrams asked for at once, those of the same firings are looked up once.
    pub(crate) grouped_above: usize,
    /// The room of so many members is kept for a firing to come.
    pub(crate) spare_members: usize,
    /// A hub keeps at least so many of its strongest connections.
    pub(crate) kept_connections: usize,
    /// Hubs whose kept connections may go when another hub's are made,
    pub(crate) swept_hubs: usize,
    /// and for how many searches they have to be unused for that.
    pub(crate) unused_searches: u32,
}

impl Default for GraphLimits {
    fn default() -> Self {
        Self {
            few_firings: SmallList::MAX_LEN,
            pending: 64,
            ties_per_member: 4,
            flush_work: 1 << 22,
            grouped_above: 16,
            spare_members: 32,
            kept_connections: 64,
            swept_hubs: 16,
            unused_searches: 1000,
        }
    }
}

#[cfg(test)]
impl GraphLimits {
    /// So small that a few firings reach all of them.
    pub(crate) const SMALL: Self = Self {
        few_firings: 4,
        pending: 5,
        ties_per_member: 4,
        flush_work: 40,
        grouped_above: 3,
        spare_members: 3,
        kept_connections: 3,
        swept_hubs: 1,
        unused_searches: 7,
    };
}
