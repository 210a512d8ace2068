use burn::{
    module::Module,
    nn::{Dropout, Embedding, LayerNorm, LayerNormConfig},
    tensor::{Bool, Device, Int, Tensor, TensorData},
};
use memoria_nn::{
    Abstractor, MemoryMaking, Places, Recall, ScoreMask, apply_dropout, init_dropout,
};

use super::{
    Gpt2Block, Gpt2Cache, Gpt2Config,
    block::{BlockOutput, SegmentRecall},
};
use crate::{
    ModelError, ModelInput, ModelMemory, attention::causal_mask, init::Normal, input::Limits,
};

/// GPT-2 without head, plain or with a memory. Its fields have the names of checkpoints.
///
/// With a memory, the previous segment's final hidden states go through the abstractor. The result is the working
/// memory of this segment. Every block attends to it and to the engrams reminded by it or by the abstractor's queries.
/// No output depends on anything later than its token.
/// The first segment has no memory. The paper's section 4.1; `GPT2WithMemoriaModel` of the Python
/// package's experiments.
#[derive(Module, Debug)]
pub struct Gpt2 {
    /// Token embedding.
    pub wte: Embedding,
    /// Position embedding.
    pub wpe: Embedding,
    /// Dropout of the embeddings.
    pub drop: Dropout,
    /// The blocks.
    pub h: Vec<Gpt2Block>,
    /// After the blocks.
    pub ln_f: LayerNorm,
    /// Makes working memories and queries or, if hidden states are the memories, queries alone; none in a
    /// plain GPT-2, and in one that needs neither.
    pub abs: Option<Abstractor>,
    /// Whether padding is [remembered](crate::MemoryConfig::remembers_padding).
    pub remembers_padding: bool,
    /// Whether memories are the hidden states themselves.
    pub keeps_hidden: bool,
    /// Whether hidden states that are the memories are made equally long.
    pub equal_length: bool,
    /// Factor of the scores before they are added to logits; 0 if they are not added.
    pub score_scale: f64,
}

/// What a segment is reminded of, before it is read.
#[derive(Clone, Debug)]
pub(crate) struct Gpt2Recall {
    pub(crate) recall: Recall,
    without_memory: Option<Tensor<3, Bool>>,
    /// What the scores add to the logits of reminded memories, `[batch, 1, 1, k]`.
    bias: Option<Tensor<4>>,
}

/// A segment, or a part of one, before it goes through the blocks.
pub(crate) struct Embedded {
    /// `[batch, seq, d_model]`.
    hidden: Tensor<3>,
    mask: ScoreMask,
    /// Where within the segment it is, as far as memories are concerned.
    places: Places,
}

/// A segment, or a part of one, that went through the blocks.
pub(crate) struct Passed {
    /// After `ln_f`, `[batch, seq, d_model]`.
    pub(crate) hidden: Tensor<3>,
    /// Weights over the reminded memories, `[batch, n_head, seq, k]` per block; empty if there were none.
    pub(crate) weights: Vec<Tensor<4>>,
}

impl Gpt2 {
    pub(crate) fn new(config: &Gpt2Config, device: &Device) -> Self {
        let d_model = config.n_embd;
        let normal = Normal::new(config.initializer_range);
        let memory = config.memory.as_ref();
        Self {
            wte: normal.embedding(config.vocab_size, d_model, device),
            wpe: normal.embedding(config.n_positions, d_model, device),
            drop: init_dropout(config.embd_pdrop),
            h: (0..config.n_layer).map(|layer| Gpt2Block::new(config, layer, device)).collect(),
            ln_f: LayerNormConfig::new(d_model)
                .with_epsilon(config.layer_norm_epsilon)
                .init(device),
            abs: memory.and_then(|memory| {
                memory.abstractor(config.abstractor_sizes(), config.layer_norm_epsilon, device)
            }),
            remembers_padding: memory.is_some_and(|memory| memory.remembers_padding),
            keeps_hidden: memory.is_some_and(|memory| memory.num_memories.is_none()),
            equal_length: memory.is_some_and(|memory| memory.equal_length),
            score_scale: memory.map_or(0.0, |memory| memory.score_scale(d_model)),
        }
    }

    /// Tokens a segment can have.
    pub fn n_positions(&self) -> usize {
        self.wpe.weight.lazy_shape()[0]
    }

    /// Hidden states after the last layer norm, `[batch, seq, d_model]`, of one segment by itself, without memory. With
    /// a cache, the tokens continue those in it.
    ///
    /// # Errors
    ///
    /// [`ModelError::EmptyInput`], [`ModelError::WrongInputShape`], [`ModelError::WrongInputDevice`],
    /// [`ModelError::TooManyTokens`] and [`ModelError::InvalidInput`].
    pub fn forward(
        &self,
        input: &ModelInput,
        mut cache: Option<&mut Gpt2Cache>,
    ) -> Result<Tensor<3>, ModelError> {
        let input = self.checked(input, cache.as_deref())?;
        let embedded = self.embed(&input, cache.as_deref_mut());
        Ok(self.pass(embedded, None, cache).hidden)
    }

