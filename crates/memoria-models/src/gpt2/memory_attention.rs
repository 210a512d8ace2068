use burn::{
    module::{Initializer, Module, Param},
    nn::{Dropout, Linear, LinearConfig},
    tensor::{Bool, Device, Tensor},
};
use memoria_nn::{
    MemoryAttentionConfig, MemoryAttentionOutput, Places, ProjectedMemories, Recall, apply_dropout,
    attend_to_memories, init_dropout, init_nearness, nearness_bias,
};

use super::Gpt2Config;
use crate::{MemoryConfig, init::Normal};

/// Attention of a [`Gpt2Block`](super::Gpt2Block) to memories: working and reminded ones alike, unless those have
/// one of their own. Its fields have the names of checkpoints.
#[derive(Module, Debug)]
pub struct Gpt2MemoryAttention {
    /// Memories to keys and values.
    pub c_attn: Linear,
    /// Hidden states to queries.
    pub q_attn: Linear,
    /// Weighted sums to hidden states.
    pub c_proj: Linear,
    /// Dropout of the weights.
    pub attn_dropout: Dropout,
    /// Dropout of what is added to the hidden states.
    pub resid_dropout: Dropout,
    /// Number of heads.
    pub n_head: usize,
    /// Key of nothing, `[d_model]`, where one may attend to nothing.
    pub sink: Option<Param<Tensor<1>>>,
    /// How near a working memory is to a place, where that is learned: as
    /// [`init_nearness`](memoria_nn::init_nearness) makes it.
    pub nearness: Option<Param<Tensor<3>>>,
}

impl Gpt2MemoryAttention {
    /// Queries and keys begin as the identity, which compares contents.
    pub(crate) fn new(config: &Gpt2Config, memory: &MemoryConfig, device: &Device) -> Self {
        let d_model = config.n_embd;
        let normal = Normal::new(config.initializer_range);
        let compared =
            MemoryAttentionConfig::new(d_model, config.n_head).with_sink(memory.sink).init(device);
        let nearness = |longest| init_nearness(config.n_head, memory.num_memories, longest, device);
        Self {
            c_attn: normal.beside(compared.key, d_model, device),
            q_attn: compared.query,
            c_proj: normal.residual(config.n_layer).linear(d_model, d_model, device),
            attn_dropout: init_dropout(config.attn_pdrop),
            resid_dropout: init_dropout(config.resid_pdrop),
            n_head: config.n_head,
            sink: compared.sink,
            nearness: memory.max_places.map(nearness),
        }
    }

    /// To reminded memories alone: the output begins as zeros.
    pub(crate) fn to_reminded(config: &Gpt2Config, memory: &MemoryConfig, device: &Device) -> Self {
        let zeros = LinearConfig::new(config.n_embd, config.n_embd);
        let c_proj = zeros.with_initializer(Initializer::Zeros).init(device);
        Self { c_proj, nearness: None, ..Self::new(config, memory, device) }
    }

    /// Keys and values `[batch, memories, d_model]` of memories `[batch, memories, d_model]`.
    pub(crate) fn project(&self, memories: Tensor<3>) -> [Tensor<3>; 2] {
        let d_model = memories.dims()[2];
        let projected = self.c_attn.forward(memories);
        [projected.clone().narrow(2, 0, d_model), projected.narrow(2, d_model, d_model)]
    }

    /// The bias for attending to the working memories of a recall from these places, if places count.
    pub(crate) fn bias(
        &self,
        places: &Places,
        recall: &Recall,
        keeps_hidden: bool,
    ) -> Option<Tensor<4>> {
        let nearness = self.nearness.as_ref()?;
        Some(nearness_bias(nearness.val(), places, recall, keeps_hidden))
    }

    /// What memories, of which `mask_pad` `[batch, memories]` are padding, add to hidden states
    /// `[batch, seq, d_model]`, and with which weights. The bias is one of
    /// [`MemoryAttentionInput`](memoria_nn::MemoryAttentionInput::bias).
    pub(crate) fn attend(
        &self,
        hidden: Tensor<3>,
        [key, value]: [Tensor<3>; 2],
        mask_pad: Option<Tensor<2, Bool>>,
        bias: Option<Tensor<4>>,
    ) -> MemoryAttentionOutput {
        let query = self.q_attn.forward(hidden);
        let mut projected = ProjectedMemories::new(query, key, value).mask_pad(mask_pad).bias(bias);
        projected.sink = self.sink.as_ref().map(Param::val);
        let attended = attend_to_memories(projected, self.n_head, &self.attn_dropout);
        MemoryAttentionOutput { context: self.added(attended.context), ..attended }
    }

    /// What memories of which all are padding add.
    pub(crate) fn forward_nothing(&self, hidden: &Tensor<3>) -> Tensor<3> {
        self.added(hidden.zeros_like())
    }

    fn added(&self, context: Tensor<3>) -> Tensor<3> {
        apply_dropout(&self.resid_dropout, self.c_proj.forward(context))
    }
}
