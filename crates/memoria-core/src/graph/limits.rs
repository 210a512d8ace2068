//! Sizes at which the firing log changes its method.

use super::small_list_arena::SmallList;

/// Limits that change the costs of the log, never its counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GraphLimits {
    /// An engram in more firings of the log than this is a hub. At most [`SmallList::MAX_LEN`].
    pub(crate) few_firings: usize,
    /// Pending firings stay in the log if they are fewer than this.
    pub(crate) pending: usize,
    /// Pending firings stay in the log while the possible ties between their hubs are more than this many per member of
    /// a firing.
    pub(crate) ties_per_member: usize,
    /// Counts that one step adds at most to flush firings, except for the last firing.
    pub(crate) flush_work: usize,
    /// In a search from more engrams than this, each set of firings is counted once.
    pub(crate) grouped_above: usize,
    /// Lists of at most this many members are reused for later firings.
    pub(crate) spare_members: usize,
    /// A hub caches at least this many of its strongest connections.
    pub(crate) kept_connections: usize,
    /// Hubs that are swept when the connections of another hub are counted again.
    pub(crate) swept_hubs: usize,
    /// Sweeping drops cached connections that were not used in this many searches.
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
