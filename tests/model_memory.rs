//! A model's memory continues unchanged after it was saved and restored, or after rows were added and removed.

use std::{fs, path::PathBuf};

use burn::{
    backend::{DType, Dispatch},
    tensor::{Device, TensorData},
};
use memoria::{
    MemoriaError, Restore, SnapshotInfo,
    models::{GenerationConfig, Gpt2Config, ModelError, ModelMemory},
    nn::MemoriaState,
};
use memoria_testing::remembering::{
    Model, Network, Page, assert_recorded, folder, recorded, recorded_input,
};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rstest::rstest;

fn bytes(memory: &mut ModelMemory) -> Vec<u8> {
    memory.snapshot().unwrap().to_bytes().unwrap()
}

fn restore(device: &Device) -> Restore<Dispatch> {
    Restore::new(device.clone().inner().as_dispatch())
}

fn restored(bytes: &[u8], device: &Device) -> ModelMemory {
    restore(device).read_bytes(bytes).unwrap().try_into().unwrap()
}

/// Returns a segment of a document. Token 1, RoBERTa's padding, is not in it.
fn tokens(document: usize, segment: usize, len: usize) -> Vec<i64> {
    (0..len).map(|at| ((document * 1009 + segment * 131 + at * at * 17) % 99 + 2) as i64).collect()
}

