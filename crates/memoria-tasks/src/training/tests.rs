//! A user's own task, learnt by this crate's model; and a user's own model.

mod devices;

use std::{fs, path::Path, sync::Arc};

use burn::{
    module::Module,
    nn::{Initializer, Linear, LinearConfig},
    tensor::{Device, Tensor},
};
use tempfile::TempDir;

use super::*;
use crate::{
    TaskError,
    config::{Decay, EvaluationConfig, MemoryConfig, Sizes, TrainingConfig},
    data::{Document, DocumentId, Question, Segment, Task},
    evaluation::test_documents,
    model::{ContextName, Decoder, ModelConfig, ModelSpec},
};

/// The last of three segments asks for the first one's token.
#[derive(Debug)]
struct Echo;

impl Task for Echo {
    fn vocabulary(&self) -> usize {
        5
    }

    fn segment_length(&self) -> usize {
        2
    }

    fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
        use rand::RngExt;
        let told = id.rng().random_range(0..4);
        let segment = |tokens: [u32; 2], questions| Segment { tokens: tokens.to_vec(), questions };
        let question = Question { at: 1, answer: vec![told], told: Some(0), via: None };
        let (first, last) = (segment([told, 4], vec![]), segment([4, 4], vec![question]));
        Ok(Document { segments: vec![first, segment([4, 4], vec![]), last] })
    }
}

fn training() -> TrainingConfig {
    TrainingConfig {
        epochs: 2,
        epoch_steps: 30,
        batch: 8,
        learning_rate: 5e-3,
        validation: 16,
        ..TrainingConfig::default()
    }
}

fn decoder(context: ContextName, device: &Device) -> Decoder {
    let config = ModelSpec {
        model: ModelConfig { width: 16, ..ModelConfig::default() },
        memory: MemoryConfig::default(),
        context,
        sizes: Sizes { vocabulary: 5, segment_length: 2, classes: None },
        seed: 3,
    };
    config.decoder(device).unwrap()
}

fn train<M: SegmentModel>(model: M, trainer: Trainer) -> Result<Trained<M>, TaskError> {
    let task: Arc<dyn Task> = Arc::new(Echo);
    trainer.train_documents(model, &task, 0, &Device::flex())
}

#[test]
fn a_task_of_ones_own_is_learnt() {
    let device = Device::flex();
    let accuracy = |context| {
        let folder = tempfile::tempdir().unwrap();
        let model = decoder(context, &device.clone().autodiff());
        let trainer = Trainer::new(training(), folder.path());
        let Trained::Finished(model) = train(model, trainer).unwrap() else { panic!("finished") };
        let evaluation = EvaluationConfig::default();
        let tested = test_documents(&model, &Echo, &evaluation, 1, 0, &device, |_| ());
        tested.unwrap().1.accuracy()
    };
    let [with, without] = [ContextName::Memoria, ContextName::None].map(accuracy);
    assert!(with > 0.95 && without < 0.45, "{with} with a memory, {without} without");
}

#[test]
fn a_training_goes_on_as_if_it_had_not_stopped() {
    let losses = |folder: &Path| -> Vec<f64> {
        let metrics = EpochMetrics::read(&folder.join("metrics.jsonl")).unwrap();
        metrics.iter().map(|metrics| metrics.values["loss"]).collect()
    };
    let device = Device::flex().autodiff();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [whole, cut] = folders.each_ref().map(TempDir::path);
    let model = || decoder(ContextName::Memoria, &device);
    let (decay, accumulation) = (Decay::Cosine, 2);
    let config = TrainingConfig { epoch_steps: 60, warmup: 3, decay, accumulation, ..training() };
    train(model(), Trainer::new(config.clone(), whole)).unwrap();
    let error = train(model(), Trainer::new(config.clone(), whole)).unwrap_err().to_string();
    assert!(error.contains("checkpoints of a training are there already"), "{error}");
    // What a training that was stopped in its second epoch leaves.
    fs::create_dir(cut.join("checkpoint")).unwrap();
    fs::copy(whole.join("metrics.jsonl"), cut.join("metrics.jsonl")).unwrap();
    for file in fs::read_dir(whole.join("checkpoint")).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        if name.contains("-1.") {
            fs::copy(file.path(), cut.join("checkpoint").join(name)).unwrap();
        }
    }
    let trainer = Trainer::new(config, cut).resume(&model(), &device).unwrap();
    assert_eq!(trainer.epochs_done(), 1);
    train(model(), trainer).unwrap();
    let (whole_losses, cut_losses) = (losses(whole), losses(cut));
    assert_eq!((whole_losses.len(), cut_losses.len()), (4, 4));
    for (whole, cut) in whole_losses.iter().zip(&cut_losses) {
        assert!((whole - cut).abs() < 1e-3, "{whole_losses:?} {cut_losses:?}");
    }
    assert!(whole_losses[3] < whole_losses[1]);
}

/// A user's own model: it answers from the previous token alone, and refuses token 3.
#[derive(Module, Debug)]
struct Bigram {
    output: Linear,
}

/// It remembers nothing.
#[derive(Clone, Debug)]
struct Nothing;

impl CarriedMemory for Nothing {
    fn detach(&mut self) {}

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>, TaskError> {
        Ok(None)
    }

    fn restore(
        _snapshot: &[u8],
        _rows: Option<&StepRows>,
        _device: &Device,
    ) -> Result<Self, TaskError> {
        Ok(Self)
    }

    fn merge(&mut self, _other: Self) -> Result<(), TaskError> {
        Ok(())
    }

    fn rotated(&self) -> Result<Self, TaskError> {
        Ok(self.clone())
    }
}

impl SegmentModel for Bigram {
    type Memory = Nothing;

    fn memory(&self) -> Result<Nothing, TaskError> {
        Ok(Nothing)
    }

    fn logits(&self, batch: &Batch, _memory: &mut Nothing) -> Result<Tensor<2>, TaskError> {
        if batch.tokens.to_data().iter::<i64>().any(|token| token == 3) {
            return Err(TaskError::option("tokens", "below 3", 3));
        }
        let places = batch.tokens.dims().iter().product::<usize>();
        let tokens = batch.tokens.clone().reshape([places]).one_hot::<2>(5).float();
        Ok(self.output.forward(tokens.select(0, batch.asked.clone())))
    }
}

#[test]
fn what_a_step_fails_of_ends_the_training() {
    let folder = tempfile::tempdir().unwrap();
    let zeros = LinearConfig::new(5, 5).with_initializer(Initializer::Zeros);
    let model = Bigram { output: zeros.init(&Device::flex().autodiff()) };
    let error = train(model, Trainer::new(training(), folder.path())).unwrap_err();
    assert_eq!(error.to_string(), "tokens must be below 3, got 3");
}
