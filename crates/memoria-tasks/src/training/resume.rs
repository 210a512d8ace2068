//! The choice of the checkpoint from which a training is resumed.

use std::path::{Path, PathBuf};

use burn::{
    module::Module,
    optim::{OptimizerRecord, lr_scheduler::LrSchedulerRecord},
    store::ModuleRecord,
    tensor::Device,
    train::checkpoint::Checkpoint,
};
use memoria_core::SnapshotInfo;

use super::CarriedMemory;
use crate::TaskError;

/// The reason why a checkpoint is not used.
enum Refused {
    /// It is damaged or incomplete; an earlier one may be intact.
    Unreadable(String),
    /// It is intact, but for another architecture or memory; so are all others.
    Unfit(TaskError),
}

/// Returns the last epoch with a readable checkpoint in a folder; `None` if there is no checkpoint. Reports each later
/// one that cannot be read, with the name of its file. `model` is the learner's model, `memory` an empty memory.
///
/// # Errors
///
/// [`TaskError::Format`] if none can be read, or if the last one has another architecture or memory configuration.
pub(super) fn last_epoch<M: Module, C: CarriedMemory>(
    folder: &Path,
    model: &M,
    memory: &mut C,
    device: &Device,
    mut tell: impl FnMut(&str),
) -> Result<Option<usize>, TaskError> {
    let empty = memory.snapshot()?;
    let mut unreadable = Vec::new();
    for epoch in epochs(folder) {
        match check::<M, C>(folder, epoch, model, empty.as_deref(), device) {
            Ok(()) => {
                unreadable.iter().for_each(|message: &String| tell(message));
                return Ok(Some(epoch));
            }
            Err(Refused::Unreadable(message)) => unreadable.push(message),
            Err(Refused::Unfit(error)) => return Err(error),
        }
    }
    match unreadable.is_empty() {
        true => Ok(None),
        false => {
            let problem = "no checkpoint can be read; to begin anew, remove the folder";
            Err(TaskError::format(folder, format!("{problem}\n{}", unreadable.join("\n"))))
        }
    }
}

/// Whether a folder has a checkpoint.
pub(super) fn has_checkpoint(folder: &Path) -> bool {
    !epochs(folder).is_empty()
}

/// The epochs with a model in a folder, the last one first.
fn epochs(folder: &Path) -> Vec<usize> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let epoch = |path: PathBuf| {
        path.file_name()?.to_str()?.strip_prefix("model-")?.strip_suffix(".bpk")?.parse().ok()
    };
    let mut epochs: Vec<usize> = files.flatten().filter_map(|file| epoch(file.path())).collect();
    epochs.sort_unstable_by(|a, b| b.cmp(a));
    epochs
}

/// `empty` is the snapshot of an empty memory; without one, no memory is expected.
fn check<M: Module, C: CarriedMemory>(
    folder: &Path,
    epoch: usize,
    model: &M,
    empty: Option<&[u8]>,
    device: &Device,
) -> Result<(), Refused> {
    let file = |name: &str| folder.join(format!("{name}-{epoch}.bpk"));
    let model_file = file("model");
    let record: ModuleRecord = load(model_file.clone())?;
    load::<OptimizerRecord>(file("optim"))?;
    load::<LrSchedulerRecord>(file("scheduler"))?;
    if let Some(empty) = empty {
        let path = folder.join(format!("memory-{epoch}.memoria"));
        let snapshot = std::fs::read(&path).map_err(|error| unreadable(&path, error))?;
        C::restore(&snapshot, None, device).map_err(|error| unreadable(&path, error))?;
        let config = |snapshot: &[u8]| SnapshotInfo::read(snapshot).ok().map(|info| info.config);
        let [was, is] = [config(&snapshot), config(empty)];
        if was != is {
            let problem = format!(
                "a memory of another configuration, {was:?}; asked for is {is:?}: go on with that which it was made with"
            );
            return Err(Refused::Unfit(TaskError::format(path, problem)));
        }
    }
    fill(model.clone(), record, &model_file).map_err(Refused::Unfit).map(drop)
}

/// Loads the parameters of a file into a model.
///
/// # Errors
///
/// [`TaskError::Format`] if the file is for another architecture.
pub(crate) fn fill<M: Module>(model: M, record: ModuleRecord, path: &Path) -> Result<M, TaskError> {
    model.try_load_record(record).map_err(|error| {
        let text = error.to_string();
        // The message lists all parameters in quotes; one is enough.
        let reason = text.split('"').nth(1).unwrap_or(&text);
        let problem = format!(
            "a model of another architecture: {reason}. Give it the configuration that it was trained with"
        );
        TaskError::format(path, problem)
    })
}

