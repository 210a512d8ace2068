use std::time::Instant;

use burn::tensor::{Device, Tensor};

use super::Score;
use crate::{
    TaskError,
    config::EvaluationConfig,
    data::{Document, DocumentId, Measure, Split, Task},
    model::ContextModel,
    runs::{Test, rounded},
    training::Batch,
};

/// Maximum number of places of a batch: a step needs some thousand bytes for each.
pub(super) const PLACES: usize = 1 << 14;

/// Tests a model on documents of a multiple of the trained length. Every batch begins with an empty
/// memory. `step` is called with the number of documents done.
///
/// # Errors
///
/// If there are no such documents; errors of the memory.
pub fn test_documents<M: ContextModel>(
    model: &M,
    task: &dyn Task,
    config: &EvaluationConfig,
    longer: u32,
    seed: u64,
    device: &Device,
    mut step: impl FnMut(usize),
) -> Result<(Test, Score), TaskError> {
    let there = task.documents(Split::Test).unwrap_or(usize::MAX);
    let count = config.documents.min(there);
    let mut score = Score::default();
    let [mut stored, mut reminded, mut places] = [0; 3];
    let (mut bytes, mut seconds) = (0, 0.0);
    for first in (0..count).step_by(config.batch) {
        let numbers = first..count.min(first + config.batch);
        let id = |index| DocumentId::new(Split::Test, seed, index as u64).longer(longer);
        let documents: Vec<Document> =
            numbers.clone().map(|index| task.document(id(index))).collect::<Result<_, _>>()?;
        let memory = &mut config.memory_of(model)?;
        let mut by_document = vec![(Vec::new(), None); documents.len()];
        let started = Instant::now();
        for batch in Batch::parts(&documents, PLACES, device) {
            let logits = model.logits(&batch, memory)?;
            match task.measure() {
                Measure::Documents => add_up(&batch, logits, &mut by_document),
                measure => score.count(measure, &batch.questions, &pairs(&batch, logits)),
            }
            places += batch.tokens.dims().iter().product::<usize>();
        }
        seconds += started.elapsed().as_secs_f64();
        for (sum, right) in by_document {
            let chosen = (0..sum.len()).max_by(|&a: &usize, &b| f32::total_cmp(&sum[a], &sum[b]));
            if let (Some(chosen), Some(right)) = (chosen, right) {
                score.class([chosen as i64, right]);
            }
        }
        stored += memory.stored()? * numbers.len();
        reminded += memory.reminded() * numbers.len();
        bytes += memory.bytes();
        step(numbers.end);
    }
    let mean = |sum: usize| (sum + count / 2) / count.max(1);
    let accuracy = rounded(score.accuracy());
    let test = match score.macro_f1() {
        Some(macro_f1) => Test::Classes { accuracy, macro_f1: rounded(macro_f1) },
        None => Test::Questions {
            length: longer,
            stored: mean(stored),
            reminded: mean(reminded),
            accuracy,
            bytes: bytes / count.max(1) as u64,
            ms_per_token: rounded(1e3 * seconds / places.max(1) as f64),
        },
    };
    Ok((test, score))
}

/// Returns the chosen and the right token for each asked place.
fn pairs(batch: &Batch, logits: Tensor<2>) -> Vec<[i64; 2]> {
    let chosen = logits.argmax(1).into_data();
    let right = batch.answers.to_data();
    chosen.iter::<i64>().zip(right.iter::<i64>()).map(|(chosen, right)| [chosen, right]).collect()
}

/// Adds the logits of each document's questions to its sums, and sets the answer.
fn add_up(batch: &Batch, logits: Tensor<2>, sums: &mut [(Vec<f32>, Option<i64>)]) {
    let [_, vocabulary] = logits.dims();
    let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let answers: Vec<i64> = batch.answers.to_data().iter::<i64>().collect();
    for ((question, logits), answer) in
        batch.questions.iter().zip(logits.chunks(vocabulary)).zip(answers)
    {
        let (sum, right) = &mut sums[question.row];
        sum.resize(vocabulary, 0.0);
        sum.iter_mut().zip(logits).for_each(|(sum, logit)| *sum += logit);
        *right = Some(answer);
    }
}