/// Saves on one device after every number of recorded segments, including 0 and all, and restores on another.
fn goes_on(name: &str, from: &Device, to: &Device, is_exact: bool) {
    let segments = recorded(name);
    let (model, other) = (Model::load(name, from), Model::load(name, to));
    let mut memory = model.memory.init().unwrap();
    let mut saved = vec![bytes(&mut memory)];
    let mut whole = Vec::new();
    for segment in &segments {
        whole.push(model.read(&recorded_input(&model, segment), &mut memory).unwrap());
        saved.push(bytes(&mut memory));
    }
    for (cut, snapshot) in saved.iter().enumerate() {
        let mut memory = restored(snapshot, to);
        // A second snapshot has the same bytes.
        assert!(bytes(&mut memory) == *snapshot, "{name}: another snapshot after {cut}");
        for (index, segment) in segments.iter().enumerate().skip(cut) {
            let place = format!("{name}, saved after {cut}, segment {index}");
            let pages = other.read(&recorded_input(&other, segment), &mut memory).unwrap();
            assert_recorded(&pages, segment, &place);
            if is_exact {
                assert_eq!(pages, whole[index], "{place}");
            }
        }
        memory.memoria().verify().unwrap();
        if is_exact {
            assert!(Some(&bytes(&mut memory)) == saved.last(), "{name}: cut at {cut}");
        }
    }
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
#[cfg_attr(feature = "cuda", case::cuda(Device::cuda(0)))]
fn restored_at_every_segment_it_goes_on(
    #[case] device: Device,
    #[values("gpt2-memoria", "bert-memoria", "roberta-memoria")] name: &str,
) {
    let flex = Device::flex();
    if device == flex {
        return goes_on(name, &flex, &flex, true);
    }
    goes_on(name, &flex, &device, false);
    goes_on(name, &device, &flex, false);
}

/// After `generate`, segments can be partly filled, and rows can have ended before others.
#[test]
fn what_was_generated_goes_on() {
    let device = Device::flex();
    let model = Model::load("gpt2-memoria", &device);
    let Network::Gpt2(gpt2) = &model.network else { panic!("another model") };
    let mut memory = model.memory.init().unwrap();
    let generate = |memory: &mut ModelMemory, round: usize| {
        let prompts = [0, 1, 2].map(|row| tokens(row, round, 7));
        let config = GenerationConfig::new(12)
            .with_segment_len(8)
            .with_temperature(1.0)
            .with_seed(round as u64)
            .with_stop_tokens(0..30);
        gpt2.generate(&prompts, &config, Some(memory)).unwrap()
    };
    let mut padded = 0;
    for round in 0..6 {
        let snapshot = bytes(&mut memory);
        let mut again = restored(&snapshot, &device);
        assert!(bytes(&mut again) == snapshot);
        let expected = generate(&mut memory, round);
        assert_eq!(generate(&mut again, round), expected, "round {round}");
        assert!(bytes(&mut memory) == bytes(&mut again), "round {round}");
        padded += expected.iter().filter(|row| row.tokens.len() < expected[0].tokens.len()).count();
    }
    assert!(padded > 0, "no row ended early");
}

/// Sessions are served in batches that change in every round, with segments of changing lengths, files for absent
/// sessions, and new documents. Each session has the same results as alone.
#[rstest]
fn changing_batches_are_what_each_is_alone(
    #[values("gpt2-memoria", "bert-memoria")] name: &str,
    #[values(false, true)] one_by_one: bool,
) {
    const SESSIONS: usize = 6;
    let device = Device::flex();
    let mut model = Model::load(name, &device);
    // With exploration, the walk depends on the number of reminds of a row.
    model.memory.memoria = model.memory.memoria.with_ltm_exploration(1, 4);
    let mut alone: Vec<ModelMemory> = (0..SESSIONS).map(|_| model.memory.init().unwrap()).collect();
    let mut batch = model.memory.init().unwrap();
    let (mut present, mut away) = (Vec::<usize>::new(), vec![Vec::<u8>::new(); SESSIONS]);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut ages = [0; SESSIONS];
    for round in 0..40 {
        let mut coming: Vec<usize> = (0..SESSIONS).collect();
        coming.shuffle(&mut rng);
        coming.truncate(rng.random_range(1..=SESSIONS));

        // An absent session is saved to a file.
        let leaving = present.iter().enumerate().filter(|(_, s)| !coming.contains(s));
        let leaving: Vec<usize> = leaving.map(|(row, _)| row).collect();
        if one_by_one {
            for &row in leaving.iter().rev() {
                let mut left = batch.split(&[row]).unwrap();
                away[present.remove(row)] = bytes(&mut left);
            }
        } else {
            for &row in &leaving {
                let snapshot = batch.snapshot().unwrap().rows(&[row]).unwrap();
                away[present[row]] = snapshot.to_bytes().unwrap();
            }
            batch.split(&leaving).unwrap();
            present.retain(|session| coming.contains(session));
        }
        // A saved session returns, and a new one gets a row.
        for &session in &coming {
            if present.contains(&session) {
                continue;
            }
            if !away[session].is_empty() {
                batch.merge(&mut restored(&away[session], &device)).unwrap();
            } else if batch.batch() > 0 {
                batch.add_rows(1).unwrap();
            } else {
                // The first segment makes the row.
                present.push(session);
                break;
            }
            present.push(session);
        }
        // Sometimes a document ends.
        if round % 7 == 6 && batch.batch() > 0 {
            let row = rng.random_range(0..batch.batch());
            batch.reset_rows(&[row]).unwrap();
            alone[present[row]].reset();
        }
        let len = rng.random_range(3..12);
        let rows: Vec<_> = present.iter().map(|&s| tokens(s, ages[s], len)).collect();
        let got = model.read(&model.input(&rows, None), &mut batch).unwrap();
        for (row, &session) in present.iter().enumerate() {
            let input = model.input(&rows[row..=row], None);
            let expected = model.read(&input, &mut alone[session]).unwrap().remove(0);
            assert_alike(&got[row], &expected, &format!("round {round}, session {session}"));
            ages[session] += 1;
        }
        batch.memoria().verify().unwrap();
    }
    assert!(ages.iter().all(|&age| age > 8), "{ages:?}");
}

/// Compares two pages, except for rounding errors of another order.
fn assert_alike(got: &Page, expected: &Page, place: &str) {
    assert_eq!(got.reminded, expected.reminded, "{place}");
    for (got, expected) in got.logits.iter().zip(&expected.logits) {
        assert!((got - expected).abs() < 1e-5, "{place}: {got} for {expected}");
    }
    assert_eq!(got.engrams.len(), expected.engrams.len(), "{place}");
    for (got, expected) in got.engrams.iter().zip(&expected.engrams) {
        let facts = |e: &memoria::Engram| (e.id, e.kind, e.age, e.fire_count);
        assert_eq!(facts(got), facts(expected), "{place}");
        assert!((got.lifespan - expected.lifespan).abs() < 1e-4, "{place}");
    }
}

#[rstest]
fn rows_are_exchanged(#[values("gpt2-memoria", "bert-memoria")] name: &str) {
    let device = Device::flex();
    let model = Model::load(name, &device);
    let read = |memory: &mut ModelMemory, who: &[usize], segment: usize, len: usize| {
        let rows: Vec<_> = who.iter().map(|&document| tokens(document, segment, len)).collect();
        model.read(&model.input(&rows, None), memory).unwrap()
    };
    let mut alone: Vec<ModelMemory> = (0..4).map(|_| model.memory.init().unwrap()).collect();
    let mut batch = model.memory.init().unwrap();
    let mut guest = model.memory.init().unwrap();
    for segment in 0..4 {
        read(&mut batch, &[0, 1, 2], segment, 9);
        (0..3).for_each(|document| drop(read(&mut alone[document], &[document], segment, 9)));
        read(&mut guest, &[3], segment, 5);
        read(&mut alone[3], &[3], segment, 5);
    }
    batch.replace_row(1, &mut guest).unwrap();
    let got = read(&mut batch, &[0, 3, 2], 4, 6);
    for (row, document) in [0, 3, 2].into_iter().enumerate() {
        let expected = read(&mut alone[document], &[document], 4, 6).remove(0);
        assert_alike(&got[row], &expected, &format!("document {document}"));
    }
    let expected = read(&mut alone[1], &[1], 4, 6).remove(0);
    assert_alike(&read(&mut guest, &[1], 4, 6)[0], &expected, "document 1");
    // A memory with two rows cannot replace one row.
    let error = batch.replace_row(0, &mut batch.clone()).unwrap_err();
    assert!(matches!(error, MemoriaError::WrongDimension { .. }), "{error}");
    assert!(matches!(batch.split(&[0, 0]), Err(MemoriaError::RowTwice { row: 0 })));
    assert!(matches!(batch.split(&[3]), Err(MemoriaError::RowOutOfRange { got: 3, rows: 3 })));
    let mut other = model.memory.clone();
    other.memoria.stm_capacity += 1;
    let error = batch.merge(&mut other.init().unwrap()).unwrap_err();
    assert!(matches!(error, MemoriaError::OtherConfig { .. }), "{error}");
    read(&mut batch, &[0, 3, 2], 5, 6);
}

/// Selects some rows of a snapshot, in another order, when it is written and when it is read.
#[test]
fn rows_are_saved_and_restored_alone() {
    let device = Device::flex();
    let model = Model::load("gpt2-memoria", &device);
    let mut memory = model.memory.init().unwrap();
    for segment in 0..4 {
        let rows: Vec<_> = (0..3).map(|document| tokens(document, segment, 8)).collect();
        model.read(&model.input(&rows, None), &mut memory).unwrap();
    }
    memory.reset_rows(&[1]).unwrap();
    let snapshot = bytes(&mut memory);
    for order in [&[2, 0][..], &[1], &[0, 1, 2], &[2, 1]] {
        let written = memory.snapshot().unwrap().rows(order).unwrap().to_bytes().unwrap();
        let chosen = restore(&device).rows(order).read_bytes(&snapshot).unwrap();
        let taken = memory.clone().split(order).unwrap();
        let rows: Vec<_> = order.iter().map(|&document| tokens(document, 4, 8)).collect();
        let input = model.input(&rows, None);
        let chosen = ModelMemory::try_from(chosen).unwrap();
        let mut pages = [restored(&written, &device), chosen, taken]
            .map(|mut memory| model.read(&input, &mut memory).unwrap())
            .into_iter();
        let first = pages.next().unwrap();
        assert!(first.iter().zip(order).all(|(page, &row)| page.reminded.is_empty() == (row == 1)));
        pages.for_each(|pages| assert_eq!(pages, first, "{order:?}"));
    }
    let empty = restore(&device).rows(&[]).read_bytes(&snapshot).unwrap();
    assert_eq!(ModelMemory::try_from(empty).unwrap().batch(), 0);
}

/// A snapshot does not contain the gradient window: a restored memory continues as a detached one, also in training.
#[test]
fn a_restored_memory_trains_on() {
    let device = Device::flex().autodiff();
    let mut config = Gpt2Config::from_pretrained(folder("gpt2-memoria")).unwrap();
    (config.attn_pdrop, config.resid_pdrop, config.embd_pdrop) = (0.0, 0.0, 0.0);
    let gpt2 = config.load(folder("gpt2-memoria"), &device).unwrap().model;
    let mut model = Model::load("gpt2-memoria", &device);
    model.memory.bptt = 2;
    let input = |segment| model.input(&[tokens(0, segment, 8), tokens(1, segment, 8)], None);
    let mut memory = model.memory.init().unwrap();
    for segment in 0..4 {
        gpt2.forward(&input(segment), Some(&mut memory)).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trained.memoria");
    memory.save(&path).unwrap();
    memory.detach();
    // The abstractor reads the restored segment, so its gradient is the same as without saving.
    let learned = |memory: &mut ModelMemory| -> (Vec<u32>, Vec<u32>) {
        let output = gpt2.forward(&input(4), Some(memory)).unwrap();
        let bits = |data: TensorData| data.iter::<f32>().map(f32::to_bits).collect();
        let gradients = output.logits.clone().powi_scalar(2).sum().backward();
        let abstractor = gpt2.transformer.abs.as_ref().unwrap();
        let gradient = abstractor.query_embeddings.val().grad(&gradients).unwrap();
        assert!(gradient.clone().abs().sum().into_scalar::<f32>() > 0.0);
        (bits(output.logits.into_data()), bits(gradient.into_data()))
    };
    let mut loaded = ModelMemory::load(&path, &device).unwrap();
    assert_eq!(loaded.memoria().bptt(), 2);
    assert_eq!(learned(&mut loaded), learned(&mut memory));
    // Removing and adding rows also ends the window.
    let mut rest = memory.split(&[1]).unwrap();
    memory.merge(&mut rest).unwrap();
    learned(&mut memory);
}

#[test]
fn what_is_something_else_is_refused_by_name() {
    let device = Device::flex();
    let model = Model::load("gpt2-memoria", &device);
    let mut memory = model.memory.init().unwrap();
    for segment in 0..3 {
        model.read(&model.input(&[tokens(0, segment, 6)], None), &mut memory).unwrap();
    }
    let try_memory = |bytes: &[u8]| ModelMemory::try_from(restore(&device).read_bytes(bytes)?);
    // A memory of no model is refused. A model's memory can be read as any other.
    let bare = memory.memoria().snapshot().unwrap().to_bytes().unwrap();
    let error = try_memory(&bare).unwrap_err();
    assert!(matches!(error, MemoriaError::MissingAttribute { name: "model_memory" }), "{error}");
    let whole = bytes(&mut memory);
    MemoriaState::try_from(restore(&device).read_bytes(&whole).unwrap()).unwrap();
    // A newer version.
    let state = memory.memoria().snapshot().unwrap();
    let newer = state.attribute("model_memory", 3u32.to_le_bytes()).to_bytes().unwrap();
    let text = "this memory of a model is of version 3, this library reads versions up to 2: ";
    let error = try_memory(&newer).unwrap_err().to_string();
    assert!(error.starts_with(text), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    assert!(matches!(ModelMemory::load(&nowhere, &device), Err(MemoriaError::Io { .. })));

    // An invalid previous segment of version 1: too short, too long, or with invalid flags.
    let of_both_rows = SnapshotInfo::load(file_of(1)).unwrap().attributes;
    let joined = &of_both_rows["previous_segment"];
    let len = u64::from_le_bytes(joined[..8].try_into().unwrap()) as usize;
    let row = joined[8..8 + len].to_vec();
    type Change = fn(&mut Vec<u8>);
    let first_row = || {
        let restored = restore(&device).rows(&[0]).load(file_of(1)).unwrap();
        MemoriaState::try_from(restored).unwrap()
    };
    let try_attribute = |value: Vec<u8>| {
        let mut state = first_row();
        let snapshot = state.snapshot().unwrap().attribute("model_memory", 1u32.to_le_bytes());
        try_memory(&snapshot.attribute("previous_segment", value).to_bytes().unwrap())
    };
    let forged = |change: Change| {
        let mut forged = row.clone();
        change(&mut forged);
        try_attribute([&(forged.len() as u64).to_le_bytes()[..], &forged].concat())
    };
    assert!(forged(|_| {}).is_ok());
    let changes: [(&str, Change); 6] = [
        ("length", |row| row.truncate(row.len() - 1)),
        ("length", |row| row.push(0)),
        ("length", |row| row.truncate(1)),
        ("neither 0 nor 1", |row| row[0] = 2),
        ("neither 0 nor 1", |row| row[3] = 2),
        ("has one", |row| row[0] = 0),
    ];
    for (expected, change) in changes {
        let error = forged(change).unwrap_err();
        assert!(matches!(error, MemoriaError::Invalid { row: Some(0), .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    for value in [&b"words"[..], &[0; 16], &u64::MAX.to_le_bytes()] {
        let error = try_attribute(value.to_vec()).unwrap_err();
        assert!(matches!(error, MemoriaError::Invalid { row: None, .. }), "{error}");
    }
}

/// A memory restored in another float type or on another device no longer fits its model.
#[test]
fn a_memory_that_does_not_fit_the_model_is_refused() {
    let device = Device::flex();
    let model = Model::load("gpt2-memoria", &device);
    let mut memory = model.memory.init().unwrap();
    let input = |rows: &[usize]| {
        model.input(&rows.iter().map(|&row| tokens(row, 0, 6)).collect::<Vec<_>>(), None)
    };
    for _ in 0..3 {
        model.read(&input(&[0, 1]), &mut memory).unwrap();
    }
    let snapshot = bytes(&mut memory);
    let refused = |mut memory: ModelMemory| {
        let before = bytes(&mut memory);
        let error = model.read(&input(&[0, 1]), &mut memory).unwrap_err();
        assert!(bytes(&mut memory) == before, "changed by {error}");
        let ModelError::Memory(error) = error else { panic!("{error}") };
        error
    };
    let double = restore(&device).dtype(DType::F64).read_bytes(&snapshot).unwrap();
    let error = refused(double.try_into().unwrap());
    assert!(matches!(error, MemoriaError::WrongDType { expected: DType::F64, .. }), "{error}");
    #[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
    let error = refused(restored(&snapshot, &Device::ndarray()));
    assert!(matches!(error, MemoriaError::WrongDevice { tensor: "the model", .. }), "{error}");
    // A conversion to another float type and back rounds it, and the model continues.
    let half = restore(&device).dtype(DType::F16).read_bytes(&snapshot).unwrap();
    let half = bytes(&mut half.try_into().unwrap());
    let single = restore(&device).dtype(DType::F32).read_bytes(&half).unwrap();
    let mut single = ModelMemory::try_from(single).unwrap();
    let expected = model.read(&input(&[0, 1]), &mut memory).unwrap();
    let got = model.read(&input(&[0, 1]), &mut single).unwrap();
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!(got.reminded, expected.reminded);
        for (got, expected) in got.logits.iter().zip(&expected.logits) {
            assert!((got - expected).abs() < 1e-2, "{got} for {expected}");
        }
    }

    let narrow = Gpt2Config::new(101, 32, 16, 2, 4).with_memory(model.memory.clone());
    let narrow = narrow.init(&device).unwrap();
    let error = narrow.forward(&input(&[0, 1]), Some(&mut memory)).unwrap_err();
    assert_eq!(error.to_string(), "the model must have hidden states of 32, got 16");
    let error = model.read(&input(&[0]), &mut memory).unwrap_err();
    assert_eq!(error.to_string(), "input ids must have batch 2, got 1");
    // A different batch may follow a reset, and also a split that removes all rows.
    memory.reset();
    model.read(&input(&[0]), &mut memory).unwrap();
    assert_eq!(memory.batch(), 1);
    memory.split(&[0]).unwrap();
    model.read(&input(&[0]), &mut memory).unwrap();

    // The previous segment always moves with its row.
    let mut state = memory.memoria().split(&[0]).unwrap();
    assert_eq!(memory.batch(), 0);
    memory.memoria().merge(&mut state).unwrap();
    memory.snapshot().unwrap();
    model.read(&input(&[0]), &mut memory).unwrap();
}

/// The format version that is written.
const VERSION: u32 = 2;

/// A file with two rows of `gpt2-memoria` after four segments. The second row was then reset.
fn file_of(version: u32) -> String {
    format!("tests/data/snapshots/model-memory-{version}.memoria")
}

fn of_the_file() -> (Model, ModelMemory) {
    let model = Model::load("gpt2-memoria", &Device::flex());
    let mut memory = model.memory.init().unwrap();
    for segment in 0..4 {
        let rows = [tokens(0, segment, 6), tokens(1, segment, 6)];
        model.read(&model.input(&rows, None), &mut memory).unwrap();
    }
    memory.reset_rows(&[1]).unwrap();
    (model, memory)
}

#[test]
#[ignore = "only when there is a new version"]
fn write_the_file_of_this_version() {
    let file = file_of(VERSION);
    assert!(!PathBuf::from(&file).exists(), "{file} is there already");
    of_the_file().1.snapshot().unwrap().attribute("model", "gpt2-memoria").save(file).unwrap();
}

#[test]
fn every_version_is_read_and_goes_on() {
    let device = Device::flex();
    for version in 1..=VERSION {
        let (model, mut memory) = of_the_file();
        let file = file_of(version);
        let mut loaded = ModelMemory::load(&file, &device).unwrap();
        let info = SnapshotInfo::load(&file).unwrap();
        assert_eq!(info.attributes["model"], b"gpt2-memoria");
        // The written bytes may change only with a new version.
        let again = loaded.snapshot().unwrap().attribute("model", "gpt2-memoria");
        if version == VERSION {
            assert!(again.to_bytes().unwrap() == fs::read(&file).unwrap());
        }
        for segment in 4..8 {
            let rows = [tokens(0, segment, 6), tokens(1, segment, 6)];
            let input = model.input(&rows, None);
            let expected = model.read(&input, &mut memory).unwrap();
            for (got, expected) in model.read(&input, &mut loaded).unwrap().iter().zip(&expected) {
                assert_alike(got, expected, &format!("version {version}, segment {segment}"));
            }
        }
    }
}
