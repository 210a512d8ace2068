use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Encoder, EncoderKind, EncoderLayer, SequenceClassifier};
use crate::{
    Activation, MemoryConfig, ModelError,
    config::read_activation,
    fields::{Fields, check_above_zero, check_deviation, check_positive, check_rates, invalid},
    model_kind::model_type_of,
    size::Size,
};

/// The package's default of the layer after which memories are made.
const MEMORY_LAYER_INDEX: usize = 9;

/// Configuration of a BERT or RoBERTa, with Hugging Face's names.
///
/// It reads and writes `config.json`, ELECTRA's and those of the Python package's `memoria_bert` and
/// `memoria_roberta` included. Fields that it does not know are kept as they are.
///
/// ```
/// use memoria_models::{EncoderConfig, EncoderKind};
///
/// let json = r#"{"model_type": "bert", "vocab_size": 101, "hidden_size": 32, "num_hidden_layers": 3,
///     "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 40}"#;
/// let config: EncoderConfig = serde_json::from_str(json).unwrap();
/// assert_eq!(config, EncoderConfig::new(EncoderKind::Bert, 101, 32, 3, 4, 64, 40));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct EncoderConfig {
    /// Which model's encoder it is.
    pub kind: EncoderKind,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// Size of the hidden states.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Size between the two linear layers that end a layer.
    pub intermediate_size: usize,
    /// Positions that there are embeddings of. RoBERTa does not use those up to its padding token's.
    pub max_position_embeddings: usize,
    /// Size of the embeddings if they are projected to the hidden states, as ELECTRA's can be; with
    /// weights that have no projection it says nothing. Hugging Face's BERT has no such projection, and
    /// cannot read what is saved of a model that has it.
    pub embedding_size: Option<usize>,
    /// Token types that there are embeddings of. Default: 2
    pub type_vocab_size: usize,
    /// The padding token, after which RoBERTa's positions begin; −1 for none. Default: BERT's 0,
    /// RoBERTa's 1
    pub pad_token_id: i64,
    /// Activation between the two linear layers that end a layer. Default: `gelu`
    pub hidden_act: Activation,
    /// Dropout rate of embeddings and of what layers add. Default: 0.1
    pub hidden_dropout_prob: f64,
    /// Dropout rate of the attention weights. Default: 0.1
    pub attention_probs_dropout_prob: f64,
    /// Dropout rate of the head; `hidden_dropout_prob` if not given.
    pub classifier_dropout: Option<f64>,
    /// The epsilon value for layer normalization. Default: 1e-12
    pub layer_norm_eps: f64,
    /// Deviation of the weights that are initialized. Default: 0.02
    pub initializer_range: f64,
    /// Labels of the classification head: in a file as many as `id2label` has, if it has any, and
    /// otherwise `num_labels`. Default: 2
    pub num_labels: usize,
    /// The memory, or none for a plain encoder.
    pub memory: Option<MemoryConfig>,
    /// With a memory, the layer after which memories are made, counted from 0. The layers after it attend to them. If
    /// the file lacks it, it is the package's default, 9. If no layer is left to attend then, the model is read as one
    /// without memory, as in the package.
    pub memory_layer_index: usize,
    /// All other fields.
    pub other: Map<String, Value>,
}

impl EncoderConfig {
    /// A plain encoder of these sizes, with Hugging Face's defaults.
    pub fn new(
        kind: EncoderKind,
        vocab_size: usize,
        hidden_size: usize,
        num_hidden_layers: usize,
        num_attention_heads: usize,
        intermediate_size: usize,
        max_position_embeddings: usize,
    ) -> Self {
        Self {
            kind,
            vocab_size,
            hidden_size,
            num_hidden_layers,
            num_attention_heads,
            intermediate_size,
            max_position_embeddings,
            embedding_size: None,
            type_vocab_size: 2,
            pad_token_id: kind.default_pad_token_id(),
            hidden_act: Activation::Gelu,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            classifier_dropout: None,
            layer_norm_eps: 1e-12,
            initializer_range: 0.02,
            num_labels: 2,
            memory: None,
            memory_layer_index: 0,
            other: Map::new(),
        }
    }

    /// Sets [`memory`](Self::memory) and [`memory_layer_index`](Self::memory_layer_index).
    pub fn with_memory(mut self, memory: MemoryConfig, memory_layer_index: usize) -> Self {
        (self.memory, self.memory_layer_index) = (Some(memory), memory_layer_index);
        self
    }

    /// Sets [`num_labels`](Self::num_labels).
    pub fn with_num_labels(mut self, num_labels: usize) -> Self {
        self.num_labels = num_labels;
        self
    }

