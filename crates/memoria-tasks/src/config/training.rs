use serde::{Deserialize, Serialize};

use crate::{
    TaskError,
    error::at_least,
    model::{ContextMemory, ContextMemoryConfig, ContextModel},
};

/// How a model is trained: table `training`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Epochs at most. After each one the model is looked at and a checkpoint written.
    pub epochs: usize,
    /// Steps of an epoch.
    pub epoch_steps: usize,
    /// How many times as long documents are in each part of the training, spread over the epochs.
    pub growth: Vec<u32>,
    /// Rows of a step: documents, or parallel streams of a text.
    pub batch: usize,
    /// Segments of a step, for text; the memory is carried on from step to step.
    pub segments: usize,
    /// The gradients of this many steps are added up before a step of the optimizer.
    pub accumulation: usize,
    /// Adam's highest learning rate.
    pub learning_rate: f64,
    /// The optimizer's steps until it is reached.
    pub warmup: usize,
    /// What becomes of it until the last step.
    pub decay: Decay,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Greatest norm of gradients; 0 for any.
    pub clip: f64,
    /// How much a loss counts that teaches what to be reminded of, for tasks in which a question names the segment that told the
    /// answer; 0 for not at all. The query of a question learns to tell that segment's memories from those of all
    /// other segments and rows of a step, on several devices of the device's rows. Of several queries of which any may find
    /// something (`memory.pooling` of max, or a Gaussian correlation) a segment's first question trains the first one, and so
    /// on. Not for what is told of again: there the earlier segment would be one of the others. It does nothing in
    /// causal models and in the paper's memory.
    pub contrast: f64,
    /// Epochs without improvement after which a training ends; 0 for never.
    pub patience: usize,
    /// Documents, or steps of text, that are looked at after each epoch.
    pub validation: usize,
}

/// How a learning rate goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Not at all.
    None,
    /// By a half wave, to nothing.
    Cosine,
    /// Evenly, to nothing.
    Linear,
}

/// How a model is tested: table `evaluation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// How many times as long as trained the documents are.
    pub lengths: Vec<u32>,
    /// Documents of each length; of text, steps.
    pub documents: usize,
    /// Rows at a time.
    pub batch: usize,
    /// Short-term engrams reminded; as in training if not given.
    pub num_reminded_stm: Option<usize>,
    /// Long-term engrams reminded, at most; as in training if not given.
    pub num_final_ltms: Option<usize>,
    /// Lifespan of a new engram, in segments; as in training if not given.
    pub initial_lifespan: Option<f32>,
    /// Engrams of a row that a store of bounded size keeps; as in training if not given.
    pub capacity: Option<usize>,
    /// Whether what happens in the memory is recorded, of one document or row.
    pub history: bool,
}

impl EvaluationConfig {
    /// The memory that a model is tested with, from the one it was trained with.
    pub fn memory(&self, trained: &ContextMemoryConfig) -> ContextMemoryConfig {
        let mut tested = *trained;
        let memoria = &mut tested.state.memoria;
        memoria.num_reminded_stm = self.num_reminded_stm.unwrap_or(memoria.num_reminded_stm);
        memoria.num_final_ltms = self.num_final_ltms.unwrap_or(memoria.num_final_ltms);
        memoria.initial_lifespan = self.initial_lifespan.unwrap_or(memoria.initial_lifespan);
        if let Some((_, capacity)) = &mut tested.store {
            *capacity = self.capacity.unwrap_or(*capacity);
        }
        tested
    }

    /// An empty memory for tests of a model.
    ///
    /// # Errors
    ///
    /// As [`ContextMemory::new`].
    pub fn memory_of<M: ContextModel>(&self, model: &M) -> Result<ContextMemory, TaskError> {
        let tested = model.memory_config().map(|trained| self.memory(trained));
        Ok(ContextMemory::new(tested.as_ref())?)
    }
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            epoch_steps: 100,
            growth: vec![1],
            batch: 32,
            segments: 8,
            accumulation: 1,
            learning_rate: 5e-4,
            warmup: 0,
            decay: Decay::None,
            weight_decay: 0.0,
            clip: 1.0,
            contrast: 0.0,
            patience: 0,
            validation: 256,
        }
    }
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            lengths: vec![1, 2, 4],
            documents: 256,
            batch: 32,
            num_reminded_stm: None,
            num_final_ltms: None,
            initial_lifespan: None,
            capacity: None,
            history: false,
        }
    }
}

impl TrainingConfig {
    /// Checks what can be checked alone.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(&self) -> Result<(), TaskError> {
        at_least("training.epochs", self.epochs, 1)?;
        at_least("training.epoch_steps", self.epoch_steps, 1)?;
        at_least("entries of training.growth", self.growth.len(), 1)?;
        for &times in &self.growth {
            at_least("training.growth", times as usize, 1)?;
        }
        at_least("training.batch", self.batch, 1)?;
        at_least("training.segments", self.segments, 1)?;
        at_least("training.accumulation", self.accumulation, 1)?;
        at_least("training.validation", self.validation, 1)?;
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            let expected = "above 0, at most 1";
            return Err(TaskError::option("training.learning_rate", expected, self.learning_rate));
        }
        for (option, value) in
            [("weight_decay", self.weight_decay), ("clip", self.clip), ("contrast", self.contrast)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(TaskError::option(&format!("training.{option}"), "at least 0", value));
            }
        }
        Ok(())
    }

    /// Steps of the optimizer in the whole training.
    pub fn optimizer_steps(&self) -> usize {
        self.epochs * self.epoch_steps.div_ceil(self.accumulation)
    }
}

impl EvaluationConfig {
    /// Checks what can be checked alone.
    ///
    /// # Errors
    ///
    /// [`TaskError::Option`].
    pub fn check(&self) -> Result<(), TaskError> {
        at_least("entries of evaluation.lengths", self.lengths.len(), 1)?;
        at_least("evaluation.documents", self.documents, 1)?;
        at_least("evaluation.batch", self.batch, 1)?;
        if let Some(lifespan) = self.initial_lifespan.filter(|&it| it.is_nan() || it <= 0.0) {
            let expected = "a number of segments above 0";
            return Err(TaskError::option("evaluation.initial_lifespan", expected, lifespan));
        }
        self.lengths
            .iter()
            .try_for_each(|&length| at_least("evaluation.lengths", length as usize, 1))
    }
}
