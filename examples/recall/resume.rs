//! Which checkpoint a training goes on from.

use std::path::{Path, PathBuf};

use burn::{
    module::Module,
    optim::{OptimizerRecord, lr_scheduler::LrSchedulerRecord},
    store::ModuleRecord,
    tensor::Device,
    train::checkpoint::Checkpoint,
};
use memoria::{SnapshotInfo, nn::MemoriaState};

use crate::checkpoint::memory_file;

/// Why a checkpoint is not gone on from.
enum Refused {
    /// It is damaged or a part of it is missing; an earlier one may be whole.
    Unreadable(String),
    /// It is whole, of a training with other sizes; so are all others.
    Unfit(String),
}

/// The last epoch whose checkpoint in a folder can be read; `None` if there is no checkpoint. Each that
/// cannot be read is told with the name of its file. The model is as it would be trained.
///
/// # Errors
///
/// A message if none can be read, or if the last one is of a model or a memory of other sizes.
pub(crate) fn last_epoch<M: Module>(
    folder: &Path,
    model: &M,
    memory: &memoria::MemoriaConfig,
    device: &Device,
    mut tell: impl FnMut(&str),
) -> Result<Option<usize>, String> {
    let epochs = epochs(folder);
    let mut unreadable = Vec::new();
    for &epoch in &epochs {
        match check(folder, epoch, model, memory, device) {
            Ok(()) => {
                unreadable.iter().for_each(|message: &String| tell(message));
                return Ok(Some(epoch));
            }
            Err(Refused::Unreadable(message)) => unreadable.push(message),
            Err(Refused::Unfit(message)) => return Err(message),
        }
    }
    match unreadable.is_empty() {
        true => Ok(None),
        false => Err(format!(
            "no checkpoint can be read; to begin anew, leave `--resume` out\n{}",
            unreadable.join("\n")
        )),
    }
}

/// The epochs that a folder has a model of, the last one first.
pub(crate) fn epochs(folder: &Path) -> Vec<usize> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let epoch = |path: PathBuf| {
        path.file_name()?.to_str()?.strip_prefix("model-")?.strip_suffix(".bpk")?.parse().ok()
    };
    let mut epochs: Vec<usize> = files.flatten().filter_map(|file| epoch(file.path())).collect();
    epochs.sort_unstable_by(|a, b| b.cmp(a));
    epochs
}

fn check<M: Module>(
    folder: &Path,
    epoch: usize,
    model: &M,
    memory: &memoria::MemoriaConfig,
    device: &Device,
) -> Result<(), Refused> {
    let file = |name: &str| folder.join(format!("{name}-{epoch}.bpk"));
    let (model_file, memory_file) = (file("model"), memory_file(folder, epoch));
    let record: ModuleRecord = load(model_file.clone())?;
    load::<OptimizerRecord>(file("optim"))?;
    load::<LrSchedulerRecord>(file("scheduler"))?;
    let snapshot = SnapshotInfo::load(&memory_file);
    let info = snapshot.map_err(|error| unreadable(&memory_file, with_cause(&error)))?;
    MemoriaState::load(&memory_file, device)
        .map_err(|error| unreadable(&memory_file, with_cause(&error)))?;
    let unfit = |path: &Path, reason: String| {
        Refused::Unfit(format!(
            "{} does not fit the options given: {reason}; give those that it was made with, or leave `--resume` out to begin anew",
            path.display()
        ))
    };
    if info.config != *memory {
        let reason = format!("its memory is {:?}, asked for is {memory:?}", info.config);
        return Err(unfit(&memory_file, reason));
    }
    match model.clone().try_load_record(record) {
        Ok(_) => Ok(()),
        Err(error) => {
            // Of all parameters that it lists, in quotes, one will do.
            let text = error.to_string();
            let reason = text.split('"').nth(1).unwrap_or(&text);
            Err(unfit(&model_file, reason.to_owned()))
        }
    }
}

fn load<R: Checkpoint>(path: PathBuf) -> Result<R, Refused> {
    R::load(path.clone()).map_err(|error| unreadable(&path, error.to_string()))
}

fn unreadable(path: &Path, reason: String) -> Refused {
    Refused::Unreadable(format!("{} cannot be read: {reason}", path.display()))
}

fn with_cause(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
