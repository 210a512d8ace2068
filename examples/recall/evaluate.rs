//! Accuracy by the distance between a fact and its question.

use burn::{data::dataloader::batcher::Batcher, tensor::Device, train::InferenceStep};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::{
    batch::{DocumentBatcher, Documents},
    learning::Learnable,
    options::Options,
};

/// The first test document; tests of several lengths and seeds share none.
const TEST: u64 = 1 << 50;
const BATCH: usize = 64;

/// How often a model was right.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Accuracy {
    /// How many times longer the documents are than those trained on.
    pub(crate) longer: usize,
    /// Index `d`: right answers to questions about a fact told `d` segments ago.
    pub(crate) right: Vec<u32>,
    /// Index `d`: questions about a fact told `d` segments ago.
    pub(crate) asked: Vec<u32>,
}

impl Accuracy {
    /// Over all distances, 0 to 1.
    pub(crate) fn overall(&self) -> f64 {
        ratio(self.right.iter().sum(), self.asked.iter().sum())
    }

    /// By distance, from 1 on.
    pub(crate) fn by_distance(&self) -> impl Iterator<Item = f64> {
        self.right.iter().zip(&self.asked).skip(1).map(|(&right, &asked)| ratio(right, asked))
    }
}

fn ratio(right: u32, asked: u32) -> f64 {
    if asked == 0 { f64::NAN } else { f64::from(right) / f64::from(asked) }
}

/// Tests a model on fresh documents that are `longer` times as long as those it was trained on.
pub(crate) fn test(
    model: &Learnable,
    options: &Options,
    longer: usize,
    seed: u64,
    device: &Device,
) -> Accuracy {
    let sizes = options.documents(longer);
    let first = TEST + (seed << 32) + ((longer as u64) << 24);
    let documents = Documents { sizes, first, count: options.test_documents };
    let progress = ProgressBar::new(options.test_documents as u64)
        .with_style(
            ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        )
        .with_message(format!("testing on documents {longer} times as long"));
    let mut accuracy =
        Accuracy { longer, right: vec![0; sizes.segments], asked: vec![0; sizes.segments] };
    for start in (0..documents.count).step_by(BATCH) {
        let numbers = start..documents.count.min(start + BATCH);
        let batch = numbers.map(|index| sizes.document(documents.first + index as u64)).collect();
        let batch = DocumentBatcher { sizes }.batch(batch, device);
        let distances = batch.distances.clone();
        progress.inc((distances.len() / sizes.segments) as u64);
        let output = InferenceStep::step(model, batch);
        let chosen = output.logits.argmax(2).into_data();
        let targets = output.targets.into_data();
        // Every document's first segment has no question.
        let distances = distances.chunks(sizes.segments).flat_map(|document| &document[1..]);
        for ((chosen, target), &distance) in
            chosen.iter::<i64>().zip(targets.iter::<i64>()).zip(distances)
        {
            accuracy.asked[distance] += 1;
            accuracy.right[distance] += u32::from(chosen == target);
        }
    }
    progress.finish_and_clear();
    accuracy
}
