use burn::{
    module::Module,
    nn::Linear,
    tensor::{Device, Tensor, activation::tanh},
};
use memoria_nn::{Abstractor, MemoryMaking, MemorySource, Padding, Recall};

use super::{EncoderConfig, EncoderEmbeddings, EncoderLayer};
use crate::{ModelError, ModelInput, ModelMemory, attention::padding_mask, init::Normal};

/// The encoder of BERT and RoBERTa, plain or with a memory.
///
/// With a memory, the abstractor makes working memories of the hidden states after the layer
/// [`memory_layer_index`](EncoderConfig::memory_layer_index). The layers after it attend to them and to the engrams
/// reminded by them or by the abstractor's queries. `MemoriaBertModel` and `MemoriaRobertaModel` of the Python
/// package's experiments.
///
/// Should be created with [`EncoderConfig`].
#[derive(Module, Debug)]
pub struct Encoder {
    /// Of tokens, positions and token types.
    pub embeddings: EncoderEmbeddings,
    /// The layers.
    pub layers: Vec<EncoderLayer>,
    /// Makes working memories and queries or, if hidden states are the memories, queries alone; none in a
    /// plain encoder, and in one that needs neither.
    pub abstractor: Option<Abstractor>,
    /// The first token's hidden state to what stands for the whole segment.
    pub pooler: Linear,
    /// Index, from 0, of the layer after which memories are made.
    pub memory_layer_index: usize,
    /// Whether padding is [remembered](crate::MemoryConfig::remembers_padding).
    pub remembers_padding: bool,
    /// Whether memories are the hidden states themselves.
    pub keeps_hidden: bool,
    /// Whether hidden states that are the memories are made equally long.
    pub equal_length: bool,
    /// Factor of the scores before they are added to logits; 0 if they are not added.
    pub score_scale: f64,
}

/// Output of [`Encoder::forward`].
#[derive(Clone, Debug)]
pub struct EncoderOutput {
    /// Hidden states after the last layer, `[batch, seq, hidden_size]`.
    pub hidden: Tensor<3>,
    /// What the segment was reminded of; `None` without memory.
    pub recall: Option<Recall>,
    /// Lifespan gains of the reminded memories, `[batch, k]`, in the order of their ids; `None` if no
    /// row was reminded of anything.
    pub gains: Option<Tensor<2>>,
}

impl Encoder {
    pub(crate) fn new(config: &EncoderConfig, device: &Device) -> Self {
        let d_model = config.hidden_size;
        let with_memory = |layer| config.memory.is_some() && layer > config.memory_layer_index;
        let memory = config.memory.as_ref();
        Self {
            embeddings: EncoderEmbeddings::new(config, device),
            layers: (0..config.num_hidden_layers)
                .map(|layer| EncoderLayer::new(config, with_memory(layer), device))
                .collect(),
            abstractor: memory.and_then(|memory| {
                let sizes = [d_model, config.intermediate_size];
                memory.abstractor(sizes, config.layer_norm_eps, device)
            }),
            pooler: Normal::new(config.initializer_range).linear(d_model, d_model, device),
            memory_layer_index: config.memory_layer_index,
            remembers_padding: memory.is_some_and(|memory| memory.remembers_padding),
            keeps_hidden: memory.is_some_and(|memory| memory.num_memories.is_none()),
            equal_length: memory.is_some_and(|memory| memory.equal_length),
            score_scale: memory.map_or(0.0, |memory| memory.score_scale(d_model)),
        }
    }

    /// Tokens a segment can have.
    pub fn max_tokens(&self) -> usize {
        self.embeddings.max_tokens()
    }

