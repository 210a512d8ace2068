use burn::{
    module::Module,
    nn::{Dropout, DropoutConfig, Linear},
    tensor::{Bool, Device, Tensor},
};
use memoria_nn::{
    MemoryAttentionConfig, MemoryAttentionOutput, ProjectedMemories, apply_dropout,
    attend_to_memories,
};

use super::Gpt2Config;
use crate::init::Normal;

/// Attention of a [`Gpt2Block`](super::Gpt2Block) to memories, working and reminded ones alike. Its
/// fields have the names of checkpoints.
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
}

impl Gpt2MemoryAttention {
    /// Queries and keys begin as the identity, which compares contents.
    pub(crate) fn new(config: &Gpt2Config, device: &Device) -> Self {
        let d_model = config.n_embd;
        let normal = Normal::new(config.initializer_range);
        let compared = MemoryAttentionConfig::new(d_model, config.n_head).init(device);
        Self {
            c_attn: normal.beside(compared.key, d_model, device),
            q_attn: compared.query,
            c_proj: normal.residual(config.n_layer).linear(d_model, d_model, device),
            attn_dropout: DropoutConfig::new(config.attn_pdrop).init(),
            resid_dropout: DropoutConfig::new(config.resid_pdrop).init(),
            n_head: config.n_head,
        }
    }

    /// Keys and values `[batch, memories, d_model]` of memories `[batch, memories, d_model]`.
    pub(crate) fn project(&self, memories: Tensor<3>) -> [Tensor<3>; 2] {
        let d_model = memories.dims()[2];
        let projected = self.c_attn.forward(memories);
        [projected.clone().narrow(2, 0, d_model), projected.narrow(2, d_model, d_model)]
    }

    /// What memories, of which `mask_pad` `[batch, memories]` are padding, add to hidden states
    /// `[batch, seq, d_model]`, and with which weights.
    pub(crate) fn attend(
        &self,
        hidden: Tensor<3>,
        [key, value]: [Tensor<3>; 2],
        mask_pad: Option<Tensor<2, Bool>>,
    ) -> MemoryAttentionOutput {
        let query = self.q_attn.forward(hidden);
        let projected = ProjectedMemories::new(query, key, value).mask_pad(mask_pad);
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
