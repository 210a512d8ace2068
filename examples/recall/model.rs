//! A small transformer with a memory between its blocks.

use burn::{
    config::Config,
    module::Module,
    nn::{
        Embedding, EmbeddingConfig, LayerNorm, LayerNormConfig, Linear, LinearConfig,
        transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput},
    },
    tensor::{Device, Int, Tensor},
};
use memoria::{
    MemoriaError,
    nn::{MemoriaLayer, MemoriaLayerConfig, MemoriaState},
};

/// Sizes of the model.
#[derive(Config, Debug)]
pub(crate) struct RecallModelConfig {
    pub(crate) vocabulary: usize,
    pub(crate) values: usize,
    pub(crate) segment_length: usize,
    pub(crate) d_model: usize,
    pub(crate) n_heads: usize,
    pub(crate) num_memories: usize,
    /// Blocks below the memory.
    #[config(default = 1)]
    pub(crate) lower: usize,
    /// Blocks above the memory.
    #[config(default = 1)]
    pub(crate) upper: usize,
    /// Whether there is a memory between the blocks.
    #[config(default = true)]
    pub(crate) remembers: bool,
}

/// Burn's transformer blocks with a memory in the middle, and an answer at the last token.
#[derive(Module, Debug)]
pub(crate) struct RecallModel {
    tokens: Embedding,
    positions: Embedding,
    lower: TransformerEncoder,
    memory: Option<MemoriaLayer>,
    upper: TransformerEncoder,
    norm: LayerNorm,
    answer: Linear,
}

impl RecallModelConfig {
    pub(crate) fn init(&self, device: &Device) -> RecallModel {
        let blocks = |count| {
            TransformerEncoderConfig::new(self.d_model, 4 * self.d_model, self.n_heads, count)
                .with_dropout(0.0)
                .with_norm_first(true)
                .init(device)
        };
        // Questions are answered from the whole segment, as in an encoder.
        let memory =
            MemoriaLayerConfig::bidirectional(self.d_model, self.n_heads, self.num_memories)
                .paper()
                .with_dropout(0.0);
        RecallModel {
            tokens: EmbeddingConfig::new(self.vocabulary, self.d_model).init(device),
            positions: EmbeddingConfig::new(self.segment_length, self.d_model).init(device),
            lower: blocks(self.lower),
            memory: self.remembers.then(|| memory.init(device)),
            upper: blocks(self.upper),
            norm: LayerNormConfig::new(self.d_model).init(device),
            answer: LinearConfig::new(self.d_model, self.values).init(device),
        }
    }
}

impl RecallModel {
    /// Answers the questions of whole documents `[batch, segments, segment_length]`:
    /// logits `[batch, segments, values]`.
    ///
    /// The blocks see one segment at a time, all of them in one batch since they share nothing; only
    /// the memory goes from segment to segment.
    pub(crate) fn forward(
        &self,
        documents: Tensor<3, Int>,
        memory: &mut MemoriaState,
    ) -> Result<Tensor<3>, MemoriaError> {
        let [batch, segments, length] = documents.dims();
        let positions =
            Tensor::<1, Int>::arange(0..length as i64, &documents.device()).unsqueeze::<2>();
        let tokens = documents.swap_dims(0, 1).reshape([segments * batch, length]);
        let hidden = self.tokens.forward(tokens) + self.positions.forward(positions);
        let mut hidden = self.lower.forward(TransformerEncoderInput::new(hidden));
        if let Some(layer) = &self.memory {
            let remembered: Result<Vec<_>, MemoriaError> = hidden
                .chunk(segments, 0)
                .into_iter()
                .map(|segment| Ok(layer.forward(segment, memory)?.hidden))
                .collect();
            hidden = Tensor::cat(remembered?, 0);
        }
        let hidden = self.upper.forward(TransformerEncoderInput::new(hidden));
        let d_model = hidden.dims()[2];
        let last = hidden.narrow(1, length - 1, 1).reshape([segments, batch, d_model]);
        Ok(self.answer.forward(self.norm.forward(last)).swap_dims(0, 1))
    }
}
