//! Checkpoint folders that tests may change.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use memoria_models::{Gpt2LmHead, ModelError, SequenceClassifier};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A copy of a checkpoint in a folder of its own, removed when the test is over.
pub(crate) struct Checkpoint(TempDir);

impl Checkpoint {
    pub(crate) fn copy_of(original: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in fs::read_dir(original).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        Self(folder)
    }

    pub(crate) fn gpt2_memoria() -> Self {
        Self::copy_of(&models().join("gpt2-memoria"))
    }

    pub(crate) fn bert_memoria() -> Self {
        Self::copy_of(&models().join("bert-memoria"))
    }

    /// In the form of PyTorch.
    pub(crate) fn pytorch() -> Self {
        Self::copy_of(&data().join("checkpoints/gpt2-untied"))
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder().join(file)
    }

    pub(crate) fn edit_config(&self, edit: impl FnOnce(&mut Map<String, Value>)) {
        let path = self.path("config.json");
        let mut config = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        edit(&mut config);
        fs::write(path, Value::from(config).to_string()).unwrap();
    }

    pub(crate) fn load_gpt2(&self) -> ModelError {
        Gpt2LmHead::from_pretrained(self.folder(), &Device::flex()).map(|_| ()).unwrap_err()
    }

    pub(crate) fn load_encoder(&self) -> ModelError {
        SequenceClassifier::from_pretrained(self.folder(), &Device::flex()).map(|_| ()).unwrap_err()
    }
}

pub(crate) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

pub(crate) fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/models")
}

/// A tensor of a safetensors file: what the header says of it, and its bytes.
pub(crate) type Stored = (Value, Vec<u8>);

/// The tensors of a safetensors file.
pub(crate) fn read_safetensors(path: &Path) -> BTreeMap<String, Stored> {
    let bytes = fs::read(path).unwrap();
    let (length, rest) = bytes.split_at(8);
    let (header, data) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let header: Map<String, Value> = serde_json::from_slice(header).unwrap();
    let tensors = header.into_iter().filter(|(name, _)| name != "__metadata__");
    let read = |(name, about): (String, Value)| {
        let [from, to] = [0, 1].map(|end| about["data_offsets"][end].as_u64().unwrap() as usize);
        (name, (about, data[from..to].to_vec()))
    };
    tensors.map(read).collect()
}

pub(crate) fn write_safetensors(path: &Path, tensors: &BTreeMap<String, Stored>) {
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, (about, bytes)) in tensors {
        let mut about = about.clone();
        about["data_offsets"] = json!([data.len(), data.len() + bytes.len()]);
        header.insert(name.clone(), about);
        data.extend(bytes);
    }
    let header = Value::from(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    fs::write(path, [&length, header.as_bytes(), &data].concat()).unwrap();
}
