//! Vectors of one float type.

use rayon::prelude::*;

use super::{Comparison, HostQuery};
use crate::{
    MemoriaError, Pooling,
    id::Slot,
    store::{
        number::{ABREAST, Number, Wide},
        scoring::Metric,
        vector_bytes,
    },
    threads::share,
};

/// Bytes per piece: small enough to be allocated without a noticeable delay.
const PIECE_BYTES: usize = 1 << 20;
/// A part of the work on a large memory that has fewer numbers than this is not worth sharing.
const PART_SHARED_ABOVE: usize = 1 << 16;
/// Candidates that a thread scores before it takes more.
pub(super) const SCORED_AT_ONCE: usize = 16 * ABREAST;

/// Vectors by slot, in pieces that never move.
#[derive(Clone, Debug)]
pub(in crate::store) struct Vectors<N: Number> {
    pieces: Vec<Vec<N>>,
    pub(super) dim: usize,
    /// The zero vector, from which norms are measured. Made with the first vectors: a dimension announced earlier may
    /// be wrong.
    zero: Vec<N::Wide>,
    /// Slots per piece: two to this power.
    shift: u32,
}

impl<N: Number> Vectors<N> {
    pub(super) fn new(dim: usize) -> Self {
        let slots = (PIECE_BYTES / vector_bytes(dim, N::dtype())).max(1);
        Self { pieces: Vec::new(), dim, zero: Vec::new(), shift: slots.ilog2() }
    }

    pub(in crate::store) fn get(&self, slot: Slot) -> &[N] {
        let (piece, place) = locate(slot, self.dim, self.shift);
        &self.pieces[piece][place..place + self.dim]
    }

    /// Writes `numbers`, a vector for each slot or none; returns whether the squared norms of the written ones are
    /// below `limit`.
    pub(super) fn write(
        &mut self,
        slots: impl Iterator<Item = Option<Slot>>,
        numbers: &[N],
        limit: f64,
        may_share: bool,
    ) -> bool {
        self.zero.resize(self.dim, N::Wide::default());
        let zero = &self.zero;
        let (dim, shift) = (self.dim, self.shift);
        let write = |piece: &mut Vec<N>, slot, vector: &[N], buffer: &mut Vec<N::Wide>| {
            set(piece, locate(slot, dim, shift).1, vector);
            let [norm] = N::Wide::squared_distances([N::widen(vector, buffer)], zero);
            (0.0..limit).contains(&norm)
        };
        let vectors = slots.zip(numbers.chunks_exact(dim));
        let vectors = vectors.filter_map(|(slot, vector)| Some((slot?, vector)));
        let piece_of = |slot: Slot| locate(slot, dim, shift).0;
        if !may_share || !is_worth_sharing(numbers.len()) {
            let mut buffer = Vec::new();
            let pieces = &mut self.pieces;
            return vectors.fold(true, |all_below, (slot, vector)| {
                all_below & write(&mut pieces[piece_of(slot)], slot, vector, &mut buffer)
            });
        }
        let mut vectors: Vec<(Slot, &[N])> = vectors.collect();
        // By piece, and within a piece in the order it grows in.
        vectors.sort_unstable_by_key(|&(slot, _)| slot);
        let mut of_pieces = vectors.chunk_by(|a, b| piece_of(a.0) == piece_of(b.0)).peekable();
        let pieces = self.pieces.iter_mut().enumerate().filter_map(|(index, piece)| {
            let vectors = of_pieces.next_if(|vectors| piece_of(vectors[0].0) == index)?;
            Some((piece, vectors))
        });
        let pieces: Vec<_> = pieces.collect();
        let written = share(pieces.into_iter(), |(piece, vectors)| {
            let mut buffer = Vec::new();
            vectors.iter().fold(true, |all_below, &(slot, vector)| {
                all_below & write(piece, slot, vector, &mut buffer)
            })
        });
        written.into_iter().all(|all_below| all_below)
    }

