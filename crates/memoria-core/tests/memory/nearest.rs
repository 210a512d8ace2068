//! Nearest search of long-term memory, in memories large enough for a search by codes of their vectors.

use crate::support::{device, tensor};
use burn::{
    backend::{Dispatch, TensorData, ops::FloatTensorOps, read_sync, tensor::FloatTensor},
    tensor::{DType, FloatDType},
};
use memoria_core::{
    Correlation, EngramId, EngramKind, LifespanGain, LongTermSearch, Memoria, MemoriaConfig,
    Pooling, Recall, Restore, Storage,
};
use rstest::rstest;

type Memory = Memoria<Dispatch>;

const WANTED: usize = 9;

fn memory(search: LongTermSearch, correlation: Correlation, pooling: Pooling) -> Memory {
    let config = MemoriaConfig::new(8, 20, 3, 12.0, WANTED)
        .with_correlation(correlation)
        .with_pooling(pooling)
        .with_long_term_search(search);
    Memoria::new(config).unwrap().with_storage(Storage::Host)
}

/// Returns the working memories of a step. A few are similar, and two are equal.
fn working(step: usize, dim: usize, dtype: DType) -> FloatTensor<Dispatch> {
    let device = device("flex");
    let numbers = tensor(step, [2, 40, dim], &device);
    let data = read_sync(Dispatch::float_into_data(numbers)).unwrap();
    let mut numbers: Vec<f32> = data.iter().collect();
    for row in numbers.chunks_mut(40 * dim) {
        let (first, others) = row.split_at_mut(dim);
        others[..dim].copy_from_slice(first);
        others[dim..2 * dim].iter_mut().zip(first).for_each(|(x, y)| *x = *y + 0.01);
    }
    let data = TensorData::new(numbers, [2, 40, dim]).convert_dtype(dtype);
    Dispatch::float_cast(
        Dispatch::float_from_data(data, &device),
        match dtype {
            DType::F16 => FloatDType::F16,
            DType::BF16 => FloatDType::BF16,
            DType::F64 => FloatDType::F64,
            _ => FloatDType::F32,
        },
    )
}

/// Gives gains: some engrams live until the end, some for a while, and many die.
fn adjust(memory: &mut Memory, reminded: &Recall<Dispatch>) {
    let gain = |id: &EngramId| [300.0, 15.0, 0.0][(id.0 % 3) as usize];
    let gains = (0..reminded.batch()).map(|row| reminded.ids(row).iter().map(gain).collect());
    memory.adjust(reminded, LifespanGain::Host(gains.collect())).unwrap();
}

fn ids(reminded: &Recall<Dispatch>) -> Vec<Vec<EngramId>> {
    reminded.stages().iter().map(|row| row.reminded_ltm.clone()).collect()
}

/// Codes that were updated in every step find the same engrams as the new codes of a restored memory.
#[rstest]
fn codes_that_followed_find_what_new_ones_find(
    #[values(DType::F32, DType::F16, DType::BF16, DType::F64)] dtype: DType,
    #[values(
        (LongTermSearch::Nearest, Correlation::NegSquaredL2, Pooling::Mean),
        (LongTermSearch::WalkAndNearest, Correlation::Gaussian, Pooling::Mean),
        (LongTermSearch::Nearest, Correlation::NegSquaredL2, Pooling::Max)
    )]
    (search, correlation, pooling): (LongTermSearch, Correlation, Pooling),
) {
    let device = device("flex");
    let dim = 256;
    let mut memory = memory(search, correlation, pooling);
    for step in 0..40 {
        memory.add_working_memory(working(step, dim, dtype)).unwrap();
        if step % 3 == 2 {
            let mut bytes = Vec::new();
            memory.remind().map(|reminded| adjust(&mut memory, &reminded)).unwrap();
            memory.snapshot().unwrap().write(&mut bytes).unwrap();
            let restore = Restore::new(&device).storage(Storage::Host);
            let mut restored = restore.read_bytes(&bytes).unwrap().memory;
            let query = working(1000 + step, dim, dtype);
            let found = ids(&memory.peek(query.clone()).unwrap());
            assert_eq!(found, ids(&restored.peek(query).unwrap()), "in step {step}");
        } else {
            memory.remind().map(|reminded| adjust(&mut memory, &reminded)).unwrap();
        }
        if step == 25 {
            memory.reset_rows(&[1]).unwrap();
        }
        if step == 30 {
            let mut other = memory.split(&[0]).unwrap();
            memory.merge(&mut other).unwrap();
        }
    }
    let counts = memory.state().unwrap().row(0).unwrap().counts();
    assert!(counts.long_term * dim > 1 << 16, "{counts:?}");
    memory.verify().unwrap();
}

/// The reminded long-term engrams are those with the highest scores, computed here in double precision.
#[rstest]
fn the_nearest_are_found(
    #[values(Storage::Host, Storage::Device)] storage: Storage,
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(Pooling::Mean, Pooling::Max)] pooling: Pooling,
) {
    let dim = 300;
    let mut memory = memory(LongTermSearch::Nearest, correlation, pooling).with_storage(storage);
    for step in 0..25 {
        memory.add_working_memory(working(step, dim, DType::F32)).unwrap();
        let reminded = memory.remind().unwrap();
        adjust(&mut memory, &reminded);
    }
    let device = device("flex");
    let query = tensor(77, [2, 3, dim], &device);
    let found = ids(&memory.peek(query.clone()).unwrap());
    let data = read_sync(Dispatch::float_into_data(query)).unwrap();
    let query: Vec<f64> = data.iter().collect();
    for (row, found) in found.iter().enumerate() {
        let state = memory.state().unwrap();
        let state = state.row(row).unwrap();
        let engrams = state.engrams().filter(|engram| engram.kind == EngramKind::LongTerm);
        let all: Vec<EngramId> = engrams.map(|engram| engram.id).collect();
        let vectors = state.vectors(&all).unwrap().unwrap();
        let data = read_sync(Dispatch::float_into_data(vectors)).unwrap();
        let vectors: Vec<f64> = data.iter().collect();
        let score = |vector: &[f64]| {
            let query = query[row * 3 * dim..][..3 * dim].chunks(dim);
            let distances: Vec<f64> = query
                .map(|query| query.iter().zip(vector).map(|(a, b)| (a - b).powi(2)).sum())
                .collect();
            let nearest = distances.iter().copied().fold(f64::INFINITY, f64::min);
            match (correlation, pooling) {
                (_, Pooling::Max) => -nearest,
                (Correlation::NegSquaredL2, _) => -distances.iter().sum::<f64>() / 3.0,
                _ => distances.iter().map(|d| (nearest - d).exp()).sum::<f64>().ln() - nearest,
            }
        };
        let mut scored: Vec<(f64, EngramId)> =
            vectors.chunks(dim).map(score).zip(all.iter().copied()).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        assert!(scored.len() * dim > 1 << 16);
        let last = scored[WANTED - 1].0;
        let score_of = |id| scored.iter().find(|(_, other)| *other == id).unwrap().0;
        assert_eq!(found.len(), WANTED);
        for &id in found {
            assert!(score_of(id) > last - 1e-3, "{} is below {last}", score_of(id));
        }
        let sure = scored.iter().filter(|(score, _)| *score > last + 1e-3);
        assert!(sure.clone().all(|(_, id)| found.contains(id)), "{found:?}");
        assert!(sure.count() > WANTED / 2);
    }
}
