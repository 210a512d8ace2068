use std::sync::{Arc, Mutex};

use burn::{
    module::Module,
    nn::loss::CrossEntropyLossConfig,
    optim::GradientsParams,
    tensor::Tensor,
    train::{ClassificationOutput, InferenceStep, Interrupter, TrainOutput, TrainStep},
};

use super::{Batch, SegmentModel, carried::Carried};
use crate::TaskError;

/// A model for Burn's learner, with its memories for training and validation.
#[derive(Module, Debug)]
pub(super) struct Learning<M: SegmentModel> {
    pub(super) model: M,
    #[module(skip)]
    pub(super) training: Carried<M::Memory>,
    #[module(skip)]
    pub(super) validation: Carried<M::Memory>,
    #[module(skip)]
    pub(super) accumulation: usize,
    /// Number of devices that share the rows of each step.
    #[module(skip)]
    pub(super) devices: usize,
    #[module(skip)]
    pub(super) contrast: f64,
    #[module(skip)]
    pub(super) failure: Failure,
}

/// The error of a step: Burn's steps return no errors.
#[derive(Clone)]
pub(super) struct Failure {
    error: Arc<Mutex<Option<TaskError>>>,
    interrupter: Interrupter,
}

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failure").field("error", &self.error).finish_non_exhaustive()
    }
}

impl Failure {
    pub(super) fn new(interrupter: Interrupter) -> Self {
        Self { error: Arc::default(), interrupter }
    }

    /// Keeps the first error, and ends the training.
    pub(super) fn keep(&self, error: TaskError) {
        if let Ok(mut kept) = self.error.lock() {
            kept.get_or_insert(error);
        }
        self.interrupter.stop(Some("a step failed"));
    }

    pub(super) fn take(&self) -> Option<TaskError> {
        self.error.lock().ok().and_then(|mut error| error.take())
    }
}

impl<M: SegmentModel> Learning<M> {
    /// Computes the training loss: the mean cross-entropy over all places with questions, and the loss that teaches
    /// what to be reminded of, if it has a weight.
    fn output(
        &self,
        batch: &Batch,
        memory: &mut M::Memory,
    ) -> Result<ClassificationOutput, TaskError> {
        // Burn would keep results that are computed but not trained on as long as the model lives.
        if self.contrast == 0.0 {
            return self.answered(batch, memory);
        }
        let (logits, contrast) = self.model.logits_and_contrast(batch, memory)?;
        let mut output = with_loss(batch, logits);
        if let Some(contrast) = contrast {
            output.loss = output.loss + contrast * self.contrast;
        }
        Ok(output)
    }

    /// Computes the mean cross-entropy over all places with questions.
    fn answered(
        &self,
        batch: &Batch,
        memory: &mut M::Memory,
    ) -> Result<ClassificationOutput, TaskError> {
        Ok(with_loss(batch, self.model.logits(batch, memory)?))
    }

    /// As [`output`](Self::output), weighted so that the mean over all devices is the mean over all places of the step.
    fn weighed(
        &self,
        batch: &Batch,
        memory: &mut M::Memory,
    ) -> Result<ClassificationOutput, TaskError> {
        if self.devices > 1 && batch.step_rows.is_all() {
            let expected = format!("those of one of {} devices", self.devices);
            return Err(TaskError::option("rows of a batch", expected, "all of a step"));
        }
        let output = self.output(batch, memory)?;
        let weight = batch.share() * self.devices as f64;
        Ok(ClassificationOutput { loss: output.loss.mul_scalar(weight), ..output })
    }

    /// Stands for the output of a failed step. Its loss is NaN, which cannot look like a good one.
    fn nothing(&self, batch: &Batch) -> ClassificationOutput {
        let device = batch.tokens.device();
        let asked = batch.asked.dims()[0];
        let loss = Tensor::full([1], f32::NAN, &device);
        let logits = Tensor::zeros([asked, 1], &device);
        ClassificationOutput::new(loss, logits, batch.answers.clone())
    }
}

/// Adds the mean cross-entropy over all places with questions of a batch.
fn with_loss(batch: &Batch, logits: Tensor<2>) -> ClassificationOutput {
    let answers = batch.answers.clone();
    let loss = match answers.dims() {
        // An empty batch has no mean.
        [0] => logits.clone().sum(),
        _ => CrossEntropyLossConfig::new()
            .init(&logits.device())
            .forward(logits.clone(), answers.clone()),
    };
    ClassificationOutput::new(loss, logits, answers)
}

impl<M: SegmentModel> TrainStep for Learning<M> {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let step = |memory: &mut M::Memory| {
            let output = self.weighed(&batch, memory)?;
            // Gradients of all devices and of all accumulated steps are summed.
            let loss = output.loss.clone().div_scalar((self.accumulation * self.devices) as f64);
            Ok((loss.backward(), output))
        };
        match self.training.step(&batch, || self.model.memory(), step) {
            Ok((gradients, output)) => TrainOutput::new(self, gradients, output),
            Err(error) => {
                self.failure.keep(error);
                TrainOutput { grads: GradientsParams::new(), item: self.nothing(&batch) }
            }
        }
    }
}

impl<M: SegmentModel> InferenceStep for Learning<M> {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        let step = |memory: &mut M::Memory| self.answered(&batch, memory);
        let output = self.validation.step(&batch, || self.model.memory(), step);
        output.unwrap_or_else(|error| {
            self.failure.keep(error);
            self.nothing(&batch)
        })
    }
}