    /// Sets all dropout rates.
    pub fn with_dropout(mut self, rate: f64) -> Self {
        (self.hidden_dropout_prob, self.attention_probs_dropout_prob) = (rate, rate);
        self.classifier_dropout = None;
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
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("embedding_size", self.d_embedding()),
            ("type_vocab_size", self.type_vocab_size),
            ("num_labels", self.num_labels),
        ])?;
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let expected = format!("a divisor of hidden_size, which is {}", self.hidden_size);
            return Err(invalid("num_attention_heads", expected, self.num_attention_heads));
        }
        if self.kind == EncoderKind::Roberta && self.pad_token_id < -1 {
            let expected = "-1 or more, as RoBERTa's positions begin after it";
            return Err(invalid("pad_token_id", expected, self.pad_token_id));
        }
        if self.first_position() >= self.max_position_embeddings {
            let expected = format!("above {}, the first token's position", self.first_position());
            return Err(invalid("max_position_embeddings", expected, self.max_position_embeddings));
        }
        check_rates(&[
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
            ("classifier_dropout", self.classifier_rate()),
        ])?;
        check_above_zero(&[("layer_norm_eps", self.layer_norm_eps)])?;
        check_deviation("initializer_range", self.initializer_range)?;
        let Some(memory) = &self.memory else { return Ok(()) };
        if self.memory_layer_index >= self.num_hidden_layers - 1 {
            let expected = "below the last layer's, so that a layer is left to attend to memories";
            return Err(invalid("memory_layer_index", expected, self.memory_layer_index));
        }
        memory.validate()
    }

    /// Initializes an encoder without head: weights normal with a deviation of
    /// [`initializer_range`](Self::initializer_range), biases zero.
    ///
    /// With a memory: memories start as weighted averages of hidden states. The attention to them starts as a
    /// comparison of contents that adds little.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate); [`ModelError::OutOfMemory`] for more parameters than there is
    /// memory for.
    pub fn init_model(&self, device: &Device) -> Result<Encoder, ModelError> {
        self.validate()?;
        self.size(false).check(self.num_hidden_layers, size_of::<EncoderLayer>(), device)?;
        Ok(Encoder::new(self, device))
    }

    /// Initializes an encoder with a classification head, as [`init_model`](Self::init_model) does.
    ///
    /// # Errors
    ///
    /// As [`init_model`](Self::init_model).
    pub fn init(&self, device: &Device) -> Result<SequenceClassifier, ModelError> {
        self.validate()?;
        self.size(true).check(self.num_hidden_layers, size_of::<EncoderLayer>(), device)?;
        Ok(SequenceClassifier::new(self, device))
    }

    pub(crate) fn size(&self, with_head: bool) -> Size {
        let (d_model, d_inner, d_embedding) =
            (self.hidden_size, self.intermediate_size, self.d_embedding());
        let attention = Size::linear(d_model, d_model).times(4);
        let layer = Size::sum([
            attention,
            Size::norm(d_model).times(2),
            Size::linear(d_model, d_inner),
            Size::linear(d_inner, d_model),
        ]);
        let memory = self.memory.as_ref().map(|memory| {
            let layers = self.num_hidden_layers - 1 - self.memory_layer_index;
            let layer = [memory.size_of_attention(d_model, attention), Size::norm(d_model)];
            Size::sum([
                Size::sum(layer).times(layers),
                memory.size_of_abstractor([d_model, self.intermediate_size]),
            ])
        });
        let parts = [
            Size::matrix(self.vocab_size, d_embedding),
            Size::matrix(self.max_position_embeddings, d_embedding),
            Size::matrix(self.type_vocab_size, d_embedding),
            Size::norm(d_embedding),
            Size::linear(d_embedding, d_model).when(d_embedding != d_model),
            layer.times(self.num_hidden_layers),
            Size::linear(d_model, d_model),
            Size::linear(d_model, self.num_labels).when(with_head),
        ];
        Size::sum(parts.into_iter().chain(memory))
    }

    pub(crate) fn d_embedding(&self) -> usize {
        self.embedding_size.unwrap_or(self.hidden_size)
    }

    /// The position of the first token.
    pub(crate) fn first_position(&self) -> usize {
        match self.kind {
            EncoderKind::Bert => 0,
            EncoderKind::Roberta => self.pad_token_id.saturating_add(1).max(0) as usize,
        }
    }

    pub(crate) fn classifier_rate(&self) -> f64 {
        self.classifier_dropout.unwrap_or(self.hidden_dropout_prob)
    }

    fn read(map: Map<String, Value>) -> Result<Self, ModelError> {
        let model_type = model_type_of(&map)?;
        let kind = EncoderKind::of_model_type(&model_type)?;
        let mut fields = Fields::new(map);
        fields.drop(&["model_type"]);
        refuse_other_kinds(&fields)?;
        let num_hidden_layers = fields.required(&["num_hidden_layers"])?;
        let is_package = model_type.starts_with("memoria_");
        // Where no layer would attend to memories, the package makes none.
        let by_default = (MEMORY_LAYER_INDEX + 1 < num_hidden_layers).then_some(MEMORY_LAYER_INDEX);
        let memory_layer_index = match is_package || MemoryConfig::is_in(&fields) {
            true => fields.optional("memory_layer_index")?.or(by_default),
            false => None,
        };
        let config = Self {
            embedding_size: match model_type == "electra" {
                true => fields.optional("embedding_size")?,
                // BERT's and RoBERTa's configurations may have it, and do not use it.
                false => fields.if_it_is("embedding_size").filter(|&size| size > 0),
            },
            type_vocab_size: fields.or("type_vocab_size", 2)?,
            pad_token_id: fields.or("pad_token_id", kind.default_pad_token_id())?,
            hidden_act: read_activation(&mut fields, "hidden_act", Activation::Gelu)?,
            hidden_dropout_prob: fields.or("hidden_dropout_prob", 0.1)?,
            attention_probs_dropout_prob: fields.or("attention_probs_dropout_prob", 0.1)?,
            classifier_dropout: fields.optional("classifier_dropout")?,
            layer_norm_eps: fields.or("layer_norm_eps", 1e-12)?,
            initializer_range: fields.or("initializer_range", 0.02)?,
            num_labels: read_num_labels(&mut fields)?,
            memory_layer_index: memory_layer_index.unwrap_or(0),
            memory: match memory_layer_index {
                Some(_) => {
                    let default = MemoryConfig::of_encoder().with_remembers_padding(is_package);
                    Some(MemoryConfig::read(&mut fields, default)?)
                }
                None => None,
            },
            ..Self::new(
                kind,
                fields.required(&["vocab_size"])?,
                fields.required(&["hidden_size"])?,
                num_hidden_layers,
                fields.required(&["num_attention_heads"])?,
                fields.required(&["intermediate_size"])?,
                fields.required(&["max_position_embeddings"])?,
            )
        };
        let config = Self { other: fields.rest(), ..config };
        config.validate()?;
        Ok(config)
    }
}

