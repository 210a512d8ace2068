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
use crate::{Activation, MemoryConfig, init::Normal};

/// A layer of an [`Encoder`](super::Encoder): self-attention, attention to memories if it has one, and
/// two linear layers, each added and then normalized.
#[derive(Module, Debug)]
pub struct EncoderLayer {
    /// Self-attention.
    pub attention: SelfAttention,
    /// After self-attention.
    pub attention_norm: LayerNorm,
    /// Attends to working memories and, if they have no attention of their own, separately to reminded ones.
    pub memory_attention: Option<MemoryAttention>,
    /// Attends to reminded memories, if they have an attention of their own.
    pub memory_attention_reminded: Option<MemoryAttention>,
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
        let memory = config.memory.as_ref().filter(|_| with_memory);
        Self {
            attention: SelfAttention::new(config, device),
            attention_norm: norm(),
            memory_attention: memory.map(|memory| memory_attention(config, memory, false, device)),
            memory_attention_reminded: memory
                .filter(|memory| memory.own_attention)
                .map(|memory| memory_attention(config, memory, true, device)),
            memory_norm: with_memory.then(norm),
            intermediate: normal.linear(d_model, d_inner, device),
            output: normal.linear(d_inner, d_model, device),
            norm: norm(),
            dropout: init_dropout(config.hidden_dropout_prob),
            activation: config.hidden_act,
        }
    }

    /// Attends to a recall, of which the scores are added to the logits with such a bias.
    pub(crate) fn forward(
        &self,
        hidden: Tensor<3>,
        mask: &ScoreMask,
        recall: Option<(&Recall, Option<&Tensor<4>>)>,
    ) -> LayerOutput {
        let attended = apply_dropout(&self.dropout, self.attention.forward(hidden.clone(), mask));
        let hidden = self.attention_norm.forward(attended + hidden);
        let LayerOutput { hidden, weights } = match recall {
            Some((recall, bias)) => self.attend_to_memories(hidden, recall, bias),
            None => LayerOutput { hidden, weights: None },
        };
        let inner = self.activation.forward(self.intermediate.forward(hidden.clone()));
        let added = apply_dropout(&self.dropout, self.output.forward(inner));
        LayerOutput { hidden: self.norm.forward(added + hidden), weights }
    }

    fn attend_to_memories(
        &self,
        hidden: Tensor<3>,
        recall: &Recall,
        bias: Option<&Tensor<4>>,
    ) -> LayerOutput {
        let (Some(attention), Some(norm)) = (&self.memory_attention, &self.memory_norm) else {
            return LayerOutput { hidden, weights: None };
        };
        let add = |hidden, added| norm.forward(apply_dropout(&self.dropout, added) + hidden);
        let input = MemoryAttentionInput::new(hidden.clone(), recall.working.clone())
            .mask_pad(recall.mask_working.clone());
        let added = attention.forward(input).context;
        let hidden = add(hidden, added);
        let attention = self.memory_attention_reminded.as_ref().unwrap_or(attention);
        match &recall.reminded {
            None => {
                let added = attention.forward_nothing(&hidden);
                LayerOutput { hidden: add(hidden, added), weights: None }
            }
            Some(reminded) => {
                let mut input = MemoryAttentionInput::new(hidden.clone(), reminded.data.clone())
                    .mask_pad(reminded.mask_pad.clone());
                input.bias = bias.cloned();
                let attended = attention.forward(input);
                let hidden = add(hidden, attended.context);
                LayerOutput { hidden, weights: Some(attended.weights) }
            }
        }
    }
}

/// Queries and keys begin as the identity, which compares contents; the output, of an attention to reminded
/// memories alone, as zeros.
fn memory_attention(
    config: &EncoderConfig,
    memory: &MemoryConfig,
    is_own: bool,
    device: &Device,
) -> MemoryAttention {
    let d_model = config.hidden_size;
    let linear = || Normal::new(config.initializer_range).linear(d_model, d_model, device);
    let plain = MemoryAttentionConfig::new(d_model, config.num_attention_heads)
        .with_dropout(config.attention_probs_dropout_prob)
        .with_sink(memory.sink)
        .with_zero_output(is_own)
        .init(device);
    let output = if is_own { plain.output.clone() } else { linear() };
    MemoryAttention { value: linear(), output, ..plain }
}
