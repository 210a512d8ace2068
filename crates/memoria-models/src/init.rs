//! How weights are initialized: as Hugging Face's models are.

use burn::{
    module::{Initializer, Param},
    nn::{Embedding, EmbeddingConfig, Linear, LinearConfig},
    tensor::{Device, Tensor},
};

/// Normal weights, and biases of zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normal {
    std: f64,
}

impl Normal {
    pub(crate) fn new(std: f64) -> Self {
        Self { std }
    }

    /// For layers that end one of two residual branches in each of so many blocks.
    pub(crate) fn residual(self, blocks: usize) -> Self {
        Self { std: self.std / (2.0 * blocks as f64).sqrt() }
    }

    pub(crate) fn linear(self, d_input: usize, d_output: usize, device: &Device) -> Linear {
        let bias = Initializer::Zeros.init([d_output], device);
        Linear { bias: Some(bias), ..self.linear_without_bias(d_input, d_output, device) }
    }

    pub(crate) fn linear_without_bias(
        self,
        d_input: usize,
        d_output: usize,
        device: &Device,
    ) -> Linear {
        LinearConfig::new(d_input, d_output)
            .with_bias(false)
            .with_initializer(self.initializer())
            .init(device)
    }

    pub(crate) fn embedding(self, count: usize, d_model: usize, device: &Device) -> Embedding {
        EmbeddingConfig::new(count, d_model).with_initializer(self.initializer()).init(device)
    }

    /// A layer: its first outputs are those of another, and its further ones are normal.
    pub(crate) fn beside(self, first: Linear, d_output: usize, device: &Device) -> Linear {
        let weight = first.weight.val();
        let [d_input, d_first] = weight.dims();
        let further = self.linear_without_bias(d_input, d_output, device).weight.val();
        let bias = Tensor::<1>::zeros([d_output], device);
        let first_bias =
            first.bias.map_or_else(|| Tensor::zeros([d_first], device), |bias| bias.val());
        Linear {
            weight: Param::from_tensor(Tensor::cat(vec![weight, further], 1).detach()),
            bias: Some(Param::from_tensor(Tensor::cat(vec![first_bias, bias], 0).detach())),
        }
    }

    fn initializer(self) -> Initializer {
        Initializer::Normal { mean: 0.0, std: self.std }
    }
}
