//! From a checkpoint's tensors to a module's parameters.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
};

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use burn_store::{
    ApplyError, FloatCastAdapter, ModuleAdapter, ModuleContext, ModuleSnapshot, bridge::to_data,
    burn_pack::Tensor as StoredTensor,
};

use super::{
    LoadReport,
    file::WeightFile,
    layout::layout,
    names::{Names, is_of_memory},
};
use crate::ModelError;

/// A checkpoint's tensors by their keys.
pub(crate) struct Source {
    path: PathBuf,
    tensors: BTreeMap<String, StoredTensor>,
    /// What is not used, as another tensor stands for it.
    copies: Vec<String>,
}

impl Source {
    /// # Errors
    ///
    /// As [`WeightFile::open`]; [`ModelError::TwoTensors`] for a parameter of which there are two that
    /// differ, and [`ModelError::UnreadableTensor`] if that cannot be told.
    pub(crate) fn open(folder: &Path, names: &Names) -> Result<Self, ModelError> {
        let WeightFile { path, tensors: named, passed_over: mut copies } =
            WeightFile::open(folder)?;
        let mut tensors = BTreeMap::new();
        for (name, tensor) in named {
            let Some(key) = names.key_of(&name) else { continue };
            match tensors.entry(key) {
                Entry::Vacant(place) => drop(place.insert(tensor)),
                Entry::Occupied(first) if are_same(first.get(), &tensor)? => copies.push(name),
                Entry::Occupied(first) => {
                    let first = first.get().name.clone();
                    return Err(ModelError::TwoTensors { path, first, second: name });
                }
            }
        }
        Ok(Self { path, tensors, copies })
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.tensors.contains_key(key)
    }

    /// Whether two keys hold the same numbers.
    pub(crate) fn are_same(&self, [a, b]: [&str; 2]) -> Result<bool, ModelError> {
        match (self.tensors.get(a), self.tensors.get(b)) {
            (Some(a), Some(b)) => are_same(a, b),
            _ => Ok(false),
        }
    }

    /// Refuses a tensor of another shape, before a model of sizes that a file has not is made.
    ///
    /// # Errors
    ///
    /// [`ModelError::WrongShape`].
    pub(crate) fn check_shape(&self, key: &str, expected: [usize; 2]) -> Result<(), ModelError> {
        match self.tensors.get(key) {
            Some(tensor) if tensor.shape.to_vec() != expected => Err(ModelError::WrongShape {
                tensor: tensor.name.clone(),
                expected: expected.to_vec(),
                found: tensor.shape.to_vec(),
            }),
            _ => Ok(()),
        }
    }

    /// Drops a key that another one stands for.
    pub(crate) fn drop(&mut self, key: &str) {
        self.tensors.remove(key);
    }

    /// Puts the tensors where they belong in a module.
    ///
    /// # Errors
    ///
    /// [`ModelError::WrongShape`], [`ModelError::UnreadableTensor`] and [`ModelError::NothingLoaded`].
    pub(crate) fn fill<M: Module>(
        mut self,
        mut module: M,
        names: &Names,
        device: &Device,
    ) -> Result<(M, LoadReport), ModelError> {
        let to_device_type = FloatCastAdapter::to(Tensor::<1>::zeros([1], device).dtype());
        let first_found = self.tensors.values().next().map(|tensor| tensor.name.clone());
        let has_memory = self.tensors.keys().any(|key| is_of_memory(key));
        let mut report = LoadReport::default();
        let (mut tensors, mut file_names, mut expected) = (Vec::new(), BTreeMap::new(), None);
        for parameter in layout(&module) {
            let key = names.key(&parameter.pytorch_path);
            let name = names.name(&key);
            let Some(tensor) = self.tensors.remove(&key) else {
                let is_expected = has_memory || !is_of_memory(&key);
                expected.get_or_insert(name.clone());
                if is_expected { &mut report.missing } else { &mut report.initialized_memory }
                    .push(name);
                continue;
            };
            if !tensor.dtype.is_float() {
                let reason = format!("it holds {:?}, not floating-point numbers", tensor.dtype);
                return Err(unreadable(&tensor.name, reason));
            }
            let found = tensor.shape.to_vec();
            if found != parameter.shape {
                let (tensor, expected) = (tensor.name, parameter.shape);
                return Err(ModelError::WrongShape { tensor, expected, found });
            }
            file_names.insert(parameter.path.clone(), tensor.name.clone());
            let adapted = parameter.adapt(tensor);
            tensors.push(to_device_type.adapt(adapted, ModuleContext::new(&[])));
        }
        if tensors.is_empty() {
            return Err(ModelError::NothingLoaded {
                path: self.path,
                expected: expected.unwrap_or_default(),
                found: first_found.unwrap_or_default(),
            });
        }
        report.unused = self.tensors.into_values().map(|tensor| tensor.name).collect();
        report.unused.extend(self.copies);
        let applied = module.apply(tensors, None, None, false);
        if let Some(error) = applied.errors.into_iter().next() {
            return Err(in_file(error, &file_names));
        }
        report.loaded = applied.applied.len();
        Ok((module, report))
    }
}

/// An error of the store with the name that the tensor has in the file.
fn in_file(error: ApplyError, file_names: &BTreeMap<String, String>) -> ModelError {
    let (path, reason) = match error {
        ApplyError::ShapeMismatch { path, expected, found } => {
            (path, format!("its shape is {found:?} where {expected:?} is expected"))
        }
        ApplyError::DTypeMismatch { path, expected, found } => {
            (path, format!("it holds {found:?} where {expected:?} is expected"))
        }
        ApplyError::AdapterError { path, message } | ApplyError::LoadError { path, message } => {
            (path, message)
        }
    };
    unreadable(file_names.get(&path).unwrap_or(&path), reason)
}

/// Whether two tensors hold the same numbers, in whatever type.
fn are_same(a: &StoredTensor, b: &StoredTensor) -> Result<bool, ModelError> {
    if a.shape != b.shape {
        return Ok(false);
    }
    let read =
        |tensor: &StoredTensor| to_data(tensor).map_err(|error| unreadable(&tensor.name, error));
    if a.dtype == b.dtype {
        return Ok(read(a)?.as_bytes() == read(b)?.as_bytes());
    }
    let are_floats = a.dtype.is_float() && b.dtype.is_float();
    Ok(are_floats && read(a)?.iter::<f64>().eq(read(b)?.iter::<f64>()))
}

fn unreadable(tensor: &str, reason: impl ToString) -> ModelError {
    ModelError::UnreadableTensor { tensor: tensor.to_owned(), reason: reason.to_string() }
}
