//! Short-term vectors quantized to two bytes per number, one after the other. The codes decide for most vectors whether
//! they are certainly among the nearest or certainly not. The few others are rescored, so that the chosen ones are the
//! same as with the vectors alone.

mod estimate;

use std::collections::VecDeque;

use wide::{i16x8, i32x4};

use super::{
    HostQuery, WideVectors,
    vectors::{SCORED_AT_ONCE, Vectors, is_worth_sharing},
};
use crate::{
    EngramId,
    id::Slot,
    store::number::{Number, Wide},
    threads::share,
};
use estimate::{Estimate, decide};

/// Numbers in short-term memory, all rows together, that a processor's caches hold well enough.
pub(crate) const CODED_ABOVE: usize = 1 << 20;
/// Codes save reading vectors only if there are at least this many times as many vectors as chosen ones: the chosen
/// ones are read in any case.
pub(super) const TIMES_THE_CHOSEN: usize = 4;
/// Codes of a vector are padded with zeros to a multiple of this.
const BLOCK: usize = 64;
/// The norm of a vector's codes. By the Cauchy–Schwarz inequality sums of products of two vectors' codes stay below 2³¹
/// in any order, up to a dimension of 10⁸.
const NORM: f64 = 32_760.0;
/// A norm below this counts as zero: squares of its numbers may be too small for the float type.
const SMALLEST_NORM: f64 = 1e-15;
/// How often every vector may stay undecided before the first centre is dropped.
const PATIENCE: usize = 4;

/// The quantized vectors of a row's short-term and working engrams: made from their vectors, and made again if lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct QuantizedVectors {
    /// Codes are differences from this: what vectors have in common needs no precision.
    centre: Option<WideVectors>,
    /// The vectors with codes, in order of id.
    coded: Vec<Coded>,
    /// The same for the next search.
    next: Vec<Coded>,
    /// The codes by place, each as long as the padded query.
    numbers: Vec<i16>,
    /// Free places, taken in turn: so codes lie in the order of ids, and are read in it.
    vacant: VecDeque<u32>,
    query: Vec<i16>,
    /// Their distances from the query, estimated from codes.
    estimates: Vec<Estimate>,
    order: Vec<Estimate>,
    undecided: Vec<Slot>,
    exact: Vec<f64>,
    /// How many were undecided since the centre was chosen.
    doubts: usize,
    /// How many centres were dropped: each may stay twice as long as the one before.
    given_up: u32,
}

/// A vector with codes.
#[derive(Clone, Copy, Debug)]
struct Coded {
    id: EngramId,
    place: u32,
    /// The distance from the centre.
    norm: f64,
}

/// The result of comparing codes, if the `k` best candidates are to be chosen, by place in ascending order. Candidates
/// that are neither chosen nor undecided are certainly not among the best.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pruned {
    /// Certainly among the best; at most `k`.
    pub(crate) chosen: Vec<u32>,
    /// Those that may be, with their scores: the missing ones are to be chosen from them.
    pub(crate) undecided: Vec<(u32, f64)>,
}

impl Pruned {
    pub(crate) fn clear(&mut self) {
        self.chosen.clear();
        self.undecided.clear();
    }

    pub(crate) fn bytes(&self) -> usize {
        self.chosen.capacity() * size_of::<u32>()
            + self.undecided.capacity() * size_of::<(u32, f64)>()
    }
}

impl QuantizedVectors {
    /// Makes the missing codes of `members`, which are in order of id, and drops all other codes. The first centre is
    /// the query.
    pub(super) fn keep<N: Number>(
        &mut self,
        vectors: &Vectors<N>,
        query: &HostQuery,
        members: impl Iterator<Item = (EngramId, Slot)>,
    ) {
        let patience = PATIENCE.saturating_mul(1 << self.given_up.min(30));
        if self.doubts > patience.saturating_mul(self.coded.len()) {
            *self = Self { given_up: self.given_up + 1, ..Self::default() };
        }
        let centre = N::Wide::of_vectors(self.centre.get_or_insert_with(|| query.vectors.clone()));
        let stride = vectors.dim.next_multiple_of(BLOCK);
        let mut buffer = Vec::new();
        let mut held = self.coded.iter().copied().peekable();
        self.next.clear();
        for (id, slot) in members {
            while let Some(gone) = held.next_if(|held| held.id < id) {
                self.vacant.push_back(gone.place);
            }
            if let Some(coded) = held.next_if(|held| held.id == id) {
                self.next.push(coded);
                continue;
            }
            let place = self.vacant.pop_front().unwrap_or_else(|| {
                let place = self.numbers.len() / stride;
                self.numbers.resize(self.numbers.len() + stride, 0);
                place as u32
            });
            let vector = N::widen(vectors.get(slot), &mut buffer);
            let codes = &mut self.numbers[place as usize * stride..][..stride];
            let norm = encode(vector, centre, codes);
            self.next.push(Coded { id, place, norm });
        }
        self.vacant.extend(held.map(|held| held.place));
        core::mem::swap(&mut self.coded, &mut self.next);
    }

