//! Stores on the host and on the device give the same.

use super::*;
use crate::{Correlation, Pooling};
use burn::{
    backend::{Flex, TensorData, ops::FloatTensorOps, tensor::FloatTensor},
    tensor::{bf16, f16},
};
use rstest::rstest;

const MEAN: Metric = Metric { correlation: Correlation::NegSquaredL2, pooling: Pooling::Mean };
const GAUSSIAN: Metric = Metric { correlation: Correlation::Gaussian, pooling: Pooling::Mean };

fn tensor(values: &[f32], dim: usize, dtype: DType) -> FloatTensor<Flex> {
    let data = TensorData::new(values.to_vec(), [values.len() / dim, dim]);
    Flex::float_from_data(data.convert_dtype(dtype), &Default::default())
}

fn store(dim: usize, dtype: DType, storage: Storage) -> VectorStore<Flex> {
    VectorStore::new(dim, dtype, Default::default(), storage, None)
}

fn add(store: &mut VectorStore<Flex>, values: &[f32]) -> Vec<Slot> {
    let slots = store.take(values.len() / store.dim).unwrap();
    let to_read = store.write(&slots, tensor(values, store.dim, store.dtype));
    let read = read::<Flex>(vec![to_read], true).unwrap();
    let there = slots.iter().map(|&slot| Some(slot));
    assert_ne!(store.write_read(there, &read[0], f64::INFINITY, true), Some(false));
    let square = |&x: &f32| f64::from(x).powi(2);
    let norms = values.chunks(store.dim).map(|v| v.iter().map(square).sum::<f64>());
    for (got, expected) in store.squared_norms(&read[0]).into_iter().zip(norms) {
        assert!((got - expected).abs() <= 1e-4 * expected);
    }
    slots
}

fn numbers(tensor: FloatTensor<Flex>) -> Vec<f64> {
    read::<Flex>(vec![tensor], true).unwrap()[0].iter().collect()
}

fn scores(store: &VectorStore<Flex>, query: &Query<Flex>, of: &[Slot]) -> Vec<f64> {
    if !store.is_on_host() {
        return numbers(store.scores(query, of));
    }
    let mut scores = Vec::new();
    store.host_scores(query, of, true, &mut scores);
    scores
}

#[rstest]
fn growing_keeps_what_was_written(
    #[values(Storage::Device, Storage::Host)] storage: Storage,
    #[values(DType::F32, DType::F64, DType::F16, DType::BF16)] dtype: DType,
    #[values(3, 1 << 17)] dim: usize,
) {
    let mut store = store(dim, dtype, storage);
    let values: Vec<f32> = (0..12 * dim).map(|i| (i % 250) as f32).collect();
    let mut slots = add(&mut store, &values[..4 * dim]);
    slots.extend(add(&mut store, &values[4 * dim..]));
    let gathered = store.gather(&slots.into_iter().map(Some).collect::<Vec<_>>(), 12, true);
    assert_eq!(gathered.dtype(), dtype);
    assert!(numbers(gathered).iter().zip(&values).all(|(&a, &b)| a == f64::from(b)));
    let width = dtype.size() * dim;
    assert!((13 * width..200 * width.max(1 << 14)).contains(&store.bytes()), "{}", store.bytes());
}

