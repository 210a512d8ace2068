//! Those that may be among the nearest.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use wide::f32x4;

use super::byte_codes::{ABREAST, Ranges};

/// A list is pruned when it has grown to twice what was left, but is not worth pruning below this.
const WORTH_PRUNING: usize = 128;

/// Between what a squared distance is.
#[derive(Clone, Copy, Debug)]
struct Range {
    least: f32,
    most: f32,
}

/// Positions that may be among the `k` nearest of all that were offered.
#[derive(Debug)]
pub(super) struct Shortlist {
    k: usize,
    found: Vec<(u32, Range)>,
    /// There are `k` with no greater distances.
    threshold: f32,
    /// Pruned again at this length.
    limit: usize,
}

impl Shortlist {
    /// An empty one for `k`, at least one, where it is known that there are `k` that are no farther than
    /// `threshold`.
    pub(super) fn new(k: usize, threshold: f32) -> Self {
        let limit = k.saturating_mul(2).max(WORTH_PRUNING);
        Self { k, found: Vec::new(), threshold, limit }
    }

    /// Whether any distance from this one on may be among the `k` least.
    pub(super) fn admits(&self, least: f32) -> bool {
        least.partial_cmp(&self.threshold) != Some(core::cmp::Ordering::Greater)
    }

    /// Takes in those positions from `first` on, below `end`, with distances that may be among the `k` least.
    #[inline]
    pub(super) fn offer(&mut self, first: usize, end: usize, ranges: Ranges) {
        if ranges.least.simd_gt(f32x4::splat(self.threshold)).all() {
            return;
        }
        let (least, most) = (ranges.least.to_array(), ranges.most.to_array());
        for lane in 0..ABREAST.min(end - first) {
            let range = Range { least: least[lane], most: most[lane] };
            self.take_in((first + lane) as u32, range);
        }
    }

    fn take_in(&mut self, position: u32, range: Range) {
        if !self.admits(range.least) {
            return;
        }
        self.found.push((position, range));
        if self.k == 1 {
            self.threshold = self.threshold.min(range.most);
        }
        if self.found.len() >= self.limit {
            self.prune();
        }
    }

    /// Drops those that are known by now not to be among the `k` nearest.
    fn prune(&mut self) {
        if self.found.len() > self.k {
            let by_most = |a: &(u32, Range), b: &(u32, Range)| a.1.most.total_cmp(&b.1.most);
            let (_, (_, last), _) = self.found.select_nth_unstable_by(self.k - 1, by_most);
            self.threshold = self.threshold.min(last.most);
        }
        let mut found = core::mem::take(&mut self.found);
        found.retain(|(_, range)| self.admits(range.least));
        self.found = found;
        self.limit = self.limit.max(self.found.len().saturating_mul(2));
    }

    /// Tells `each` the positions left, in any order, and begins anew.
    pub(super) fn take(&mut self, mut each: impl FnMut(u32)) {
        for &(position, range) in &self.found {
            if self.admits(range.least) {
                each(position);
            }
        }
        self.found.clear();
        self.threshold = f32::INFINITY;
    }

    /// The positions left, in ascending order.
    pub(super) fn into_positions(mut self) -> Vec<u32> {
        self.prune();
        let mut positions: Vec<u32> = self.found.iter().map(|&(position, _)| position).collect();
        positions.sort_unstable();
        positions
    }
}

/// A list that several threads add to.
#[derive(Debug)]
pub(super) struct SharedShortlist {
    all: Mutex<Shortlist>,
    /// The threshold's bits, which rise with it: no distance is negative.
    threshold: AtomicU32,
}

impl SharedShortlist {
    pub(super) fn new(k: usize) -> Self {
        let threshold = f32::INFINITY;
        Self {
            all: Mutex::new(Shortlist::new(k, threshold)),
            threshold: AtomicU32::new(threshold.to_bits()),
        }
    }

    /// An empty list that knows what is known so far.
    pub(super) fn part(&self, k: usize) -> Shortlist {
        Shortlist::new(k, f32::from_bits(self.threshold.load(Ordering::Relaxed)))
    }

    /// Takes in a part.
    pub(super) fn add(&self, part: Shortlist) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.threshold = all.threshold.min(part.threshold);
        for (position, range) in part.found {
            all.take_in(position, range);
        }
        self.threshold.fetch_min(all.threshold.max(0.0).to_bits(), Ordering::Relaxed);
    }

    pub(super) fn into_positions(self) -> Vec<u32> {
        self.all.into_inner().unwrap_or_else(PoisonError::into_inner).into_positions()
    }
}
