use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Gpt2, Gpt2Block, Gpt2LmHead};
use crate::{
    Activation, MemoryConfig, ModelError,
    config::{check_model_type, read_activation},
    fields::{Fields, check_above_zero, check_deviation, check_positive, check_rates, invalid},
    size::Size,
};

/// Configuration of a GPT-2, with Hugging Face's names.
///
/// It reads and writes `config.json`, those of the Python package's `gpt2_with_memoria` included. Fields
/// that it does not know are kept as they are.
///
/// ```
/// use memoria_models::Gpt2Config;
///
/// let json = r#"{"vocab_size": 101, "n_positions": 32, "n_embd": 32, "n_layer": 2, "n_head": 4}"#;
/// let config: Gpt2Config = serde_json::from_str(json).unwrap();
/// assert_eq!(config, Gpt2Config::new(101, 32, 32, 2, 4));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Gpt2Config {
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Tokens a segment can have.
    pub n_positions: usize,
    /// Size of the hidden states.
    pub n_embd: usize,
    /// Number of blocks.
    pub n_layer: usize,
    /// Attention heads; divides `n_embd`.
    pub n_head: usize,
    /// Size between the two layers of the MLP; 4 · `n_embd` if not given.
    pub n_inner: Option<usize>,
    /// Activation of the MLP. Default: `gelu_new`
    pub activation_function: Activation,
    /// Dropout rate of what attention and MLP add. Default: 0.1
    pub resid_pdrop: f64,
    /// Dropout rate of the embeddings. Default: 0.1
    pub embd_pdrop: f64,
    /// Dropout rate of the attention weights. Default: 0.1
    pub attn_pdrop: f64,
    /// The epsilon value for layer normalization. Default: 1e-5
    pub layer_norm_epsilon: f64,
    /// Deviation of the initialized weights. Default: 0.02, which suits a width of 768. A small model that is trained
    /// from scratch learns sooner with a larger one. At width 128 and a learning rate of 2e-3, 1,000 steps on bytes of
    /// novels gave 3.38 bits per byte with 0.02 and 2.64 with 0.1. With the paper's memory, which this text does not
    /// need, they gave 3.14 and 2.82 (one run each).
    pub initializer_range: f64,
    /// Whether attention scores are divided by √(`n_embd` / `n_head`). Default: true
    pub scale_attn_weights: bool,
    /// Whether attention scores of block i are divided by i + 1, too. Default: false
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Whether the head's weight is the token embedding. Most files lack the field. It is then true, unless the weights
    /// have a head of their own.
    pub tie_word_embeddings: Option<bool>,
    /// The memory, or none for a plain GPT-2.
    pub memory: Option<MemoryConfig>,
    /// All other fields.
    pub other: Map<String, Value>,
}

impl Gpt2Config {
    /// A plain GPT-2 of these sizes, with GPT-2's defaults.
    pub fn new(
        vocab_size: usize,
        n_positions: usize,
        n_embd: usize,
        n_layer: usize,
        n_head: usize,
    ) -> Self {
        Self {
            vocab_size,
            n_positions,
            n_embd,
            n_layer,
            n_head,
            n_inner: None,
            activation_function: Activation::GeluNew,
            resid_pdrop: 0.1,
            embd_pdrop: 0.1,
            attn_pdrop: 0.1,
            layer_norm_epsilon: 1e-5,
            initializer_range: 0.02,
            scale_attn_weights: true,
            scale_attn_by_inverse_layer_idx: false,
            tie_word_embeddings: None,
            memory: None,
            other: Map::new(),
        }
    }

    /// Sets [`memory`](Self::memory).
    pub fn with_memory(mut self, memory: MemoryConfig) -> Self {
        self.memory = Some(memory);
        self
    }

    /// Sets all three dropout rates.
    pub fn with_dropout(mut self, rate: f64) -> Self {
        (self.resid_pdrop, self.embd_pdrop, self.attn_pdrop) = (rate, rate, rate);
        self
    }