    /// Determines which candidates are among the `k` best, fewer than there are, and computes the scores of the
    /// undecided ones; appends to `pruned`. The candidates are the first of those with [kept](Self::keep) codes.
    pub(super) fn prune_and_rescore<N: Number>(
        &mut self,
        vectors: &Vectors<N>,
        query: &HostQuery,
        (candidates, k): (&[Slot], usize),
        may_share: bool,
        pruned: &mut Pruned,
    ) {
        self.compare(vectors, query, candidates.len(), may_share);
        self.undecided.clear();
        let decided = decide(&self.estimates, k, &mut self.order);
        for (place, (is_chosen, &slot)) in (0..).zip(decided.zip(candidates)) {
            match is_chosen {
                Some(true) => pruned.chosen.push(place),
                Some(false) => {}
                None => {
                    self.undecided.push(slot);
                    pruned.undecided.push((place, 0.0));
                }
            }
        }
        self.doubts = self.doubts.saturating_add(self.undecided.len());
        self.exact.clear();
        vectors.scores(query, &self.undecided, may_share, &mut self.exact);
        let undecided = pruned.undecided.iter_mut().zip(&self.exact);
        undecided.for_each(|((_, score), &exact)| *score = exact);
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.coded.capacity() + self.next.capacity()) * size_of::<Coded>()
            + (self.numbers.capacity() + self.query.capacity()) * size_of::<i16>()
            + self.vacant.capacity() * size_of::<u32>()
            + (self.estimates.capacity() + self.order.capacity()) * size_of::<Estimate>()
            + self.undecided.capacity() * size_of::<Slot>()
            + self.exact.capacity() * size_of::<f64>()
            + self.centre.as_ref().map_or(0, WideVectors::bytes)
    }

    /// Estimates the distances of the first `count` vectors from the query.
    fn compare<N: Number>(
        &mut self,
        vectors: &Vectors<N>,
        query: &HostQuery,
        count: usize,
        may_share: bool,
    ) {
        self.estimates.clear();
        let Some(centre) = &self.centre else { return };
        let (dim, stride) = (vectors.dim, vectors.dim.next_multiple_of(BLOCK));
        self.query.resize(stride, 0);
        let (query, centre) = (N::Wide::of_vectors(&query.vectors), N::Wide::of_vectors(centre));
        let norm = encode(query, centre, &mut self.query);
        let (query, numbers) = (&self.query, &self.numbers);
        let estimate = |coded: &Coded| {
            let codes = &numbers[coded.place as usize * stride..][..stride];
            Estimate::new(dim, [coded.norm, norm], dot(codes, query))
        };
        let coded = &self.coded[..count];
        if may_share && is_worth_sharing(count * dim) {
            let parts = share(coded.chunks(SCORED_AT_ONCE), |some| {
                some.iter().map(estimate).collect::<Vec<Estimate>>()
            });
            self.estimates.extend(parts.into_iter().flatten());
        } else {
            self.estimates.extend(coded.iter().map(estimate));
        }
    }
}

/// Writes the codes of a vector's difference from `centre`; returns the norm of the difference.
fn encode<W: Wide>(vector: &[W], centre: &[W], codes: &mut [i16]) -> f64 {
    let [squared] = W::squared_distances([vector], centre);
    let norm = squared.sqrt();
    if norm < SMALLEST_NORM {
        codes.fill(0);
    } else {
        W::encode(vector, centre, NORM / norm, codes);
    }
    norm
}