fn load<R: Checkpoint>(path: PathBuf) -> Result<R, Refused> {
    R::load(path.clone()).map_err(|error| unreadable(&path, error))
}

fn unreadable(path: &Path, reason: impl std::fmt::Display) -> Refused {
    Refused::Unreadable(format!("{} cannot be read: {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use burn::{
        nn::{Initializer, Linear, LinearConfig},
        optim::AdamConfig,
    };
    use memoria_core::MemoriaConfig;
    use memoria_nn::MemoriaStateConfig;
    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;
    use crate::model::ContextMemory;

    fn memory(capacity: usize) -> ContextMemory {
        let config = MemoriaStateConfig::new(MemoriaConfig::new(2, capacity, 2, 3.0, 2));
        ContextMemory::new(Some(&config.into())).unwrap()
    }

    fn model(width: usize) -> Linear {
        let zeros = Initializer::Zeros;
        LinearConfig::new(width, 2).with_initializer(zeros).init(&Device::flex())
    }

    /// Checkpoints after these epochs.
    fn after(epochs: &[usize]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for epoch in epochs {
            let path = |name: &str| folder.path().join(format!("{name}-{epoch}.bpk"));
            Checkpoint::save(model(3).into_record(), path("model")).unwrap();
            Checkpoint::save(AdamConfig::new().init().to_record(), path("optim")).unwrap();
            Checkpoint::save(LrSchedulerRecord::new(), path("scheduler")).unwrap();
            let snapshot = memory(4).snapshot().unwrap().unwrap();
            fs::write(folder.path().join(format!("memory-{epoch}.memoria")), snapshot).unwrap();
        }
        folder
    }

    /// Returns the epoch to resume from, and the reports.
    fn last(
        folder: &TempDir,
        width: usize,
        capacity: usize,
    ) -> (Result<Option<usize>, String>, String) {
        let mut told = String::new();
        let tell = |message: &str| told.push_str(message);
        let (model, device) = (model(width), Device::flex());
        let last = last_epoch(folder.path(), &model, &mut memory(capacity), &device, tell);
        (last.map_err(|error| error.to_string()), told)
    }

    #[test]
    fn the_last_epoch_is_gone_on_from() {
        assert_eq!(last(&after(&[9, 10]), 3, 4), (Ok(Some(10)), String::new()));
        assert_eq!(last(&after(&[]), 3, 4), (Ok(None), String::new()));
    }

    #[test]
    fn a_model_without_memory_needs_no_file_of_one() {
        let folder = after(&[3]);
        fs::remove_file(folder.path().join("memory-3.memoria")).unwrap();
        let mut none = ContextMemory::new(None).unwrap();
        let last = last_epoch(folder.path(), &model(3), &mut none, &Device::flex(), |_| ());
        assert_eq!(last.unwrap(), Some(3));
    }

    #[rstest]
    fn a_damaged_one_is_named_and_the_one_before_is_taken(
        #[values("model-2.bpk", "optim-2.bpk", "scheduler-2.bpk", "memory-2.memoria")] file: &str,
        #[values("missing", "cut", "empty", "garbage")] how: &str,
    ) {
        let folder = after(&[1, 2]);
        let damage = |file: &str| {
            let path = folder.path().join(file);
            let bytes = fs::read(&path).unwrap();
            match how {
                "missing" if file.starts_with("model") => fs::write(path, [1]).unwrap(),
                "missing" => fs::remove_file(path).unwrap(),
                // The little content of these files is followed by padding.
                "cut" => fs::write(path, &bytes[..15]).unwrap(),
                "empty" => fs::write(path, []).unwrap(),
                _ => fs::write(path, [7; 500]).unwrap(),
            }
        };
        damage(file);
        let (epoch, told) = last(&folder, 3, 4);
        assert_eq!(epoch, Ok(Some(1)));
        assert!(told.contains(file) && told.contains("cannot be read"), "{told}");
        // If that one is damaged too, nothing begins anew.
        damage(&file.replace('2', "1"));
        let error = last(&folder, 3, 4).0.unwrap_err();
        assert!(error.contains(file) && error.contains(&file.replace('2', "1")), "{error}");
    }

    #[test]
    fn other_sizes_are_refused() {
        let folder = after(&[1, 2]);
        let error = last(&folder, 4, 4).0.unwrap_err();
        assert!(error.contains("model-2.bpk: a model of another architecture"), "{error}");
        assert!(error.len() < 500, "{error}");
        let error = last(&folder, 3, 5).0.unwrap_err();
        assert!(error.contains("memory-2.memoria: a memory of another configuration"), "{error}");
    }
}
