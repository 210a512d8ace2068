//! From a module's parameters to a checkpoint.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{DType, Tensor},
};
use burn_store::{
    ModuleAdapter, ModuleContext, ModuleSnapshot, SafetensorsStore,
    burn_pack::{AtomicFile, Tensor as StoredTensor},
};
use serde_json::{Map, Value, json};

use super::{
    file::{CONFIG, SAFETENSORS},
    layout::to_pytorch,
    names::Names,
};
use crate::{ModelError, size::Size};

/// What `config.json` calls the type of the weights, in today's version of transformers and in older ones.
const DTYPE_FIELDS: [&str; 2] = ["dtype", "torch_dtype"];

/// Refuses the configuration of another model: it differs in whether there is a memory, or in the number of parameters.
///
/// # Errors
///
/// [`ModelError::OtherConfig`].
pub(crate) fn check_own<M: Module>(
    module: &M,
    has_memory: bool,
    (with_memory, size): (bool, Size),
) -> Result<(), ModelError> {
    let told = |has_memory: bool, params: u128| {
        let with = if has_memory { "with" } else { "without" };
        format!("{with} memory, of {params} parameters")
    };
    let expected = told(with_memory, size.params());
    match told(has_memory, module.num_params() as u128) {
        got if got == expected => Ok(()),
        got => Err(ModelError::OtherConfig { expected, got }),
    }
}

/// Writes `model.safetensors` and `config.json` into a folder, which is made if there is none. Each is the
/// old one or the new one, whole, whatever happens meanwhile.
///
/// The configuration says the type that the weights have in the file, whatever it said before.
pub(crate) fn save<M: Module>(
    module: &M,
    names: Names,
    mut config: Map<String, Value>,
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
    let dtype = dtype_name(module);
    for field in DTYPE_FIELDS {
        match dtype {
            Some(name) => drop(config.insert(field.to_owned(), json!(name))),
            None => drop(config.remove(field)),
        }
    }
    let path = folder.join(CONFIG);
    let text = serde_json::to_string_pretty(&config)
        .map_err(|source| ModelError::Json { path: path.clone(), source })?;
    write_durably(&path, &(text + "\n")).map_err(|source| ModelError::Io { path, source })
}

/// Writes a file that takes the path's place once it is whole and on the disk.
fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let (scratch, mut file) = AtomicFile::create(path).map_err(io::Error::other)?;
    file.write_all(text.as_bytes())?;
    // Here, and not only in the commit: it is this handle that an error of the disk comes to.
    file.sync_all()?;
    drop(file);
    scratch.commit().map_err(io::Error::other)
}

/// What PyTorch calls the type of all parameters; `None` if they differ in it.
fn dtype_name<M: Module>(module: &M) -> Option<&'static str> {
    let mut dtypes = DTypes::default();
    module.visit(&mut dtypes);
    let (&first, others) = dtypes.0.split_first()?;
    let name = match first {
        DType::F64 => "float64",
        DType::F32 => "float32",
        DType::F16 => "float16",
        DType::BF16 => "bfloat16",
        _ => return None,
    };
    others.iter().all(|&dtype| dtype == first).then_some(name)
}

/// The types of a module's parameters.
#[derive(Default)]
struct DTypes(Vec<DType>);

impl ModuleVisitor for DTypes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().dtype());
    }
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
