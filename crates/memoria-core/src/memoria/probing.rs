//! Rows with long-term vectors in cells: a result depends only on what happened in the row.

use burn::backend::{Backend, Flex, TensorData, ops::FloatTensorOps, tensor::FloatTensor};
use proptest::prelude::*;

use super::Memoria;
use crate::{
    EngramId, LifespanGain, LongTermSearch, MemoriaConfig, Pooling, Recall, Restore, Storage,
    graph::GraphLimits, store::CellLimits,
};

impl<B: Backend> Memoria<B> {
    /// Sets the limits of all rows: of their firing logs, and of cells of long-term vectors.
    pub(crate) fn set_limits(&mut self, graph: GraphLimits, cells: CellLimits) {
        self.lanes.iter_mut().for_each(|lane| lane.row.set_limits(graph, cells));
    }
}

const ROWS: usize = 2;
const DIM: usize = 3;

fn config(search: LongTermSearch, probes: usize) -> MemoriaConfig {
    MemoriaConfig::new(1, 2, 2, 9.0, 3).with_long_term_search(search).with_long_term_probes(probes)
}

/// Vectors around some centres.
fn tensor(numbers: &[i16], count: usize) -> FloatTensor<Flex> {
    let number = |at: usize| {
        let raw = numbers[at % numbers.len()];
        f32::from(raw % 4) * 8.0 + f32::from(raw) / 1000.0
    };
    let numbers = (0..ROWS * count * DIM).map(number).collect();
    let data = TensorData::new::<f32, _>(numbers, [ROWS, count, DIM]);
    Flex::float_from_data(data, &Default::default())
}

fn ids(recall: &Recall<Flex>) -> Vec<Vec<EngramId>> {
    (0..recall.batch()).map(|row| recall.ids(row).to_vec()).collect()
}

/// One step, in which about every second reminded engram gains lifespan.
fn step(memory: &mut Memoria<Flex>, numbers: &[i16], count: usize) -> Vec<Vec<EngramId>> {
    memory.add_working_memory(tensor(numbers, count)).unwrap();
    memory.set_limits(GraphLimits::SMALL, CellLimits::SMALL);
    let recall = memory.remind().unwrap();
    let gain = |id: &EngramId| if id.0.is_multiple_of(2) { 4.0 } else { 0.5 };
    let gains = ids(&recall).iter().map(|row| row.iter().map(gain).collect()).collect();
    memory.adjust(&recall, LifespanGain::Host(gains)).unwrap();
    ids(&recall)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_done_between_steps_makes_no_difference(
        walks in any::<bool>(),
        is_max in any::<bool>(),
        probes in 1usize..3,
        steps in proptest::collection::vec(
            (proptest::collection::vec(-1000i16..1000, 11), 1usize..4, 0u8..64), 10..60),
    ) {
        let search = if walks { LongTermSearch::WalkAndNearest } else { LongTermSearch::Nearest };
        let pooling = if is_max { Pooling::Max } else { Pooling::Mean };
        let config = config(search, probes).with_pooling(pooling);
        let new = || Memoria::<Flex>::new(config).unwrap().with_storage(Storage::Host);
        let (mut plain, mut other) = (new(), new());
        for (numbers, count, between) in &steps {
            prop_assert_eq!(step(&mut plain, numbers, *count), step(&mut other, numbers, *count));
            if between & 1 > 0 {
                let saved = other.snapshot().unwrap().to_bytes().unwrap();
                other = Restore::new(&Default::default()).read_bytes(&saved).unwrap().memory;
            }
            if between & 2 > 0 {
                let peeked = ids(&other.peek(tensor(numbers, 1)).unwrap());
                prop_assert_eq!(&ids(&other.peek(tensor(numbers, 1)).unwrap()), &peeked);
            }
            if between & 4 > 0 {
                let mut last = other.split(&[1]).unwrap();
                other.merge(&mut last).unwrap();
            }
            if between & 8 > 0 {
                other = other.clone();
            }
            if between >> 4 == 3 {
                plain.reset_rows(&[1]).unwrap();
                other.reset_rows(&[1]).unwrap();
            }
            other.verify().unwrap();
        }
    }
}

/// Ten thousand engrams around a hundred centres, in cells of the usual size: the four nearest are found nearly as
/// often as with all cells.
#[test]
fn few_cells_have_nearly_all_of_the_nearest() {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    const DIM: usize = 16;
    let mut normal = |scale: f32| -> Vec<f32> {
        // A good approximation: a sum of uniform numbers.
        let mut one = || (0..4).map(|_| rng.random::<f32>() - 0.5).sum::<f32>() * scale;
        (0..DIM).map(|_| one()).collect()
    };
    let centres: Vec<Vec<f32>> = (0..100).map(|_| normal(1.0)).collect();
    let mut about = |at: usize| -> Vec<f32> {
        centres[at % 100].iter().zip(normal(0.3)).map(|(centre, x)| centre + x).collect()
    };
    let tensor = |numbers: Vec<f32>| {
        let count = numbers.len() / DIM;
        Flex::float_from_data(TensorData::new(numbers, [1, count, DIM]), &Default::default())
    };
    let config = MemoriaConfig::new(0, 0, 0, 1e9, 4).with_long_term_search(LongTermSearch::Nearest);
    let mut memory = Memoria::<Flex>::new(config.with_long_term_probes(4)).unwrap();
    for step in 0..100 {
        let numbers: Vec<f32> = (0..100).flat_map(|at| about(at + 7 * step)).collect();
        memory.add_working_memory(tensor(numbers)).unwrap();
        let recall = memory.remind().unwrap();
        memory.adjust(&recall, LifespanGain::Zero).unwrap();
    }
    assert!(memory.lanes[0].row.cell_count() > 10);
    let (mut found, mut all) = (0, 0);
    for at in 0..500 {
        let query = about(at);
        let [exact, probed] = [usize::MAX, 4].map(|probes| {
            memory.set_long_term_probes(probes);
            memory.peek(tensor(query.clone())).unwrap()
        });
        all += exact.ids(0).len();
        found += exact.ids(0).iter().filter(|id| probed.ids(0).contains(id)).count();
    }
    assert!(all == 2_000 && (1_980..all).contains(&found), "{found} of {all}");
    memory.set_long_term_probes(0);
    assert_eq!(memory.lanes[0].row.cell_count(), 0);
}
