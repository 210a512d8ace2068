mod config;
mod input;

use burn::{
    module::{Module, Param, ParamId},
    nn::LayerNorm,
    tensor::Tensor,
};
use memoria_core::MemoriaError;

pub use config::{MemoriaLayerConfig, Sight};
pub use input::{MemoriaLayerInput, MemoriaLayerOutput};

use crate::{
    Abstractor, MemoriaState, MemoryAttention, MemoryAttentionInput, MemoryMaking, MemorySource,
    Places, Recall, finite::without_padding, nearness_bias, padding::Padding,
    recency::recency_bias,
};

/// A memory for any transformer: abstractor, memory and attention as one residual layer.
///
/// It makes memories of hidden states and stores them. It attends to them and to the reminded engrams, and extends
/// the lifespan of the engrams it attends to. Put it between two blocks of a transformer. Each of several layers needs
/// its own [`MemoriaState`]. [`MemoriaLayerConfig`] chooses the hidden states that memories are made of:
///
/// - [`bidirectional`](MemoriaLayerConfig::bidirectional), for encoders: those of the present segment. Each position
///   then sees the whole segment through its memories, later positions, too.
/// - [`causal`](MemoriaLayerConfig::causal), for decoders: those of the previous segment. No output depends on
///   anything later than its position, and the first segment of a document has no memory.
///
/// # What is learned
///
/// - The memories: the attention to them trains the abstractor.
/// - The query: one for each segment, made by the same abstractor and not stored. At first it asks about all positions
///   alike. The score by which engrams were chosen is added to the logits of the attention to them
///   ([`Recall::scores`]). So the query moves towards an engram that helps.
/// - With [`recency`](MemoriaLayerConfig::recency), the value of being newer than the other reminded engrams. This
///   serves facts that are repeated and change.
/// - In a causal layer, the places that memories are made of, and how near a working memory is to a place. The
///   nearness starts as a slope for each head, as in ALiBi.
///
/// Stored vectors are learned within the gradient window only. Beyond it engrams are constants, and the query adapts
/// to them. Not learned: the choice of engrams (the nearest, or those that the walk reaches), the connections, the
/// lifespans (they follow from the attention), and the scale of the scores, 1 / (2 √d_model).
///
/// # What to choose
///
/// - *How many reminded*: few; in training at least 2 and fewer than the memory has. If all are reminded, no choice is
///   learned. A single one has no gradient, as a softmax over one has none. In language models 2: with 8, models of
///   bytes were worse than with working memory alone.
/// - *Search*: [`LongTermSearch::Nearest`](memoria_core::LongTermSearch::Nearest), as in
///   [`MemoriaConfig::small`](memoria_core::MemoriaConfig::small). A walk reaches engrams that have fired together. A
///   fact that is asked for once has not.
/// - *Lifespan*: at least half of the segments of a document. An engram that is not reminded within it is gone.
/// - *Queries*: one, for one question a segment. Several act as a union if the correlation is Gaussian or the pooling
///   is max; otherwise only their mean counts. Queries that start alike tend to stay alike, unless a loss gives each
///   its own target, as `training.contrast` of `memoria-tasks` does.
/// - *Window*: as many segments as fit; one trains working memory alone.
/// - *Place*: after the first block rather than before it. In language models, embeddings should start with a deviation
///   of 0.2 or less. With Burn's default of 1, no memory is learned early. Where keys must be distinguished, 0.5 was
///   better, and with 0.7 no choice was learned.
/// - *Hidden states as memories* ([`num_memories`](MemoriaLayerConfig::num_memories) of `None`): the working
///   memory is more exact, but each segment stores as many engrams as it has positions.
/// - For the nearest context alone, keys cached in every block (Transformer-XL) are better. The memory is for what such
///   a cache has lost.
///
/// # Costs
///
/// Beyond the abstractor and two attentions, learned recall costs k · d_model multiplications for each row and query,
/// and the search. In a training step this time was too small to measure. Parameters: d_model for each query. With
/// places, also (num_memories + num_queries) · max_places and, in a causal layer,
/// n_heads · max_places · num_memories. With recency, n_heads · recency. The memory keeps [`MemoriaState`]'s vectors
/// and, for a causal layer, one segment of hidden states per row.
///
/// # Figures
///
/// The figures are from experiments with a prototype of this layer. In each document, each segment contains one fact,
/// a key and one of 8 values, and asks for an earlier fact. d_model 64, 1,000 training steps on documents of 8
/// segments, 4 of 14 engrams reminded, search by `Nearest`, no forgetting, 100 seconds on one core. Right answers in
/// percent, three seeds, by the number of reminded engrams and of all engrams:
///
/// | | 4 of 14, as trained | 8 of 254, 16 times as long | 8 of 1,022, 64 times | 1 of 1,022 |
/// |---|--:|--:|--:|--:|
/// | learned recall | 100, 100, 100 | 100, 100, 100 | 99.9, 99.9, 99.6 | 100, 99.7, 99.2 |
/// | the paper's memory, the nearest of all searched | 43.9 | 15.1 | 13.1 | – |
/// | working memory only | 12.9 | 12.2 | 12.1 | – |
///
/// - Without the query 66 % at 4 of 14, without the score in the logits 72, without a gradient window 47. With a query
///   that is not initialized to zero, 89 to 99.7 % at 64 times the length, depending on the seed.
/// - Walk instead of nearest search: 71, 37 and 21 % at 4, 16 and 64 times the length. Nearest search gave 97.2 to 100.
/// - Lifespans of 16, 32, 64 and 128 in documents of 128 segments: 78.5, 89.0, 97.5 and 98.8 %.
/// - Memories of equal length: 99.9 % instead of 98.8 at 64 times the length.
/// - Two questions a segment: two queries with Gaussian correlation gave 40 to 98.1 %, depending on initialization and
///   seed. With a loss that gives each query its own question, and the pooling max, 100 % at 64 times the length on
///   three seeds (`recall-several` of `memoria-tasks`).
/// - In a causal language model, on bytes of novels, the memory gained 0.041 bits per byte of 2.300 (segments of 32,
///   hidden states as memories, two reminded, 2,000 steps, three seeds), and 0.045 of 2.179 with segments of 64. The
///   working memory gave the whole gain. Transformer-XL's cache gained 0.063 (`lm` of `memoria-tasks`).
///
/// Should be created with [`MemoriaLayerConfig`].
#[derive(Module, Debug)]
pub struct MemoriaLayer {
    /// Makes working memories and queries of hidden states or, if those are the memories, queries alone.
    pub abstractor: Abstractor,
    /// Attends to working memories and, if they have no attention of their own, separately to reminded ones.
    pub attention: MemoryAttention,
    /// Attends to reminded memories, if they have an attention of their own.
    pub attention_reminded: Option<MemoryAttention>,
    /// Before attending to working memories.
    pub norm_working: LayerNorm,
    /// Before attending to reminded memories.
    pub norm_reminded: LayerNorm,
    /// Bias on the scores of working memories by head, place within the segment and memory, `[n_heads, max_places,
    /// num_memories]`, if there is one. If hidden states are the memories, by head, place and their distance from the
    /// end of the previous segment, `[n_heads, max_places, max_places]`.
    pub nearness: Option<Param<Tensor<3>>>,
    /// What is added to the scores of reminded memories by head and by how many reminded ones are newer, in units of
    /// 16, `[n_heads, recency]`, if anything.
    pub recency: Option<Param<Tensor<2>>>,
    /// Whether memories are made of the previous segment.
    pub is_causal: bool,
    /// Whether memories are the hidden states themselves.
    pub keeps_hidden: bool,
    /// Whether memories are made equally long.
    pub equal_length: bool,
    /// Factor of the scores before they are added to logits; 0 if they are not added.
    pub score_scale: f64,
}

