use std::{
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use burn::{
    data::{
        dataloader::{DataLoader, DataLoaderIterator, Progress},
        dataset::DatasetError,
    },
    tensor::Device,
};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{Batch, StepRows};
use crate::{
    TaskError,
    data::{Document, DocumentId, Split, Task},
};

/// Batches of a task's documents, with a fixed number of steps per epoch.
///
/// If a task makes its documents, each epoch has new ones. If a task has a fixed number of documents, training passes
/// through all of them, each time in a new order.
#[derive(Clone, Debug)]
pub struct DocumentLoader {
    task: Arc<dyn Task>,
    split: Split,
    seed: u64,
    batch: usize,
    /// Number of epochs of the whole training; the stages of a curriculum share them evenly.
    planned: usize,
    /// Lengths as multiples of the task's length; they share the epochs likewise.
    growth: Arc<[u32]>,
    /// Number of epochs begun.
    epochs: Arc<AtomicUsize>,
    /// Documents per epoch.
    of_epoch: usize,
    /// The rows of every step that this loader has.
    rows: StepRows,
    /// The last step made: with several devices each loader takes its rows of it.
    made: Arc<Mutex<Option<Step>>>,
    device: Device,
}

/// All documents of a step.
#[derive(Clone, Debug)]
struct Step {
    epoch: usize,
    number: usize,
    documents: Arc<[Document]>,
}

impl DocumentLoader {
    /// Creates a loader for training that continues after `epochs_done` of the planned epochs.
    pub fn training(
        task: Arc<dyn Task>,
        seed: u64,
        [batch, epoch_steps]: [usize; 2],
        [epochs_done, planned]: [usize; 2],
        device: &Device,
    ) -> Self {
        let epochs = Arc::new(AtomicUsize::new(epochs_done));
        let (rows, of_epoch) = (StepRows::all(batch), batch * epoch_steps);
        let (split, made, device) = (Split::Train, Arc::default(), device.clone());
        let growth = Arc::new([1]);
        Self { task, split, seed, batch, planned, growth, epochs, of_epoch, rows, made, device }
    }

    /// Sets the lengths of documents in each part of the training, as multiples of the task's length. The default is 1.
    /// An empty list changes nothing.
    pub fn growth(mut self, growth: &[u32]) -> Self {
        if !growth.is_empty() {
            self.growth = growth.into();
        }
        self
    }

    /// Creates a loader for validation: the same documents in every epoch, of the current stage of a curriculum.
    pub fn validation(training: &Self, count: usize) -> Self {
        let count = training.task.documents(Split::Valid).map_or(count, |there| there.min(count));
        // Same epoch as the training, so that both are in the same stage.
        let epochs = Arc::new(AtomicUsize::new(training.epochs.load(Ordering::Relaxed)));
        let (split, rows, made) = (Split::Valid, StepRows::all(training.batch), Arc::default());
        Self { split, of_epoch: count, epochs, rows, made, ..training.clone() }
    }

    /// The documents of a step, counted within the epoch.
    fn items(&self, step: usize) -> Range<usize> {
        let first = (step * self.batch).min(self.of_epoch);
        first..self.of_epoch.min(first + self.batch)
    }

    /// The rows of a step that this loader has.
    fn rows(&self, step: usize) -> Range<usize> {
        let (rows, there) = (&self.rows.range, self.items(step).len());
        rows.start.min(there)..rows.end.min(there)
    }

    fn id(&self, epoch: usize, item: usize, order: &mut Order) -> DocumentId {
        let part = |parts: usize| (epoch * parts / self.planned.max(1)).min(parts - 1);
        let stage = part(self.task.stages()) as u32;
        let longer = self.growth[part(self.growth.len())];
        let index = match (self.split, self.task.documents(self.split)) {
            (Split::Train, None) => epoch * self.of_epoch + item,
            (Split::Train, Some(there)) if there > 0 => {
                let number = epoch * self.of_epoch + item;
                order.place(self.seed, number / there, number % there, there)
            }
            _ => item,
        };
        DocumentId { stage, longer, ..DocumentId::new(self.split, self.seed, index as u64) }
    }
}

/// The order of one pass through all documents, made at its first use.
#[derive(Default)]
struct Order {
    pass: usize,
    order: Vec<usize>,
}

impl Order {
    /// Returns the document at a place in a pass.
    fn place(&mut self, seed: u64, pass: usize, place: usize, there: usize) -> usize {
        if self.order.is_empty() || self.pass != pass {
            self.pass = pass;
            self.order = (0..there).collect();
            let seed = seed.wrapping_add((pass as u64) << 32);
            self.order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        }
        self.order[place]
    }
}

impl DataLoader<Batch> for DocumentLoader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<Batch> + 'a> {
        let epoch = self.epochs.fetch_add(1, Ordering::Relaxed);
        Box::new(Epoch { loader: self, epoch, step: 0, done: 0, order: Order::default() })
    }

    fn num_items(&self) -> usize {
        let whole = self.of_epoch / self.batch.max(1);
        whole * self.rows.range.len() + self.rows(whole).len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    /// Returns a loader of some rows for all steps; items are counted row by row.
    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        let rows = self.rows.slice(start..end, self.num_items());
        let epochs = Arc::new(AtomicUsize::new(self.epochs.load(Ordering::Relaxed)));
        Arc::new(Self { rows, epochs, ..self.clone() })
    }
}

