//! A state with its gradient window is saved, restored, split and merged.

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor, TensorData},
};
use memoria_core::{Memoria, MemoriaConfig, MemoriaError, Restore, SnapshotInfo};
use memoria_nn::{MemoriaState, MemoriaStateConfig, Recall};

fn config() -> MemoriaStateConfig {
    MemoriaStateConfig::new(MemoriaConfig::new(3, 6, 3, 3.0, 3))
        .with_lifespan_extend_scale(2.5)
        .with_bptt(2)
}

fn working(seed: usize, batch: usize, device: &Device) -> Tensor<3> {
    let numbers: Vec<f32> =
        (0..batch * 3 * 4).map(|i| ((i * 7 + seed * 13) as f32 * 0.37).sin()).collect();
    Tensor::from_data(TensorData::new(numbers, [batch, 3, 4]), device)
}

/// One segment, attended to equally.
fn segment(state: &mut MemoriaState, seed: usize, batch: usize, device: &Device) -> Recall {
    let working = working(seed, batch, device);
    let working = if device.is_autodiff() { working.require_grad() } else { working };
    let recall = state.recall(working).unwrap();
    let weights = recall.reminded.as_ref().map(|reminded| {
        let [batch, width, _] = reminded.data.dims();
        Tensor::<4>::ones([batch, 2, 5, width], device) / width as f32
    });
    state.reinforce(&recall, weights).unwrap();
    recall
}

fn lived(batch: usize, device: &Device) -> MemoriaState {
    let mut state = config().init().unwrap();
    (0..6).for_each(|seed| drop(segment(&mut state, seed, batch, device)));
    state
}

#[test]
fn a_restored_state_goes_on_on_any_device() {
    #[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
    let ndarray = Device::ndarray();
    let flex = Device::flex().autodiff();
    let mut state = lived(2, &flex);
    let bytes = state.snapshot().unwrap().to_bytes().unwrap();
    for device in [Device::flex().autodiff(), ndarray] {
        let mut original = state.clone();
        original.detach();
        let inner = device.clone().inner();
        let restored = Restore::<Dispatch>::new(inner.as_dispatch()).read_bytes(&bytes).unwrap();
        let mut restored = MemoriaState::try_from(restored).unwrap();
        assert_eq!(restored.bptt(), 2);
        for seed in 6..12 {
            let expected = segment(&mut original, seed, 2, &flex);
            let got = segment(&mut restored, seed, 2, &device);
            assert_eq!(got.stages(), expected.stages());
            let numbers = |recall: Recall| -> Vec<f32> {
                recall.reminded.unwrap().data.into_data().iter().collect()
            };
            assert_eq!(numbers(got), numbers(expected));
        }
        let snapshot = restored.snapshot().unwrap().to_bytes().unwrap();
        assert!(snapshot == original.snapshot().unwrap().to_bytes().unwrap());
    }
}

#[test]
fn it_is_saved_to_a_file_and_loaded() {
    let device = Device::flex();
    let mut state = lived(2, &device);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alice.memoria");
    state.save(&path).unwrap();
    let mut loaded = MemoriaState::load(&path, &device.clone().autodiff()).unwrap();
    let info = SnapshotInfo::load(&path).unwrap();
    assert_eq!((info.rows, info.dim), (2, Some(4)));
    std::fs::remove_file(&path).unwrap();
    loaded.verify().unwrap();
    let recalls = [&mut state, &mut loaded].map(|state| segment(state, 9, 2, &device));
    assert_eq!(recalls[0].stages(), recalls[1].stages());
    assert!(matches!(MemoriaState::load(&path, &device), Err(MemoriaError::Io { .. })));
}

#[test]
fn the_snapshot_of_a_bare_memory_is_no_state() {
    let device = Device::flex();
    let mut memory = Memoria::<Dispatch>::new(config().memoria).unwrap();
    let restore = Restore::new(device.as_dispatch());
    let try_state = |bytes: &[u8]| MemoriaState::try_from(restore.read_bytes(bytes).unwrap());
    let bare = memory.snapshot().unwrap().to_bytes().unwrap();
    let missing = |error: MemoriaError| {
        assert!(
            matches!(error, MemoriaError::MissingAttribute { name: "lifespan_extend_scale" }),
            "{error}"
        );
    };
    missing(try_state(&bare).unwrap_err());
    let odd = memory.snapshot().unwrap().attribute("lifespan_extend_scale", "8");
    missing(try_state(&odd.to_bytes().unwrap()).unwrap_err());
    let infinite = memory
        .snapshot()
        .unwrap()
        .attribute("lifespan_extend_scale", f32::INFINITY.to_le_bytes())
        .attribute("bptt", 0u64.to_le_bytes());
    assert!(matches!(
        try_state(&infinite.to_bytes().unwrap()).unwrap_err(),
        MemoriaError::InvalidConfig { field: "lifespan_extend_scale", .. }
    ));
}

