//! Configurations of runs, in TOML: the task, the model, and its training. The tables are:
//!
//! | table | content |
//! |---|---|
//! | `task` | the name of a task |
//! | `data` | the task's own options: see [`data`](crate::data) |
//! | `model` | [`ModelConfig`](crate::model::ModelConfig) |
//! | `memory` | [`MemoryConfig`] |
//! | `training` | [`TrainingConfig`] |
//! | `evaluation` | [`EvaluationConfig`] |

mod memory;
mod run;
mod shipped;
mod task;
mod training;
mod values;

pub use memory::{CorrelationName, MemoryConfig};
pub use run::{RunConfig, set};
pub use shipped::{SHIPPED, Shipped};
pub use task::{Loaded, Sizes, TaskConfig, TaskName};
pub use training::{Decay, EvaluationConfig, TrainingConfig};
