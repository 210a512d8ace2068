//! Attachments move with their row.

use std::{collections::BTreeMap, sync::Arc};

use burn::backend::{
    DType, Dispatch, TensorData, TensorMetadata, ops::FloatTensorOps, read_sync,
    tensor::FloatTensor,
};
use memoria::{Attachment, Memoria, MemoriaConfig, MemoriaError, Restore};
use memoria_testing::devices::devices;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

type Device = <Dispatch as burn::backend::BackendTypes>::Device;

const DIM: usize = 3;
const NAMES: [&str; 3] = ["hidden", "mask", "topic"];

/// The expected attachments of a row.
type Expected = BTreeMap<&'static str, Value>;

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Bytes(Vec<u8>),
    /// Shape and numbers.
    Tensor(Vec<usize>, Vec<f32>),
}

fn tensor(shape: &[usize], numbers: &[f32], device: &Device) -> FloatTensor<Dispatch> {
    Dispatch::float_from_data(TensorData::new(numbers.to_vec(), shape.to_vec()), device)
}

fn numbers(tensor: FloatTensor<Dispatch>) -> Vec<f32> {
    read_sync(Dispatch::float_into_data(tensor)).unwrap().iter::<f32>().collect()
}

fn memory(rows: usize, device: &Device) -> Memoria<Dispatch> {
    let mut memory = Memoria::new(MemoriaConfig::new(2, 4, 2, 3.0, 2)).unwrap();
    memory.add_working_memory(tensor(&[rows, 1, DIM], &vec![0.5; rows * DIM], device)).unwrap();
    memory
}

fn random_numbers(count: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..count).map(|_| rng.random_range(-9.0..9.0)).collect()
}

