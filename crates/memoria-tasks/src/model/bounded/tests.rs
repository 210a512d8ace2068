use burn::tensor::{Device, Distribution, TensorData};
use memoria_core::{LongTermSearch, MemoriaConfig};
use memoria_nn::MemoriaLayerConfig;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rstest::rstest;

use super::{super::drawing, store::looks::ids, *};

const WIDTH: usize = 4;

fn config(eviction: Eviction, capacity: usize) -> BoundedConfig {
    let memoria = MemoriaConfig::new(1, 0, 0, 9.0, 2).with_seed(3);
    BoundedConfig::new(eviction, capacity, &MemoriaStateConfig::new(memoria))
}

/// A simple reference implementation of a row: every vector ever made, whether it lives, and its last use.
#[derive(Default)]
struct Twin {
    made: Vec<(Vec<f32>, bool, u64)>,
    segments: u64,
}

impl Twin {
    /// Ids of the three nearest living vectors; each is marked as used.
    fn remind(&mut self, query: &[f32], now: u64) -> Vec<usize> {
        let distance = |vector: &[f32]| -> f64 {
            query.iter().zip(vector).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
        };
        let mut found: Vec<usize> = Vec::new();
        for _ in 0..3 {
            let left = (0..self.made.len()).filter(|&id| self.made[id].1 && !found.contains(&id));
            let nearest = left
                .min_by(|&a, &b| distance(&self.made[a].0).total_cmp(&distance(&self.made[b].0)));
            found.extend(nearest);
        }
        found.iter().for_each(|&id| self.made[id].2 = now);
        found.sort_unstable();
        found
    }

    fn living(&self) -> Vec<usize> {
        (0..self.made.len()).filter(|&id| self.made[id].1).collect()
    }

    fn keep(&mut self, vectors: &[f32], eviction: Eviction, capacity: usize, now: u64) {
        self.made.extend(vectors.chunks(WIDTH).map(|vector| (vector.to_vec(), true, now)));
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        rng.set_stream(self.segments);
        self.segments += 1;
        while self.living().len() > capacity {
            let living = self.living();
            let gone = match eviction {
                Eviction::Fifo => living[0],
                Eviction::Lru => {
                    let least = living.iter().map(|&id| self.made[id].2).min().unwrap();
                    living.into_iter().find(|&id| self.made[id].2 == least).unwrap()
                }
                Eviction::Random => living[rng.random_range(0..living.len())],
            };
            self.made[gone].1 = false;
        }
    }
}

#[rstest]
fn what_is_kept_and_reminded_is_what_a_slow_twin_keeps(
    #[values(Eviction::Fifo, Eviction::Lru, Eviction::Random)] eviction: Eviction,
    #[values(0, 1, 5, 7, 1000)] capacity: usize,
) {
    let device = Device::flex();
    let mut rng = ChaCha8Rng::seed_from_u64(capacity as u64);
    let mut store = BoundedStore::new(config(eviction, capacity));
    let mut twins = [Twin::default(), Twin::default()];
    for now in 0..40 {
        if rng.random_range(0..8) == 0 {
            store.reset_rows(&[1]);
            twins[1] = Twin::default();
        }
        let mut draw = |count: usize| -> Vec<f32> {
            (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
        };
        let (query, made) = (draw(2 * WIDTH), draw(2 * 2 * WIDTH));
        let tensor = |numbers: &[f32], count: usize| {
            Tensor::<3>::from_data(TensorData::new(numbers.to_vec(), [2, count, WIDTH]), &device)
        };
        let reminded = store.remind(&tensor(&query, 1));
        for (row, twin) in twins.iter_mut().enumerate() {
            let expected = twin.remind(&query[row * WIDTH..][..WIDTH], now);
            let vectors: Vec<Vec<f32>> = match &reminded {
                None => vec![],
                Some(reminded) => {
                    let mask: Vec<bool> = reminded.mask_pad.to_data().iter::<bool>().collect();
                    let data: Vec<f32> = reminded.data.to_data().iter::<f32>().collect();
                    let k = mask.len() / 2;
                    let of_row = data[row * k * WIDTH..].chunks(WIDTH).zip(&mask[row * k..]);
                    of_row.take(k).filter(|(_, pad)| !**pad).map(|(v, _)| v.to_vec()).collect()
                }
            };
            let expected: Vec<Vec<f32>> =
                expected.into_iter().map(|id| twin.made[id].0.clone()).collect();
            assert_eq!(vectors, expected, "row {row} in segment {now}");
            twin.keep(&made[row * 2 * WIDTH..][..2 * WIDTH], eviction, capacity, now);
        }
        store.keep(tensor(&made, 2));
        for (row, twin) in twins.iter().enumerate() {
            let kept: Vec<usize> = ids(&store, row).iter().map(|&id| id as usize).collect();
            assert_eq!(kept, twin.living());
            assert!(kept.len() <= capacity);
        }
    }
}

/// With enough room a store equals the memory that forgets nothing and searches the nearest: in its outputs, and in
/// gradients within the window.
#[test]
fn only_what_is_forgotten_differs_from_the_memory() {
    let device = Device::flex().autodiff();
    let _alone = drawing();
    let layer = MemoriaLayerConfig::bidirectional(16, 2, 2).with_dropout(0.0).init(&device);
    let memoria =
        MemoriaConfig::new(0, 0, 0, 1e9, 3).with_long_term_search(LongTermSearch::Nearest);
    let state = MemoriaStateConfig::new(memoria).with_bptt(2);
    let mut memory = state.init().unwrap();
    let mut store = BoundedStore::new(BoundedConfig::new(Eviction::Fifo, 1000, &state));
    let segments: Vec<Tensor<3>> =
        (0..7).map(|_| Tensor::random([3, 5, 16], Distribution::Default, &device)).collect();
    let [mut of_memory, mut of_store] = [Vec::new(), Vec::new()];
    for hidden in &segments {
        of_memory.push(layer.forward(hidden.clone(), &mut memory).unwrap().hidden);
        let segment = Segment { hidden: hidden.clone(), mask_pad: None };
        let (hidden, asking, _) = forward(&layer, segment, &mut store, true);
        let asking = asking.unwrap();
        assert_eq!((asking.queries[0].dims(), asking.memories.dims()), ([3, 1, 16], [3, 2, 16]));
        of_store.push(hidden);
    }
    assert_eq!(store.counts().collect::<Vec<_>>(), [14; 3]);
    let gradient = |hidden: Vec<Tensor<3>>| -> Vec<f32> {
        let last = hidden.last().unwrap().clone().square().sum();
        let gradients = last.backward();
        let gradient = layer.abstractor.output.weight.val().grad(&gradients).unwrap();
        gradient.into_data().iter::<f32>().collect()
    };
    for (a, b) in of_memory.iter().zip(&of_store) {
        let difference = (a.clone() - b.clone()).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-4, "{difference}");
    }
    let [a, b] = [of_memory, of_store].map(gradient);
    let largest = a.iter().fold(0f32, |most, number| most.max(number.abs()));
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < 1e-3 * largest.max(1.0), "{a} {b}");
    }
}