    /// Checks that every value is in its range.
    ///
    /// # Errors
    ///
    /// [`ModelError::InvalidField`].
    pub fn validate(&self) -> Result<(), ModelError> {
        check_positive(&[
            ("vocab_size", self.vocab_size),
            ("n_positions", self.n_positions),
            ("n_embd", self.n_embd),
            ("n_layer", self.n_layer),
            ("n_head", self.n_head),
            ("n_inner", self.d_inner()),
        ])?;
        if !self.n_embd.is_multiple_of(self.n_head) {
            let expected = format!("a divisor of n_embd, which is {}", self.n_embd);
            return Err(invalid("n_head", expected, self.n_head));
        }
        check_rates(&[
            ("resid_pdrop", self.resid_pdrop),
            ("embd_pdrop", self.embd_pdrop),
            ("attn_pdrop", self.attn_pdrop),
        ])?;
        check_above_zero(&[("layer_norm_epsilon", self.layer_norm_epsilon)])?;
        check_deviation("initializer_range", self.initializer_range)?;
        self.memory.as_ref().map_or(Ok(()), MemoryConfig::validate)
    }

    /// Initializes a model without head: weights normal with a deviation of
    /// [`initializer_range`](Self::initializer_range), those that end a residual branch divided by
    /// √(2 · `n_layer`), biases zero.
    ///
    /// With a memory: memories start as weighted averages of hidden states. The attention to them starts as a
    /// comparison of contents that adds little.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate); [`ModelError::OutOfMemory`] for more parameters than there is
    /// memory for.
    pub fn init_model(&self, device: &Device) -> Result<Gpt2, ModelError> {
        self.validate()?;
        self.size(false).check(self.n_layer, size_of::<Gpt2Block>(), device)?;
        Ok(Gpt2::new(self, device))
    }

    /// Initializes a model with its head, as [`init_model`](Self::init_model) does.
    ///
    /// # Errors
    ///
    /// As [`init_model`](Self::init_model).
    pub fn init(&self, device: &Device) -> Result<Gpt2LmHead, ModelError> {
        self.validate()?;
        self.size(true).check(self.n_layer, size_of::<Gpt2Block>(), device)?;
        Ok(Gpt2LmHead::new(self, device))
    }

    pub(crate) fn d_inner(&self) -> usize {
        self.n_inner.unwrap_or(self.n_embd.saturating_mul(4))
    }

    pub(crate) fn size(&self, with_head: bool) -> Size {
        let (d_model, d_inner, memory) = (self.n_embd, self.d_inner(), self.memory.as_ref());
        let attention = Size::linear(d_model, d_model).times(4);
        let block = Size::sum([
            attention,
            Size::norm(d_model).times(2),
            Size::linear(d_model, d_inner),
            Size::linear(d_inner, d_model),
        ]);
        let with_memory = |memory: &MemoryConfig| {
            Size::sum([
                memory.size_of_attention(d_model, attention),
                memory.size_of_nearness(self.n_head),
                Size::norm(d_model).times(2),
            ])
            .times(self.n_layer)
        };
        let has_head = with_head && self.tie_word_embeddings == Some(false);
        let abstractor = memory.map(|memory| memory.size_of_abstractor(self.abstractor_sizes()));
        let parts = [
            Size::matrix(self.vocab_size, d_model),
            Size::matrix(self.n_positions, d_model),
            block.times(self.n_layer),
            Size::norm(d_model),
            Size::matrix(self.vocab_size, d_model).when(has_head),
        ];
        Size::sum(parts.into_iter().chain(abstractor).chain(memory.map(with_memory)))
    }

    /// The width of the abstractor, and the size between its last layers.
    pub(crate) fn abstractor_sizes(&self) -> [usize; 2] {
        [self.n_embd, self.n_embd.saturating_mul(4)]
    }

