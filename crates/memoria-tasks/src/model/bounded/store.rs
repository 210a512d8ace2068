use burn::tensor::{Bool, Int, Tensor, TensorData};
use memoria_core::{Correlation, Pooling};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{BoundedConfig, Eviction};

/// Vectors of several rows. Each row keeps a bounded number; an [`Eviction`] chooses what is forgotten.
#[derive(Clone, Debug)]
pub(in crate::model) struct BoundedStore {
    config: BoundedConfig,
    /// `[rows, longest, width]`; a row's vectors come first, in order of creation.
    stored: Option<Tensor<3>>,
    rows: Vec<Row>,
    /// Number of segments so far.
    segment: u64,
}

#[derive(Clone, Debug, Default)]
struct Row {
    kept: Vec<Kept>,
    made: u64,
    segments: u64,
}

/// One vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    /// Counted within the row.
    id: u64,
    /// The segment of its creation.
    made: u64,
    /// The last segment that was reminded of it, or that of its creation.
    used: u64,
}

/// The reminded vectors.
pub(super) struct Reminded {
    /// `[rows, k, width]`, in order of creation, then zeros; tracked if made within the gradient window.
    pub(super) data: Tensor<3>,
    /// `[rows, k]`, true for padding.
    pub(super) mask_pad: Tensor<2, Bool>,
    /// Number of reminded vectors in all rows.
    pub(super) count: usize,
}

impl BoundedStore {
    pub(in crate::model) fn new(config: BoundedConfig) -> Self {
        Self { config, stored: None, rows: Vec::new(), segment: 0 }
    }

    /// Moves every row's part to the previous row, and the first row's part to the last row.
    pub(in crate::model) fn rotate(&mut self) {
        self.stored = self.stored.take().map(|stored| stored.roll_dim(-1, 0));
        if !self.rows.is_empty() {
            self.rows.rotate_left(1);
        }
    }

    /// Returns a segment's memories for the loss that teaches what to be reminded of; gradients flow through them if
    /// there is a window.
    pub(super) fn tracked(&self, memories: &Tensor<3>) -> Tensor<3> {
        let memories = memories.clone();
        if self.config.window == 0 { memories.detach() } else { memories }
    }

    /// Returns how vectors are compared, see [`BoundedConfig`].
    pub(super) fn metric(&self) -> (Correlation, Pooling) {
        (self.config.correlation, self.config.pooling)
    }

    /// Number of vectors in each row.
    pub(in crate::model) fn counts(&self) -> impl ExactSizeIterator<Item = usize> {
        self.rows.iter().map(|row| row.kept.len())
    }

    /// Detaches the vectors from the graph.
    pub(in crate::model) fn detach(&mut self) {
        self.stored = self.stored.take().map(Tensor::detach);
    }

    /// Empties some rows; rows that do not exist are ignored.
    pub(in crate::model) fn reset_rows(&mut self, rows: &[usize]) {
        for &row in rows {
            if let Some(row) = self.rows.get_mut(row) {
                *row = Row::default();
            }
        }
    }

    /// Returns the nearest vectors of each row to its query `[rows, q, width]` and marks them as used. `None` if no row
    /// has any.
    pub(super) fn remind(&mut self, query: &Tensor<3>) -> Option<Reminded> {
        let stored = self.stored.clone()?;
        let [rows, longest, width] = stored.dims();
        let vectors = numbers(&stored);
        let queries = numbers(query);
        let of_query = queries.len() / rows;
        let (segment, config) = (self.segment, self.config);
        let mut places: Vec<Vec<usize>> = Vec::with_capacity(rows);
        for (index, row) in self.rows.iter_mut().enumerate() {
            let query: Vec<&[f32]> =
                queries[index * of_query..][..of_query].chunks(width).collect();
            let score = |place: usize| {
                config.score(&query, &vectors[(index * longest + place) * width..][..width])
            };
            let mut nearest: Vec<(f64, usize)> =
                (0..row.kept.len()).map(|place| (score(place), place)).collect();
            nearest.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            nearest.truncate(config.reminded);
            let mut nearest: Vec<usize> = nearest.into_iter().map(|(_, place)| place).collect();
            nearest.sort_unstable();
            nearest.iter().for_each(|&place| row.kept[place].used = segment);
            places.push(nearest);
        }
        let k = places.iter().map(Vec::len).max().filter(|&k| k > 0)?;
        let is_tracked = |row: usize, place: usize| {
            segment - self.rows[row].kept[place].made <= config.window as u64
        };
        let tracked: Vec<f32> = places
            .iter()
            .enumerate()
            .flat_map(|(row, places)| {
                let of_row = places.iter().map(move |&place| is_tracked(row, place));
                padded(of_row.map(f32::from), k, 0.0)
            })
            .collect();
        let mask: Vec<bool> = places
            .iter()
            .flat_map(|places| padded(places.iter().map(|_| false), k, true))
            .collect();
        let device = stored.device();
        let mask_pad = Tensor::<2, Bool>::from_data(TensorData::new(mask, [rows, k]), &device);
        let data = select(stored, &places, k);
        let constant = data.clone().detach();
        let tracked = Tensor::<3>::from_data(TensorData::new(tracked, [rows, k, 1]), &device);
        let data = constant.clone() + (data - constant) * tracked;
        let padding = mask_pad.clone().unsqueeze_dim::<3>(2).expand([rows, k, width]);
        let count = places.iter().map(Vec::len).sum();
        Some(Reminded { data: data.mask_fill(padding, 0.0), mask_pad, count })
    }