/// The sum of products of two vectors' codes.
fn dot(codes: &[i16], query: &[i16]) -> i32 {
    const SUMS: usize = 4;
    let mut sums = [i32x4::ZERO; SUMS];
    for (codes, query) in codes.as_chunks::<BLOCK>().0.iter().zip(query.as_chunks::<BLOCK>().0) {
        let eights = codes.as_chunks::<8>().0.iter().zip(query.as_chunks::<8>().0);
        for (at, (&codes, &query)) in eights.enumerate() {
            sums[at % SUMS] += i16x8::from(codes).dot(i16x8::from(query));
        }
    }
    sums.map(|sum| sum.to_array().iter().sum::<i32>()).iter().sum()
}

#[cfg(test)]
mod tests {
    use super::{super::numbers_of, *};
    use crate::{
        Correlation, Pooling,
        id::{Entry, Member},
        search::ranking::Ranking,
        store::Metric,
    };
    use burn::{
        backend::TensorData,
        tensor::{bf16, f16},
    };
    use proptest::prelude::*;
    use rstest::rstest;

    const MEAN: Metric = Metric { correlation: Correlation::NegSquaredL2, pooling: Pooling::Mean };

    /// Vectors around a common point. Every eleventh is far from it.
    fn vectors(numbers: &[f64], dim: usize, spread: f64, common: f64) -> Vec<Vec<f64>> {
        let vector = |(count, numbers): (usize, &[f64])| {
            let spread = if count % 11 == 7 { 30.0 * spread } else { spread };
            let number = |(at, x): (usize, &f64)| spread * x + common * (at as f64).sin();
            numbers.iter().enumerate().map(number).collect()
        };
        numbers.chunks_exact(dim).enumerate().map(vector).collect()
    }

    fn store<N: Number>(vectors: &[Vec<f64>]) -> Vectors<N> {
        let mut store = Vectors::<N>::new(vectors[0].len());
        store.reserve(vectors.len()).unwrap();
        let numbers = TensorData::new(vectors.concat(), [vectors.len() * vectors[0].len()]);
        let slots = (0..vectors.len()).map(|slot| Some(Slot(slot as u32)));
        store.write(slots, &numbers_of(&numbers), f64::INFINITY, false);
        store
    }

    /// The places of the `k` best of some candidates with their scores.
    fn best(scored: &[(u32, f64)], k: usize) -> Vec<u32> {
        let member = |at: u32| Member { id: EngramId(at.into()), entry: Entry(at) };
        let scored = scored.iter().map(|&(at, score)| (member(at), score));
        Ranking::default().best(scored, k).iter().map(|member| member.entry.0).collect()
    }

    /// Slides a window of `width` candidates, every third of which dies early, over all vectors but the last, which is
    /// the query; two more are kept ahead. Counts the candidates that codes decided.
    fn told<N: Number>(vectors: &[Vec<f64>], width: usize, k: usize) -> usize {
        let (store, mut codes, mut told) = (store::<N>(vectors), QuantizedVectors::default(), 0);
        let last = vectors.len() - 1;
        for first in 0..=last - width {
            let lives = |slot: &usize| !slot.is_multiple_of(3) || slot + width / 2 > first + width;
            let slots = |end: usize| {
                (first..end).filter(lives).map(|slot| Slot(slot as u32)).collect::<Vec<Slot>>()
            };
            let (candidates, kept) = (slots(first + width), slots(last.min(first + width + 2)));
            if candidates.len() <= k {
                continue;
            }
            let asked = (last + first) % vectors.len();
            let query = store.query(1, |_| store.get(Slot(asked as u32)), MEAN);
            let (mut exact, mut pruned) = (Vec::new(), Pruned::default());
            store.scores(&query, &candidates, false, &mut exact);
            let exact: Vec<(u32, f64)> = (0..).zip(exact).collect();
            let members = kept.iter().map(|&slot| (EngramId(slot.0.into()), slot));
            codes.keep(&store, &query, members);
            let share = first % 2 == 0;
            codes.prune_and_rescore(&store, &query, (&candidates, k), share, &mut pruned);
            let mut chosen = best(&pruned.undecided, k - pruned.chosen.len());
            chosen.extend_from_slice(&pruned.chosen);
            chosen.sort_unstable();
            assert_eq!(chosen, best(&exact, k), "{pruned:?}\n{exact:?}");
            told += candidates.len() - pruned.undecided.len();
        }
        told
    }

