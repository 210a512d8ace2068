//! Positions that may be among the nearest.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use wide::f32x4;

use super::byte_codes::{ABREAST, Ranges};

/// A list is pruned when it has grown to twice its length after the last pruning, but not below this length.
const WORTH_PRUNING: usize = 128;

/// Bounds of a squared distance.
#[derive(Clone, Copy, Debug)]
struct Range {
    least: f32,
    most: f32,
}

/// Positions that may be among the `k` nearest of all offered ones.
#[derive(Debug)]
pub(super) struct Shortlist {
    k: usize,
    found: Vec<(u32, Range)>,
    /// At least `k` have no greater distances.
    threshold: f32,
    /// The length at which it is pruned again.
    limit: usize,
}

impl Shortlist {
    /// An empty list for `k`, at least one, if at least `k` are known to be no farther than `threshold`.
    pub(super) fn new(k: usize, threshold: f32) -> Self {
        let limit = k.saturating_mul(2).max(WORTH_PRUNING);
        Self { k, found: Vec::new(), threshold, limit }
    }

    /// Whether a distance with this lower bound may be among the `k` least.
    pub(super) fn admits(&self, least: f32) -> bool {
        least.partial_cmp(&self.threshold) != Some(core::cmp::Ordering::Greater)
    }

    /// Adds those positions from `first` on, below `end`, with distances that may be among the `k` least.
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

    /// Drops those that are now known not to be among the `k` nearest.
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

    /// Calls `each` with the remaining positions, in any order, and starts again.
    pub(super) fn take(&mut self, mut each: impl FnMut(u32)) {
        for &(position, range) in &self.found {
            if self.admits(range.least) {
                each(position);
            }
        }
        self.found.clear();
        self.threshold = f32::INFINITY;
    }

    /// The remaining positions, in ascending order.
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

    /// An empty list with the present threshold.
    pub(super) fn part(&self, k: usize) -> Shortlist {
        Shortlist::new(k, f32::from_bits(self.threshold.load(Ordering::Relaxed)))
    }

    /// Adds a part.
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
