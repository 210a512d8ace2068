use std::{
    ops::Range,
    sync::{
        Arc,
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

use super::Batch;
use crate::data::{Document, DocumentId, Split, Task};

/// Documents of a task as batches, so many steps an epoch.
///
/// Where a task makes documents, no epoch has those of another; where it has a number of them, training goes
/// through all of them in an order of its own each time.
#[derive(Clone, Debug)]
pub struct DocumentLoader {
    task: Arc<dyn Task>,
    split: Split,
    seed: u64,
    batch: usize,
    /// Epochs of the whole training, over which the stages of a curriculum are spread.
    planned: usize,
    /// Epochs begun.
    epochs: Arc<AtomicUsize>,
    /// Which documents of an epoch.
    items: Range<usize>,
    /// Documents of a whole epoch.
    of_epoch: usize,
    device: Device,
}

impl DocumentLoader {
    /// For training, after so many epochs of those planned that were done before.
    pub fn training(
        task: Arc<dyn Task>,
        seed: u64,
        [batch, epoch_steps]: [usize; 2],
        [epochs_done, planned]: [usize; 2],
        device: &Device,
    ) -> Self {
        let epochs = Arc::new(AtomicUsize::new(epochs_done));
        let of_epoch = batch * epoch_steps;
        let (items, device) = (0..of_epoch, device.clone());
        Self { task, split: Split::Train, seed, batch, planned, epochs, items, of_epoch, device }
    }

    /// For validation: the same ones in every epoch, of the present stage of a curriculum.
    pub fn validation(training: &Self, count: usize) -> Self {
        let count = training.task.documents(Split::Valid).map_or(count, |there| there.min(count));
        // Begun as often as training is, so that both are in the same stage.
        let epochs = Arc::new(AtomicUsize::new(training.epochs.load(Ordering::Relaxed)));
        let split = Split::Valid;
        Self { split, items: 0..count, of_epoch: count, epochs, ..training.clone() }
    }

    fn id(&self, epoch: usize, item: usize, order: &mut Order) -> DocumentId {
        let stages = self.task.stages();
        let stage = (epoch * stages / self.planned.max(1)).min(stages - 1) as u32;
        let index = match (self.split, self.task.documents(self.split)) {
            (Split::Train, None) => epoch * self.of_epoch + item,
            (Split::Train, Some(there)) if there > 0 => {
                let number = epoch * self.of_epoch + item;
                order.place(self.seed, number / there, number % there, there)
            }
            _ => item,
        };
        DocumentId { stage, ..DocumentId::new(self.split, self.seed, index as u64) }
    }
}

/// The order of a pass through all documents, made when the first of them is asked for.
#[derive(Default)]
struct Order {
    pass: usize,
    order: Vec<usize>,
}

impl Order {
    /// The document at a place in a pass.
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
        Box::new(Epoch { loader: self, epoch, next: self.items.start, order: Order::default() })
    }

    fn num_items(&self) -> usize {
        self.items.len()
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<Batch>> {
        Arc::new(Self { device: device.clone(), ..self.clone() })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<Batch>> {
        let first = self.items.start;
        let epochs = Arc::new(AtomicUsize::new(self.epochs.load(Ordering::Relaxed)));
        Arc::new(Self { items: first + start..first + end, epochs, ..self.clone() })
    }
}

/// One epoch.
struct Epoch<'a> {
    loader: &'a DocumentLoader,
    epoch: usize,
    next: usize,
    order: Order,
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let loader = self.loader;
        let items = self.next..loader.items.end.min(self.next + loader.batch);
        if items.is_empty() {
            return None;
        }
        self.next = items.end;
        let mut id = |item| loader.id(self.epoch, item, &mut self.order);
        let documents: Result<Vec<Document>, _> =
            items.map(|item| loader.task.document(id(item))).collect();
        let batch = documents.map(|documents| Batch::of_documents(&documents, &loader.device));
        Some(batch.map_err(DatasetError::new))
    }
}

impl DataLoaderIterator<Batch> for Epoch<'_> {
    fn progress(&self) -> Progress {
        let Range { start, .. } = self.loader.items;
        Progress::new(self.next - start, self.loader.num_items(), Some("documents".into()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{
        TaskError,
        data::{Recall, Rewrite, Segment},
    };

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
        assert_eq!(tokens(&*loader(0).slice(3, 6)), epochs[0][1..]);
    }

    #[test]
    fn stages_are_spread_over_the_epochs() {
        let task = Arc::new(Rewrite { fixed_length: true, ..Rewrite::default() });
        let loader = DocumentLoader::training(task, 0, [1, 1], [0, 16], &Device::flex());
        let lengths: Vec<usize> =
            (0..16).map(|_| loader.iter().next().unwrap().unwrap().begins.len() - 1).collect();
        assert_eq!(lengths, [1, 1, 2, 2, 3, 3, 5, 5, 10, 10, 20, 20, 40, 40, 50, 50]);
    }

    /// Five documents, each of its own token.
    #[derive(Debug)]
    struct Five;

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
            let segment = Segment { tokens: vec![id.index as u32], questions: vec![] };
            Ok(Document { segments: vec![segment] })
        }
    }

    #[test]
    fn all_documents_are_gone_through_before_any_comes_again() {
        let loader = DocumentLoader::training(Arc::new(Five), 0, [2, 5], [0, 1], &Device::flex());
        let tokens: Vec<i64> = tokens(&loader).concat();
        for pass in tokens.chunks(5) {
            assert_eq!(pass.iter().collect::<HashSet<_>>().len(), 5);
        }
        assert_ne!(tokens[..5], tokens[5..]);
    }
}