fn check(memory: &Memoria<Dispatch>, expected: &[Expected]) {
    assert_eq!(memory.batch(), expected.len());
    for (row, expected) in expected.iter().enumerate() {
        assert!(memory.attachment_names(row).unwrap().eq(expected.keys().copied()));
        for (name, expected) in expected {
            let value = match memory.attachment(row, name).unwrap().unwrap() {
                Attachment::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
                Attachment::Tensor(tensor) => {
                    Value::Tensor(tensor.shape().to_vec(), numbers(tensor))
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(value, *expected, "row {row}, {name}");
        }
    }
    check_attached_rows(memory, expected);
    memory.verify().unwrap();
}

/// Checks the rows of `hidden` in one tensor, padded with zeros.
fn check_attached_rows(memory: &Memoria<Dispatch>, expected: &[Expected]) {
    let Some(together) = memory.attached_rows("hidden").unwrap() else {
        return assert!(expected.iter().all(|row| !row.contains_key("hidden")));
    };
    let of = |row: &Expected| match row.get("hidden") {
        Some(Value::Tensor(shape, numbers)) => (shape[0], numbers.clone()),
        _ => (0, Vec::new()),
    };
    let lengths: Vec<usize> = expected.iter().map(|row| of(row).0).collect();
    let longest = lengths.iter().copied().max().unwrap();
    let filled = expected.iter().flat_map(|row| {
        let mut numbers = of(row).1;
        numbers.resize(longest * DIM, 0.0);
        numbers
    });
    assert_eq!(together.data.shape().to_vec(), [expected.len(), longest, DIM]);
    assert_eq!(together.lengths, lengths);
    assert!(filled.eq(numbers(together.data)));
}

/// Attaches a value to one row, or to all rows except some.
fn attach(
    memory: &mut Memoria<Dispatch>,
    expected: &mut [Expected],
    rng: &mut ChaCha8Rng,
    device: &Device,
) {
    let (rows, row) = (expected.len(), rng.random_range(0..expected.len()));
    let length = rng.random_range(1..5);
    match rng.random_range(0..5) {
        0 => {
            let bytes: Vec<u8> = (0..length).map(|_| rng.random()).collect();
            memory.attach(row, "topic", Attachment::Bytes(Arc::from(&bytes[..]))).unwrap();
            expected[row].insert("topic", Value::Bytes(bytes));
        }
        1 => {
            let numbers = random_numbers(length * DIM, rng);
            let shape = [length, DIM];
            let value = Attachment::Tensor(tensor(&shape, &numbers, device));
            memory.attach(row, "hidden", value).unwrap();
            expected[row].insert("hidden", Value::Tensor(shape.to_vec(), numbers));
        }
        2 => {
            let name = NAMES[rng.random_range(0..3)];
            memory.remove_attachment(row, name).unwrap();
            expected[row].remove(name);
        }
        _ => {
            let (name, shape) =
                if rng.random() { ("hidden", vec![length, DIM]) } else { ("mask", vec![length]) };
            let each: usize = shape.iter().product();
            let numbers = random_numbers(rows * each, rng);
            let absent: Vec<usize> = (0..rows).filter(|_| rng.random_ratio(1, 4)).collect();
            let data = tensor(&[&[rows], &shape[..]].concat(), &numbers, device);
            memory.attach_rows(name, data, &absent).unwrap();
            for (row, numbers) in numbers.chunks(each).enumerate() {
                if !absent.contains(&row) {
                    expected[row].insert(name, Value::Tensor(shape.clone(), numbers.to_vec()));
                }
            }
        }
    }
}

fn saved(memory: &mut Memoria<Dispatch>) -> Vec<u8> {
    memory.snapshot().unwrap().to_bytes().unwrap()
}

#[test]
fn attachments_go_where_rows_go() {
    for (name, device) in devices() {
        let device = device.as_dispatch();
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut memory = memory(3, device);
        let mut expected = vec![Expected::new(); 3];
        for round in 0..if name == "wgpu" { 40 } else { 300 } {
            let rows = expected.len();
            let row = rng.random_range(0..rows);
            match rng.random_range(0..9) {
                0 if rows < 7 => {
                    memory.add_rows(1).unwrap();
                    expected.push(Expected::new());
                }
                1 => {
                    memory.reset_rows(&[row]).unwrap();
                    expected[row].clear();
                }
                2 => {
                    let mut order: Vec<usize> = (0..rows).collect();
                    order.shuffle(&mut rng);
                    order.truncate(rng.random_range(1..=rows));
                    let mut split = memory.split(&order).unwrap();
                    let taken: Vec<Expected> =
                        order.iter().map(|&row| core::mem::take(&mut expected[row])).collect();
                    let mut place = 0..;
                    expected.retain(|_| !order.contains(&place.next().unwrap()));
                    check(&split, &taken);
                    check(&memory, &expected);
                    memory.merge(&mut split).unwrap();
                    expected.extend(taken);
                    check(&split, &[]);
                }
                3 => {
                    let mut other = self::memory(1, device);
                    let bytes = Attachment::Bytes(Arc::from(&b"other"[..]));
                    other.attach(0, "topic", bytes).unwrap();
                    memory.replace_row(row, &mut other).unwrap();
                    let coming = Expected::from([("topic", Value::Bytes(b"other".to_vec()))]);
                    check(&other, &[core::mem::replace(&mut expected[row], coming)]);
                }
                4 => {
                    let bytes = saved(&mut memory);
                    let restore = Restore::<Dispatch>::new(device);
                    memory = restore.read_bytes(&bytes).unwrap().memory;
                    assert!(saved(&mut memory) == bytes);
                    // Some rows are saved or restored alone.
                    let some = memory.snapshot().unwrap().rows(&[row]).unwrap().to_bytes().unwrap();
                    let restored = restore.clone().rows(&[row]).read_bytes(&bytes).unwrap();
                    assert_eq!(restored.rows, [row]);
                    let mut one = restored.memory;
                    check(&one, &expected[row..=row]);
                    assert!(saved(&mut one) == some);
                }
                _ => attach(&mut memory, &mut expected, &mut rng, device),
            }
            check(&memory, &expected);
            let bytes = memory.memory_use().attachments;
            assert_eq!(bytes == 0, expected.iter().all(BTreeMap::is_empty), "round {round}");
        }
        memory.reset();
        check(&memory, &vec![Expected::new(); expected.len()]);
    }
}

#[test]
fn what_cannot_be_attached_is_refused() {
    let device = &devices()[0].1.as_dispatch().clone();
    let mut memory = memory(2, device);
    let bytes = || Attachment::Bytes(Arc::from(&b"words"[..]));
    let refused = memory.attach(2, "topic", bytes()).unwrap_err();
    assert!(matches!(refused, MemoriaError::RowOutOfRange { got: 2, rows: 2 }));
    assert!(memory.attachment(2, "topic").is_err() && memory.attachment_names(2).is_err());
    assert!(memory.remove_attachment(2, "topic").is_err());
    let tensor = |shape: &[usize]| tensor(shape, &vec![1.0; shape.iter().product()], device);
    let mut one = |data| memory.attach(0, "hidden", Attachment::Tensor(data)).unwrap_err();
    assert!(matches!(one(tensor(&[1; 9])), MemoriaError::WrongRank { .. }));
    let error = one(tensor(&[2, 0])).to_string();
    assert_eq!(error, "an attached tensor has an empty inner dimension: [2, 0]");
    let double = Dispatch::float_cast(tensor(&[2]), burn::tensor::FloatDType::F64);
    assert!(matches!(one(double), MemoriaError::WrongDType { got: DType::F64, .. }));
    let other = devices()[1].1.as_dispatch().clone();
    let elsewhere = self::tensor(&[2], &[1.0; 2], &other);
    assert!(matches!(one(elsewhere), MemoriaError::WrongDevice { .. }));
    let mut all = |data, absent: &[usize]| memory.attach_rows("hidden", data, absent).unwrap_err();
    assert!(matches!(all(tensor(&[2]), &[]), MemoriaError::WrongRank { .. }));
    let error = all(tensor(&[3, 1]), &[]).to_string();
    assert_eq!(error, "an attached tensor must have batch 2, got 3");
    assert!(matches!(all(tensor(&[2, 1]), &[2]), MemoriaError::RowOutOfRange { got: 2, .. }));

    memory.attach(0, "hidden", Attachment::Tensor(tensor(&[2, 3]))).unwrap();
    assert_eq!(memory.attached_rows("hidden").unwrap().unwrap().lengths, [2, 0]);
    for value in [bytes(), Attachment::Tensor(tensor(&[2, 4])), Attachment::Tensor(tensor(&[2]))] {
        memory.attach(1, "hidden", value).unwrap();
        let error = memory.attached_rows("hidden").unwrap_err().to_string();
        let expected = "what is attached to row 1 as `hidden` does not fit what is attached to the rows before it";
        assert_eq!(error, expected);
    }
    assert!(memory.attached_rows("nothing").unwrap().is_none());
}

/// An attached tensor is rounded once, and refused if it does not fit.
#[test]
fn tensors_are_restored_in_another_float_type() {
    let device = &devices()[0].1.as_dispatch().clone();
    let mut memory = memory(2, device);
    memory
        .attach_rows("hidden", tensor(&[2, 2], &[1.0, 0.1, f32::INFINITY, 2.0], device), &[])
        .unwrap();
    let restore = Restore::<Dispatch>::new(device).dtype(DType::F16);
    let half = restore.read_bytes(&saved(&mut memory)).unwrap().memory;
    let data = half.attached_rows("hidden").unwrap().unwrap().data;
    assert_eq!(data.dtype(), DType::F16);
    assert_eq!(numbers(data), [1.0, 0.099_975_586, f32::INFINITY, 2.0]);
    memory.attach(1, "hidden", Attachment::Tensor(tensor(&[1], &[1e6], device))).unwrap();
    let error = restore.read_bytes(&saved(&mut memory)).unwrap_err();
    let expected = "what is attached to row 1 as `hidden` has numbers too large for F16";
    assert_eq!(error.to_string(), expected);
}
