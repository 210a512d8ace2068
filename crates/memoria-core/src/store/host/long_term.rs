//! Long-term vectors in one byte per number, in the order of the row's list, so that all are read in one stream. The
//! codes show for nearly all engrams that they are not among the nearest to a query. The few others are compared
//! exactly, so that the result is the same as with the vectors alone.
//!
//! Neighbours in the list became long-term at about the same time, and may be similar. So they are coded relative to
//! their mean. By the triangle inequality all of them are skipped at once if they are too far from a query: in a memory
//! of one topic after another few codes are read.

mod byte_codes;
mod cells;
mod chunk;
mod shortlist;

use super::{
    Comparison, HostQuery,
    vectors::{Vectors, is_worth_sharing},
};
use crate::{
    Pooling,
    id::Slot,
    store::number::{Number, Wide},
    threads::share_if,
};
use byte_codes::{ABREAST, CodedQuery, MOST_DIMENSIONS};
pub(crate) use cells::{CellLimits, Cells};
use chunk::Chunk;
use shortlist::SharedShortlist;

/// Chunks that a thread compares before it takes more.
const CHUNKS_AT_ONCE: usize = 4;
/// Codes save reading vectors only if there are at least this many times as many vectors as wanted.
const TIMES_THE_WANTED: usize = 4;
/// Changed positions are not worth keeping if they are more than the list's engrams by over this number.
const SPARE: usize = 64;

/// When and how long-term vectors are coded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeLimits {
    /// Up to this many long-term numbers, a row is compared as fast without codes.
    pub(crate) coded_above: usize,
    /// Vectors that are coded relative to the same centre.
    pub(crate) chunk: usize,
}

impl Default for CodeLimits {
    fn default() -> Self {
        Self { coded_above: 1 << 16, chunk: 1024 }
    }
}

/// A row's list of long-term engrams, by position.
#[derive(Clone, Copy)]
pub(crate) struct LongTermList<S> {
    /// How many there are.
    pub(crate) len: usize,
    /// The slot of the engram at a position.
    pub(crate) slot: S,
}

/// Lets a search read few of a row's long-term vectors: cells, or codes of the whole list.
#[derive(Clone, Debug, Default)]
pub(crate) struct LongTermIndex {
    pub(super) codes: LongTermCodes,
    pub(crate) cells: Option<Box<Cells>>,
}

impl LongTermIndex {
    /// Notes that an engram was appended to the list, at this position.
    pub(crate) fn pushed(&mut self, position: usize) {
        self.codes.changed(position, position);
        self.cells.iter_mut().for_each(|cells| cells.pushed());
    }

    /// Notes that the last engram took the place of another one, and that `len` are left.
    pub(crate) fn swap_removed(&mut self, position: usize, len: usize) {
        self.codes.changed(position, len);
        self.cells.iter_mut().for_each(|cells| cells.swap_removed(position));
    }

    pub(crate) fn bytes(&self) -> usize {
        self.codes.bytes() + self.cells.as_ref().map_or(0, |cells| cells.bytes())
    }
}

/// The codes of a row's long-term engrams by position: made from their vectors, and made again if lost.
#[derive(Clone, Debug, Default)]
pub(super) struct LongTermCodes {
    /// All but the last are full.
    chunks: Vec<Chunk>,
    /// Positions with another engram than the coded one, in any order.
    changed: Vec<u32>,
    limits: CodeLimits,
}

impl LongTermCodes {
    /// Notes that a list, now of this length, has another engram at a position. Drops codes if nearly all would have to
    /// be made again.
    fn changed(&mut self, position: usize, len: usize) {
        if self.changed.len() > len.saturating_add(SPARE) {
            (self.chunks, self.changed) = Default::default();
        } else if !self.chunks.is_empty() {
            self.changed.push(position as u32);
        }
    }

    /// Positions, ascending. They include the `k`, at least one, with the highest scores, and all with equal ones. All
    /// positions for a list that is not worth coding.
    pub(super) fn candidates<N: Number>(
        &mut self,
        vectors: &Vectors<N>,
        query: &HostQuery,
        list: &LongTermList<impl Fn(usize) -> Slot + Sync>,
        k: usize,
        may_share: bool,
    ) -> Vec<u32> {
        if self.are_worth_keeping(list.len, vectors.dim) {
            self.follow(vectors, list, may_share);
            if list.len >= k.saturating_mul(TIMES_THE_WANTED) {
                let numbers = N::Wide::of_vectors(&query.vectors);
                let mut buffer = Vec::new();
                let single = single(numbers, &mut buffer);
                let firsts = (0..).step_by(self.limits.chunk);
                let chunks = firsts.zip(&self.chunks).collect();
                return nearest((numbers, single), query.comparison, chunks, k, may_share);
            }
        } else {
            (self.chunks, self.changed) = Default::default();
        }
        (0..list.len as u32).collect()
    }