    /// Vectors one after the other, zeros where there is no slot.
    pub(super) fn gather(&self, slots: &[Option<Slot>], may_share: bool) -> Vec<N> {
        let numbers = slots.len() * self.dim;
        if may_share && is_worth_sharing(numbers) {
            // Several threads can fill a vector without zeroing it before only if its items are arrays.
            match self.dim {
                dim if dim.is_multiple_of(64) => return self.gather_blocks::<64>(slots),
                dim if dim.is_multiple_of(8) => return self.gather_blocks::<8>(slots),
                _ => {}
            }
        }
        let mut gathered = Vec::with_capacity(numbers);
        for slot in slots {
            match slot {
                Some(slot) => gathered.extend_from_slice(self.get(*slot)),
                None => gathered.resize(gathered.len() + self.dim, N::default()),
            }
        }
        gathered
    }

    /// As [`gather`](Self::gather), in blocks of `BLOCK` numbers, which divide the dimension.
    fn gather_blocks<const BLOCK: usize>(&self, slots: &[Option<Slot>]) -> Vec<N> {
        let blocks_each = self.dim / BLOCK;
        let block = |index: usize| match slots[index / blocks_each] {
            Some(slot) => self.get(slot).as_chunks::<BLOCK>().0[index % blocks_each],
            None => [N::default(); BLOCK],
        };
        let blocks = (0..slots.len() * blocks_each).into_par_iter().map(block);
        blocks.collect::<Vec<[N; BLOCK]>>().into_flattened()
    }

    /// Reserves memory for this many slots in all.
    pub(in crate::store) fn reserve(&mut self, slots: usize) -> Result<(), MemoriaError> {
        let full = self.dim << self.shift;
        let wanted = slots.saturating_mul(self.dim);
        while self.pieces.len().saturating_mul(full) < wanted {
            let mut piece = Vec::new();
            // The first piece grows as any vector does: a small memory takes little.
            if !self.pieces.is_empty() {
                piece.try_reserve_exact(full).map_err(|_| self.out_of_memory(slots))?;
            }
            self.pieces.push(piece);
        }
        if let Some(first) = self.pieces.first_mut() {
            let room = wanted.checked_next_power_of_two().unwrap_or(full).min(full);
            if room > first.capacity() && first.try_reserve_exact(room - first.len()).is_err() {
                return Err(self.out_of_memory(slots));
            }
        }
        Ok(())
    }

    fn out_of_memory(&self, slots: usize) -> MemoriaError {
        let requested = slots.saturating_mul(vector_bytes(self.dim, N::dtype())) as u64;
        MemoriaError::OutOfMemory { requested, available: self.bytes() as u64 }
    }

    pub(super) fn squared_norms(&self, numbers: &[N]) -> Vec<f64> {
        let zero = vec![N::Wide::default(); self.dim];
        let mut buffer = Vec::new();
        let norm = |vector| {
            let [norm] = N::Wide::squared_distances([N::widen(vector, &mut buffer)], &zero);
            norm
        };
        numbers.chunks_exact(self.dim).map(norm).collect()
    }

    pub(super) fn scores(
        &self,
        query: &HostQuery,
        candidates: &[Slot],
        may_share: bool,
        scores: &mut Vec<f64>,
    ) {
        let (query, comparison) = (N::Wide::of_vectors(&query.vectors), query.comparison);
        scores.reserve(candidates.len());
        if !may_share || !is_worth_sharing(candidates.len() * query.len()) {
            return self.scores_of(query, comparison, candidates, scores);
        }
        let parts = share(candidates.chunks(SCORED_AT_ONCE), |some| {
            let mut scores = Vec::with_capacity(some.len());
            self.scores_of(query, comparison, some, &mut scores);
            scores
        });
        scores.extend(parts.into_iter().flatten());
    }

    fn scores_of(
        &self,
        query: &[N::Wide],
        comparison: Comparison,
        candidates: &[Slot],
        scores: &mut Vec<f64>,
    ) {
        let (together, rest) = candidates.as_chunks::<ABREAST>();
        together
            .iter()
            .for_each(|&slots| scores.extend(self.scores_abreast(query, comparison, slots)));
        rest.iter().for_each(|&slot| scores.extend(self.scores_abreast(query, comparison, [slot])));
    }