impl MemoriaLayer {
    /// Passes one segment `[batch, seq, d_model]` through the memory, given as hidden states or as
    /// [`MemoriaLayerInput`].
    ///
    /// Padding makes no memories and gives no lifespan. A row of padding alone takes no part in the step: its memory
    /// stays the same and does not age. Hidden states at padding are not read, NaN included; the output there has no
    /// meaning. Costs as much as [`MemoriaState::recall`], and with padding one more device round trip.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::{Bool, Device, Distribution, Tensor};
    /// use memoria_core::MemoriaConfig;
    /// use memoria_nn::{MemoriaLayerConfig, MemoriaLayerInput, MemoriaStateConfig};
    ///
    /// # fn main() -> Result<(), memoria_core::MemoriaError> {
    /// let device = Device::flex();
    /// let layer = MemoriaLayerConfig::bidirectional(64, 4, 8).init(&device);
    /// let mut memory = MemoriaStateConfig::new(MemoriaConfig::new(4, 16, 5, 3.0, 4)).init()?;
    /// let hidden = Tensor::<3>::random([2, 3, 64], Distribution::Default, &device);
    /// let padding = Tensor::<2, Bool>::from_data([[false, false, true], [true, true, true]], &device);
    /// layer.forward(MemoriaLayerInput::new(hidden).mask_pad(padding), &mut memory)?;
    /// assert_eq!(memory.state()?.row(0)?.engrams().count(), 8);
    /// assert_eq!(memory.state()?.row(1)?.engrams().count(), 0);
    /// # Ok(()) } main().unwrap(); }
    /// ```
    ///
    /// A host checks at once whether the segment is finite. On a device the check is read together with the memory's
    /// own reads. In the first segment of a causal layer it costs a round trip of its own.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::EmptyDimension`] for a segment without positions; [`MemoriaError::OtherLayer`] if
    /// `memory` is another layer's; [`MemoriaError::NonFiniteHidden`] for a segment that is not finite, and
    /// [`MemoriaError::NonFiniteMemory`] if the memories made of it or of the previous one are not finite: all rows are
    /// as they were. [`MemoriaError::NonFiniteAttention`]; the segment is then stored all the same. As
    /// [`MemoriaState::recall`] and [`MemoriaState::reinforce`].
    ///
    /// # Panics
    ///
    /// If the hidden states are not of size `d_model`, the padding not of their batch and length, or the first
    /// position not at the start of the segment.
    pub fn forward(
        &self,
        input: impl Into<MemoriaLayerInput>,
        memory: &mut MemoriaState,
    ) -> Result<MemoriaLayerOutput, MemoriaError> {
        let mut input = input.into();
        let start = input.start;
        assert!(start == 0, "a segment is remembered whole, got one that starts at {start}");
        let padding = self.check(&mut input, memory)?;
        let (recall, begins) = memory.checking(&input.hidden, None, |memory| {
            let source = self.source(&input.hidden, padding.as_ref(), memory)?;
            let begins = source.is_none();
            let recall = match source {
                Some(source) => self.making().recall(source, |input| memory.recall(input))?,
                None => memory.nothing(&input.hidden)?,
            };
            Ok((recall, begins))
        })?;
        memory.belong_to(self.id());
        if self.is_causal {
            input.hidden = memory.keep_checked(input.hidden, padding.as_ref())?;
        }
        let mask_pad = input.mask_pad.clone();
        let output = self.attend(input, recall);
        if !begins {
            let weights = output.weights.clone();
            let gains = memory.gains_except(&output.recall, weights, mask_pad.as_ref())?;
            memory.adjust_forgiving(&output.recall, gains)?;
        }
        Ok(output)
    }

