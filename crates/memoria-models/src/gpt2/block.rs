use burn::{
    module::Module,
    nn::{Dropout, LayerNorm, LayerNormConfig, Linear},
    tensor::{Bool, Device, Tensor},
};
use memoria_nn::{Places, Recall, ScoreMask, apply_dropout, init_dropout};

use super::{Gpt2Attention, Gpt2Config, Gpt2MemoryAttention, cache::KeysAndValues};
use crate::{Activation, init::Normal};

/// A block of a [`Gpt2`](super::Gpt2): self-attention, attention to memories if it has one, and MLP,
/// each normalized before and added. Its fields have the names of checkpoints.
#[derive(Module, Debug)]
pub struct Gpt2Block {
    /// Before self-attention.
    pub ln_1: LayerNorm,
    /// Self-attention.
    pub attn: Gpt2Attention,
    /// Before the MLP.
    pub ln_2: LayerNorm,
    /// Before attending to working memories.
    pub ln_working_memory_attn: Option<LayerNorm>,
    /// Attends to working memories and, if they have no attention of their own, separately to reminded ones.
    pub memory_attention: Option<Gpt2MemoryAttention>,
    /// Attends to reminded memories, if they have an attention of their own.
    pub memory_attention_reminded: Option<Gpt2MemoryAttention>,
    /// Before attending to reminded memories.
    pub ln_memory_attn: Option<LayerNorm>,
    /// The MLP.
    pub mlp: Gpt2Mlp,
}

/// The MLP of a [`Gpt2Block`]. Its fields have the names of checkpoints.
#[derive(Module, Debug)]
pub struct Gpt2Mlp {
    /// To the inner size.
    pub c_fc: Linear,
    /// And back.
    pub c_proj: Linear,
    /// Dropout of what is added to the hidden states.
    pub dropout: Dropout,
    #[module(skip)]
    activation: Activation,
}

/// What the blocks of one segment attend to besides tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentRecall<'a> {
    pub(crate) recall: &'a Recall,
    /// `[batch, 1, 1]`, true for rows without memory: it adds nothing to them.
    pub(crate) without_memory: Option<&'a Tensor<3, Bool>>,
    /// What the scores add to the logits of reminded memories, `[batch, 1, 1, k]`.
    pub(crate) bias: Option<&'a Tensor<4>>,
    /// Where within the segment the tokens are.
    pub(crate) places: &'a Places,
    /// Whether memories are hidden states.
    pub(crate) keeps_hidden: bool,
}

/// What a block makes of hidden states.
pub(crate) struct BlockOutput {
    /// `[batch, seq, d_model]`.
    pub(crate) hidden: Tensor<3>,
    /// Weights over the reminded memories, `[batch, n_head, seq, k]`.
    pub(crate) weights: Option<Tensor<4>>,
}

impl Gpt2Block {
    pub(crate) fn new(config: &Gpt2Config, layer: usize, device: &Device) -> Self {
        let norm = || {
            LayerNormConfig::new(config.n_embd).with_epsilon(config.layer_norm_epsilon).init(device)
        };
        let for_memory = config.memory.as_ref();
        Self {
            ln_1: norm(),
            attn: Gpt2Attention::new(config, layer, device),
            ln_2: norm(),
            ln_working_memory_attn: for_memory.map(|_| norm()),
            memory_attention: for_memory
                .map(|memory| Gpt2MemoryAttention::new(config, memory, device)),
            memory_attention_reminded: for_memory
                .filter(|memory| memory.own_attention)
                .map(|memory| Gpt2MemoryAttention::to_reminded(config, memory, device)),
            ln_memory_attn: for_memory.map(|_| norm()),
            mlp: Gpt2Mlp::new(config, device),
        }
    }

    pub(crate) fn forward(
        &self,
        hidden: Tensor<3>,
        mask: &ScoreMask,
        recall: Option<SegmentRecall<'_>>,
        mut cache: Option<&mut KeysAndValues>,
    ) -> BlockOutput {
        let normed = self.ln_1.forward(hidden.clone());
        let hidden = hidden + self.attn.forward(normed, mask, cache.as_deref_mut());
        let BlockOutput { hidden, weights } = match recall {
            Some(recall) => self.attend_to_memories(hidden, recall, cache),
            None => BlockOutput { hidden, weights: None },
        };
        let added = self.mlp.forward(self.ln_2.forward(hidden.clone()));
        BlockOutput { hidden: hidden + added, weights }
    }

    fn attend_to_memories(
        &self,
        hidden: Tensor<3>,
        recall: SegmentRecall<'_>,
        mut cache: Option<&mut KeysAndValues>,
    ) -> BlockOutput {
        let (Some(attention), Some(norm_working), Some(norm_reminded)) =
            (&self.memory_attention, &self.ln_working_memory_attn, &self.ln_memory_attn)
        else {
            return BlockOutput { hidden, weights: None };
        };
        let SegmentRecall { recall, without_memory, bias, places, keeps_hidden } = recall;
        let add = |hidden: Tensor<3>, added: Tensor<3>| match without_memory {
            None => hidden + added,
            Some(rows) => hidden + added.clone().mask_fill(rows.clone().expand(added.dims()), 0.0),
        };
        let normed = norm_working.forward(hidden.clone());
        let project = || attention.project(recall.working.clone());
        let working = match cache.as_deref_mut() {
            None => project(),
            Some(cache) => cache.working.get_or(project),
        };
        let nearness = attention.bias(places, recall, keeps_hidden);
        let mask = recall.mask_working.clone();
        let hidden = add(hidden, attention.attend(normed, working, mask, nearness).context);
        let attention = self.memory_attention_reminded.as_ref().unwrap_or(attention);
        match &recall.reminded {
            None => {
                let added = attention.forward_nothing(&hidden);
                BlockOutput { hidden: add(hidden, added), weights: None }
            }
            Some(reminded) => {
                let normed = norm_reminded.forward(hidden.clone());
                let mask = reminded.mask_pad.clone();
                let project = || attention.project(reminded.data.clone());
                let projected = match cache {
                    None => project(),
                    Some(cache) => cache.reminded.get_or(project),
                };
                let attended = attention.attend(normed, projected, mask, bias.cloned());
                let hidden = add(hidden, attended.context);
                BlockOutput { hidden, weights: Some(attended.weights) }
            }
        }
    }
}

impl Gpt2Mlp {
    fn new(config: &Gpt2Config, device: &Device) -> Self {
        let (d_model, d_inner) = (config.n_embd, config.d_inner());
        let normal = Normal::new(config.initializer_range);
        Self {
            c_fc: normal.linear(d_model, d_inner, device),
            c_proj: normal.residual(config.n_layer).linear(d_inner, d_model, device),
            dropout: init_dropout(config.resid_pdrop),
            activation: config.activation_function,
        }
    }

    fn forward(&self, hidden: Tensor<3>) -> Tensor<3> {
        let inner = self.activation.forward(self.c_fc.forward(hidden));
        apply_dropout(&self.dropout, self.c_proj.forward(inner))
    }
}
