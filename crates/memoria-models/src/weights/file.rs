//! The files of a checkpoint folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use burn_store::{ModuleStore, PytorchStore, SafetensorsStore, burn_pack::Tensor as StoredTensor};
use serde_json::{Map, Value};

use crate::ModelError;

/// The configuration of a checkpoint.
pub(crate) const CONFIG: &str = "config.json";
/// Weights as `save_pretrained` writes them.
pub(crate) const SAFETENSORS: &str = "model.safetensors";
const PYTORCH: &str = "pytorch_model.bin";
/// What the names of lists of several files end with.
const INDEX: &str = ".index.json";

/// The tensors of a checkpoint, by their names in it; read when they are asked for.
pub(crate) struct WeightFile {
    /// The file, or the list of files.
    pub(crate) path: PathBuf,
    pub(crate) tensors: BTreeMap<String, StoredTensor>,
}

impl WeightFile {
    /// The first there is of `model.safetensors`, `pytorch_model.bin`, and lists of several of either.
    pub(crate) fn open(folder: &Path) -> Result<Self, ModelError> {
        let indices = [SAFETENSORS, PYTORCH].map(|name| format!("{name}{INDEX}"));
        for name in [SAFETENSORS, PYTORCH] {
            let path = folder.join(name);
            if path.exists() {
                return Ok(Self { tensors: read(&path)?, path });
            }
        }
        for name in &indices {
            let path = folder.join(name);
            if path.exists() {
                return Ok(Self { tensors: read_all(folder, &path)?, path });
            }
        }
        fs::read_dir(folder)
            .map_err(|source| ModelError::Io { path: folder.to_owned(), source })?;
        let single = [SAFETENSORS, PYTORCH].map(str::to_owned);
        let expected = single.into_iter().chain(indices).collect();
        Err(ModelError::NoWeights { folder: folder.to_owned(), expected })
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, StoredTensor>, ModelError> {
    let unreadable =
        |reason: String| ModelError::UnreadableWeights { path: path.to_owned(), reason };
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        let mut store = SafetensorsStore::from_file(path).map_indices_contiguous(false);
        store.get_all_tensors().cloned().map_err(|error| unreadable(error.to_string()))
    } else {
        let mut store = PytorchStore::from_file(path).map_indices_contiguous(false);
        store.get_all_tensors().cloned().map_err(|error| unreadable(error.to_string()))
    }
}

/// The tensors of all files that a list names.
fn read_all(folder: &Path, index: &Path) -> Result<BTreeMap<String, StoredTensor>, ModelError> {
    let list = read_json(index)?;
    let unreadable = |reason: &str| ModelError::UnreadableWeights {
        path: index.to_owned(),
        reason: reason.to_owned(),
    };
    let map = list.get("weight_map").and_then(Value::as_object);
    let files = map.ok_or_else(|| unreadable("it has no weight_map"))?.values().map(Value::as_str);
    let files: Option<BTreeSet<&str>> = files.collect();
    let mut tensors = BTreeMap::new();
    for file in files.ok_or_else(|| unreadable("a file in its weight_map is not a string"))? {
        if Path::new(file).components().count() != 1 {
            return Err(unreadable("a file in its weight_map is not in the same folder"));
        }
        tensors.extend(read(&folder.join(file))?);
    }
    Ok(tensors)
}

/// The object in a JSON file.
pub(crate) fn read_json(path: &Path) -> Result<Map<String, Value>, ModelError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ModelError::Io { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| ModelError::Json { path: path.to_owned(), source })
}