    proptest! {
        #[test]
        fn codes_choose_what_vectors_choose(
            dim in prop_oneof![1usize..6, 60usize..70, Just(200)],
            numbers in proptest::collection::vec(
                prop_oneof![4 => -1.0..1.0, 1 => Just(0.0), 1 => (-2..2i8).prop_map(f64::from)],
                4000),
            spread in prop_oneof![Just(1.0), Just(1e-3), Just(1e-17), Just(1e-22), Just(1e15)],
            common in prop_oneof![Just(0.0), Just(1.0), Just(30.0)],
            width in 3usize..15,
            k in 1usize..8,
        ) {
            let count = (numbers.len() / dim).min(40);
            let vectors = vectors(&numbers[..count * dim], dim, spread, common);
            told::<f32>(&vectors, width.min(count - 1), k);
            told::<f64>(&vectors, width.min(count - 1), k);
            if spread < 1e3 {
                told::<f16>(&vectors, width.min(count - 1), k);
            }
            told::<bf16>(&vectors, width.min(count - 1), k);
        }
    }

    #[rstest]
    #[case::apart(1.0, 0.0)]
    #[case::alike(0.01, 5.0)]
    fn few_vectors_are_looked_at(#[case] spread: f64, #[case] common: f64) {
        let numbers: Vec<f64> = (0..600 * 256).map(|i| (i as f64 * 1.7).sin()).collect();
        let vectors = vectors(&numbers, 256, spread, common);
        let (told, of) = (told::<f32>(&vectors, 400, 40), 200 * 300);
        assert!(told > of * 9 / 10, "{told} of {of}");
    }

    #[test]
    fn the_error_is_never_above_its_bound() {
        for (dim, common) in [(3, 0.0), (64, 0.0), (100, 2.0), (768, 0.3), (4096, 0.0)] {
            let numbers: Vec<f64> = (0..20 * dim).map(|i| (i as f64 * 2.3).cos()).collect();
            let store = store::<f32>(&vectors(&numbers, dim, 1.0, common));
            let slots: Vec<Slot> = (0..19).map(Slot).collect();
            let query = store.query(1, |_| store.get(Slot(19)), MEAN);
            let centre = store.query(1, |_| store.get(Slot(0)), MEAN);
            let mut codes = QuantizedVectors::default();
            let members = slots.iter().map(|&slot| (EngramId(slot.0.into()), slot));
            codes.keep(&store, &centre, members);
            codes.compare(&store, &query, 19, false);
            let mut exact = Vec::new();
            store.scores(&query, &slots, false, &mut exact);
            for (score, Estimate { distance, error }) in exact.iter().zip(&codes.estimates) {
                let off = (distance + score).abs();
                assert!(off <= *error, "{off} > {error} in {dim} dimensions");
                let size = distance + dim as f64;
                assert!(*error < size / 100.0, "{error} of {size} in {dim} dimensions");
            }
        }
    }

    /// A centre far from all newer vectors decides nothing.
    #[test]
    fn a_centre_that_does_not_help_is_given_up() {
        let numbers: Vec<f64> = (0..600 * 64).map(|i| (i as f64 * 1.3).sin()).collect();
        let mut vectors = vectors(&numbers, 64, 0.01, 0.0);
        let far = vectors.len() - 1;
        vectors[far] = vec![1e4; 64];
        let store = store::<f32>(&vectors);
        let slots: Vec<Slot> = (0..400).map(Slot).collect();
        let query = |slot| store.query(1, |_| store.get(Slot(slot)), MEAN);
        let mut codes = QuantizedVectors::default();
        let members = || slots.iter().map(|&slot| (EngramId(slot.0.into()), slot));
        codes.keep(&store, &query(far as u32), members());
        let mut untold = |at| {
            let (query, mut pruned) = (query(at), Pruned::default());
            codes.keep(&store, &query, members());
            codes.prune_and_rescore(&store, &query, (&slots, 40), false, &mut pruned);
            pruned.undecided.len()
        };
        assert_eq!(untold(500), 400);
        let untold: Vec<usize> = (501..510).map(&mut untold).collect();
        assert!(untold[8] < 40, "{untold:?}");
    }
}
