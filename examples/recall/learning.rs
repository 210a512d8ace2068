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
use memoria::nn::MemoriaStateConfig;

use crate::{batch::DocumentBatch, model::RecallModel};

/// What training steps took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StepTimes {
    pub(crate) steps: u32,
    /// Forward and backward passes.
    pub(crate) total: Duration,
    /// Of these, what was spent in memories.
    pub(crate) memory: Duration,
}

/// A model with the memory it is trained with; every document begins with an empty one.
#[derive(Module, Debug)]
pub(crate) struct Learnable {
    pub(crate) model: RecallModel,
    #[module(skip)]
    pub(crate) memory: MemoriaStateConfig,
    #[module(skip)]
    pub(crate) times: Arc<Mutex<StepTimes>>,
}

impl Learnable {
    /// Answers to all segments but the first, which has nothing to ask for, and the time spent in the
    /// memory.
    fn answers(&self, batch: DocumentBatch) -> (SequenceOutput, Duration) {
        let mut memory = self.memory.init().expect("the configuration was checked");
        let logits = self.model.forward(batch.tokens, &mut memory);
        let logits = logits.expect("hidden states stay finite");
        let [documents, segments, values] = logits.dims();
        let asking = segments - 1;
        let logits: Tensor<3> = logits.narrow(1, 1, asking);
        let targets: Tensor<2, Int> = batch.answers.narrow(1, 1, asking);
        let loss = CrossEntropyLossConfig::new().init(&logits.device()).forward(
            logits.clone().reshape([documents * asking, values]),
            targets.clone().reshape([documents * asking]),
        );
        let costs = memory.costs();
        (SequenceOutput::new(loss, logits, None, targets), costs.data_plane + costs.control_plane)
    }
}

impl TrainStep for Learnable {
    type Input = DocumentBatch;
    type Output = SequenceOutput;

    fn step(&self, batch: DocumentBatch) -> TrainOutput<SequenceOutput> {
        let started = Instant::now();
        let (output, memory) = self.answers(batch);
        let gradients = output.loss.backward();
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
        self.answers(batch).0
    }
}
