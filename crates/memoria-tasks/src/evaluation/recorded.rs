use std::sync::Arc;

use burn::tensor::Device;
use memoria_core::history::History;

use super::documents::PLACES;
use crate::{
    TaskError,
    config::EvaluationConfig,
    data::{DocumentId, Split, Task, Text},
    model::{ContextMemory, ContextModel},
    training::{Batch, Streams},
};

/// Records the events in a model's memory while it reads the first test document, at a multiple of the trained length.
/// It has one row; more rows would show the same. `None` for a model without memory.
///
/// # Errors
///
/// If there is no such document; errors of the memory.
pub fn record_document<M: ContextModel>(
    model: &M,
    task: &dyn Task,
    config: &EvaluationConfig,
    longer: u32,
    seed: u64,
    device: &Device,
) -> Result<Option<History>, TaskError> {
    let document = task.document(DocumentId::new(Split::Test, seed, 0).longer(longer))?;
    record(&mut config.memory_of(model)?, |memory| {
        for batch in Batch::parts(&[document], PLACES, device) {
            model.logits(&batch, memory)?;
        }
        Ok(())
    })
}

/// As [`record_document`], for the first row of a text's test split: some steps of some segments. `step` is called with
/// the number of steps done.
///
/// # Errors
///
/// Errors of the memory.
pub fn record_text<M: ContextModel>(
    model: &M,
    text: &Arc<Text>,
    config: &EvaluationConfig,
    [segments, steps]: [usize; 2],
    device: &Device,
    mut step: impl FnMut(usize),
) -> Result<Option<History>, TaskError> {
    let streams = Streams::new(text.clone(), Split::Test, config.batch, segments);
    record(&mut config.memory_of(model)?, |memory| {
        for index in 0..steps.min(streams.steps()) {
            model.logits(&streams.step(index, 0..1, device), memory)?;
            step(index + 1);
        }
        Ok(())
    })
}

fn record(
    memory: &mut ContextMemory,
    read: impl FnOnce(&mut ContextMemory) -> Result<(), TaskError>,
) -> Result<Option<History>, TaskError> {
    let Some(state) = memory.memory() else { return Ok(None) };
    state.record_history(true);
    read(memory)?;
    let Some(state) = memory.memory() else { return Ok(None) };
    Ok(Some(state.history()?))
}
