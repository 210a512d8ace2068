//! The words that an engram was made of.

use burn::tensor::{Device, activation::softmax};
use memoria_core::EngramId;
use memoria_models::{Encoder, ModelInput};
use memoria_tasks::TaskError;

use super::{
    book::Book,
    reading::{input, without_abstractor},
};

/// The origin of an engram. In a batch of one row, ids count memories page by page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) page: usize,
    /// Index of the memory within its page.
    query: usize,
}

impl Origin {
    pub(crate) fn of(id: EngramId, num_memories: usize) -> Self {
        let id = id.0 as usize;
        Self { page: id / num_memories, query: id % num_memories }
    }
}

/// Finds the words that engrams were made of: it reads their pages again up to the layer that makes memories.
#[derive(Debug)]
pub(crate) struct Finder<'a> {
    book: &'a Book,
    /// The layers below the memory.
    below: Encoder,
    model: &'a Encoder,
    device: &'a Device,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(model: &'a Encoder, book: &'a Book, device: &'a Device) -> Self {
        let mut below = model.clone();
        below.layers.truncate(model.memory_layer_index + 1);
        Self { book, below, model, device }
    }

    /// Returns the token with the highest attention of the abstractor's query, marks excluded: its share of the
    /// attention, and the words around it.
    pub(crate) fn passage(&self, origin: Origin) -> Result<(f32, String), TaskError> {
        let page = &self.book.pages[origin.page];
        let vocab_size = self.below.embeddings.word.weight.dims()[0];
        let input: ModelInput = input(page, vocab_size, self.device)?;
        let hidden = self.below.forward(&input, None)?.hidden;
        let abstractor = self.model.abstractor.as_ref().ok_or_else(without_abstractor)?;
        let keys = abstractor.key_transform.forward(hidden);
        let queries = abstractor.query_embeddings.val();
        let query = queries.narrow(1, origin.query, 1);
        let weights = softmax(query.matmul(keys.swap_dims(1, 2)), 2);
        let weights: Vec<f32> = weights.into_data().iter().collect();
        let words = 1..weights.len() - 1;
        let most = words.max_by(|&a, &b| weights[a].total_cmp(&weights[b])).unwrap_or(1);
        Ok((weights[most], self.book.passage(origin.page, most, 12)))
    }
}
