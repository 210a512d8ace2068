use burn::{
    config::Config,
    module::Module,
    nn::{LayerNorm, LayerNormConfig},
    tensor::{Bool, Device, Tensor},
};
use memoria_core::MemoriaError;

use crate::{
    Abstractor, AbstractorConfig, MemoriaState, MemoryAttention, MemoryAttentionConfig,
    MemoryAttentionInput, Recall, rows_of_padding,
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

/// Input of [`MemoriaLayer::forward`]: hidden states alone, or with padding.
#[derive(Clone, Debug)]
pub struct MemoriaLayerInput {
    /// `[batch, seq, d_model]`.
    pub hidden: Tensor<3>,
    /// `[batch, seq]`, true for padding.
    pub mask_pad: Option<Tensor<2, Bool>>,
}

impl MemoriaLayerInput {
    /// Hidden states `[batch, seq, d_model]`, none of which is padding.
    pub fn new(hidden: Tensor<3>) -> Self {
        Self { hidden, mask_pad: None }
    }

    /// Takes positions for padding where `mask_pad` `[batch, seq]` is true.
    pub fn mask_pad(mut self, mask_pad: Tensor<2, Bool>) -> Self {
        self.mask_pad = Some(mask_pad);
        self
    }
}

impl From<Tensor<3>> for MemoriaLayerInput {
    fn from(hidden: Tensor<3>) -> Self {
        Self::new(hidden)
    }
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
    /// One segment `[batch, seq, d_model]` through the memory, given as hidden states or as
    /// [`MemoriaLayerInput`].
    ///
    /// Padding makes no memories and no lifespan, and a row of nothing else takes no part in the step: it
    /// keeps what it holds, and no time passes for it. What comes out of padding says nothing. Costs what
    /// [`MemoriaState::recall`] does, and with padding one device round trip more.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::{Bool, Device, Distribution, Tensor};
    /// use memoria_core::MemoriaConfig;
    /// use memoria_nn::{MemoriaLayerConfig, MemoriaLayerInput, MemoriaStateConfig};
    ///
    /// # fn main() -> Result<(), memoria_core::MemoriaError> {
    /// let device = Device::flex();
    /// let layer = MemoriaLayerConfig::new(64, 4, 8).init(&device);
    /// let mut memory = MemoriaStateConfig::new(MemoriaConfig::new(4, 16, 5, 3.0, 4)).init()?;
    /// let hidden = Tensor::<3>::random([2, 3, 64], Distribution::Default, &device);
    /// let padding = Tensor::<2, Bool>::from_data([[false, false, true], [true, true, true]], &device);
    /// layer.forward(MemoriaLayerInput::new(hidden).mask_pad(padding), &mut memory)?;
    /// assert_eq!(memory.state()?.row(0)?.engrams().count(), 8);
    /// assert_eq!(memory.state()?.row(1)?.engrams().count(), 0);
    /// # Ok(()) } main().unwrap(); }
    /// ```
    ///
    /// # Errors
    ///
    /// [`MemoriaError::EmptyDimension`] for a segment without positions; as [`MemoriaState::recall`] and
    /// [`MemoriaState::reinforce`].
    ///
    /// # Panics
    ///
    /// If the hidden states are not of size `d_model`, or the padding not of their batch and length.
    pub fn forward(
        &self,
        input: impl Into<MemoriaLayerInput>,
        memory: &mut MemoriaState,
    ) -> Result<MemoriaLayerOutput, MemoriaError> {
        let input = input.into();
        let (working, absent) = self.abstracted(&input)?;
        let recall = memory.recall_without(working, &absent)?;
        let output = self.attend(input.hidden, recall);
        let weights = output.weights.clone();
        memory.reinforce_except(&output.recall, weights, input.mask_pad.as_ref())?;
        Ok(output)
    }

    /// As [`forward`](Self::forward), but the memory stays as it is: for evaluation and generation.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::EmptyDimension`] for a segment without positions; as [`MemoriaState::peek`].
    ///
    /// # Panics
    ///
    /// As [`forward`](Self::forward).
    pub fn forward_peek(
        &self,
        input: impl Into<MemoriaLayerInput>,
        memory: &mut MemoriaState,
    ) -> Result<MemoriaLayerOutput, MemoriaError> {
        let input = input.into();
        let (working, absent) = self.abstracted(&input)?;
        let recall = memory.peek_without(working, &absent)?;
        Ok(self.attend(input.hidden, recall))
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

    /// The working memories of a segment, and the rows that have none.
    fn abstracted(
        &self,
        input: &MemoriaLayerInput,
    ) -> Result<(Tensor<3>, Vec<usize>), MemoriaError> {
        let MemoriaLayerInput { hidden, mask_pad } = input;
        if hidden.dims()[1] == 0 {
            let (tensor, dimension, got) = ("hidden states", "sequence", hidden.dims().to_vec());
            return Err(MemoriaError::EmptyDimension { tensor, dimension, got });
        }
        let working = self.abstractor.forward(hidden.clone(), mask_pad.clone());
        let absent = mask_pad.as_ref().map(rows_of_padding).transpose()?;
        Ok((working, absent.unwrap_or_default()))
    }
}
