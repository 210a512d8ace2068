mod gelu_tanh;

use std::{fmt, str::FromStr};

use burn::tensor::{
    Tensor,
    activation::{gelu, leaky_relu, mish, relu, relu6, sigmoid, silu, tanh},
};

use gelu_tanh::gelu_tanh;

/// An activation function, by the name that `config.json` calls it.
///
/// ```
/// use memoria_models::Activation;
///
/// let activation: Activation = "gelu_new".parse().unwrap();
/// assert_eq!(activation, Activation::GeluNew);
/// assert_eq!(activation.to_string(), "gelu_new");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// `gelu`: x · Φ(x), by the error function.
    Gelu,
    /// `gelu_python`: as [`Gelu`](Self::Gelu).
    GeluPython,
    /// `gelu_new`: the approximation of GELU by a hyperbolic tangent, GPT-2's.
    GeluNew,
    /// `gelu_fast`: as [`GeluNew`](Self::GeluNew).
    GeluFast,
    /// `gelu_pytorch_tanh`: as [`GeluNew`](Self::GeluNew).
    GeluPytorchTanh,
    /// `quick_gelu`: x · σ(1.702 x).
    QuickGelu,
    /// `relu`: max(x, 0).
    Relu,
    /// `relu2`: max(x, 0)².
    Relu2,
    /// `relu6`: min(max(x, 0), 6).
    Relu6,
    /// `leaky_relu`: x, or x / 100 below 0.
    LeakyRelu,
    /// `silu`: x · σ(x).
    Silu,
    /// `swish`: as [`Silu`](Self::Silu).
    Swish,
    /// `mish`: x · tanh(ln(1 + eˣ)).
    Mish,
    /// `sigmoid`: σ(x) = 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// `tanh`.
    Tanh,
    /// `linear`: x.
    Linear,
}

impl Activation {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Gelu,
        Self::GeluPython,
        Self::GeluNew,
        Self::GeluFast,
        Self::GeluPytorchTanh,
        Self::QuickGelu,
        Self::Relu,
        Self::Relu2,
        Self::Relu6,
        Self::LeakyRelu,
        Self::Silu,
        Self::Swish,
        Self::Mish,
        Self::Sigmoid,
        Self::Tanh,
        Self::Linear,
    ];

    /// Its name in `config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::GeluPython => "gelu_python",
            Self::GeluNew => "gelu_new",
            Self::GeluFast => "gelu_fast",
            Self::GeluPytorchTanh => "gelu_pytorch_tanh",
            Self::QuickGelu => "quick_gelu",
            Self::Relu => "relu",
            Self::Relu2 => "relu2",
            Self::Relu6 => "relu6",
            Self::LeakyRelu => "leaky_relu",
            Self::Silu => "silu",
            Self::Swish => "swish",
            Self::Mish => "mish",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Linear => "linear",
        }
    }

    /// Applies it to every element.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu | Self::GeluPython => gelu(x),
            Self::GeluNew | Self::GeluFast | Self::GeluPytorchTanh => gelu_tanh(x),
            Self::QuickGelu => x.clone() * sigmoid(x * 1.702),
            Self::Relu => relu(x),
            Self::Relu2 => relu(x).square(),
            Self::Relu6 => relu6(x),
            Self::LeakyRelu => leaky_relu(x, 0.01),
            Self::Silu | Self::Swish => silu(x),
            Self::Mish => mish(x),
            Self::Sigmoid => sigmoid(x),
            Self::Tanh => tanh(x),
            Self::Linear => x,
        }
    }
}

impl FromStr for Activation {
    type Err = String;

    /// # Errors
    ///
    /// The names there are, if this is none of them.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|activation| activation.name() == name).ok_or_else(known)
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};
    use rstest::rstest;

    const X: [f32; 7] = [-4.0, -1.5, -0.25, 0.0, 0.75, 2.0, 7.0];

    /// Of PyTorch, by transformers' names.
    #[rstest]
    #[case("gelu", [-0.0001264811, -0.1002109, -0.1003234, 0.0, 0.5800295, 1.9545, 7.0])]
    #[case("gelu_python", [-0.0001267195, -0.1002108, -0.1003234, 0.0, 0.5800295, 1.9545, 7.0])]
    #[case("gelu_new", [-7.021427e-5, -0.1004284, -0.1003246, 0.0, 0.5799606, 1.954598, 7.0])]
    #[case("gelu_fast", [-7.021427e-5, -0.1004284, -0.1003246, 0.0, 0.5799606, 1.954598, 7.0])]
    #[case("gelu_pytorch_tanh", [-7.021427e-5, -0.1004284, -0.1003246, 0.0, 0.5799606, 1.954598, 7.0])]
    #[case("quick_gelu", [-0.004414724, -0.1083378, -0.09880035, 0.0, 0.58639, 1.935659, 6.999953])]
    #[case("relu", [0.0, 0.0, 0.0, 0.0, 0.75, 2.0, 7.0])]
    #[case("relu2", [0.0, 0.0, 0.0, 0.0, 0.5625, 4.0, 49.0])]
    #[case("relu6", [0.0, 0.0, 0.0, 0.0, 0.75, 2.0, 6.0])]
    #[case("leaky_relu", [-0.04, -0.015, -0.0025, 0.0, 0.75, 2.0, 7.0])]
    #[case("silu", [-0.07194484, -0.2736383, -0.1094559, 0.0, 0.509384, 1.761594, 6.993623])]
    #[case("swish", [-0.07194484, -0.2736383, -0.1094559, 0.0, 0.509384, 1.761594, 6.993623])]
    #[case("mish", [-0.07259175, -0.2980998, -0.129927, 0.0, 0.6100184, 1.943959, 6.999989])]
    #[case("sigmoid", [0.01798621, 0.1824255, 0.4378235, 0.5, 0.6791787, 0.880797, 0.999089])]
    #[case("tanh", [-0.9993293, -0.9051483, -0.2449187, 0.0, 0.6351489, 0.9640276, 0.9999983])]
    #[case("linear", X)]
    fn numbers_are_those_of_pytorch(#[case] name: &str, #[case] expected: [f32; 7]) {
        let activation: Activation = name.parse().unwrap();
        assert_eq!(activation.name(), name);
        let x = Tensor::<1>::from_data(TensorData::from(X), &Device::flex());
        let got: Vec<f32> = activation.forward(x).into_data().iter().collect();
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 2e-6 * expected.abs().max(1.0), "{got}, {expected}");
        }
    }

    #[rstest]
    fn every_one_has_a_name_of_its_own() {
        for activation in Activation::ALL {
            assert_eq!(activation.name().parse(), Ok(activation));
        }
    }
}
