//! Which of a folder's files weights are read from, and what is in their names.

use std::{collections::BTreeMap, fs, path::Path};

use burn::tensor::Device;
use memoria_models::{
    Gpt2Config, Gpt2LmHead, LoadReport, ModelError, ModelInput, SequenceClassifier,
};
use rstest::rstest;
use serde_json::json;

use crate::checkpoint::{Checkpoint, Stored, data, models, read_safetensors, write_safetensors};

const LFS_POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n";

/// What a GPT-2 of a folder comes to, and what was loaded.
fn run(folder: &Path) -> Result<(Vec<f32>, LoadReport), ModelError> {
    let device = Device::flex();
    let loaded = Gpt2LmHead::from_pretrained(folder, &device)?;
    let rows = [vec![5, 17, 3, 8], vec![8, 2, 30, 4]];
    let input = ModelInput::from_rows(&rows, None, loaded.config.vocab_size, &device)?;
    let logits = loaded.model.forward(&input, None)?.logits;
    Ok((logits.into_data().iter().collect(), loaded.report))
}

/// The same numbers, halved: another model.
fn halved(tensors: &BTreeMap<String, Stored>) -> BTreeMap<String, Stored> {
    let half = |(name, (about, bytes)): (&String, &Stored)| {
        let numbers = bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes) / 2.0);
        (name.clone(), (about.clone(), numbers.flat_map(f32::to_le_bytes).collect()))
    };
    tensors.iter().map(half).collect()
}

/// The same numbers in double precision.
fn in_double(tensors: &BTreeMap<String, Stored>) -> BTreeMap<String, Stored> {
    let double = |(name, (about, bytes)): (&String, &Stored)| {
        let numbers = bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        let mut about = about.clone();
        about["dtype"] = json!("F64");
        (
            name.clone(),
            (about, numbers.flat_map(|number| f64::from(number).to_le_bytes()).collect()),
        )
    };
    tensors.iter().map(double).collect()
}

/// Two files, and the list of which tensor is in which.
fn write_parts(checkpoint: &Checkpoint, tensors: &BTreeMap<String, Stored>) -> [String; 2] {
    let files = [1, 2].map(|part| format!("model-0000{part}-of-00002.safetensors"));
    let mut weight_map = BTreeMap::new();
    for (at, file) in files.iter().enumerate() {
        let of_file = tensors.iter().enumerate().filter(|(index, _)| index % 2 == at);
        let of_file: BTreeMap<_, _> =
            of_file.map(|(_, (name, tensor))| (name.clone(), tensor.clone())).collect();
        weight_map.extend(of_file.keys().map(|name| (name.clone(), file.clone())));
        write_safetensors(&checkpoint.path(file), &of_file);
    }
    let index = json!({"metadata": {}, "weight_map": weight_map}).to_string();
    fs::write(checkpoint.path("model.safetensors.index.json"), index).unwrap();
    files
}