/// Hugging Face's encoders can be other models, too, which this one is not.
fn refuse_other_kinds(fields: &Fields) -> Result<(), ModelError> {
    let only = [
        ("position_embedding_type", json!("absolute")),
        ("is_decoder", json!(false)),
        ("add_cross_attention", json!(false)),
    ];
    for (field, supported) in only {
        match fields.get(field) {
            None | Some(Value::Null) => {}
            Some(value) if *value == supported => {}
            Some(other) => return Err(invalid(field, supported.to_string(), other)),
        }
    }
    Ok(())
}

/// As many as there are names of labels; an empty list of names says nothing.
fn read_num_labels(fields: &mut Fields) -> Result<usize, ModelError> {
    let said = fields.or("num_labels", 2)?;
    let named = fields.get("id2label").and_then(Value::as_object).map(Map::len);
    Ok(named.filter(|&count| count > 0).unwrap_or(said))
}

impl TryFrom<Map<String, Value>> for EncoderConfig {
    type Error = ModelError;

    /// # Errors
    ///
    /// [`ModelError::MissingField`] and [`ModelError::InvalidField`].
    fn try_from(map: Map<String, Value>) -> Result<Self, Self::Error> {
        Self::read(map)
    }
}

impl From<EncoderConfig> for Map<String, Value> {
    fn from(config: EncoderConfig) -> Self {
        let mut map = config.other.clone();
        if config.memory.is_none() {
            MemoryConfig::remove(&mut map);
        }
        let with_memory = config.memory.is_some();
        if map.get("id2label").and_then(Value::as_object).map(Map::len) != Some(config.num_labels) {
            map.remove("id2label");
            map.remove("label2id");
        }
        let mut put = |name: &str, value: Value| map.insert(name.to_owned(), value);
        put("model_type", json!(config.kind.model_type(with_memory)));
        put("architectures", json!([config.kind.class(with_memory)]));
        put("vocab_size", json!(config.vocab_size));
        put("hidden_size", json!(config.hidden_size));
        put("num_hidden_layers", json!(config.num_hidden_layers));
        put("num_attention_heads", json!(config.num_attention_heads));
        put("intermediate_size", json!(config.intermediate_size));
        put("max_position_embeddings", json!(config.max_position_embeddings));
        if let Some(size) = config.embedding_size {
            put("embedding_size", json!(size));
        }
        put("type_vocab_size", json!(config.type_vocab_size));
        put("pad_token_id", json!(config.pad_token_id));
        put("hidden_act", json!(config.hidden_act.name()));
        put("hidden_dropout_prob", json!(config.hidden_dropout_prob));
        put("attention_probs_dropout_prob", json!(config.attention_probs_dropout_prob));
        put("classifier_dropout", json!(config.classifier_dropout));
        put("layer_norm_eps", json!(config.layer_norm_eps));
        put("initializer_range", json!(config.initializer_range));
        put("num_labels", json!(config.num_labels));
        if let Some(memory) = &config.memory {
            put("memory_layer_index", json!(config.memory_layer_index));
            memory.write(&mut map);
        }
        map
    }
}