    fn read(map: Map<String, Value>) -> Result<Self, ModelError> {
        let mut fields = Fields::new(map);
        let with_memory = check_model_type(&mut fields, &["gpt2", "gpt2_with_memoria"])?
            .is_some_and(|model_type| model_type == "gpt2_with_memoria")
            || MemoryConfig::is_in(&fields);
        let activation = read_activation(&mut fields, "activation_function", Activation::GeluNew)?;
        let config = Self {
            n_inner: fields.optional("n_inner")?,
            activation_function: activation,
            resid_pdrop: fields.or("resid_pdrop", 0.1)?,
            embd_pdrop: fields.or("embd_pdrop", 0.1)?,
            attn_pdrop: fields.or("attn_pdrop", 0.1)?,
            layer_norm_epsilon: fields.or("layer_norm_epsilon", 1e-5)?,
            initializer_range: fields.or("initializer_range", 0.02)?,
            scale_attn_weights: fields.or("scale_attn_weights", true)?,
            scale_attn_by_inverse_layer_idx: fields.or("scale_attn_by_inverse_layer_idx", false)?,
            tie_word_embeddings: fields.optional("tie_word_embeddings")?,
            memory: match with_memory {
                true => {
                    let memory = MemoryConfig::read(&mut fields, MemoryConfig::of_gpt2())?;
                    // The package's GPT-2 has no abstractor then.
                    let num_memories = memory.num_memories.filter(|&count| count > 0);
                    Some(memory.with_num_memories(num_memories))
                }
                false => None,
            },
            ..Self::new(
                fields.required(&["vocab_size"])?,
                fields.required(&["n_positions", "max_position_embeddings"])?,
                fields.required(&["n_embd", "hidden_size"])?,
                fields.required(&["n_layer", "num_hidden_layers"])?,
                fields.required(&["n_head", "num_attention_heads"])?,
            )
        };
        let config = Self { other: fields.rest(), ..config };
        config.validate()?;
        Ok(config)
    }
}

impl TryFrom<Map<String, Value>> for Gpt2Config {
    type Error = ModelError;

    /// # Errors
    ///
    /// [`ModelError::MissingField`] and [`ModelError::InvalidField`].
    fn try_from(map: Map<String, Value>) -> Result<Self, Self::Error> {
        Self::read(map)
    }
}

impl From<Gpt2Config> for Map<String, Value> {
    fn from(config: Gpt2Config) -> Self {
        let mut map = config.other.clone();
        if config.memory.is_none() {
            MemoryConfig::remove(&mut map);
        }
        let (model_type, architecture) = match config.memory {
            None => ("gpt2", "GPT2LMHeadModel"),
            Some(_) => ("gpt2_with_memoria", "GPT2WithMemoriaLMHeadModel"),
        };
        let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
        put("model_type", json!(model_type));
        put("architectures", json!([architecture]));
        put("vocab_size", json!(config.vocab_size));
        put("n_positions", json!(config.n_positions));
        put("n_ctx", json!(config.n_positions));
        put("n_embd", json!(config.n_embd));
        put("n_layer", json!(config.n_layer));
        put("n_head", json!(config.n_head));
        put("n_inner", json!(config.n_inner));
        put("activation_function", json!(config.activation_function.name()));
        put("resid_pdrop", json!(config.resid_pdrop));
        put("embd_pdrop", json!(config.embd_pdrop));
        put("attn_pdrop", json!(config.attn_pdrop));
        put("layer_norm_epsilon", json!(config.layer_norm_epsilon));
        put("initializer_range", json!(config.initializer_range));
        put("scale_attn_weights", json!(config.scale_attn_weights));
        put("scale_attn_by_inverse_layer_idx", json!(config.scale_attn_by_inverse_layer_idx));
        if let Some(tied) = config.tie_word_embeddings {
            put("tie_word_embeddings", json!(tied));
        }
        if let Some(memory) = &config.memory {
            memory.write(&mut map);
        }
        map
    }
}
