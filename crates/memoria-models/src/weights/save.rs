//! From a module's parameters to a checkpoint.

use std::{fs, path::Path};

use burn::module::Module;
use burn_store::{
    ModuleAdapter, ModuleContext, ModuleSnapshot, SafetensorsStore,
    burn_pack::Tensor as StoredTensor,
};
use serde_json::{Map, Value};

use super::{
    file::{CONFIG, SAFETENSORS},
    layout::to_pytorch,
    names::Names,
};
use crate::ModelError;

/// Writes `model.safetensors` and `config.json` into a folder, which is made if there is none.
pub(crate) fn save<M: Module>(
    module: &M,
    names: Names,
    config: Map<String, Value>,
    folder: &Path,
) -> Result<(), ModelError> {
    fs::create_dir_all(folder)
        .map_err(|source| ModelError::Io { path: folder.to_owned(), source })?;
    let path = folder.join(SAFETENSORS);
    let mut store = SafetensorsStore::from_file(&path)
        .overwrite(true)
        .skip_enum_variants(true)
        .clear_metadata()
        .metadata("format", "pt")
        .with_to_adapter(ToCheckpoint { names });
    module
        .save_into(&mut store)
        .map_err(|error| ModelError::UnwritableWeights { path, reason: error.to_string() })?;
    let path = folder.join(CONFIG);
    let text = serde_json::to_string_pretty(&config)
        .map_err(|source| ModelError::Json { path: path.clone(), source })?;
    fs::write(&path, text + "\n").map_err(|source| ModelError::Io { path, source })
}

/// Names and shapes as PyTorch has them.
#[derive(Clone)]
struct ToCheckpoint {
    names: Names,
}

impl ModuleAdapter for ToCheckpoint {
    fn adapt(&self, tensor: StoredTensor, context: ModuleContext<'_>) -> StoredTensor {
        let mut tensor = to_pytorch(tensor, context);
        tensor.name = self.names.name(&self.names.key(&tensor.name));
        tensor
    }

    fn clone_box(&self) -> Box<dyn ModuleAdapter> {
        Box::new(self.clone())
    }
}
