//! Sizes from which on the firing log works in another way.

use super::small_list_arena::SmallList;

/// Limits that change what the log costs, never what it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GraphLimits {
    /// An engram in more firings of the log is a hub. At most [`SmallList::MAX_LEN`].
    pub(crate) few_firings: usize,
    /// Fewer pending firings stay in the log.
    pub(crate) pending: usize,
    /// Pending firings stay in the log while the ties between their hubs could be more than so many per member
    /// of a firing.
    pub(crate) ties_per_member: usize,
    /// Counts that one step adds at most to flush firings, but for the last firing.
    pub(crate) flush_work: usize,
    /// In a search from more engrams, each set of firings is counted once.
    pub(crate) grouped_above: usize,
    /// Lists of at most so many members are reused for later firings.
    pub(crate) spare_members: usize,
    /// A hub keeps at least so many of its strongest connections.
    pub(crate) kept_connections: usize,
    /// Hubs that are swept when the connections of another one are counted anew.
    pub(crate) swept_hubs: usize,
    /// Sweeping drops kept connections that were not used in so many searches.
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