    /// One segment, with the memory of those before it if the model has one.
    ///
    /// For a model with memory and a `memory`: this segment is stored in it. The reminded engrams are attended to and
    /// gain lifespan. Without `memory` the layers attend only to tokens. Padding is not
    /// [remembered](crate::MemoryConfig::remembers_padding). A row of padding alone takes no part: it keeps its memory,
    /// which does not age. Costs the device round trips of
    /// [`MemoriaState::recall`](memoria_nn::MemoriaState::recall), and one more if there is padding.
    ///
    /// # Errors
    ///
    /// [`ModelError::EmptyInput`], [`ModelError::WrongInputShape`], [`ModelError::WrongInputDevice`],
    /// [`ModelError::TooManyTokens`] and [`ModelError::InvalidInput`]; [`ModelError::NoMemory`] for a memory that a
    /// plain model is given, and [`ModelError::Memory`]. An input that does not fit is refused before the memory takes
    /// part. Parameters or half precision can make hidden states that are not finite. These are refused, too, if
    /// memories are made of them. In later layers they are reported after the step, as
    /// [`NonFiniteAttention`](memoria_core::MemoriaError::NonFiniteAttention).
    pub fn forward(
        &self,
        input: &ModelInput,
        memory: Option<&mut ModelMemory>,
    ) -> Result<EncoderOutput, ModelError> {
        let device = self.pooler.weight.val().device();
        let input = input.checked(&self.embeddings.limits(), &device)?;
        let mask = padding_mask(input.mask_pad.clone());
        let mut hidden = self.embeddings.forward(&input);
        let Some(memory) = memory else {
            for layer in &self.layers {
                hidden = layer.forward(hidden, &mask, None).hidden;
            }
            return Ok(EncoderOutput { hidden, recall: None, gains: None });
        };
        if !self.has_memory() {
            return Err(ModelError::NoMemory);
        }
        let (below, above) = self.layers.split_at(self.memory_layer_index + 1);
        for layer in below {
            hidden = layer.forward(hidden, &mask, None).hidden;
        }
        let padding = input.padding()?;
        let absent = padding.as_ref().map(Padding::empty_rows).unwrap_or_default();
        let (read, stored) = match self.remembers_padding {
            true => (None, Padding::of_rows(&absent, input.input_ids.dims())),
            false => (padding.clone(), padding),
        };
        let left_out = input.mask_pad.filter(|_| !self.remembers_padding);
        let checked = stored.clone();
        let source = MemorySource::new(hidden.clone(), read, stored);
        let recall = memory.memoria().checking(&hidden, checked.as_ref(), |state| {
            self.making().recall(source, |input| state.recall(input))
        })?;
        let bias = recall.score_bias(self.score_scale);
        let mut weights = Vec::new();
        for layer in above {
            let output = layer.forward(hidden, &mask, Some((&recall, bias.as_ref())));
            hidden = output.hidden;
            weights.extend(output.weights);
        }
        let gains = memory.memoria().gains_except(&recall, weights, left_out.as_ref())?;
        memory.memoria().adjust_forgiving(&recall, gains.clone())?;
        Ok(EncoderOutput { hidden, recall: Some(recall), gains })
    }

    /// Whether layers attend to memories.
    pub(crate) fn has_memory(&self) -> bool {
        self.layers.iter().any(|layer| layer.memory_attention.is_some())
    }

    fn making(&self) -> MemoryMaking<'_> {
        MemoryMaking {
            abstractor: self.abstractor.as_ref(),
            keeps_hidden: self.keeps_hidden,
            equal_length: self.equal_length,
            reads_scores: self.score_scale != 0.0,
        }
    }

    /// What stands for whole segments, `[batch, hidden_size]`, made of the hidden states
    /// `[batch, seq, hidden_size]` of their first tokens.
    ///
    /// # Panics
    ///
    /// If the hidden states are not of that size.
    pub fn pool(&self, hidden: Tensor<3>) -> Tensor<2> {
        tanh(self.pooler.forward(first_token(hidden)))
    }
}

/// `[batch, d_model]` of `[batch, seq, d_model]`.
pub(crate) fn first_token(hidden: Tensor<3>) -> Tensor<2> {
    let [batch, _, d_model] = hidden.dims();
    hidden.narrow(1, 0, 1).reshape([batch, d_model])
}
