//! The files of a checkpoint folder.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs,
    path::{Path, PathBuf},
};

use burn_store::{ModuleStore, PytorchStore, SafetensorsStore, burn_pack::Tensor as StoredTensor};
use serde_json::Value;

use crate::{ModelError, json::read_json, lfs::refuse_pointer};

/// The configuration of a checkpoint.
pub(crate) const CONFIG: &str = "config.json";
/// Weights as `save_pretrained` writes them.
pub(crate) const SAFETENSORS: &str = "model.safetensors";
/// What weights are read from: the first there is, as in transformers. A list of several files has the
/// name of the one that they are parts of, and this ending.
const ORDER: [&str; 4] = [
    SAFETENSORS,
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
const INDEX: &str = ".index.json";

/// The tensors of a checkpoint, by their names in it; read when they are asked for.
pub(crate) struct WeightFile {
    /// The file, or the list of files.
    pub(crate) path: PathBuf,
    pub(crate) tensors: BTreeMap<String, StoredTensor>,
    /// Tensors of files that the list has in another file, as `file: name`.
    pub(crate) passed_over: Vec<String>,
}

impl WeightFile {
    /// The first there is of [`ORDER`].
    pub(crate) fn open(folder: &Path) -> Result<Self, ModelError> {
        let paths = ORDER.map(|name| folder.join(name));
        if let Some(path) = paths.into_iter().find(|path| path.is_file()) {
            return match path.to_string_lossy().ends_with(INDEX) {
                false => Ok(Self { tensors: read(&path)?, path, passed_over: Vec::new() }),
                true => Self::open_parts(folder, path),
            };
        }
        fs::read_dir(folder)
            .map_err(|source| ModelError::Io { path: folder.to_owned(), source })?;
        let expected = ORDER.map(str::to_owned).into();
        Err(ModelError::NoWeights { folder: folder.to_owned(), expected })
    }

    /// The tensors of all files that a list names, each from the file that the list has it in.
    fn open_parts(folder: &Path, path: PathBuf) -> Result<Self, ModelError> {
        let list = read_json(&path)?;
        let unreadable = |reason: &str| ModelError::UnreadableWeights {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let map = list.get("weight_map").and_then(Value::as_object);
        let map = map.ok_or_else(|| unreadable("it has no weight_map"))?;
        let files: Option<BTreeSet<&str>> = map.values().map(Value::as_str).collect();
        let files = files.ok_or_else(|| unreadable("a file in its weight_map is not a string"))?;
        let (mut tensors, mut passed_over) = (BTreeMap::new(), Vec::new());
        for file in files {
            if Path::new(file).components().count() != 1 {
                return Err(unreadable("a file in its weight_map is not in the same folder"));
            }
            for (name, tensor) in read(&folder.join(file))? {
                let is_elsewhere = map.get(&name).is_some_and(|listed| listed != file);
                match tensors.entry(name) {
                    Entry::Vacant(place) if !is_elsewhere => drop(place.insert(tensor)),
                    place => passed_over.push(format!("{file}: {}", place.key())),
                }
            }
        }
        Ok(Self { path, tensors, passed_over })
    }
}

/// A safetensors file is mapped into memory until its tensors are dropped; a file of PyTorch is kept open.
fn read(path: &Path) -> Result<BTreeMap<String, StoredTensor>, ModelError> {
    refuse_pointer(path)?;
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
