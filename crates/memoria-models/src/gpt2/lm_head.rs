use burn::{
    module::Module,
    nn::Linear,
    tensor::{Device, Tensor},
};
use memoria_nn::{Padding, Recall};

use super::{Gpt2, Gpt2Cache, Gpt2Config, Gpt2Recall};
use crate::{ModelError, ModelInput, ModelMemory, init::Normal};

/// GPT-2 with a language modelling head, plain or with a memory. Its fields have the names of
/// checkpoints.
///
/// Should be created with [`Gpt2Config`].
#[derive(Module, Debug)]
pub struct Gpt2LmHead {
    /// The model below the head.
    pub transformer: Gpt2,
    /// Hidden states to logits; `None` if its weight is the token embedding.
    pub lm_head: Option<Linear>,
}

/// Output of [`Gpt2LmHead::forward`].
#[derive(Clone, Debug)]
pub struct Gpt2Output {
    /// Scores of the tokens that may come next, `[batch, seq, vocab_size]`.
    pub logits: Tensor<3>,
    /// Hidden states after the last layer norm, `[batch, seq, d_model]`.
    pub hidden: Tensor<3>,
    /// What the segment was reminded of; `None` in a plain model, and in a first segment.
    pub recall: Option<Recall>,
    /// Lifespan gains of the reminded memories, `[batch, k]`, in the order of their ids; `None` if no
    /// row was reminded of anything.
    pub gains: Option<Tensor<2>>,
}

impl Gpt2LmHead {
    pub(crate) fn new(config: &Gpt2Config, device: &Device) -> Self {
        let normal = Normal::new(config.initializer_range);
        let tied = config.tie_word_embeddings.unwrap_or(true);
        Self {
            transformer: Gpt2::new(config, device),
            lm_head: (!tied)
                .then(|| normal.linear_without_bias(config.n_embd, config.vocab_size, device)),
        }
    }

    /// One segment, with the memory of those before it if the model has one.
    ///
    /// For a model with memory and a `memory`: the previous segment is stored in it. The reminded engrams are attended
    /// to and gain lifespan. This segment is kept for the next one. Without `memory` the segment is read by itself.
    /// Padding is not remembered. A row of padding alone takes no part: it keeps its memory, which does not age, and
    /// its last segment. Costs the device round trips
    /// of [`MemoriaState::recall`](memoria_nn::MemoriaState::recall), and one more if there is padding.
    ///
    /// # Errors
    ///
    /// As [`Gpt2::forward`]; [`ModelError::NoMemory`] for a memory that a plain model is given, and
    /// [`ModelError::Memory`]. An input that does not fit is refused before the memory takes part. Hidden states
    /// that are not finite, which parameters or half precision can make, are told of once the segment has been
    /// read: on a host at once, and the next segment of such a row has no memory; on a device by the next
    /// segment, until [`reset_rows`](ModelMemory::reset_rows). Other rows lose nothing.
    pub fn forward(
        &self,
        input: &ModelInput,
        memory: Option<&mut ModelMemory>,
    ) -> Result<Gpt2Output, ModelError> {
        let input = self.transformer.checked(input, None)?;
        // All that an input can be refused for is done before the memory takes part.
        let embedded = self.transformer.embed(&input, None);
        let Some(memory) = memory else {
            let hidden = self.transformer.pass(embedded, None, None).hidden;
            let logits = self.logits(hidden.clone());
            return Ok(Gpt2Output { logits, hidden, recall: None, gains: None });
        };
        let padding = input.padding()?;
        let absent = padding.as_ref().map(Padding::empty_rows).unwrap_or_default();
        let [batch, seq] = input.input_ids.dims();
        let recall = self.transformer.recall(batch, &absent, memory)?;
        let passed = self.transformer.pass(embedded, recall.as_ref(), None);
        let left_out = input.mask_pad.filter(|_| !self.transformer.remembers_padding);
        let (mut gains, mut adjusted) = (None, Ok(()));
        if let Some(Gpt2Recall { recall, .. }) = &recall {
            gains = memory.memoria().gains_except(recall, passed.weights, left_out.as_ref())?;
            adjusted = memory.memoria().adjust_forgiving(recall, gains.clone());
        }
        let left_out = match self.transformer.remembers_padding {
            true => Padding::of_rows(&absent, [batch, seq]),
            false => padding,
        };
        // The previous segment is remembered by now: whatever this one came to takes its place.
        let hidden = memory.keep(passed.hidden, left_out)?;
        adjusted?;
        Ok(Gpt2Output {
            logits: self.logits(hidden.clone()),
            hidden,
            recall: recall.map(|recall| recall.recall),
            gains,
        })
    }

    /// Logits `[batch, seq, vocab_size]` of tokens that go on from those a cache holds, by themselves: no
    /// memory takes part.
    ///
    /// # Errors
    ///
    /// As [`Gpt2::forward`].
    pub fn forward_cached(
        &self,
        input: &ModelInput,
        cache: &mut Gpt2Cache,
    ) -> Result<Tensor<3>, ModelError> {
        Ok(self.logits(self.transformer.forward(input, Some(cache))?))
    }

    /// Scores of the tokens that may come next, `[batch, seq, vocab_size]`, of hidden states
    /// `[batch, seq, d_model]`.
    ///
    /// # Panics
    ///
    /// If the hidden states are not of size `d_model`.
    pub fn logits(&self, hidden: Tensor<3>) -> Tensor<3> {
        match &self.lm_head {
            Some(head) => head.forward(hidden),
            None => {
                let [batch, seq, d_model] = hidden.dims();
                let weight = self.transformer.wte.weight.val();
                let vocab_size = weight.dims()[0];
                let logits = hidden.reshape([batch * seq, d_model]).matmul(weight.transpose());
                logits.reshape([batch, seq, vocab_size])
            }
        }
    }
}