/// Each file that the order has after the others is of another model.
#[test]
fn the_order_of_files_is_that_of_transformers() {
    let checkpoint = Checkpoint::pytorch();
    let (of_pytorch, _) = run(checkpoint.folder()).unwrap();
    // A list of files of PyTorch that are not there would be an error.
    fs::write(
        checkpoint.path("pytorch_model.bin.index.json"),
        json!({"weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}).to_string(),
    )
    .unwrap();
    assert_eq!(run(checkpoint.folder()).unwrap().0, of_pytorch);

    let config = Gpt2Config::from_pretrained(checkpoint.folder()).unwrap();
    let other = config.init(&Device::flex()).unwrap();
    other.save_pretrained(&config, checkpoint.folder()).unwrap();
    let (of_safetensors, _) = run(checkpoint.folder()).unwrap();
    assert_ne!(of_safetensors, of_pytorch);

    let whole = checkpoint.path("model.safetensors");
    write_parts(&checkpoint, &halved(&read_safetensors(&whole)));
    assert_eq!(run(checkpoint.folder()).unwrap().0, of_safetensors);
    fs::remove_file(whole).unwrap();
    let (of_parts, report) = run(checkpoint.folder()).unwrap();
    assert!(of_parts != of_safetensors && of_parts != of_pytorch);
    assert!(report.is_complete() && report.unused.is_empty(), "{report}");
    fs::remove_file(checkpoint.path("model.safetensors.index.json")).unwrap();
    assert_eq!(run(checkpoint.folder()).unwrap().0, of_pytorch);
}

#[test]
fn a_tensor_in_several_files_is_the_one_that_the_list_names() {
    let checkpoint = Checkpoint::copy_of(&models().join("gpt2"));
    let (expected, _) = run(checkpoint.folder()).unwrap();
    let tensors = read_safetensors(&checkpoint.path("model.safetensors"));
    fs::remove_file(checkpoint.path("model.safetensors")).unwrap();
    let files = write_parts(&checkpoint, &tensors);
    for (at, file) in files.iter().enumerate() {
        // Another model's, in both files; the file's own tensors stay.
        let mut both = halved(&tensors);
        both.extend(read_safetensors(&checkpoint.path(file)));
        write_safetensors(&checkpoint.path(file), &both);
        let (got, report) = run(checkpoint.folder()).unwrap();
        assert_eq!(got, expected);
        assert!(report.is_complete());
        let named = report.unused.iter().filter(|name| name.starts_with(file)).count();
        assert_eq!(named, tensors.len() / 2 + (tensors.len() % 2) * at, "{report}");
    }
}

#[rstest]
#[case("model.safetensors", Checkpoint::gpt2_memoria())]
#[case("pytorch_model.bin", Checkpoint::pytorch())]
#[case("config.json", Checkpoint::gpt2_memoria())]
#[case(
    "model-00002-of-00002.safetensors",
    Checkpoint::copy_of(&data().join("checkpoints/gpt2-without-prefix"))
)]
#[case(
    "model.safetensors.index.json",
    Checkpoint::copy_of(&data().join("checkpoints/gpt2-without-prefix"))
)]
fn a_pointer_of_git_lfs_is_named(#[case] file: &str, #[case] checkpoint: Checkpoint) {
    fs::write(checkpoint.path(file), LFS_POINTER).unwrap();
    let error = checkpoint.load_gpt2();
    assert!(matches!(&error, ModelError::LfsPointer { path } if path.ends_with(file)), "{error}");
    assert!(error.to_string().contains("git lfs pull"), "{error}");
}

/// The tensors of a checkpoint under other names.
fn renamed(
    tensors: &BTreeMap<String, Stored>,
    name: impl Fn(&str) -> String,
) -> BTreeMap<String, Stored> {
    tensors.iter().map(|(old, tensor)| (name(old), tensor.clone())).collect()
}

#[rstest]
fn two_models_in_one_file_are_refused(#[values(false, true)] is_whole: bool) {
    let checkpoint = Checkpoint::copy_of(&models().join("gpt2"));
    let path = checkpoint.path("model.safetensors");
    let mut tensors = read_safetensors(&path);
    let without_prefix = |name: &str| name.strip_prefix("transformer.").unwrap_or(name).to_owned();
    let mut second = renamed(&halved(&tensors), without_prefix);
    if !is_whole {
        second.retain(|name, _| name == "h.0.mlp.c_fc.bias");
    }
    tensors.extend(second);
    write_safetensors(&path, &tensors);
    let error = checkpoint.load_gpt2();
    let ModelError::TwoTensors { first, second, .. } = &error else { panic!("{error}") };
    assert_eq!(format!("transformer.{first}"), *second);
}

