//! A training of the example goes on from the last checkpoint that can be read and fits, and says of
//! others why they do not.

#[path = "../examples/recall/checkpoint.rs"]
#[allow(dead_code, reason = "what is trained is tested elsewhere")]
mod checkpoint;
#[path = "../examples/recall/resume.rs"]
mod resume;

use std::fs;

use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    optim::{AdamConfig, lr_scheduler::LrSchedulerRecord},
    tensor::Device,
    train::checkpoint::{Checkpoint, Checkpointer},
};
use memoria::{MemoriaConfig, nn::MemoriaStateConfig};
use rstest::rstest;
use tempfile::TempDir;

use checkpoint::{ModelAndMemory, TrainingMemory};

/// Checkpoints after these epochs, removed when the test is over.
struct Checkpoints(TempDir);

impl Checkpoints {
    fn after(epochs: &[usize]) -> Self {
        let checkpoints = Self(tempfile::tempdir().unwrap());
        let memory = MemoriaStateConfig::new(memory());
        let memory = TrainingMemory::new(&memory, 2).unwrap();
        let checkpointer = ModelAndMemory::new(checkpoints.0.path(), memory, Device::flex());
        for &epoch in epochs {
            checkpointer.save(epoch, model(3).into_record()).unwrap();
            let path = |name: &str| checkpoints.0.path().join(format!("{name}-{epoch}.bpk"));
            Checkpoint::save(AdamConfig::new().init().to_record(), path("optim")).unwrap();
            Checkpoint::save(LrSchedulerRecord::new(), path("scheduler")).unwrap();
        }
        checkpoints
    }

    /// The epoch to go on from, and what was told.
    fn last(
        &self,
        width: usize,
        memory: &MemoriaConfig,
    ) -> (Result<Option<usize>, String>, String) {
        let mut told = String::new();
        let tell = |message: &str| told.push_str(message);
        let last = resume::last_epoch(self.0.path(), &model(width), memory, &Device::flex(), tell);
        (last, told)
    }
}

fn memory() -> MemoriaConfig {
    MemoriaConfig::new(2, 4, 2, 3.0, 2)
}

fn model(width: usize) -> Linear {
    LinearConfig::new(width, 2).init(&Device::flex())
}

#[test]
fn the_last_epoch_is_gone_on_from() {
    let checkpoints = Checkpoints::after(&[9, 10]);
    assert_eq!(checkpoints.last(3, &memory()), (Ok(Some(10)), String::new()));
    assert_eq!(resume::epochs(checkpoints.0.path()), [10, 9]);
}

#[test]
fn no_checkpoint_is_none() {
    let checkpoints = Checkpoints::after(&[]);
    assert_eq!(checkpoints.last(3, &memory()), (Ok(None), String::new()));
    assert!(resume::epochs(&checkpoints.0.path().join("nowhere")).is_empty());
}

#[rstest]
fn a_damaged_one_is_named_and_the_one_before_is_taken(
    #[values("model-2.bpk", "optim-2.bpk", "scheduler-2.bpk", "memory-2.memoria")] file: &str,
    #[values("missing", "cut", "empty", "garbage")] how: &str,
) {
    let damage = |checkpoints: &Checkpoints, file: &str| {
        let path = checkpoints.0.path().join(file);
        let bytes = fs::read(&path).unwrap();
        match how {
            "missing" if file.starts_with("model") => fs::write(path, [1]).unwrap(),
            "missing" => fs::remove_file(path).unwrap(),
            // What little these files hold is followed by padding.
            "cut" => fs::write(path, &bytes[..15]).unwrap(),
            "empty" => fs::write(path, []).unwrap(),
            _ => fs::write(path, [7; 500]).unwrap(),
        }
    };
    let checkpoints = Checkpoints::after(&[1, 2]);
    damage(&checkpoints, file);
    let (last, told) = checkpoints.last(3, &memory());
    assert_eq!(last, Ok(Some(1)));
    assert!(told.contains(file) && told.contains("cannot be read"), "{told}");
    // And if that is damaged, too, nothing is begun anew.
    damage(&checkpoints, &file.replace('2', "1"));
    let error = checkpoints.last(3, &memory()).0.unwrap_err();
    assert!(error.contains(file) && error.contains(&file.replace('2', "1")), "{error}");
}

#[test]
fn other_sizes_are_refused() {
    let checkpoints = Checkpoints::after(&[1, 2]);
    let error = checkpoints.last(4, &memory()).0.unwrap_err();
    assert!(error.contains("model-2.bpk does not fit") && error.len() < 500, "{error}");
    let other = MemoriaConfig { stm_capacity: 5, ..memory() };
    let error = checkpoints.last(3, &other).0.unwrap_err();
    assert!(error.contains("memory-2.memoria does not fit"), "{error}");
}
