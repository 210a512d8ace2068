use burn::{
    module::Module,
    nn::{Dropout, LayerNorm, LayerNormConfig, Linear},
    tensor::{Device, Tensor},
};
use memoria_nn::{
    MemoryAttention, MemoryAttentionConfig, MemoryAttentionInput, Recall, ScoreMask, apply_dropout,
    init_dropout,
};

use super::{EncoderConfig, SelfAttention};
use crate::{Activation, init::Normal};

/// A layer of an [`Encoder`](super::Encoder): self-attention, attention to memories if it has one, and
/// two linear layers, each added and then normalized.
#[derive(Module, Debug)]
pub struct EncoderLayer {
    /// Self-attention.
    pub attention: SelfAttention,
    /// After self-attention.
    pub attention_norm: LayerNorm,
    /// Attends to working and, separately, to reminded memories.
    pub memory_attention: Option<MemoryAttention>,
    /// After each attention to memories.
    pub memory_norm: Option<LayerNorm>,
    /// To the intermediate size.
    pub intermediate: Linear,
    /// And back.
    pub output: Linear,
    /// At the end.
    pub norm: LayerNorm,
    /// Dropout of all that is added.
    pub dropout: Dropout,
    #[module(skip)]
    activation: Activation,
}

/// What a layer makes of hidden states.
pub(crate) struct LayerOutput {
    /// `[batch, seq, d_model]`.
    pub(crate) hidden: Tensor<3>,
    /// Weights over the reminded memories, `[batch, n_heads, seq, k]`.
    pub(crate) weights: Option<Tensor<4>>,
}

impl EncoderLayer {
    pub(crate) fn new(config: &EncoderConfig, with_memory: bool, device: &Device) -> Self {
        let (d_model, d_inner) = (config.hidden_size, config.intermediate_size);
        let normal = Normal::new(config.initializer_range);
        let norm =
            || LayerNormConfig::new(d_model).with_epsilon(config.layer_norm_eps).init(device);
        Self {
            attention: SelfAttention::new(config, device),
            attention_norm: norm(),
            memory_attention: with_memory.then(|| memory_attention(config, normal, device)),
            memory_norm: with_memory.then(norm),
            intermediate: normal.linear(d_model, d_inner, device),
            output: normal.linear(d_inner, d_model, device),
            norm: norm(),
            dropout: init_dropout(config.hidden_dropout_prob),
            activation: config.hidden_act,
        }
    }

    pub(crate) fn forward(
        &self,
        hidden: Tensor<3>,
        mask: &ScoreMask,
        recall: Option<&Recall>,
    ) -> LayerOutput {
        let attended = apply_dropout(&self.dropout, self.attention.forward(hidden.clone(), mask));
        let hidden = self.attention_norm.forward(attended + hidden);
        let LayerOutput { hidden, weights } = match recall {
            Some(recall) => self.attend_to_memories(hidden, recall),
            None => LayerOutput { hidden, weights: None },
        };
        let inner = self.activation.forward(self.intermediate.forward(hidden.clone()));
        let added = apply_dropout(&self.dropout, self.output.forward(inner));
        LayerOutput { hidden: self.norm.forward(added + hidden), weights }
    }

    fn attend_to_memories(&self, hidden: Tensor<3>, recall: &Recall) -> LayerOutput {
        let (Some(attention), Some(norm)) = (&self.memory_attention, &self.memory_norm) else {
            return LayerOutput { hidden, weights: None };
        };
        let add = |hidden, added| norm.forward(apply_dropout(&self.dropout, added) + hidden);
        let mut input = MemoryAttentionInput::new(hidden.clone(), recall.working.clone());
        input.mask_pad = recall.mask_working.clone();
        let added = attention.forward(input).context;
        let hidden = add(hidden, added);
        match &recall.reminded {
            None => {
                let added = attention.forward_nothing(&hidden);
                LayerOutput { hidden: add(hidden, added), weights: None }
            }
            Some(reminded) => {
                let input = MemoryAttentionInput::new(hidden.clone(), reminded.data.clone());
                let input = match recall.has_padding() {
                    true => input.mask_pad(reminded.mask_pad.clone()),
                    false => input,
                };
                let attended = attention.forward(input);
                let hidden = add(hidden, attended.context);
                LayerOutput { hidden, weights: Some(attended.weights) }
            }
        }
    }
}

/// Queries and keys begin as the identity, which compares contents.
fn memory_attention(config: &EncoderConfig, normal: Normal, device: &Device) -> MemoryAttention {
    let d_model = config.hidden_size;
    MemoryAttention {
        value: normal.linear(d_model, d_model, device),
        output: normal.linear(d_model, d_model, device),
        ..MemoryAttentionConfig::new(d_model, config.num_attention_heads)
            .with_dropout(config.attention_probs_dropout_prob)
            .init(device)
    }
}