    fn scores_abreast<const K: usize>(
        &self,
        query: &[N::Wide],
        comparison: Comparison,
        slots: [Slot; K],
    ) -> [f64; K] {
        let mut buffers = [const { Vec::new() }; K];
        let mut vectors = [&[][..]; K];
        for ((vector, buffer), slot) in vectors.iter_mut().zip(&mut buffers).zip(slots) {
            *vector = N::widen(self.get(slot), buffer);
        }
        let pooling = match comparison {
            Comparison::Single => {
                return N::Wide::squared_distances(vectors, query).map(|distance| -distance);
            }
            Comparison::Several(pooling) => pooling,
        };
        let mut exponents = [const { Vec::new() }; K];
        for query in query.chunks_exact(self.dim) {
            let distances = N::Wide::squared_distances(vectors, query);
            exponents.iter_mut().zip(distances).for_each(|(all, distance)| all.push(-distance));
        }
        exponents.map(|exponents| match pooling {
            // Ranked by the logarithm of the largest exponential.
            Pooling::Max => largest(&exponents),
            Pooling::Mean => log_sum_exp(&exponents),
        })
    }

    /// The query for `count` vectors, at least one, each given by its number.
    pub(in crate::store) fn query<'a>(
        &self,
        count: usize,
        vector: impl Fn(usize) -> &'a [N],
        metric: Metric,
    ) -> HostQuery {
        let wide = |number: f64| N::Wide::from_f64(number);
        let (numbers, comparison) = if metric.ranks_by_mean() {
            let mean = mean(count, self.dim, vector);
            (mean.into_iter().map(wide).collect(), Comparison::Single)
        } else {
            let numbers = (0..count).flat_map(&vector).map(|number| wide(number.to_f64()));
            let several = Comparison::Several(metric.pooling);
            (numbers.collect(), if count == 1 { Comparison::Single } else { several })
        };
        HostQuery { vectors: N::Wide::into_vectors(numbers), comparison }
    }

    pub(in crate::store) fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.capacity() * size_of::<N>()).sum()
    }
}

/// The mean of `count` vectors, at least one, each given by its number.
pub(super) fn mean<'a, N: Number>(
    count: usize,
    dim: usize,
    vector: impl Fn(usize) -> &'a [N],
) -> Vec<f64> {
    // Not `vec!`: memory that the system zeroes takes longer to get.
    let mut sums = Vec::with_capacity(dim);
    sums.resize(dim, 0.0);
    let fours = count / 4 * 4;
    for first in (0..fours).step_by(4) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|index| vector(first + index));
        let numbers = a.iter().zip(b).zip(c.iter().zip(d));
        for (sum, ((a, b), (c, d))) in sums.iter_mut().zip(numbers) {
            *sum += (a.to_f64() + b.to_f64()) + (c.to_f64() + d.to_f64());
        }
    }
    for index in fours..count {
        sums.iter_mut().zip(vector(index)).for_each(|(sum, x)| *sum += x.to_f64());
    }
    sums.iter_mut().for_each(|sum| *sum /= count as f64);
    sums
}

/// The mean of vectors in single precision, zeros where that is not finite; as [`mean`].
pub(super) fn centre<'a, N: Number>(
    count: usize,
    dim: usize,
    vector: impl Fn(usize) -> &'a [N],
) -> Vec<f32> {
    let single = |number: f64| Some(number as f32).filter(|number| number.is_finite());
    mean(count, dim, vector).into_iter().map(|number| single(number).unwrap_or(0.0)).collect()
}

/// Whether a part of the work on a large memory is worth sharing.
pub(super) fn is_worth_sharing(numbers: usize) -> bool {
    numbers > PART_SHARED_ABOVE
}

/// The piece that a slot lies in, and the index of its first number there.
fn locate(slot: Slot, dim: usize, shift: u32) -> (usize, usize) {
    let place = slot.index() & ((1 << shift) - 1);
    (slot.index() >> shift, place * dim)
}

/// Writes a vector into a piece, which may have to grow.
fn set<N: Number>(piece: &mut Vec<N>, place: usize, vector: &[N]) {
    if piece.len() == place {
        return piece.extend_from_slice(vector);
    }
    if piece.len() < place + vector.len() {
        piece.resize(place + vector.len(), N::default());
    }
    piece[place..place + vector.len()].copy_from_slice(vector);
}

/// The logarithm of the sum of exponentials.
fn log_sum_exp(exponents: &[f64]) -> f64 {
    let max = largest(exponents);
    max + exponents.iter().map(|exponent| (exponent - max).exp()).sum::<f64>().ln()
}

fn largest(exponents: &[f64]) -> f64 {
    exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