    /// An input as the model takes it.
    pub(crate) fn checked(
        &self,
        input: &ModelInput,
        cache: Option<&Gpt2Cache>,
    ) -> Result<ModelInput, ModelError> {
        let (tokens, positions) = (self.wte.weight.lazy_shape()[0], self.n_positions());
        let got @ [batch, seq] = input.input_ids.dims();
        if let Some(held) = cache.and_then(Gpt2Cache::batch).filter(|&held| held != batch) {
            let (tensor, expected) = ("input_ids that go on from a cache", [held, seq]);
            return Err(ModelError::WrongInputShape { tensor, expected, got });
        }
        let before = cache.map_or(0, Gpt2Cache::len);
        let limits =
            Limits { tokens, token_types: tokens, positions, max_tokens: positions, before };
        input.checked(&limits, &self.wte.weight.val().device())
    }

    /// Whether it attends to memories.
    pub(crate) fn has_memory(&self) -> bool {
        self.h.iter().any(|block| block.memory_attention.is_some())
    }

    /// What the previous segment reminds of, for a batch of so many rows, of which those in `absent` take no
    /// part; `None` if there is none.
    pub(crate) fn recall(
        &self,
        batch: usize,
        absent: &[usize],
        memory: &mut ModelMemory,
    ) -> Result<Option<Gpt2Recall>, ModelError> {
        if !self.has_memory() {
            return Err(ModelError::NoMemory);
        }
        let embedding = self.wte.weight.val();
        let recalled = memory.recall_previous(batch, absent, &embedding, self.making())?;
        Ok(recalled.map(|(recall, without)| {
            let without_memory = (!without.is_empty()).then(|| {
                let batch = recall.working.dims()[0];
                let mut rows = vec![false; batch];
                without.iter().for_each(|&row| rows[row] = true);
                Tensor::from_data(TensorData::new(rows, [batch, 1, 1]), &recall.working.device())
            });
            let bias = recall.score_bias(self.score_scale);
            Gpt2Recall { recall, without_memory, bias }
        }))
    }

    /// Tokens, which were [checked](Self::checked), as they enter the blocks; a cache takes note of them.
    pub(crate) fn embed(&self, input: &ModelInput, cache: Option<&mut Gpt2Cache>) -> Embedded {
        let shape @ [_, seq] = input.input_ids.dims();
        let before = cache.as_deref().map_or(0, Gpt2Cache::len);
        let hidden = self.embeddings(input, before);
        let counted = input.mask_pad.clone().filter(|_| !self.remembers_padding);
        let places = Places::new(seq).start(before).mask_pad(counted);
        let mask_pad = match cache {
            None => input.mask_pad.clone(),
            Some(cache) => cache.extend(shape, input.mask_pad.clone(), &hidden),
        };
        let mask = causal_mask(mask_pad, [seq, before + seq], &hidden);
        Embedded { hidden, mask, places }
    }

    /// Runs tokens through the blocks.
    pub(crate) fn pass(
        &self,
        Embedded { mut hidden, mask, places }: Embedded,
        recall: Option<&Gpt2Recall>,
        cache: Option<&mut Gpt2Cache>,
    ) -> Passed {
        let recall = recall.map(|Gpt2Recall { recall, without_memory, bias }| SegmentRecall {
            recall,
            without_memory: without_memory.as_ref(),
            bias: bias.as_ref(),
            places: &places,
            keeps_hidden: self.keeps_hidden,
        });
        let mut layers = cache.map(|cache| cache.layers(self.h.len()).iter_mut());
        let mut all_weights = Vec::new();
        for block in &self.h {
            let cached = layers.as_mut().and_then(Iterator::next);
            let output: BlockOutput = block.forward(hidden, &mask, recall, cached);
            hidden = output.hidden;
            all_weights.extend(output.weights);
        }
        Passed { hidden: self.ln_f.forward(hidden), weights: all_weights }
    }

    fn making(&self) -> MemoryMaking<'_> {
        MemoryMaking {
            abstractor: self.abs.as_ref(),
            keeps_hidden: self.keeps_hidden,
            equal_length: self.equal_length,
            reads_scores: self.score_scale != 0.0,
        }
    }

    fn embeddings(&self, input: &ModelInput, before: usize) -> Tensor<3> {
        let [_, seq] = input.input_ids.dims();
        let tokens = self.wte.forward(input.input_ids.clone());
        let positions = match &input.position_ids {
            Some(positions) => self.wpe.forward(positions.clone()),
            None => {
                let device = tokens.device();
                let range = before as i64..(before + seq) as i64;
                self.wpe.forward(Tensor::<1, Int>::arange(range, &device).unsqueeze::<2>())
            }
        };
        let mut hidden = tokens + positions;
        if let Some(token_types) = &input.token_type_ids {
            hidden = hidden + self.wte.forward(token_types.clone());
        }
        apply_dropout(&self.drop, hidden)
    }
}
