//! What is saved is loaded again: by us here, by PyTorch in `scripts/saved.py`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use burn::tensor::{Device, Tensor};
use burn_store::{ModuleStore, SafetensorsStore, bridge::to_data};
use memoria_core::MemoriaConfig;
use memoria_models::{
    EncoderConfig, EncoderKind, Gpt2Config, Gpt2LmHead, MemoryConfig, ModelError, ModelInput,
    ModelMemory, SequenceClassifier,
};
use rstest::rstest;

fn memory() -> MemoryConfig {
    MemoryConfig::new(3, MemoriaConfig::new(2, 4, 3, 3.0, 2)).with_lifespan_extend_scale(2.5)
}

fn gpt2(with_memory: bool, tied: bool) -> Gpt2Config {
    let mut config = Gpt2Config::new(19, 8, 16, 2, 2);
    config.tie_word_embeddings = Some(tied);
    config.initializer_range = 0.3;
    if with_memory { config.with_memory(memory()) } else { config }
}

fn encoder(kind: EncoderKind, with_memory: bool) -> EncoderConfig {
    let mut config = EncoderConfig::new(kind, 19, 16, 3, 2, 24, 12).with_num_labels(3);
    config.initializer_range = 0.3;
    if with_memory { config.with_memory(memory(), 1) } else { config }
}

fn segments(device: &Device) -> Vec<ModelInput> {
    let row = |segment: i64, row: i64| {
        (0..6).map(|place| (place * 7 + segment * 5 + row * 3) % 19).collect()
    };
    let input = |segment| {
        let rows = [row(segment, 0), row(segment, 1)];
        ModelInput::from_rows(&rows, None, 19, device).unwrap()
    };
    (0..4).map(input).collect()
}

fn outputs<const D: usize>(
    device: &Device,
    memory: Option<ModelMemory>,
    mut run: impl FnMut(&ModelInput, Option<&mut ModelMemory>) -> Tensor<D>,
) -> Vec<f32> {
    let mut memory = memory;
    let run = |input| run(&input, memory.as_mut()).into_data().iter().collect::<Vec<f32>>();
    segments(device).into_iter().flat_map(run).collect()
}

#[rstest]
fn a_gpt2_is_as_it_was(
    #[values(false, true)] with_memory: bool,
    #[values(false, true)] tied: bool,
) {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let config = gpt2(with_memory, tied);
    let model = config.init(&device).unwrap();
    model.save_pretrained(&config, &folder).unwrap();
    let loaded = Gpt2LmHead::from_pretrained(&folder, &device).unwrap();
    assert!(loaded.report.is_complete() && loaded.report.unused.is_empty(), "{}", loaded.report);
    assert_eq!(loaded.model.lm_head.is_none(), tied);
    assert_eq!(loaded.config.memory, config.memory);
    let run = |model: &Gpt2LmHead| {
        let memory = config.memory.as_ref().map(|memory| memory.init().unwrap());
        outputs(&device, memory, |input, memory| model.forward(input, memory).unwrap().logits)
    };
    assert_eq!(run(&loaded.model), run(&model));
    // Over itself.
    loaded.model.save_pretrained(&loaded.config, &folder).unwrap();
    let again = Gpt2LmHead::from_pretrained(&folder, &device).unwrap();
    assert_eq!(again.config, loaded.config);
    assert_eq!(run(&again.model), run(&model));
}

/// A file that is replaced is read as it was: a load never sees a part of one, nor parts of two.
#[test]
fn a_checkpoint_may_be_saved_while_it_is_loaded() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let config = gpt2(false, true);
    let models = [(); 2].map(|()| config.init(&device).unwrap());
    let logits = |model: &Gpt2LmHead| -> Vec<f32> {
        outputs(&device, None, |input, memory| model.forward(input, memory).unwrap().logits)
    };
    let expected = models.each_ref().map(logits);
    assert_ne!(expected[0], expected[1]);
    models[0].save_pretrained(&config, &folder).unwrap();
    let stop = AtomicBool::new(false);
    let loaded: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(|| {
            for model in models.iter().cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
                model.save_pretrained(&config, &folder).unwrap();
            }
        });
        let load = |_| Gpt2LmHead::from_pretrained(&folder, &device).map(|loaded| loaded.model);
        let loaded = (0..20).map(load).collect();
        stop.store(true, Ordering::Relaxed);
        loaded
    });
    for model in loaded {
        assert!(expected.contains(&logits(&model.unwrap())));
    }
}

#[rstest]
fn an_encoder_is_as_it_was(
    #[values(EncoderKind::Bert, EncoderKind::Roberta)] kind: EncoderKind,
    #[values(false, true)] with_memory: bool,
) {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let config = encoder(kind, with_memory);
    let model = config.init(&device).unwrap();
    model.save_pretrained(&config, &folder).unwrap();
    let loaded = SequenceClassifier::from_pretrained(&folder, &device).unwrap();
    assert!(loaded.report.is_complete() && loaded.report.unused.is_empty(), "{}", loaded.report);
    let run = |model: &SequenceClassifier| {
        let memory = config.memory.as_ref().map(|memory| memory.init().unwrap());
        outputs(&device, memory, |input, memory| model.forward(input, memory).unwrap().logits)
    };
    assert_eq!(run(&loaded.model), run(&model));
}

