use std::{sync::Arc, time::Instant};

use burn::{
    nn::loss::CrossEntropyLossConfig,
    tensor::{Device, ElementConversion},
};
use serde::{Deserialize, Serialize};

use crate::{
    TaskError,
    data::{Split, Text},
    runs::{Test, rounded},
    training::{SegmentModel, Streams},
};

/// What a model has of the segments before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextMode {
    /// Nothing: it has no memory.
    None,
    /// A memory that is carried on through each document.
    Carried,
    /// A memory that is emptied before every segment.
    Wiped,
}

/// Tests a model on the first steps of a text's test split, in so many rows and segments a step. `step` is called
/// with the steps that are done.
///
/// # Errors
///
/// What the memory refuses.
pub fn test_text<M: SegmentModel>(
    model: &M,
    text: &Arc<Text>,
    mode: TextMode,
    [rows, segments, steps]: [usize; 3],
    device: &Device,
    mut step: impl FnMut(usize),
) -> Result<Test, TaskError> {
    let streams = Streams::new(text.clone(), Split::Test, rows, segments);
    let steps = steps.min(streams.steps());
    let mut memory = model.memory()?;
    let (mut loss, mut asked) = (0.0, 0usize);
    let started = Instant::now();
    for index in 0..steps {
        let mut batch = streams.step(index, 0..streams.rows(), device);
        if mode == TextMode::Wiped {
            batch.begins.fill((0..streams.rows()).collect());
        }
        let logits = model.logits(&batch, &mut memory)?;
        let count = batch.questions.len();
        if count > 0 {
            let mean = CrossEntropyLossConfig::new().init(device).forward(logits, batch.answers);
            loss += mean.into_scalar::<f32>().elem::<f64>() * count as f64;
            asked += count;
        }
        step(index + 1);
    }
    let seconds = started.elapsed().as_secs_f64();
    let split = text.split(Split::Test);
    // Of a part of a text the bytes are those of as many tokens of all.
    let bytes = split.bytes() as f64 * asked as f64 / split.len().max(1) as f64;
    Ok(Test::Text {
        mode,
        bits_per_byte: rounded(loss / std::f64::consts::LN_2 / bytes.max(1.0)),
        perplexity: rounded((loss / asked.max(1) as f64).exp()),
        tokens_per_second: rounded(asked as f64 / seconds.max(1e-9)),
    })
}