    /// As [`forward`](Self::forward), but the memory does not change: for looking ahead, as in generation, where
    /// the segment is not complete. A later piece of a segment needs a [start](MemoriaLayerInput::start).
    ///
    /// This never fills a memory. To evaluate on held-out text, use [`forward`](Self::forward) with a separate memory.
    ///
    /// # Errors
    ///
    /// [`MemoriaError::EmptyDimension`] for a segment without positions; [`MemoriaError::OtherLayer`]; as
    /// [`MemoriaState::peek`].
    ///
    /// # Panics
    ///
    /// If the hidden states are not of size `d_model`, or the padding not of their batch and length.
    pub fn forward_peek(
        &self,
        input: impl Into<MemoriaLayerInput>,
        memory: &mut MemoriaState,
    ) -> Result<MemoriaLayerOutput, MemoriaError> {
        let mut input = input.into();
        let padding = self.check(&mut input, memory)?;
        let recall = memory.checking(&input.hidden, None, |memory| {
            match self.source(&input.hidden, padding.as_ref(), memory)? {
                Some(source) => self.making().recall(source, |input| memory.peek(input)),
                None => memory.nothing(&input.hidden),
            }
        })?;
        Ok(self.attend(input, recall))
    }

    /// Attends to a recall. The memory does not change.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    pub fn attend(
        &self,
        input: impl Into<MemoriaLayerInput>,
        recall: Recall,
    ) -> MemoriaLayerOutput {
        let input = input.into();
        let context = self.attend_to_working(&input, &recall);
        let mut hidden = input.hidden + context;
        let attention = self.attention_reminded.as_ref().unwrap_or(&self.attention);
        let mut weights = None;
        match &recall.reminded {
            Some(reminded) => {
                let normed = self.norm_reminded.forward(hidden.clone());
                let mut input = MemoryAttentionInput::new(normed, reminded.data.clone())
                    .mask_pad(reminded.mask_pad.clone());
                let recency = self.recency.as_ref().map(|it| recency_bias(it.val(), reminded));
                input.bias = match (recall.score_bias(self.score_scale), recency) {
                    (Some(score), Some(recency)) => {
                        let dtype = score.dtype();
                        Some(score + recency.cast(dtype))
                    }
                    (score, recency) => score.or(recency),
                };
                let attended = attention.forward(input);
                hidden = hidden + attended.context;
                weights = Some(attended.weights);
            }
            // A row without memories gets the same beside a row that has some.
            None => hidden = hidden.clone() + attention.forward_nothing(&hidden),
        }
        MemoriaLayerOutput { hidden, recall, weights }
    }

    /// What working memories add.
    fn attend_to_working(&self, input: &MemoriaLayerInput, recall: &Recall) -> Tensor<3> {
        let working = recall.working.clone();
        if working.dims()[1] == 0 {
            return self.attention.forward_nothing(&input.hidden);
        }
        let normed = self.norm_working.forward(input.hidden.clone());
        let mut attending =
            MemoryAttentionInput::new(normed, working).mask_pad(recall.mask_working.clone());
        if let Some(nearness) = &self.nearness {
            let places = Places::new(input.hidden.dims()[1])
                .start(input.start)
                .mask_pad(input.mask_pad.clone());
            attending.bias =
                Some(nearness_bias(nearness.val(), &places, recall, self.keeps_hidden));
        }
        self.attention.forward(attending).context
    }

    /// What memories are made of when a segment comes; `None` if it is the first one of all rows that take part.
    fn source(
        &self,
        hidden: &Tensor<3>,
        padding: Option<&Padding>,
        memory: &mut MemoriaState,
    ) -> Result<Option<MemorySource>, MemoriaError> {
        if !self.is_causal {
            let (hidden, padding) = (hidden.clone(), padding.cloned());
            return Ok(Some(MemorySource::new(hidden, padding.clone(), padding)));
        }
        // A memory of other rows is refused here, and of other rows that were reset nothing comes.
        if memory.check_rows(hidden)? {
            return Ok(None);
        }
        let Some(previous) = memory.previous_segment(&hidden.device())? else { return Ok(None) };
        let absent = padding.map(Padding::empty_rows).unwrap_or_default();
        Ok(previous.source_without(&absent))
    }

    fn making(&self) -> MemoryMaking<'_> {
        MemoryMaking {
            abstractor: Some(&self.abstractor),
            keeps_hidden: self.keeps_hidden,
            equal_length: self.equal_length,
            reads_scores: self.score_scale != 0.0,
        }
    }

    /// Refuses a segment without positions and a memory of another layer. Reads the padding, and takes zeros for
    /// what is there.
    fn check(
        &self,
        input: &mut MemoriaLayerInput,
        memory: &MemoriaState,
    ) -> Result<Option<Padding>, MemoriaError> {
        let MemoriaLayerInput { hidden, mask_pad, .. } = input;
        let [batch, seq, got] = hidden.dims();
        let [d_model, _] = self.attention.query.weight.lazy_shape().dims();
        assert_eq!(got, d_model, "hidden states must be of size {d_model}, got {got}");
        if seq == 0 {
            let (tensor, dimension, got) = ("hidden states", "sequence", hidden.dims().to_vec());
            return Err(MemoriaError::EmptyDimension { tensor, dimension, got });
        }
        memory.check_layer(self.id())?;
        let Some(mask) = mask_pad else { return Ok(None) };
        assert_eq!(mask.dims(), [batch, seq], "padding must be of the hidden states' positions");
        let padding = Padding::read(mask)?;
        if padding.is_some() {
            *hidden = without_padding(hidden.clone(), mask.clone());
        }
        Ok(padding)
    }

    /// What a memory knows its layer by.
    fn id(&self) -> ParamId {
        self.attention.query.weight.id
    }
}
