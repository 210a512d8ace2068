use burn::{
    config::Config,
    module::Module,
    nn::{LayerNorm, LayerNormConfig},
    tensor::{Device, Tensor},
};
use memoria_core::MemoriaError;

use crate::{
    Abstractor, AbstractorConfig, MemoriaState, MemoryAttention, MemoryAttentionConfig,
    MemoryAttentionInput, Recall,
};

/// Configuration of a [`MemoriaLayer`].
#[derive(Config, Debug)]
pub struct MemoriaLayerConfig {
    /// Size of the hidden states.
    pub d_model: usize,
    /// Heads of the memory attention; divides `d_model`.
    pub n_heads: usize,
    /// Memories made of each segment.
    pub num_memories: usize,
    /// Size between the abstractor's two last linear layers; 4 · `d_model` if not given.
    pub d_ff: Option<usize>,
    /// Dropout rate of the attention weights. Default: 0.1
    #[config(default = 0.1)]
    pub dropout: f64,
    /// The epsilon value for layer normalization. Default: 1e-5
    #[config(default = 1e-5)]
    pub layer_norm_eps: f64,
}

/// A memory for any transformer: abstractor, memory and attention as one residual layer.
///
/// It makes memories of the hidden states it is given, stores them, attends to them and to what they
/// remind of, and lets what was attended to live on. Put it between two blocks of a transformer;
/// several layers need a [`MemoriaState`] each.
///
/// Should be created with [`MemoriaLayerConfig`].
#[derive(Module, Debug)]
pub struct MemoriaLayer {
    /// Makes working memories of hidden states.
    pub abstractor: Abstractor,
    /// Attends to working and, separately, to reminded memories.
    pub attention: MemoryAttention,
    /// Before attending to working memories.
    pub norm_working: LayerNorm,
    /// Before attending to reminded memories.
    pub norm_reminded: LayerNorm,
}

/// Output of [`MemoriaLayer::forward`].
#[derive(Clone, Debug)]
pub struct MemoriaLayerOutput {
    /// `[batch, seq, d_model]`.
    pub hidden: Tensor<3>,
    /// What was attended to.
    pub recall: Recall,
    /// Weights over the reminded memories before dropout, `[batch, n_heads, seq, k]`; `None` if no row
    /// was reminded of anything.
    pub weights: Option<Tensor<4>>,
}

impl MemoriaLayerConfig {
    /// Initializes a [`MemoriaLayer`].
    ///
    /// # Panics
    ///
    /// If `n_heads` does not divide `d_model`.
    pub fn init(&self, device: &Device) -> MemoriaLayer {
        let norm =
            || LayerNormConfig::new(self.d_model).with_epsilon(self.layer_norm_eps).init(device);
        MemoriaLayer {
            abstractor: AbstractorConfig::new(self.d_model, self.num_memories)
                .with_d_ff(self.d_ff)
                .init(device),
            attention: MemoryAttentionConfig::new(self.d_model, self.n_heads)
                .with_dropout(self.dropout)
                .init(device),
            norm_working: norm(),
            norm_reminded: norm(),
        }
    }
}

impl MemoriaLayer {
    /// One segment `[batch, seq, d_model]` through the memory.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::recall`] and [`MemoriaState::reinforce`].
    ///
    /// # Panics
    ///
    /// If the hidden states are not of size `d_model`.
    pub fn forward(
        &self,
        hidden: Tensor<3>,
        memory: &mut MemoriaState,
    ) -> Result<MemoriaLayerOutput, MemoriaError> {
        let recall = memory.recall(self.abstractor.forward(hidden.clone(), None))?;
        let output = self.attend(hidden, recall);
        memory.reinforce(&output.recall, output.weights.clone())?;
        Ok(output)
    }

    /// As [`forward`](Self::forward), but the memory stays as it is: for evaluation and generation.
    ///
    /// # Errors
    ///
    /// As [`MemoriaState::peek`].
    ///
    /// # Panics
    ///
    /// If the hidden states are not of size `d_model`.
    pub fn forward_peek(
        &self,
        hidden: Tensor<3>,
        memory: &mut MemoriaState,
    ) -> Result<MemoriaLayerOutput, MemoriaError> {
        let recall = memory.peek(self.abstractor.forward(hidden.clone(), None))?;
        Ok(self.attend(hidden, recall))
    }

    /// Attends to a recall, without telling the memory.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    pub fn attend(&self, hidden: Tensor<3>, recall: Recall) -> MemoriaLayerOutput {
        let normed = self.norm_working.forward(hidden.clone());
        let input = MemoryAttentionInput::new(normed, recall.working.clone());
        let mut hidden = hidden + self.attention.forward(input).context;
        let mut weights = None;
        match &recall.reminded {
            Some(reminded) => {
                let normed = self.norm_reminded.forward(hidden.clone());
                let input = MemoryAttentionInput::new(normed, reminded.data.clone())
                    .mask_pad(reminded.mask_pad.clone());
                let attended = self.attention.forward(input);
                hidden = hidden + attended.context;
                weights = Some(attended.weights);
            }
            // What a row without memories gets beside one that has some.
            None => hidden = hidden.clone() + self.attention.forward_nothing(&hidden),
        }
        MemoriaLayerOutput { hidden, recall, weights }
    }
}