#[test]
fn rows_come_and_go_and_the_window_ends() {
    let device = Device::flex().autodiff();
    let mut state = lived(3, &device);
    let mut whole = state.clone();
    let mut taken = state.split(&[1]).unwrap();
    assert_eq!((state.batch(), taken.batch(), taken.bptt()), (2, 1, 2));
    state.replace_row(0, &mut taken).unwrap();
    state.merge(&mut taken).unwrap();
    state.verify().unwrap();
    // Row 1 is the first now, row 0 the last.
    let order = [1, 2, 0];
    let numbers = |seed| working(seed, 3, &device).into_data().iter().collect::<Vec<f32>>();
    let reordered: Vec<f32> =
        order.iter().flat_map(|row| numbers(7)[row * 12..(row + 1) * 12].to_vec()).collect();
    let reordered = Tensor::from_data(TensorData::new(reordered, [3, 3, 4]), &device);
    let recall = state.recall(reordered).unwrap();
    let expected = whole.recall(working(7, 3, &device)).unwrap();
    for (place, row) in order.into_iter().enumerate() {
        assert_eq!(recall.ids(place), expected.ids(row));
    }
    // Nothing that was made before is tracked any more, as it is where no row has moved.
    assert!(!recall.reminded.unwrap().data.is_tracked());
    assert!(expected.reminded.unwrap().data.is_tracked());

    let mut other = config().with_lifespan_extend_scale(3.0).init().unwrap();
    let mut state = lived(3, &device);
    for refused in [state.merge(&mut other), state.replace_row(0, &mut other)] {
        assert!(matches!(refused, Err(MemoriaError::InvalidConfig { .. })), "{refused:?}");
    }
    state.add_rows(1).unwrap();
    assert_eq!(state.batch(), 4);
    segment(&mut state, 8, 4, &device);
}

/// What an error says is enough to know which file it is about, what is wrong and what to do.
#[test]
fn errors_about_files_name_them_and_say_why() {
    let (folder, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let path = folder.path().join("alice.memoria");
    let name = path.display().to_string();
    let refused =
        |path: &std::path::Path| MemoriaState::load(path, &device).unwrap_err().to_string();
    let text = refused(&path);
    assert!(text.contains(&name) && text.contains("No such file"), "{text}");
    let text = refused(folder.path());
    let folder_name = folder.path().display().to_string();
    assert!(text.contains(&folder_name) && text.contains("directory"), "{text}");
    std::fs::write(&path, []).unwrap();
    let text = refused(&path);
    assert_eq!(text, format!("{name} is no snapshot of a memory: it is empty"));
    let nowhere = folder.path().join("nowhere").join("file");
    let text = lived(1, &device).save(&nowhere).unwrap_err().to_string();
    assert!(text.contains(&nowhere.display().to_string()) && text.contains("No such"), "{text}");

    lived(2, &device).save(&path).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    for text in [refused(&path), SnapshotInfo::load(&path).unwrap_err().to_string()] {
        let end = bytes.len() - 12;
        let place = format!("the block at byte 12 to {end}");
        assert!(text.contains(&name) && text.contains(&place) && text.contains("copy"), "{text}");
    }
}

#[test]
fn of_other_configurations_the_fields_that_differ_are_named() {
    let device = Device::flex();
    let mut state = lived(1, &device);
    let other = MemoriaConfig::new(3, 6, 3, 3.5, 3).with_seed(7);
    let mut other = MemoriaStateConfig::new(other).with_lifespan_extend_scale(2.5).init().unwrap();
    other.recall(working(1, 1, &device)).unwrap();
    let text = state.merge(&mut other).unwrap_err().to_string();
    let expected = "the other memory's configuration must be the same: `initial_lifespan` is 3.0 in this one and 3.5 \
                    in the other, `seed` is 0 in this one and 7 in the other";
    assert_eq!(text, expected);
}

/// A memory goes with a layer that was cast.
#[test]
fn a_layer_is_cast_and_its_memory_loaded_in_half_precision() {
    use burn::tensor::DType;
    use memoria_nn::{MemoriaLayerConfig, cast};
    let (folder, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let path = folder.path().join("memory");
    let layer = MemoriaLayerConfig::causal(4, 2, 3).with_dropout(0.0).init(&device);
    let mut memory = config().init().unwrap();
    for seed in 0..4 {
        layer.forward(working(seed, 2, &device), &mut memory).unwrap();
    }
    memory.save(&path).unwrap();
    let expected = layer.forward(working(4, 2, &device), &mut memory).unwrap();
    for dtype in [DType::BF16, DType::F16, DType::F64] {
        let cast = cast(layer.clone(), dtype);
        let mut loaded = MemoriaState::load_as(&path, &device, dtype).unwrap();
        let got = cast.forward(working(4, 2, &device).cast(dtype), &mut loaded).unwrap();
        assert_eq!(got.hidden.dtype(), dtype);
        assert_eq!(got.recall.ids(0).len(), expected.recall.ids(0).len());
        let difference = (got.hidden.cast(DType::F32) - expected.hidden.clone()).abs().max();
        assert!(difference.into_scalar::<f32>() < 0.1, "{dtype:?}");
    }
}
