//! Documents by the batch.

use burn::{
    data::{
        dataloader::batcher::Batcher,
        dataset::{Dataset, DatasetError},
    },
    tensor::{Device, Int, Tensor, TensorData},
};

use crate::document::{Document, DocumentSizes};

/// Documents with consecutive numbers.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) sizes: DocumentSizes,
    pub(crate) first: u64,
    pub(crate) count: usize,
}

impl Dataset<Document> for Documents {
    fn get(&self, index: usize) -> Result<Document, DatasetError> {
        Ok(self.sizes.document(self.first + index as u64))
    }

    fn len(&self) -> usize {
        self.count
    }
}

/// Makes tensors of documents.
#[derive(Clone, Debug)]
pub(crate) struct DocumentBatcher {
    pub(crate) sizes: DocumentSizes,
}

/// Several documents of equal sizes.
#[derive(Clone, Debug)]
pub(crate) struct DocumentBatch {
    /// `[batch, segments, segment_length]`.
    pub(crate) tokens: Tensor<3, Int>,
    /// `[batch, segments]`.
    pub(crate) answers: Tensor<2, Int>,
    /// `batch × segments`, row by row.
    pub(crate) distances: Vec<usize>,
}

impl Batcher<Document, DocumentBatch> for DocumentBatcher {
    fn batch(&self, documents: Vec<Document>, device: &Device) -> DocumentBatch {
        let (batch, sizes) = (documents.len(), self.sizes);
        let tokens: Vec<i64> = documents.iter().flat_map(|d| &d.tokens).copied().collect();
        let answers: Vec<i64> = documents.iter().flat_map(|d| &d.answers).copied().collect();
        let shape = [batch, sizes.segments, sizes.segment_length];
        DocumentBatch {
            tokens: Tensor::from_data(TensorData::new(tokens, shape), device),
            answers: Tensor::from_data(TensorData::new(answers, [batch, sizes.segments]), device),
            distances: documents.into_iter().flat_map(|d| d.distances).collect(),
        }
    }
}
