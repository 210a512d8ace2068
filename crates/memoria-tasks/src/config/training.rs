use serde::{Deserialize, Serialize};

use crate::{
    TaskError,
    error::at_least,
    model::{ContextMemory, ContextMemoryConfig, ContextModel},
};

/// The training of a model: table `training`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// Maximum number of epochs. After each epoch the model is validated and a checkpoint is written.
    pub epochs: usize,
    /// Steps of an epoch.
    pub epoch_steps: usize,
    /// Lengths of documents as multiples of the task's length, one for each part of the training. The parts share the
    /// epochs evenly.
    pub growth: Vec<u32>,
    /// Rows of a step: documents, or parallel streams of a text.
    pub batch: usize,
    /// Segments of a step, for text. The memory is kept from step to step.
    pub segments: usize,
    /// Number of steps with summed gradients before a step of the optimizer.
    pub accumulation: usize,
    /// Adam's highest learning rate.
    pub learning_rate: f64,
    /// Optimizer steps until the highest learning rate is reached.
    pub warmup: usize,
    /// How the learning rate decreases until the last step.
    pub decay: Decay,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Maximum norm of the gradients; 0 for no clipping.
    pub clip: f64,
    /// Weight of the loss that teaches what to be reminded of; 0 turns it off. It applies where questions name the
    /// segment that told the answer. The query of a question learns to distinguish that segment's memories from
    /// those of all other segments and rows of a step; with several devices, of the device's rows.
    ///
    /// With several queries, `memory.pooling` of max or a Gaussian correlation lets each find something else. Then a
    /// segment's first question trains its first query, and so on. If a fact is told again, the segment of the earlier
    /// telling is one of the others. The weight has no effect in causal models and in the paper's memory.
    pub contrast: f64,
    /// Epochs without improvement after which a training ends, counted from its last resumption; 0 for never.
    pub patience: usize,
    /// Documents, or steps of text, of the validation after each epoch.
    pub validation: usize,
}

/// How a learning rate decreases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// It stays.
    None,
    /// Half a cosine wave, to zero.
    Cosine,
    /// Linearly, to zero.
    Linear,
}

/// The tests of a model: table `evaluation`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Lengths of the documents as multiples of the trained length. Not for `lm`, which reads a continuous text.
    pub lengths: Vec<u32>,
    /// Documents of each length; for text, steps.
    pub documents: usize,
    /// Rows of a batch.
    pub batch: usize,
    /// Short-term engrams reminded. By default as in training.
    pub num_reminded_stm: Option<usize>,
    /// Maximum number of long-term engrams reminded. By default as in training.
    pub num_final_ltms: Option<usize>,
    /// Lifespan of a new engram, in segments. By default as in training.
    pub initial_lifespan: Option<f32>,
    /// Engrams per row in a store of bounded size. By default as in training.
    pub capacity: Option<usize>,
    /// Whether the memory's events are recorded, for one document or row.
    pub history: bool,
}

impl EvaluationConfig {
    /// Returns the memory configuration for tests, from that of the training.
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

    /// Returns an empty memory for tests of a model.
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
    /// Checks the options that need no other table.
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

    /// Optimizer steps of the whole training.
    pub fn optimizer_steps(&self) -> usize {
        self.epochs * self.epoch_steps.div_ceil(self.accumulation)
    }
}

impl EvaluationConfig {
    /// Checks the options that need no other table.
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
