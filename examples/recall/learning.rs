//! The model as Burn's learner sees it: a whole document per item.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use burn::{
    module::Module,
    nn::loss::CrossEntropyLossConfig,
    tensor::{Int, Tensor},
    train::{InferenceStep, SequenceOutput, TrainOutput, TrainStep},
};
use memoria::nn::{MemoriaState, MemoriaStateConfig};

use crate::{batch::DocumentBatch, checkpoint::TrainingMemory, model::RecallModel};

/// What training steps took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepTimes {
    pub(crate) steps: u32,
    /// Forward and backward passes.
    pub(crate) total: Duration,
    /// Of these, what was spent in memories.
    pub(crate) memory: Duration,
}

/// A model with the memory it is trained with, and the configuration of those it is tested with; every
/// document begins with an empty one.
#[derive(Module, Debug)]
pub(crate) struct Learnable {
    pub(crate) model: RecallModel,
    #[module(skip)]
    pub(crate) memory: MemoriaStateConfig,
    #[module(skip)]
    pub(crate) training_memory: TrainingMemory,
    #[module(skip)]
    pub(crate) times: Arc<Mutex<StepTimes>>,
}

impl Learnable {
    /// Answers to all segments but the first, which has nothing to ask for, and the time spent in the
    /// memory.
    fn answers(
        &self,
        batch: DocumentBatch,
        memory: &mut MemoriaState,
    ) -> (SequenceOutput, Duration) {
        let before = memory.costs().time();
        let logits = self.model.forward(batch.tokens, memory);
        let logits = logits.expect("hidden states stay finite");
        let [documents, segments, values] = logits.dims();
        let asking = segments - 1;
        let logits: Tensor<3> = logits.narrow(1, 1, asking);
        let targets: Tensor<2, Int> = batch.answers.narrow(1, 1, asking);
        let loss = CrossEntropyLossConfig::new().init(&logits.device()).forward(
            logits.clone().reshape([documents * asking, values]),
            targets.clone().reshape([documents * asking]),
        );
        let spent = memory.costs().time() - before;
        (SequenceOutput::new(loss, logits, None, targets), spent)
    }
}

impl TrainStep for Learnable {
    type Input = DocumentBatch;
    type Output = SequenceOutput;

    fn step(&self, batch: DocumentBatch) -> TrainOutput<SequenceOutput> {
        let started = Instant::now();
        let (output, memory, gradients) = self.training_memory.train(|memory| {
            let (output, spent) = self.answers(batch, memory);
            let gradients = output.loss.backward();
            (output, spent, gradients)
        });
        if let Ok(mut times) = self.times.lock() {
            times.steps += 1;
            times.total += started.elapsed();
            times.memory += memory;
        }
        TrainOutput::new(self, gradients, output)
    }
}

impl InferenceStep for Learnable {
    type Input = DocumentBatch;
    type Output = SequenceOutput;

    fn step(&self, batch: DocumentBatch) -> SequenceOutput {
        let mut memory = self.memory.init().expect("the configuration was checked");
        self.answers(batch, &mut memory).0
    }
}
