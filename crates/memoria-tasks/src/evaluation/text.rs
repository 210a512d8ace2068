use std::{sync::Arc, time::Instant};

use burn::tensor::{Device, activation::log_softmax};
use serde::{Deserialize, Serialize};

use super::{last_seen::LastSeenLosses, rounded};
use crate::{
    TaskError,
    data::{Split, Text},
    model::ContextName,
    runs::Test,
    training::{Batch, CarriedMemory, SegmentModel, Streams},
};

/// What a model has of the previous segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextMode {
    /// Nothing: it has no memory.
    None,
    /// A memory that is kept through each document.
    Carried,
    /// A memory that is emptied before every segment.
    Wiped,
    /// In every row the memory of another row, which reads another part of the text.
    Other,
}

impl TextMode {
    /// Returns the modes in which a model of a context is tested, for a number of rows.
    pub fn of(context: ContextName, rows: usize) -> &'static [Self] {
        match context.has_past() {
            true if rows > 1 => &[Self::Carried, Self::Wiped, Self::Other],
            true => &[Self::Carried, Self::Wiped],
            false => &[Self::None],
        }
    }
}

/// Tests a model with an empty memory on the first steps of a text's test split. The array contains the rows and
/// segments of a step, and the number of steps. `step` is called with the number of steps done. With one row there is
/// no other row's memory.
///
/// # Errors
///
/// Errors of the memory.
pub fn test_text<M: SegmentModel>(
    model: &M,
    mut memory: M::Memory,
    text: &Arc<Text>,
    mode: TextMode,
    [rows, segments, steps]: [usize; 3],
    device: &Device,
    mut step: impl FnMut(usize),
) -> Result<Test, TaskError> {
    // A rotated memory is valid for one segment.
    let segments = if mode == TextMode::Other { 1 } else { segments };
    let streams = Streams::new(text.clone(), Split::Test, rows, segments);
    let steps = steps.min(streams.steps());
    let mut last_seen = LastSeenLosses::new(text, &streams, steps * segments);
    let (mut loss, mut asked) = (0.0, 0usize);
    let started = Instant::now();
    for index in 0..steps {
        let mut batch = streams.step(index, 0..streams.rows(), device);
        if mode == TextMode::Wiped {
            batch.begins.fill((0..streams.rows()).collect());
        }
        let losses = match mode {
            TextMode::Other => {
                let losses = losses(model, &batch, &mut memory.rotated()?)?;
                model.logits(&batch, &mut memory)?;
                losses
            }
            _ => losses(model, &batch, &mut memory)?,
        };
        asked += losses.len();
        for (place, &of_token) in streams.places(index).into_iter().zip(&losses) {
            loss += f64::from(of_token);
            last_seen.add(place, f64::from(of_token));
        }
        step(index + 1);
    }
    let seconds = started.elapsed().as_secs_f64();
    let split = text.split(Split::Test);
    // The bytes of a part of a text are estimated from its number of tokens.
    let bytes = split.bytes() as f64 * asked as f64 / split.len().max(1) as f64;
    Ok(Test::Text {
        mode,
        bits_per_byte: rounded(loss / std::f64::consts::LN_2 / bytes.max(1.0)),
        perplexity: rounded((loss / asked.max(1) as f64).exp()),
        tokens_per_second: rounded(asked as f64 / seconds.max(1e-9)),
        last_seen: last_seen.finish(),
    })
}

/// Computes the loss of each token that a batch asks for, in nats.
fn losses<M: SegmentModel>(
    model: &M,
    batch: &Batch,
    memory: &mut M::Memory,
) -> Result<Vec<f32>, TaskError> {
    let logits = model.logits(batch, memory)?;
    if batch.questions.is_empty() {
        return Ok(Vec::new());
    }
    let answers = batch.answers.clone().unsqueeze_dim(1);
    let losses = log_softmax(logits, 1).gather(1, answers).neg();
    Ok(losses.into_data().iter::<f32>().collect())
}