    /// Whether there are enough numbers. With codes fewer suffice, so that codes are not made and dropped repeatedly.
    fn are_worth_keeping(&self, len: usize, dim: usize) -> bool {
        let above = self.limits.coded_above;
        let enough = if self.chunks.is_empty() { above } else { above / 2 };
        len.saturating_mul(dim) > enough && dim <= MOST_DIMENSIONS
    }

    /// Updates the codes to the list.
    fn follow<N: Number>(
        &mut self,
        vectors: &Vectors<N>,
        list: &LongTermList<impl Fn(usize) -> Slot + Sync>,
        may_share: bool,
    ) {
        let (held, most, dim) = (self.len(), self.limits.chunk, vectors.dim);
        if held == 0 {
            let firsts = (0..list.len).step_by(most);
            let chunk = |first| {
                let mut chunk = Chunk::default();
                chunk.code_all(dim, list.len.min(first + most) - first, |at| {
                    vectors.get((list.slot)(first + at))
                });
                chunk
            };
            let numbers = list.len.saturating_mul(dim);
            self.chunks = share_if(may_share && is_worth_sharing(numbers), firsts, chunk);
            return;
        }
        if list.len < held {
            self.chunks.truncate(list.len.div_ceil(most));
            let before = self.chunks.len().saturating_sub(1) * most;
            if let Some(last) = self.chunks.last_mut() {
                last.resize(list.len - before, dim);
            }
        }
        let mut changed: Vec<usize> = self.changed.drain(..).map(|at| at as usize).collect();
        changed.retain(|&position| position < held.min(list.len));
        changed.sort_unstable();
        changed.dedup();
        for position in changed.into_iter().chain(held..list.len) {
            let first = position / most * most;
            if first / most == self.chunks.len() {
                self.chunks.push(Chunk::default());
            }
            self.chunks[first / most]
                .code(dim, position - first, |at| vectors.get((list.slot)(first + at)));
        }
    }

    fn len(&self) -> usize {
        let last = self.chunks.last().map_or(0, Chunk::len);
        self.chunks.len().saturating_sub(1) * self.limits.chunk + last
    }

    pub(crate) fn bytes(&self) -> usize {
        let chunks = self.chunks.iter().map(Chunk::bytes).sum::<usize>();
        chunks
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.changed.capacity() * size_of::<u32>()
    }
}

/// Places that may be among the `k` nearest to a query, which is also given in single precision. Each chunk comes with
/// the place of its first vector.
fn nearest<W: Wide>(
    (numbers, single): (&[W], &[f32]),
    comparison: Comparison,
    chunks: Vec<(usize, &Chunk)>,
    k: usize,
    may_share: bool,
) -> Vec<u32> {
    let Some(dim) = chunks.first().map(|(_, chunk)| chunk.dim()) else { return Vec::new() };
    // The nearest chunks first: their vectors let the search skip the others.
    let below = below(comparison, numbers.len() / dim);
    let least = |chunk: &Chunk| chunk.at_least(single) - below;
    let chunks = chunks.into_iter().map(|(first, chunk)| (least(chunk), first, chunk));
    let mut chunks: Vec<(f32, usize, &Chunk)> = chunks.collect();
    chunks.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let nearest = SharedShortlist::new(k);
    let compare = |chunks: &[(f32, usize, &Chunk)]| {
        let mut found = nearest.part(k);
        let (mut coded, mut pooled) = (CodedQuery::default(), Vec::new());
        for &(least, first, chunk) in chunks {
            if !found.admits(least) {
                break;
            }
            let end = first + chunk.len();
            let mut offer = |at, ranges| found.offer(first + at, end, ranges);
            match comparison {
                Comparison::Single => chunk.compare(numbers, &mut coded, offer),
                Comparison::Several(_) => {
                    chunk.pool(numbers, below, &mut coded, &mut pooled);
                    (0..).step_by(ABREAST).zip(&pooled).for_each(|(at, &ranges)| offer(at, ranges));
                }
            }
        }
        nearest.add(found);
    };
    let vectors: usize = chunks.iter().map(|(_, _, chunk)| chunk.len()).sum();
    let is_shared = may_share && is_worth_sharing(vectors * dim);
    share_if(is_shared, chunks.chunks(CHUNKS_AT_ONCE), compare);
    nearest.into_positions()
}