    /// Adds vectors `[rows, n, width]` to each row, forgets those above the capacity, and ends the segment.
    pub(super) fn keep(&mut self, made: Tensor<3>) {
        let [rows, count, _] = made.dims();
        self.rows.resize_with(rows, Row::default);
        let longest = self.stored.as_ref().map_or(0, |stored| stored.dims()[1]);
        let (segment, config) = (self.segment, self.config);
        let mut places = Vec::with_capacity(rows);
        for row in &mut self.rows {
            let before = (0..row.kept.len()).zip(row.kept.iter().copied());
            let new = (0..count).map(|place| {
                let id = row.made + place as u64;
                (longest + place, Kept { id, made: segment, used: segment })
            });
            let mut all: Vec<(usize, Kept)> = before.chain(new).collect();
            row.made += count as u64;
            let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
            rng.set_stream(row.segments);
            row.segments += 1;
            while all.len() > config.capacity {
                let gone = match config.eviction {
                    Eviction::Fifo => 0,
                    Eviction::Lru => {
                        let uses = all.iter().enumerate().map(|(at, (_, kept))| (kept.used, at));
                        uses.min().map_or(0, |(_, at)| at)
                    }
                    Eviction::Random => rng.random_range(0..all.len()),
                };
                all.remove(gone);
            }
            let (of_row, kept) = all.into_iter().unzip();
            row.kept = kept;
            places.push(of_row);
        }
        let all = match self.stored.take() {
            Some(stored) => Tensor::cat(vec![stored, made], 1),
            None => made,
        };
        let longest = places.iter().map(Vec::len).max().unwrap_or(0);
        self.stored = (longest > 0).then(|| select(all, &places, longest));
        self.segment += 1;
    }
}

impl BoundedConfig {
    /// Similarity of a vector and a query; only the order of scores has a meaning.
    fn score(&self, query: &[&[f32]], vector: &[f32]) -> f64 {
        let nearness = |query: &&[f32]| -> f64 {
            let squares =
                query.iter().zip(vector).map(|(q, e)| (f64::from(*q) - f64::from(*e)).powi(2));
            -squares.sum::<f64>()
        };
        let all = query.iter().map(nearness);
        match (self.pooling, self.correlation) {
            (Pooling::Max, _) => all.fold(f64::NEG_INFINITY, f64::max),
            (Pooling::Mean, Correlation::NegSquaredL2) => all.sum(),
            (Pooling::Mean, Correlation::Gaussian) => {
                let largest = all.clone().fold(f64::NEG_INFINITY, f64::max);
                all.map(|nearness| (nearness - largest).exp()).sum::<f64>().ln() + largest
            }
        }
    }
}

/// Selects vectors of each row, `[rows, k, width]`, padded with the row's first vector.
fn select(vectors: Tensor<3>, places: &[Vec<usize>], k: usize) -> Tensor<3> {
    let [rows, longest, width] = vectors.dims();
    let index = |(row, places): (usize, &Vec<usize>)| {
        let of_row = places.iter().map(|place| (row * longest + place) as i64);
        padded(of_row.collect::<Vec<_>>().into_iter(), k, (row * longest) as i64)
    };
    let indices: Vec<i64> = places.iter().enumerate().flat_map(index).collect();
    let indices = TensorData::new(indices, [rows * k]);
    let indices = Tensor::<1, Int>::from_data(indices, &vectors.device());
    vectors.reshape([rows * longest, width]).select(0, indices).reshape([rows, k, width])
}

/// Returns `count` items: those of the iterator, then copies of `rest`.
fn padded<T: Clone>(items: impl Iterator<Item = T>, count: usize, rest: T) -> Vec<T> {
    items.chain(std::iter::repeat(rest)).take(count).collect()
}

fn numbers(tensor: &Tensor<3>) -> Vec<f32> {
    tensor.clone().detach().into_data().iter::<f32>().collect()
}

#[cfg(test)]
pub(super) mod looks {
    use super::BoundedStore;

    /// The ids in a row.
    pub(in super::super) fn ids(store: &BoundedStore, row: usize) -> Vec<u64> {
        store.rows[row].kept.iter().map(|kept| kept.id).collect()
    }
}
