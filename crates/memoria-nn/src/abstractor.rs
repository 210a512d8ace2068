use burn::{
    config::Config,
    module::{Initializer, Module, Param},
    nn::{Linear, LinearConfig},
    tensor::{Bool, Device, Tensor, activation::softmax, assert_shape},
};

use crate::{attend::softmax_or_none, identity::pass_on};

/// Configuration of an [`Abstractor`].
#[derive(Config, Debug)]
pub struct AbstractorConfig {
    /// Size of the hidden states and of the memories.
    pub d_model: usize,
    /// Memories made of each segment.
    pub num_memories: usize,
    /// Size between the two last linear layers; 4 · `d_model` if not given.
    pub d_ff: Option<usize>,
    /// Initializer of the queries; by default normal with a deviation of 2 / √`d_model`, which lets
    /// their unscaled products with the keys differ without saturating the softmax.
    pub query_initializer: Option<Initializer>,
    /// Initializer of the linear layers. By default a memory starts as a weighted average of hidden
    /// states: the values and the two last layers together as the identity, the keys as Burn's linear
    /// layers are.
    pub initializer: Option<Initializer>,
}

/// Condenses the hidden states of a segment into a fixed number of memories.
///
/// Learned queries attend to the hidden states, without scaling; two linear layers without activation
/// between them follow: `output(feedforward(softmax(Q · key(x)ᵀ) · value(x)))`. The paper's abstractor
/// (section 3.3); `Abstractor` of the Python package's experiments, with its parameter names.
///
/// Should be created with [`AbstractorConfig`].
#[derive(Module, Debug)]
pub struct Abstractor {
    /// Queries, `[1, num_memories, d_model]`.
    pub query_embeddings: Param<Tensor<3>>,
    /// Hidden states to keys, `d_model` to `d_model`.
    pub key_transform: Linear,
    /// Hidden states to values, `d_model` to `d_model`.
    pub value_transform: Linear,
    /// `d_model` to `d_ff`.
    pub feedforward: Linear,
    /// `d_ff` to `d_model`.
    pub output: Linear,
}

impl AbstractorConfig {
    /// Initializes an [`Abstractor`].
    pub fn init(&self, device: &Device) -> Abstractor {
        let d_model = self.d_model;
        let d_ff = self.d_ff.unwrap_or(4 * d_model);
        let linear = |d_input, d_output| {
            let config = LinearConfig::new(d_input, d_output);
            match &self.initializer {
                Some(initializer) => config.with_initializer(initializer.clone()),
                None => config,
            }
            .init(device)
        };
        let std = 2.0 / (d_model as f64).sqrt();
        let queries =
            self.query_initializer.clone().unwrap_or(Initializer::Normal { mean: 0.0, std });
        let mut abstractor = Abstractor {
            query_embeddings: queries.init([1, self.num_memories, d_model], device),
            key_transform: linear(d_model, d_model),
            value_transform: linear(d_model, d_model),
            feedforward: linear(d_model, d_ff),
            output: linear(d_ff, d_model),
        };
        if self.initializer.is_none() {
            abstractor.value_transform = pass_on(abstractor.value_transform);
            abstractor.feedforward = pass_on(abstractor.feedforward);
            abstractor.output = pass_on(abstractor.output);
        }
        abstractor
    }
}

impl Abstractor {
    /// Makes memories `[batch, num_memories, d_model]` of hidden states `[batch, seq, d_model]`.
    ///
    /// `mask_pad` `[batch, seq]`, where given, is true for positions that take no part; what is made of a
    /// row without any other says nothing. Costs
    /// batch · seq · (2 · d_model² + 2 · num_memories · d_model) multiplications for the attention.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    pub fn forward(&self, hidden: Tensor<3>, mask_pad: Option<Tensor<2, Bool>>) -> Tensor<3> {
        let queries = self.query_embeddings.val();
        let [_, num_memories, d_model] = queries.dims();
        let [batch, seq, _] = hidden.dims();
        assert_shape!(hidden, [_, _, d_model]);
        let keys = self.key_transform.forward(hidden.clone());
        let values = self.value_transform.forward(hidden);
        let queries = queries.expand([batch, num_memories, d_model]);
        let scores = queries.matmul(keys.swap_dims(1, 2));
        let weights = match mask_pad {
            None => softmax(scores, 2),
            Some(mask) => {
                assert_shape!(mask, [batch, seq]);
                softmax_or_none(scores, mask.unsqueeze_dim::<3>(1))
            }
        };
        let memories = weights.matmul(values);
        self.output.forward(self.feedforward.forward(memories))
    }
}
