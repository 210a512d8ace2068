use std::{fmt, str::FromStr};

use burn::tensor::{
    Tensor,
    activation::{gelu, leaky_relu, mish, relu, relu6, sigmoid, silu, tanh},
};

/// √(2/π).
const SQRT_2_OVER_PI: f64 = core::f64::consts::FRAC_2_SQRT_PI * core::f64::consts::FRAC_1_SQRT_2;

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

/// x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), by (1 + tanh u) / 2 = σ(2 u), which is cheaper.
fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let slope = x.clone().square() * (2.0 * 0.044715 * SQRT_2_OVER_PI) + 2.0 * SQRT_2_OVER_PI;
    sigmoid(slope * x.clone()) * x
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