/// One epoch.
struct Epoch<'a> {
    loader: &'a DocumentLoader,
    epoch: usize,
    /// The next step.
    step: usize,
    /// Number of batches returned.
    done: usize,
    order: Order,
}

impl Epoch<'_> {
    /// Returns the documents of the next step, for all rows.
    fn documents(&mut self) -> Result<Arc<[Document]>, TaskError> {
        let (loader, epoch, number) = (self.loader, self.epoch, self.step);
        let mut made = loader.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(step) = &*made
            && (step.epoch, step.number) == (epoch, number)
        {
            return Ok(step.documents.clone());
        }
        let mut document = |item| loader.task.document(loader.id(epoch, item, &mut self.order));
        let documents: Result<Arc<[Document]>, _> =
            loader.items(number).map(&mut document).collect();
        let documents = documents?;
        *made = Some(Step { epoch, number, documents: documents.clone() });
        Ok(documents)
    }
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let loader = self.loader;
        let rows = loader.rows(self.step);
        if rows.is_empty() {
            return None;
        }
        let documents = self.documents();
        self.step += 1;
        self.done += rows.len();
        let batch = documents.map(|all| Batch::of_step(&all, rows, &loader.device));
        Some(batch.map_err(DatasetError::new))
    }
}

impl DataLoaderIterator<Batch> for Epoch<'_> {
    fn progress(&self) -> Progress {
        Progress::new(self.done, self.loader.num_items(), Some("documents".into()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use burn::tensor::Tensor;

    use super::*;
    use crate::data::{Question, Recall, Rewrite, Segment};

    fn tokens(loader: &dyn DataLoader<Batch>) -> Vec<Vec<i64>> {
        let tokens = |batch: Batch| batch.tokens.to_data().iter::<i64>().collect();
        loader.iter().map(Result::unwrap).map(tokens).collect()
    }

    #[test]
    fn epochs_have_documents_of_their_own() {
        let loader = |done| {
            let task = Arc::new(Recall::default());
            DocumentLoader::training(task, 1, [3, 2], [done, 10], &Device::flex())
        };
        let first = loader(0);
        let epochs = [tokens(&first), tokens(&first), tokens(&first)];
        assert_eq!(epochs.iter().flatten().collect::<HashSet<_>>().len(), 6);
        assert_eq!(tokens(&loader(2)), epochs[2]);
        let validation = DocumentLoader::validation(&first, 5);
        assert_eq!(validation.num_items(), 5);
        assert_eq!(tokens(&validation), tokens(&validation));
        assert!(!epochs[0].contains(&tokens(&validation)[0]));
    }

    #[test]
    fn every_device_has_its_rows_of_each_step() {
        let whole = |task: &Arc<Five>, done| {
            DocumentLoader::training(task.clone(), 0, [3, 4], [done, 10], &Device::flex())
        };
        let [task, other] = [(); 2].map(|()| Arc::new(Five::default()));
        let loader = whole(&task, 0);
        assert_eq!(loader.num_items(), 12);
        let slices = [(0, 6), (6, 12)].map(|(start, end)| loader.slice(start, end));
        assert_eq!(slices.each_ref().map(|slice| slice.num_items()), [4, 8]);
        for epoch in 0..2 {
            let mut parts = slices.each_ref().map(|slice| slice.iter());
            for expected in tokens(&whole(&other, epoch)) {
                let parts = parts.each_mut().map(|part| part.next().unwrap().unwrap());
                let rows: Vec<usize> =
                    parts.iter().flat_map(|part| part.step_rows.range.clone()).collect();
                assert_eq!(rows, [0, 1, 2]);
                assert!((parts.iter().map(Batch::share).sum::<f64>() - 1.0).abs() < 1e-12);
                let tokens = Tensor::cat(parts.map(|part| part.tokens).to_vec(), 1);
                assert_eq!(tokens.into_data().iter::<i64>().collect::<Vec<_>>(), expected);
            }
            assert!(parts.each_ref().map(|part| part.progress().is_completed()) == [true; 2]);
            assert!(parts.iter_mut().all(|part| part.next().is_none()));
        }
        // Each document was made once.
        assert_eq!(task.made.load(Ordering::Relaxed), 24);
    }

    #[test]
    fn stages_are_spread_over_the_epochs() {
        let task = Arc::new(Rewrite { fixed_length: true, ..Rewrite::default() });
        let loader = DocumentLoader::training(task, 0, [1, 1], [0, 16], &Device::flex());
        let lengths: Vec<usize> =
            (0..16).map(|_| loader.iter().next().unwrap().unwrap().begins.len() - 1).collect();
        assert_eq!(lengths, [1, 1, 2, 2, 3, 3, 5, 5, 10, 10, 20, 20, 40, 40, 50, 50]);
    }

    #[test]
    fn documents_grow_over_the_epochs() {
        let loader = DocumentLoader::training(
            Arc::new(Recall::default()),
            0,
            [1, 1],
            [1, 6],
            &Device::flex(),
        )
        .growth(&[1, 1, 3]);
        let validation = DocumentLoader::validation(&loader, 1);
        for loader in [&loader, &validation] {
            let lengths: Vec<usize> =
                (1..6).map(|_| loader.iter().next().unwrap().unwrap().tokens.dims()[0]).collect();
            assert_eq!(lengths, [8, 8, 8, 24, 24]);
        }
    }

    /// Five documents; each has its own token.
    #[derive(Debug, Default)]
    struct Five {
        made: AtomicUsize,
    }

    impl Task for Five {
        fn vocabulary(&self) -> usize {
            5
        }

        fn segment_length(&self) -> usize {
            1
        }

        fn documents(&self, _split: Split) -> Option<usize> {
            Some(5)
        }

        fn document(&self, id: DocumentId) -> Result<Document, TaskError> {
            self.made.fetch_add(1, Ordering::Relaxed);
            let token = id.index as u32;
            let question = Question { at: 0, answer: vec![token], told: None, via: None };
            // Document n has n questions.
            let questions = vec![question; id.index as usize];
            let segment = Segment { tokens: vec![token], questions };
            Ok(Document { segments: vec![segment] })
        }
    }

    #[test]
    fn all_documents_are_gone_through_before_any_comes_again() {
        let task = Arc::new(Five::default());
        let loader = DocumentLoader::training(task, 0, [2, 5], [0, 1], &Device::flex());
        let tokens: Vec<i64> = tokens(&loader).concat();
        for pass in tokens.chunks(5) {
            assert_eq!(pass.iter().collect::<HashSet<_>>().len(), 5);
        }
        assert_ne!(tokens[..5], tokens[5..]);
    }
}
