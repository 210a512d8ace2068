//! Neighbours in the list of long-term engrams, coded relative to their mean.

use wide::f32x4;

use super::{
    super::vectors::centre,
    byte_codes::{
        ABREAST, BLOCK, Code, CodedAbreast, CodedQuery, Ranges, UNDERFLOW, encode, rounding,
    },
};
use crate::store::number::{Number, Wide};

/// The codes of some vectors.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk<C = u8> {
    /// Codes are differences from this: what vectors have in common needs no precision.
    centre: Vec<f32>,
    /// The codes of each vector, padded, with room for as many vectors as are compared abreast.
    codes: Vec<C>,
    coded: Vec<CodedAbreast>,
    len: usize,
    /// The least and the greatest distance from the centre.
    distances: [f32; 2],
    /// How many vectors the centre was chosen for, and how many were coded relative to it since.
    chosen_for: usize,
    since: usize,
}

impl<C: Code> Chunk<C> {
    /// How many vectors it has.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The dimension of its vectors; 0 if none was coded yet.
    pub(super) fn dim(&self) -> usize {
        self.centre.len()
    }

    /// Codes the vector at a place, which may be the first vacant one.
    pub(super) fn code<'a, N: Number>(
        &mut self,
        dim: usize,
        at: usize,
        vector: impl Fn(usize) -> &'a [N],
    ) {
        self.resize(self.len.max(at + 1), dim);
        self.since += 1;
        // On average one vector is coded again for each new one, and the centre stays near the mean.
        if self.since > self.chosen_for {
            self.code_all(dim, self.len, vector);
        } else {
            self.encode(N::widen(vector(at), &mut Vec::new()), at);
        }
    }

    /// Chooses the centre and codes all `len` vectors, at least one.
    pub(super) fn code_all<'a, N: Number>(
        &mut self,
        dim: usize,
        len: usize,
        vector: impl Fn(usize) -> &'a [N],
    ) {
        self.resize(len, dim);
        self.centre = centre(len, dim, &vector);
        (self.chosen_for, self.since) = (len, 0);
        self.distances = [f32::INFINITY, 0.0];
        let mut buffer = Vec::new();
        for at in 0..len {
            self.encode(N::widen(vector(at), &mut buffer), at);
        }
    }

    fn encode<W: Wide>(&mut self, vector: &[W], at: usize) {
        let stride = self.centre.len().next_multiple_of(BLOCK);
        let coded = encode(vector, &self.centre, &mut self.codes[at * stride..][..stride]);
        self.coded[at / ABREAST].set(at % ABREAST, coded);
        let ([least, most], distance) = (self.distances, coded.distance());
        self.distances = [least.min(distance[0]), most.max(distance[1])];
    }

    /// Drops the vectors beyond `len`, or makes room for more.
    pub(super) fn resize(&mut self, len: usize, dim: usize) {
        let blocks = len.div_ceil(ABREAST);
        self.coded.resize(blocks, CodedAbreast::default());
        self.codes.resize(blocks * ABREAST * dim.next_multiple_of(BLOCK), C::default());
        self.len = len;
    }

    /// Puts the last vector in place of another, if there are any codes.
    pub(super) fn swap_remove(&mut self, at: usize, dim: usize) {
        let Some(last) = self.len.checked_sub(1) else { return };
        let stride = dim.next_multiple_of(BLOCK);
        self.codes.copy_within(last * stride..(last + 1) * stride, at * stride);
        let coded = self.coded[last / ABREAST].get(last % ABREAST);
        self.coded[at / ABREAST].set(at % ABREAST, coded);
        self.resize(last, dim);
    }

    /// Calls `each` with the ranges of the vectors' distances from a query, and the index of the first of those
    /// abreast.
    pub(super) fn compare<W: Wide>(
        &self,
        query: &[W],
        coded: &mut CodedQuery,
        each: impl FnMut(usize, Ranges),
    ) {
        coded.encode(query, &self.centre);
        coded.ranges(&self.codes, &self.coded, each);
    }

    /// Replaces `pooled` by the ranges of the vectors' distances from the nearest of several queries. The lower bounds
    /// are reduced by `below`.
    pub(super) fn pool<W: Wide>(
        &self,
        queries: &[W],
        below: f32,
        coded: &mut CodedQuery,
        pooled: &mut Vec<Ranges>,
    ) {
        let farthest = f32x4::splat(f32::INFINITY);
        pooled.clear();
        pooled.resize(self.coded.len(), Ranges { least: farthest, most: farthest });
        for query in queries.chunks_exact(self.centre.len()) {
            self.compare(query, coded, |at, ranges| {
                let pooled = &mut pooled[at / ABREAST];
                pooled.least = pooled.least.fast_min(ranges.least);
                pooled.most = pooled.most.fast_min(ranges.most);
            });
        }
        pooled.iter_mut().for_each(|ranges| ranges.least -= f32x4::splat(below));
    }

    /// A lower bound of the squared distance of its vectors from the nearest of some queries, by the triangle
    /// inequality.
    pub(super) fn at_least(&self, queries: &[f32]) -> f32 {
        let dim = self.centre.len();
        let rounding = rounding(dim);
        let [least, most] = self.distances.map(f64::from);
        let of_query = |query: &[f32]| {
            let [squared] = f32::squared_distances([query], &self.centre);
            if !squared.is_finite() {
                return 0.0;
            }
            // With the possible effect of rounding the query to single precision.
            let size = query.iter().fold(0.0, |size: f32, x| size.max(x.abs()));
            let of_query = f64::from(size) * f64::from(f32::EPSILON) * (dim as f64).sqrt();
            let off = squared.sqrt() * rounding + of_query + UNDERFLOW.sqrt();
            let gap = (squared.sqrt() - off - most).max(least - squared.sqrt() - off).max(0.0);
            (gap * gap * (1.0 - 4.0 * rounding) - UNDERFLOW).max(0.0)
        };
        queries.chunks_exact(dim).map(of_query).fold(f64::INFINITY, f64::min) as f32
    }

    /// How often a vector was coded since the centre was chosen.
    #[cfg(test)]
    pub(super) fn times_coded(&self) -> usize {
        self.chosen_for + self.since
    }

    pub(super) fn bytes(&self) -> usize {
        self.codes.capacity() * size_of::<C>()
            + self.coded.capacity() * size_of::<CodedAbreast>()
            + self.centre.capacity() * size_of::<f32>()
    }
}