#[rstest]
fn slots_are_used_again_and_padding_stays_zero(
    #[values(Storage::Device, Storage::Host)] storage: Storage,
) {
    let mut store = store(3, DType::F32, storage);
    let slots = add(&mut store, &[1.0; 12]);
    store.slots.release(slots[1..3].iter().copied());
    let again = add(&mut store, &[2.0; 9]);
    assert_eq!(again.iter().filter(|slot| slots.contains(slot)).count(), 2);
    let gathered = numbers(store.gather(&[Some(again[0]), None, None, None], 2, true));
    assert_eq!(gathered, [2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[rstest]
fn scores_are_the_pooled_correlation_up_to_a_constant(
    #[values(Storage::Device, Storage::Host)] storage: Storage,
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(Pooling::Mean, Pooling::Max)] pooling: Pooling,
) {
    let metric = Metric { correlation, pooling };
    let values = [0.5, 1.0, -1.0, 2.0, 0.0, 0.0, 3.0, 1.0, -2.0, 0.5, 7.0, -9.0];
    let mut store = store(2, DType::F32, storage);
    let slots = add(&mut store, &values);
    let at = |i: usize| [f64::from(values[2 * i]), f64::from(values[2 * i + 1])];
    let d2 = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
    let stored = store.query(2, |index| slots[index], metric);
    let vectors = tensor(&values, 2, DType::F32);
    let data = (storage == Storage::Host).then(|| vectors.clone().into_data());
    let given = store.query_of(&vectors, data.as_ref(), 0..2, metric);
    for query in [stored, given] {
        let scores = scores(&store, &query, &slots[2..]);
        let expected = |e: usize| match correlation {
            _ if pooling == Pooling::Max => -d2(at(0), at(e)).min(d2(at(1), at(e))),
            Correlation::NegSquaredL2 => -(d2(at(0), at(e)) + d2(at(1), at(e))) / 2.0,
            Correlation::Gaussian => ((-d2(at(0), at(e))).exp() + (-d2(at(1), at(e))).exp()).ln(),
        };
        for e in 1..4 {
            let (got, want) = (scores[e] - scores[0], expected(e + 2) - expected(2));
            assert!((got - want).abs() < 1e-4, "{metric:?} {e}: {got} != {want}");
        }
    }
}

#[rstest]
fn distant_engrams_neither_underflow_nor_tie_under_the_gaussian(
    #[values(Storage::Device, Storage::Host)] storage: Storage,
) {
    let mut store = store(1, DType::F32, storage);
    let slots = add(&mut store, &[0.0, 0.1, 1000.0, 1001.0, 999.0]);
    let query = store.query(2, |index| slots[index], GAUSSIAN);
    let scores = scores(&store, &query, &slots[2..]);
    assert!(scores[2] > scores[0] && scores[0] > scores[1], "{scores:?}");
}

/// Many candidates are scored in parts.
#[rstest]
fn parts_of_the_candidates_have_the_scores_of_the_whole(#[values(MEAN, GAUSSIAN)] metric: Metric) {
    let mut store = store(5, DType::F32, Storage::Device);
    let values: Vec<f32> = (0..500).map(|i| (i as f32 * 0.37).sin()).collect();
    let slots = add(&mut store, &values);
    let Vectors::Device(vectors) = &store.vectors else { unreachable!() };
    let working = tensor(&values[..15], 5, DType::F32);
    assert!(vectors.scored_at_once(&working) > 100);
    let whole = numbers(vectors.scores(working.clone(), &slots, metric, 1000));
    for at_once in [1, 7, 50, 99, 100] {
        let parts = numbers(vectors.scores(working.clone(), &slots, metric, at_once));
        assert_eq!(parts.len(), 100);
        for (part, whole) in parts.iter().zip(&whole) {
            assert!((part - whole).abs() < 1e-5, "{part} != {whole}, {at_once} at once");
        }
    }
}

/// For any number of candidates, and any number of threads.
#[test]
fn a_score_depends_on_nothing_but_the_query_and_the_candidate() {
    let mut store = store(100, DType::F32, Storage::Host);
    let values: Vec<f32> = (0..400_000).map(|i| (i as f32 * 0.37).sin()).collect();
    let slots = add(&mut store, &values);
    let query = store.query(7, |index| slots[index], MEAN);
    let all = scores(&store, &query, &slots);
    for (place, slot) in slots.iter().enumerate().step_by(61) {
        let alone = scores(&store, &query, &[*slot]);
        assert_eq!(alone[0].to_bits(), all[place].to_bits());
    }
}

#[rstest]
fn half_precision_takes_half_the_memory(
    #[values(Storage::Device, Storage::Host)] storage: Storage,
) {
    let bytes = |dtype| {
        let mut store = store(256, dtype, storage);
        add(&mut store, &vec![1.5; 256 * 20_000]);
        store.bytes() as f64
    };
    let full = bytes(DType::F32);
    for half in [bytes(DType::F16), bytes(DType::BF16)] {
        assert!((0.49..0.51).contains(&(half / full)), "{half} of {full}");
    }
    assert_eq!((size_of::<f16>(), size_of::<bf16>()), (2, 2));
}

#[rstest]
fn more_memory_than_may_be_taken_is_refused_and_nothing_is_lost(
    #[values(Storage::Device, Storage::Host)] storage: Storage,
) {
    let mut store: VectorStore<Flex> =
        VectorStore::new(4, DType::F32, Default::default(), storage, Some(64 * 16));
    let slots = add(&mut store, &[3.0; 40]);
    let refused = store.take(100);
    let Err(MemoriaError::OutOfMemory { requested, available }) = refused else {
        panic!("{refused:?}");
    };
    assert!(requested >= 111 * 16 && available == 64 * 16, "{requested}, {available}");
    assert_eq!(numbers(store.select(&slots)), [3.0; 40]);
    assert!(store.take(50).is_ok());
}

#[rstest]
fn more_memory_than_the_machine_has_is_refused_before_it_is_taken(
    #[values(Storage::Device, Storage::Host)] storage: Storage,
) {
    let mut store = store(1 << 20, DType::F32, storage);
    let refused = store.take(1 << 27);
    let Err(MemoriaError::OutOfMemory { requested, available }) = refused else {
        panic!("{refused:?}");
    };
    assert!(requested >= 1 << 49 && available < requested, "{requested}, {available}");
    assert!(store.take(2).is_ok());
}