#[rstest]
#[case("LayerNorm.weight", "LayerNorm.gamma")]
#[case("LayerNorm.bias", "LayerNorm.beta")]
#[case("bert.embeddings", "electra.embeddings")]
#[case("bert.encoder", "module.encoder")]
fn two_names_of_one_parameter_are_refused_or_reported(#[case] name: &str, #[case] other: &str) {
    let checkpoint = Checkpoint::copy_of(&models().join("bert"));
    let path = checkpoint.path("model.safetensors");
    let tensors = read_safetensors(&path);
    let with = |others: BTreeMap<String, Stored>| {
        let others = renamed(&others, |old| old.replace(name, other));
        let all: BTreeMap<_, _> = tensors.clone().into_iter().chain(others).collect();
        assert!(all.len() > tensors.len());
        write_safetensors(&path, &all);
        all.len() - tensors.len()
    };
    // The same numbers twice are one model, in whatever type.
    for others in [tensors.clone(), in_double(&tensors)] {
        let copies = with(others);
        let loaded = SequenceClassifier::from_pretrained(checkpoint.folder(), &Device::flex());
        let report = loaded.unwrap().report;
        assert!(report.is_complete());
        assert_eq!(report.unused.len(), copies, "{report}");
    }
    with(halved(&tensors));
    let error = checkpoint.load_encoder();
    assert!(matches!(error, ModelError::TwoTensors { .. }), "{error}");
}

#[rstest]
fn what_a_training_puts_into_names_is_left_out(
    #[values(
        "model.",
        "module.",
        "_orig_mod.",
        "state_dict.model.",
        "model_state_dict.module._orig_mod.",
        "model_state.",
        "_fsdp_wrapped_module."
    )]
    prefix: &str,
    #[values("", "_orig_mod.", "_checkpoint_wrapped_module.")] inside: &str,
) {
    let original = models().join("gpt2-memoria");
    let checkpoint = Checkpoint::copy_of(&original);
    let path = checkpoint.path("model.safetensors");
    let name = |name: &str| format!("{prefix}{}", name.replace(".h.0.", &format!(".h.0.{inside}")));
    let mut tensors = renamed(&read_safetensors(&path), name);
    let (about, bytes) = tensors.values().next().unwrap().clone();
    tensors.insert("optimizer_states.0.state.0.exp_avg".to_owned(), (about, bytes));
    write_safetensors(&path, &tensors);
    let (expected, _) = run(&original).unwrap();
    let (got, report) = run(checkpoint.folder()).unwrap();
    assert_eq!(got, expected);
    assert!(report.is_complete() && report.unused.is_empty(), "{report}");
}

/// What is written says its type, whatever was loaded said.
#[rstest]
fn a_saved_configuration_says_the_type_of_the_weights(
    #[values("dtype", "torch_dtype")] field: &str,
    #[values("bfloat16", "float16", "float64", "auto")] before: &str,
) {
    let checkpoint = Checkpoint::gpt2_memoria();
    checkpoint.edit_config(|config| {
        config.insert(field.to_owned(), json!(before));
        config.insert("hidden_size".to_owned(), json!(7));
    });
    let loaded = Gpt2LmHead::from_pretrained(checkpoint.folder(), &Device::flex()).unwrap();
    loaded.model.save_pretrained(&loaded.config, checkpoint.folder()).unwrap();
    checkpoint.edit_config(|config| {
        assert_eq!(
            (&config["dtype"], &config["torch_dtype"]),
            (&json!("float32"), &json!("float32"))
        );
        // What is said under another name is not said twice.
        assert!(!config.contains_key("hidden_size") && config["n_embd"] == 32);
    });
    let types = read_safetensors(&checkpoint.path("model.safetensors"));
    assert!(types.values().all(|(about, _)| about["dtype"] == "F32"));
    // Nothing else is left behind.
    assert_eq!(
        fs::read_dir(checkpoint.folder()).unwrap().count(),
        fs::read_dir(models().join("gpt2-memoria")).unwrap().count()
    );
}
