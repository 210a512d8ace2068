//! Rows of a batch are documents of their own: each comes to what it would come to alone, and one may begin
//! anew while its neighbours go on.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use memoria_core::MemoriaError;
use memoria_models::{Gpt2LmHead, MemoryConfig, ModelInput, ModelMemory, SequenceClassifier};
use rstest::rstest;

const TOLERANCE: f32 = 1e-4;
const SEGMENTS: usize = 8;

/// A segment through a model with its memory: logits, row by row.
type Forward = Box<dyn Fn(&ModelInput, &mut ModelMemory) -> Vec<Vec<f32>>>;

/// A model with memory.
struct Model {
    forward: Forward,
    memory: MemoryConfig,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/models").join(name)
}

fn rows<const D: usize>(logits: Tensor<D>) -> Vec<Vec<f32>> {
    let batch = logits.dims()[0];
    let numbers: Vec<f32> = logits.into_data().iter().collect();
    numbers.chunks(numbers.len() / batch).map(<[f32]>::to_vec).collect()
}

fn load(name: &str, device: &Device) -> Model {
    if name.starts_with("gpt2") {
        let loaded = Gpt2LmHead::from_pretrained(folder(name), device).unwrap();
        let model = loaded.model;
        Model {
            forward: Box::new(move |input, memory| {
                rows(model.forward(input, Some(memory)).unwrap().logits)
            }),
            memory: loaded.config.memory.unwrap(),
        }
    } else {
        let loaded = SequenceClassifier::from_pretrained(folder(name), device).unwrap();
        let model = loaded.model;
        Model {
            forward: Box::new(move |input, memory| {
                rows(model.forward(input, Some(memory)).unwrap().logits)
            }),
            memory: loaded.config.memory.unwrap(),
        }
    }
}

/// A segment of a document; token 1 is RoBERTa's padding.
fn tokens(document: usize, segment: usize) -> Vec<i64> {
    (0..9).map(|at| ((document * 1009 + segment * 131 + at * at * 17) % 99 + 2) as i64).collect()
}

fn input(rows: &[Vec<i64>], device: &Device) -> ModelInput {
    ModelInput::from_rows(rows, None, 101, device).unwrap()
}

fn assert_same(got: &[f32], expected: &[f32], place: &str) {
    assert_eq!(got.len(), expected.len());
    let difference = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference <= TOLERANCE, "{place} differs by {difference}");
}

/// What a document comes to in a batch of its own, segment by segment.
fn alone(model: &Model, document: usize, device: &Device) -> Vec<Vec<f32>> {
    let mut memory = model.memory.init().unwrap();
    let segment = |segment| {
        (model.forward)(&input(&[tokens(document, segment)], device), &mut memory).remove(0)
    };
    (0..SEGMENTS).map(segment).collect()
}

#[rstest]
fn a_row_comes_to_what_it_would_alone(
    #[values("gpt2-memoria", "bert-memoria", "roberta-memoria")] name: &str,
) {
    let device = Device::flex();
    let model = load(name, &device);
    let expected = [0, 1, 2].map(|document| alone(&model, document, &device));
    let mut memory = model.memory.init().unwrap();
    for segment in 0..SEGMENTS {
        let expected = expected.each_ref().map(|segments| &segments[segment]);
        let rows: Vec<_> = (0..3).map(|document| tokens(document, segment)).collect();
        let got = (model.forward)(&input(&rows, &device), &mut memory);
        for (row, got) in got.iter().enumerate() {
            assert_same(got, expected[row], &format!("segment {segment}, row {row}"));
        }
    }
}

/// Documents that begin and end at different times in one batch. Row 0 reads one of 8 segments; row 1 a new
/// one at segment 3; row 2 new ones at segments 1, 2 and 6.
#[rstest]
fn rows_begin_anew_while_their_neighbours_go_on(
    #[values("gpt2-memoria", "bert-memoria", "roberta-memoria")] name: &str,
) {
    let device = Device::flex();
    let model = load(name, &device);
    let starts: [&[usize]; 3] = [&[0], &[0, 3], &[0, 1, 2, 6]];
    let mut memory = model.memory.init().unwrap();
    for segment in 0..SEGMENTS {
        // The document of each row, and its segment.
        let place = |row: usize| {
            let starts = starts[row];
            let document = starts.iter().rposition(|&start| start <= segment).unwrap();
            (10 * row + document, segment - starts[document])
        };
        let new: Vec<usize> = (0..3).filter(|&row| segment > 0 && place(row).1 == 0).collect();
        memory.reset_rows(&new).unwrap();
        let rows: Vec<_> = (0..3).map(|row| tokens(place(row).0, place(row).1)).collect();
        let got = (model.forward)(&input(&rows, &device), &mut memory);
        for (row, got) in got.iter().enumerate() {
            let (document, at) = place(row);
            let expected = &alone(&model, document, &device)[at];
            assert_same(got, expected, &format!("segment {segment}, row {row}"));
        }
    }
}

#[rstest]
fn all_rows_begin_anew(
    #[values("gpt2-memoria", "bert-memoria")] name: &str,
    #[values(false, true)] row_by_row: bool,
) {
    let device = Device::flex();
    let model = load(name, &device);
    let expected = alone(&model, 1, &device);
    let mut memory = model.memory.init().unwrap();
    for segment in 0..3 {
        let rows = [tokens(0, segment), tokens(2, segment)];
        (model.forward)(&input(&rows, &device), &mut memory);
    }
    if row_by_row {
        memory.reset_rows(&[1]).unwrap();
        memory.reset_rows(&[0]).unwrap();
    } else {
        memory.reset();
    }
    for (segment, expected) in expected.iter().enumerate() {
        let rows = [tokens(1, segment), tokens(1, segment)];
        for got in (model.forward)(&input(&rows, &device), &mut memory) {
            assert_same(&got, expected, &format!("segment {segment}"));
        }
    }
}

#[test]
fn a_row_that_there_is_none_of_cannot_begin_anew() {
    let device = Device::flex();
    let model = load("gpt2-memoria", &device);
    let mut memory = model.memory.init().unwrap();
    assert!(matches!(
        memory.reset_rows(&[0]),
        Err(MemoriaError::RowOutOfRange { got: 0, rows: 0 })
    ));
    (model.forward)(&input(&[tokens(0, 0), tokens(1, 0)], &device), &mut memory);
    assert!(matches!(
        memory.reset_rows(&[1, 2]),
        Err(MemoriaError::RowOutOfRange { got: 2, rows: 2 })
    ));
    memory.reset_rows(&[1]).unwrap();
}
