//! Runs: a folder for each, and their results.
//!
//! ```text
//! OUTPUT/config.toml          what was run, every option with its value
//! OUTPUT/vocabulary.json     the tokens: a word for each, and how text becomes them
//! OUTPUT/results.json         what came of it: see `Results`
//! OUTPUT/CONTEXT-SEED/        one run
//!     metrics.jsonl           an object for each epoch and split: means of loss and accuracy
//!     checkpoint/             of the last two epochs: model-N.bpk, optim-N.bpk, scheduler-N.bpk and, of a model
//!                             with one, memory-N.memoria, the memory that it was trained with
//!     model.bpk               the model as it was trained
//!     result.json             its part of results.json
//!     history.bin             if it is asked for: what happened in the memory in the first of the tests' documents, at
//!                             the greatest length, or in the first row of a text; `memoria analyse` reads it
//!     distances.json          accuracy by how many segments ago something was told, for each length
//! ```

mod compare;
mod experiment;
mod progress;
mod results;
mod saved;
mod side_by_side;
mod svg;
#[cfg(test)]
mod tests;

pub use compare::{Comparison, Line};
pub use experiment::{Experiment, Outcome};
pub use progress::progress_bar;
pub(crate) use results::rounded;
pub use results::{Results, RunResult, Test};
pub use saved::{SavedRun, load_model};
pub use side_by_side::cores;
