use burn::{
    module::Module,
    nn::{Dropout, Linear},
    tensor::{Device, Tensor, activation::tanh},
};
use memoria_nn::{Recall, apply_dropout, init_dropout};

use super::{Encoder, EncoderConfig, EncoderKind, model::first_token};
use crate::{ModelError, ModelInput, ModelMemory, init::Normal};

/// An encoder with a classification head, plain or with a memory: BERT's and RoBERTa's
/// `ForSequenceClassification`.
///
/// The head is the pooler and one more linear layer. What BERT calls the encoder's pooler is RoBERTa's
/// `classifier.dense`, which has dropout before it, too.
///
/// Should be created with [`EncoderConfig`].
#[derive(Module, Debug)]
pub struct SequenceClassifier {
    /// The model below the head, with the pooler.
    pub encoder: Encoder,
    /// Dropout around the pooler.
    pub dropout: Dropout,
    /// To logits.
    pub classifier: Linear,
    /// Whether there is dropout before the pooler.
    pub drops_before_pooling: bool,
}

/// Output of [`SequenceClassifier::forward`].
#[derive(Clone, Debug)]
pub struct ClassifierOutput {
    /// Scores of the labels, `[batch, num_labels]`.
    pub logits: Tensor<2>,
    /// Hidden states after the last layer, `[batch, seq, hidden_size]`.
    pub hidden: Tensor<3>,
    /// What the segment was reminded of; `None` without memory.
    pub recall: Option<Recall>,
    /// Lifespan gains of the reminded memories, `[batch, k]`, in the order of their ids; `None` if no
    /// row was reminded of anything.
    pub gains: Option<Tensor<2>>,
}

impl SequenceClassifier {
    pub(crate) fn new(config: &EncoderConfig, device: &Device) -> Self {
        let normal = Normal::new(config.initializer_range);
        Self {
            encoder: Encoder::new(config, device),
            dropout: init_dropout(config.classifier_rate()),
            classifier: normal.linear(config.hidden_size, config.num_labels, device),
            drops_before_pooling: config.kind == EncoderKind::Roberta,
        }
    }

    /// One segment, with the memory of those before it if the model has one; see [`Encoder::forward`].
    ///
    /// # Errors
    ///
    /// As [`Encoder::forward`].
    pub fn forward(
        &self,
        input: &ModelInput,
        memory: Option<&mut ModelMemory>,
    ) -> Result<ClassifierOutput, ModelError> {
        let output = self.encoder.forward(input, memory)?;
        let mut first = first_token(output.hidden.clone());
        if self.drops_before_pooling {
            first = apply_dropout(&self.dropout, first);
        }
        let pooled = apply_dropout(&self.dropout, tanh(self.encoder.pooler.forward(first)));
        Ok(ClassifierOutput {
            logits: self.classifier.forward(pooled),
            hidden: output.hidden,
            recall: output.recall,
            gains: output.gains,
        })
    }
}
