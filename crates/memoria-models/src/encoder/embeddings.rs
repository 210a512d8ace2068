use burn::{
    module::Module,
    nn::{Dropout, Embedding, LayerNorm, LayerNormConfig, Linear},
    tensor::{Device, Int, Tensor},
};
use memoria_nn::{apply_dropout, init_dropout};

use super::{EncoderConfig, EncoderKind};
use crate::{ModelInput, init::Normal, input::Limits};

/// Token, position and token type embeddings of an [`Encoder`](super::Encoder).
#[derive(Module, Debug)]
pub struct EncoderEmbeddings {
    /// Of tokens.
    pub word: Embedding,
    /// Of positions.
    pub position: Embedding,
    /// Of token types.
    pub token_type: Embedding,
    /// Of their sum.
    pub norm: LayerNorm,
    /// Of their sum, normalized.
    pub dropout: Dropout,
    /// To the size of the hidden states, where that differs.
    pub projection: Option<Linear>,
    /// The token that RoBERTa counts no position for, −1 for none, and after which its positions begin;
    /// `None` in BERT, which counts all positions from 0.
    pub uncounted: Option<i64>,
}

impl EncoderEmbeddings {
    pub(crate) fn new(config: &EncoderConfig, device: &Device) -> Self {
        let size = config.d_embedding();
        let normal = Normal::new(config.initializer_range);
        Self {
            word: normal.embedding(config.vocab_size, size, device),
            position: normal.embedding(config.max_position_embeddings, size, device),
            token_type: normal.embedding(config.type_vocab_size, size, device),
            norm: LayerNormConfig::new(size).with_epsilon(config.layer_norm_eps).init(device),
            dropout: init_dropout(config.hidden_dropout_prob),
            projection: (size != config.hidden_size)
                .then(|| normal.linear(size, config.hidden_size, device)),
            uncounted: match config.kind {
                EncoderKind::Bert => None,
                EncoderKind::Roberta => Some(config.pad_token_id),
            },
        }
    }

    /// Tokens that there are positions for.
    pub(crate) fn max_tokens(&self) -> usize {
        let positions = self.position.weight.lazy_shape()[0];
        positions - self.uncounted.map_or(0, |pad| (pad + 1) as usize)
    }

    /// What the numbers of an input must be below.
    pub(crate) fn limits(&self) -> Limits {
        let count = |embedding: &Embedding| embedding.weight.lazy_shape()[0];
        Limits {
            tokens: count(&self.word),
            token_types: count(&self.token_type),
            positions: count(&self.position),
            max_tokens: self.max_tokens(),
            before: 0,
        }
    }

    pub(crate) fn forward(&self, input: &ModelInput) -> Tensor<3> {
        let ids = &input.input_ids;
        let words = self.word.forward(ids.clone());
        let positions = match &input.position_ids {
            Some(positions) => self.position.forward(positions.clone()),
            None => self.position.forward(self.positions(ids)),
        };
        let token_types = match &input.token_type_ids {
            Some(token_types) => self.token_type.forward(token_types.clone()),
            None => self.token_type.weight.val().narrow(0, 0, 1).unsqueeze::<3>(),
        };
        let hidden = self.norm.forward(words + token_types + positions);
        let hidden = apply_dropout(&self.dropout, hidden);
        match &self.projection {
            Some(projection) => projection.forward(hidden),
            None => hidden,
        }
    }

    /// `[1, seq]`, or `[batch, seq]` where it depends on the tokens.
    fn positions(&self, ids: &Tensor<2, Int>) -> Tensor<2, Int> {
        let [_, seq] = ids.dims();
        match self.uncounted {
            None => Tensor::<1, Int>::arange(0..seq as i64, &ids.device()).unsqueeze::<2>(),
            Some(pad) => {
                let counted = ids.clone().not_equal_elem(pad).int();
                counted.clone().cumsum(1) * counted + pad
            }
        }
    }
}
