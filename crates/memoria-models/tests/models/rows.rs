//! Rows of a batch are documents of their own: each comes to what it would come to alone, and one may begin
//! anew while its neighbours go on. Padding belongs to none of them.

use std::path::{Path, PathBuf};

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor},
};
use memoria_core::{EngramKind, MemoriaError, Restore};
use memoria_models::{
    EncoderConfig, Gpt2Config, Gpt2LmHead, MemoryConfig, ModelInput, ModelMemory,
    SequenceClassifier,
};
use rstest::rstest;
use serde_json::{Map, Value};

const TOLERANCE: f32 = 1e-4;
const VOCABULARY: usize = 101;
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
    load_that(false, name, device)
}

/// A segment of a document; token 1 is RoBERTa's padding.
fn tokens(document: usize, segment: usize) -> Vec<i64> {
    (0..9).map(|at| ((document * 1009 + segment * 131 + at * at * 17) % 99 + 2) as i64).collect()
}

fn input(rows: &[Vec<i64>], device: &Device) -> ModelInput {
    ModelInput::from_rows(rows, None, VOCABULARY, device).unwrap()
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

/// As for an epoch's last batch, or one for validation.
#[rstest]
fn after_a_reset_another_batch_may_come(
    #[values("gpt2-memoria", "bert-memoria", "roberta-memoria")] name: &str,
) {
    let device = Device::flex();
    let model = load(name, &device);
    let expected = alone(&model, 1, &device);
    let mut memory = model.memory.init().unwrap();
    for batch in [2, 3, 1, 2] {
        for (segment, expected) in expected.iter().enumerate() {
            let rows = vec![tokens(1, segment); batch];
            let got = (model.forward)(&input(&rows, &device), &mut memory);
            assert_eq!((got.len(), memory.batch()), (batch, batch));
            for got in got {
                assert_same(&got, expected, &format!("batch {batch}, segment {segment}"));
            }
        }
        memory.reset();
        memory.memoria().verify().unwrap();
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

/// A model with memory, its parameters as loaded, that remembers padding or not.
fn load_that(remembers_padding: bool, name: &str, device: &Device) -> Model {
    load_with(remembers_padding, true, name, device)
}

/// As [`load_that`], or without its abstractor: the hidden states are the working memories.
fn load_with(remembers_padding: bool, has_abstractor: bool, name: &str, device: &Device) -> Model {
    let memory = |memory: Option<MemoryConfig>| {
        let memory = memory.unwrap();
        let num_memories = memory.num_memories.filter(|_| has_abstractor);
        MemoryConfig { num_memories, ..memory }
    };
    if name.starts_with("gpt2") {
        let mut loaded = Gpt2LmHead::from_pretrained(folder(name), device).unwrap();
        let transformer = &mut loaded.model.transformer;
        transformer.remembers_padding = remembers_padding;
        transformer.abs = transformer.abs.take().filter(|_| has_abstractor);
        let model = loaded.model;
        Model {
            forward: Box::new(move |input, memory| {
                rows(model.forward(input, Some(memory)).unwrap().logits)
            }),
            memory: memory(loaded.config.memory),
        }
    } else {
        let mut loaded = SequenceClassifier::from_pretrained(folder(name), device).unwrap();
        let encoder = &mut loaded.model.encoder;
        encoder.remembers_padding = remembers_padding;
        encoder.abstractor = encoder.abstractor.take().filter(|_| has_abstractor);
        let model = loaded.model;
        Model {
            forward: Box::new(move |input, memory| {
                rows(model.forward(input, Some(memory)).unwrap().logits)
            }),
            memory: memory(loaded.config.memory),
        }
    }
}

/// Id, kind, fire count and lifespan of every engram of a row.
fn engrams(memory: &mut ModelMemory, row: usize) -> Vec<(u64, EngramKind, u32, f32)> {
    let state = memory.state().unwrap();
    if state.batch() == 0 {
        return Vec::new();
    }
    let row = state.row(row).unwrap();
    row.engrams().map(|e| (e.id.0, e.kind, e.fire_count, e.lifespan)).collect()
}

fn assert_same_engrams(memory: &mut ModelMemory, row: usize, alone: &mut ModelMemory, place: &str) {
    let (got, expected) = (engrams(memory, row), engrams(alone, 0));
    let parts = |engrams: &[(u64, EngramKind, u32, f32)]| {
        engrams.iter().map(|e| (e.0, e.1, e.2)).collect::<Vec<_>>()
    };
    assert_eq!(parts(&got), parts(&expected), "{place}");
    for (got, expected) in got.iter().zip(&expected) {
        assert!((got.3 - expected.3).abs() < 1e-3, "{place}: {} for {}", got.3, expected.3);
    }
}

/// Documents of which row 1 is shorter in every segment, row 2 in some, and has nothing at all in others.
#[rstest]
fn padding_makes_no_memory(
    #[values("gpt2-memoria", "bert-memoria", "roberta-memoria")] name: &str,
    #[values(true, false)] has_abstractor: bool,
) {
    let device = Device::flex();
    let model = load_with(false, has_abstractor, name, &device);
    let length = |row: usize, segment: usize| match row {
        0 => 9,
        1 => [6, 3, 7, 6, 1, 2, 8, 5][segment],
        _ => [9, 0, 0, 4, 9, 0, 9, 2][segment],
    };
    let mut memory = model.memory.init().unwrap();
    let mut alone = [0, 1, 2].map(|_| model.memory.init().unwrap());
    for segment in 0..SEGMENTS {
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for row in 0..3 {
            let known = length(row, segment);
            let at = |at: usize| if at < known { tokens(row, segment)[at] } else { 1 };
            ids.push((0..9).map(at).collect::<Vec<_>>());
            mask.push((0..9).map(|at| i64::from(at < known)).collect::<Vec<_>>());
        }
        let input = ModelInput::from_rows(&ids, Some(&mask), VOCABULARY, &device).unwrap();
        let got = (model.forward)(&input, &mut memory);
        for (row, alone) in alone.iter_mut().enumerate() {
            let (known, place) = (length(row, segment), format!("segment {segment}, row {row}"));
            if known > 0 {
                let text = [ids[row][..known].to_vec()];
                let expected = (model.forward)(&self::input(&text, &device), alone).remove(0);
                // Of GPT-2, for every token that is none of padding.
                assert_same(&got[row][..expected.len()], &expected, &place);
            }
            assert_same_engrams(&mut memory, row, alone, &place);
        }
    }
    assert!(engrams(&mut memory, 2).iter().any(|engram| engram.1 == EngramKind::LongTerm));
}

/// A document that is long over, and others that go on, in batches that are saved, split and merged.
#[rstest]
fn no_time_passes_for_a_document_that_is_over(
    #[values("gpt2-memoria", "bert-memoria")] name: &str,
    #[values(false, true)] remembers_padding: bool,
) {
    let device = Device::flex();
    let model = load_that(remembers_padding, name, &device);
    let mut memory = model.memory.init().unwrap();
    for segment in 0..4 {
        let rows = [tokens(0, segment), tokens(1, segment)];
        (model.forward)(&input(&rows, &device), &mut memory);
    }
    let mut alone = memory.clone().split(&[1]).unwrap();
    for segment in 4..12 {
        let rows = [tokens(0, segment), vec![1; 9]];
        let mask = [vec![1; 9], vec![0; 9]];
        let input = ModelInput::from_rows(&rows, Some(&mask), VOCABULARY, &device).unwrap();
        (model.forward)(&input, &mut memory);
        if segment == 8 {
            let saved = memory.snapshot().unwrap().to_bytes().unwrap();
            let restored = Restore::<Dispatch>::new(device.as_dispatch()).read_bytes(&saved);
            memory = restored.unwrap().try_into().unwrap();
        }
        assert_same_engrams(&mut memory, 1, &mut alone, &format!("segment {segment}"));
    }
    let rows = [tokens(0, 12), tokens(1, 4)];
    let got = (model.forward)(&input(&rows, &device), &mut memory).remove(1);
    let expected = (model.forward)(&input(&rows[1..], &device), &mut alone).remove(0);
    assert_same(&got, &expected, "the segment after");
    assert_same_engrams(&mut memory, 1, &mut alone, "the segment after");
}

/// What checkpoints of the package say about padding without saying it.
#[test]
fn whether_padding_is_remembered_goes_with_the_kind_of_the_checkpoint() {
    let of_gpt2 = Gpt2Config::from_pretrained(folder("gpt2-memoria")).unwrap().memory.unwrap();
    assert!(!of_gpt2.remembers_padding);
    for name in ["bert-memoria", "roberta-memoria"] {
        let config = EncoderConfig::from_pretrained(folder(name)).unwrap();
        assert!(config.memory.as_ref().unwrap().remembers_padding, "{name}");
        let memory = config.memory.clone().unwrap().with_remembers_padding(false);
        let config = config.with_memory(memory, 1);
        let map = Map::from(config.clone());
        assert_eq!(map["memoria_remembers_padding"], Value::from(false));
        assert_eq!(EncoderConfig::try_from(map).unwrap().memory, config.memory);
    }
}