/// Numbers in single precision; replaces the contents of `buffer`.
fn single<'a, W: Wide>(numbers: &[W], buffer: &'a mut Vec<f32>) -> &'a [f32] {
    buffer.clear();
    buffer.extend(numbers.iter().map(|&number| number.into() as f32));
    buffer
}

/// How far a pooled score of this many vectors can be above the highest single one.
fn below(comparison: Comparison, vectors: usize) -> f32 {
    match comparison {
        Comparison::Single | Comparison::Several(Pooling::Max) => 0.0,
        // The logarithm of a sum exceeds that of its largest term at most by that of the number of terms.
        Comparison::Several(Pooling::Mean) => (vectors as f32).ln(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::numbers_of, *};
    use crate::{Correlation, store::scoring::Metric};
    use burn::{
        backend::TensorData,
        tensor::{bf16, f16},
    };
    use proptest::prelude::*;

    const METRICS: [Metric; 4] = [
        Metric { correlation: Correlation::NegSquaredL2, pooling: Pooling::Mean },
        Metric { correlation: Correlation::Gaussian, pooling: Pooling::Mean },
        Metric { correlation: Correlation::NegSquaredL2, pooling: Pooling::Max },
        Metric { correlation: Correlation::Gaussian, pooling: Pooling::Max },
    ];

    /// A store of vectors, and the list of the living ones.
    struct Memory<N: Number> {
        vectors: Vectors<N>,
        list: Vec<Slot>,
        index: LongTermIndex,
    }

    impl<N: Number> Memory<N> {
        fn new(vectors: &[Vec<f64>], chunk: usize) -> Self {
            let mut store = Vectors::<N>::new(vectors[0].len());
            store.reserve(vectors.len()).unwrap();
            let numbers = TensorData::new(vectors.concat(), [vectors.len() * vectors[0].len()]);
            let slots = (0..vectors.len()).map(|slot| Some(Slot(slot as u32)));
            store.write(slots, &numbers_of(&numbers), f64::INFINITY, false);
            let limits = CodeLimits { coded_above: 0, chunk };
            let codes = LongTermCodes { limits, ..LongTermCodes::default() };
            Self { vectors: store, list: Vec::new(), index: LongTermIndex { codes, cells: None } }
        }

        fn push(&mut self, slot: usize) {
            self.index.pushed(self.list.len());
            self.list.push(Slot(slot as u32));
        }

        fn remove(&mut self, position: usize) {
            self.list.swap_remove(position);
            self.index.swap_removed(position, self.list.len());
        }

        /// The number of candidates for the `k` nearest; checks that these are the nearest of all.
        fn check(&mut self, query: &HostQuery, k: usize, share: bool) -> usize {
            let list =
                LongTermList { len: self.list.len(), slot: |position: usize| self.list[position] };
            let some = self.index.codes.candidates(&self.vectors, query, &list, k, share);
            assert_eq!(self.index.codes.len(), self.list.len());
            assert!(self.index.codes.changed.is_empty());
            let all: Vec<u32> = (0..self.list.len() as u32).collect();
            assert_eq!(self.best(query, &some, k), self.best(query, &all, k));
            self.check_cells(query, k);
            some.len()
        }

        /// All cells together contain the `k` nearest of all.
        fn check_cells(&mut self, query: &HostQuery, k: usize) {
            let vector = &|position: usize| self.vectors.get(self.list[position]);
            let limits = CellLimits::SMALL;
            self.index.cells = match self.index.cells.take() {
                None => Cells::of(self.vectors.dim, self.list.len(), vector, limits).map(Box::new),
                Some(mut cells) => cells.follow(vector, limits, k > 3).then_some(cells),
            };
            let Some(cells) = &mut self.index.cells else { return };
            cells.verify(self.list.len()).unwrap();
            let all: Vec<u32> = (0..self.list.len() as u32).collect();
            all.iter().for_each(|&position| cells.check_route(position, vector));
            let some = cells.candidates(query, vector, (k, usize::MAX), k > 3);
            assert_eq!(self.best(query, &some, k), self.best(query, &all, k));
        }

        /// Those with the highest scores, of equal ones the smaller slots.
        fn best(&self, query: &HostQuery, positions: &[u32], k: usize) -> Vec<Slot> {
            let slots: Vec<Slot> = positions.iter().map(|&at| self.list[at as usize]).collect();
            let mut scores = Vec::new();
            self.vectors.scores(query, &slots, false, &mut scores);
            let mut scored: Vec<(f64, Slot)> = scores.into_iter().zip(slots).collect();
            scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            scored.into_iter().take(k).map(|(_, slot)| slot).collect()
        }
    }

    fn follows<N: Number>(vectors: &[Vec<f64>], chunk: usize, k: usize, moves: &[u16]) {
        let mut memory = Memory::<N>::new(vectors, chunk);
        let mut next = 0;
        for (step, &with) in moves.iter().enumerate() {
            for _ in 0..with % 7 {
                memory.push(next % vectors.len());
                next += 1;
            }
            for death in 0..with / 7 % 6 {
                if !memory.list.is_empty() {
                    memory
                        .remove((usize::from(with) * 31 + usize::from(death)) % memory.list.len());
                }
            }
            if memory.list.is_empty() || with % 3 == 0 {
                continue;
            }
            let count = 1 + usize::from(with) % 3;
            let vector = |at| memory.vectors.get(Slot(((step * 7 + at) % vectors.len()) as u32));
            let query = memory.vectors.query(count, vector, METRICS[step % 4]);
            memory.check(&query, k, with % 2 == 0);
        }
    }

    proptest! {
        #[test]
        fn candidates_hold_the_nearest(
            dim in prop_oneof![1usize..6, 14usize..18, Just(70)],
            numbers in proptest::collection::vec(
                prop_oneof![4 => -1.0..1.0, 1 => Just(0.0), 1 => (-2..2i8).prop_map(f64::from)],
                2000),
            spread in prop_oneof![
                Just(1.0), Just(1e-3), Just(1e-17), Just(1e-25), Just(1e-40), Just(1e15), Just(3e18)
            ],
            common in prop_oneof![Just(0.0), Just(1.0), Just(30.0)],
            chunk in 1usize..40,
            k in 1usize..8,
            moves in proptest::collection::vec(0..u16::MAX, 1..40),
        ) {
            let count = (numbers.len() / dim).min(60);
            let vector = |(at, numbers): (usize, &[f64])| {
                let spread = if at % 11 == 7 && spread < 1e10 { 30.0 * spread } else { spread };
                numbers.iter().enumerate().map(|(i, x)| spread * x + common * (i as f64).sin()).collect()
            };
            let numbers = numbers[..count * dim].chunks_exact(dim).enumerate();
            let vectors: Vec<Vec<f64>> = numbers.map(vector).collect();
            follows::<f32>(&vectors, chunk, k, &moves);
            follows::<f64>(&vectors, chunk, k, &moves);
            follows::<bf16>(&vectors, chunk, k, &moves);
            if spread < 1e3 {
                follows::<f16>(&vectors, chunk, k, &moves);
            }
        }
    }

    proptest! {
        /// A chunk's bound holds, and is useful if the query is far.
        #[test]
        fn no_vector_of_a_chunk_is_nearer_than_its_bound(
            dim in prop_oneof![1usize..6, Just(70)],
            numbers in proptest::collection::vec(-1.0..1.0f64, 2100),
            away in prop_oneof![Just(0.0), Just(0.5), Just(3.0), Just(30.0), Just(1e4)],
            spread in prop_oneof![Just(1.0), Just(1e-3), Just(1e-20), Just(1e10)],
        ) {
            let mut vectors: Vec<Vec<f64>> =
                numbers[..30 * dim].chunks(dim).map(|v| v.iter().map(|x| spread * x).collect()).collect();
            vectors.last_mut().unwrap().iter_mut().for_each(|x| *x += spread * away);
            let check = |least: f32, scores: &[f64]| {
                let nearest = scores.iter().fold(f64::INFINITY, |nearest, score| nearest.min(-score));
                assert!(f64::from(least) <= nearest, "{least} > {nearest}");
                if away > 100.0 && spread > 1e-10 {
                    assert!(f64::from(least) > 0.9 * nearest, "{least} of {nearest}");
                }
            };
            check_bound::<f32>(&vectors, check);
            check_bound::<f64>(&vectors, check);
            check_bound::<bf16>(&vectors, check);
        }
    }

    /// Calls `check` with the bound of a chunk of all vectors but the last, which is the query, and with their scores.
    fn check_bound<N: Number>(vectors: &[Vec<f64>], check: impl Fn(f32, &[f64])) {
        let memory = Memory::<N>::new(vectors, 64);
        let last = vectors.len() - 1;
        let slots: Vec<Slot> = (0..last).map(|slot| Slot(slot as u32)).collect();
        let query = memory.vectors.query(1, |_| memory.vectors.get(Slot(last as u32)), METRICS[0]);
        let mut scores = Vec::new();
        memory.vectors.scores(&query, &slots, false, &mut scores);
        let numbers = N::Wide::of_vectors(&query.vectors).iter();
        let single: Vec<f32> = numbers.map(|&number| number.into() as f32).collect();
        let (mut grown, mut whole) = (Chunk::<u8>::default(), Chunk::<u8>::default());
        let vector = |at: usize| memory.vectors.get(slots[at]);
        (0..last).for_each(|at| grown.code(vectors[0].len(), at, vector));
        whole.code_all(vectors[0].len(), last, vector);
        check(whole.at_least(&single), &scores);
        let nearest = scores.iter().fold(f64::INFINITY, |nearest, score| nearest.min(-score));
        assert!(f64::from(grown.at_least(&single)) <= nearest);
    }

    #[test]
    fn numbers_that_only_double_precision_holds() {
        let vectors: Vec<Vec<f64>> = (0..50)
            .map(|at| (0..20).map(|i| 1e100 * f64::from(at * 20 + i).sin()).collect())
            .collect();
        follows::<f64>(&vectors, 8, 3, &[6, 13, 20, 27, 34, 41, 50, 61, 72]);
    }

    #[test]
    fn few_vectors_are_looked_at() {
        for (dim, common) in [(64, 0.0), (100, 5.0), (768, 1.0)] {
            let number = |i: usize| (i as f64 * 1.7).sin() + (i as f64 * i as f64 * 0.3).cos();
            let vectors: Vec<Vec<f64>> = (0..2000)
                .map(|at| {
                    (0..dim).map(|i| number(at * dim + i) + common * (i as f64).cos()).collect()
                })
                .collect();
            let mut memory = Memory::<f32>::new(&vectors, 512);
            (0..1999).for_each(|slot| memory.push(slot));
            for (metric, count) in [(0, 1), (1, 1), (1, 3), (2, 3), (3, 2)] {
                let vector = |at| memory.vectors.get(Slot(1999 - 600 * at as u32));
                let query = memory.vectors.query(count, vector, METRICS[metric]);
                let looked_at = memory.check(&query, 20, true);
                assert!(looked_at < 80, "{looked_at} in {dim} dimensions");
            }
        }
    }

    #[test]
    fn codes_are_dropped_when_more_changes_than_there_are_vectors() {
        let vectors: Vec<Vec<f64>> = (0..4).map(|at| vec![f64::from(at), 1.0]).collect();
        let mut memory = Memory::<f32>::new(&vectors, 256);
        let query = memory.vectors.query(1, |_| memory.vectors.get(Slot(0)), METRICS[0]);
        (0..4).for_each(|slot| memory.push(slot));
        assert!(memory.index.codes.changed.is_empty());
        memory.check(&query, 3, false);
        memory.index.codes.changed(3, 4);
        assert_eq!((&memory.index.codes.changed[..], memory.index.codes.len()), (&[3][..], 4));
        (0..=100).for_each(|_| memory.index.codes.changed(2, 4));
        assert_eq!((memory.index.codes.len(), memory.index.codes.bytes()), (0, 0));
        memory.index.codes.changed(3, 4);
        assert_eq!(memory.index.codes.bytes(), 0);
        memory.check(&query, 3, false);
        assert_eq!(memory.index.codes.len(), 4);
    }

    #[test]
    fn little_is_coded_anew() {
        let vectors: Vec<Vec<f64>> =
            (0..900).map(|at| vec![f64::from(at).sin(), f64::from(at).cos()]).collect();
        let mut memory = Memory::<f32>::new(&vectors, 256);
        let query = memory.vectors.query(1, |_| memory.vectors.get(Slot(5)), METRICS[0]);
        let coded = |memory: &Memory<f32>| -> usize {
            memory.index.codes.chunks.iter().map(Chunk::times_coded).sum()
        };
        for slot in 0..900 {
            memory.push(slot);
            memory.check(&query, 3, false);
            assert!(coded(&memory) <= 2 * memory.list.len());
        }
        for slot in 0..900 {
            memory.remove(slot * 7 % memory.list.len());
            if slot % 90 == 0 {
                memory.check(&query, 3, false);
            }
        }
    }
}