/// It would say of the weights what they are not.
#[test]
fn another_models_configuration_is_refused_and_nothing_written() {
    let device = Device::flex();
    let folder = tempfile::tempdir().unwrap();
    let (config, plain) = (gpt2(true, true), gpt2(false, true));
    let bert = encoder(EncoderKind::Bert, true);
    let model = config.init(&device).unwrap();
    let classifier = bert.init(&device).unwrap();
    let errors = [
        model.save_pretrained(&plain, &folder),
        model.save_pretrained(&Gpt2Config { n_layer: 3, ..config.clone() }, &folder),
        plain.init(&device).unwrap().save_pretrained(&config, &folder),
        classifier.save_pretrained(&encoder(EncoderKind::Bert, false), &folder),
        classifier.save_pretrained(&bert.clone().with_num_labels(4), &folder),
    ];
    for error in errors.map(Result::unwrap_err) {
        assert!(matches!(error, ModelError::OtherConfig { .. }), "{error}");
        assert!(error.to_string().contains(" memory, of "), "{error}");
    }
    // JSON has no such number.
    let infinite = memory().with_lifespan_extend_scale(f32::INFINITY);
    for error in [
        model.save_pretrained(&config.with_memory(infinite.clone()), &folder).unwrap_err(),
        classifier.save_pretrained(&bert.with_memory(infinite, 1), &folder).unwrap_err(),
    ] {
        assert!(matches!(error, ModelError::InvalidField { .. }), "{error}");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

/// The tensors of a checkpoint, with their shapes and bytes.
fn tensors(folder: &Path) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    let mut store = SafetensorsStore::from_file(folder.join("model.safetensors"));
    let tensors = store.get_all_tensors().unwrap().clone();
    let read = |(name, tensor)| {
        let data = to_data(&tensor).unwrap();
        (name, (tensor.shape.to_vec(), data.as_bytes().to_vec()))
    };
    tensors.into_iter().map(read).collect()
}

/// Checkpoints of PyTorch models have the same tensors, names and all, after they were loaded and saved.
#[rstest]
fn nothing_of_a_checkpoint_is_changed(
    #[values("gpt2", "gpt2-memoria", "bert", "bert-memoria", "roberta", "roberta-memoria")]
    name: &str,
) {
    let device = Device::flex();
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/models").join(name);
    let folder = tempfile::tempdir().unwrap();
    if name.starts_with("gpt2") {
        let loaded = Gpt2LmHead::from_pretrained(&original, &device).unwrap();
        loaded.model.save_pretrained(&loaded.config, &folder).unwrap();
    } else {
        let loaded = SequenceClassifier::from_pretrained(&original, &device).unwrap();
        loaded.model.save_pretrained(&loaded.config, &folder).unwrap();
    }
    let mut expected = tensors(&original);
    // The head is the token embedding.
    expected.remove("lm_head.weight");
    let got = tensors(folder.path());
    assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(got == expected);
}

/// Writes what `scripts/saved.py` reads: models after a round trip, and what they come to.
#[test]
#[ignore = "writes files for scripts/saved.py, which runs it"]
fn for_pytorch() {
    let target = PathBuf::from(std::env::var("MEMORIA_SAVED").unwrap());
    let device = Device::flex();
    let write = |name: &str, outputs: Vec<f32>| {
        let inputs: Vec<Vec<i64>> = segments(&device)
            .into_iter()
            .map(|input| input.input_ids.into_data().iter().collect())
            .collect();
        let told = serde_json::json!({"inputs": inputs, "outputs": outputs}).to_string();
        std::fs::write(target.join(name).join("told.json"), told).unwrap();
    };
    for (with_memory, tied) in [(false, true), (false, false), (true, true), (true, false)] {
        let name = format!("gpt2-{with_memory}-{tied}");
        let config = gpt2(with_memory, tied);
        let model = config.init(&device).unwrap();
        model.save_pretrained(&config, target.join(&name)).unwrap();
        let memory = config.memory.as_ref().map(|memory| memory.init().unwrap());
        let run = |input: &ModelInput, memory: Option<&mut ModelMemory>| {
            model.forward(input, memory).unwrap().logits
        };
        write(&name, outputs(&device, memory, run));
    }
    for kind in [EncoderKind::Bert, EncoderKind::Roberta] {
        let name = format!("{kind:?}").to_lowercase();
        let config = encoder(kind, false);
        let model = config.init(&device).unwrap();
        model.save_pretrained(&config, target.join(&name)).unwrap();
        let run = |input: &ModelInput, memory: Option<&mut ModelMemory>| {
            model.forward(input, memory).unwrap().logits
        };
        write(&name, outputs(&device, None, run));
    }
}
