use burn::{
    module::Module,
    nn::{
        Embedding, EmbeddingConfig, Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig,
        transformer::TransformerEncoderConfig,
    },
    tensor::{Device, Int, Tensor},
};
use memoria_nn::{MemoriaLayerConfig, score_scale};

use super::{
    Context, ContextMemory, ContextMemoryConfig, ContextName, ModelConfig, ModelKind, ModelSpec,
    blocks::{Blocks, Segments},
    context::{Look, Segment},
    contrast::{Asking, Asks, Wanted, contrast},
    drawing::{draw, drawing},
};
use crate::{TaskError, training::Batch};

/// Burn's transformer blocks with a [`Context`] between them.
#[derive(Module, Debug)]
pub struct Decoder {
    tokens: Embedding,
    places: Embedding,
    below: Blocks,
    context: Context,
    above: Blocks,
    norm: LayerNorm,
    /// `None` if the output has the weights of the embeddings.
    output: Option<Linear>,
    cached: bool,
    #[module(skip)]
    memory: Option<ContextMemoryConfig>,
    #[module(skip)]
    wanted: Wanted,
}

impl ModelSpec {
    /// Initializes a [`Decoder`]: for a seed always the same, also where other decoders are initialized at the same
    /// time. Burn has one generator for each backend: where another thread draws from it meanwhile, by a module of
    /// Burn's own or by [`Tensor::random`], the parameters differ.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`TaskError::Model`] for more parameters than there is memory for.
    pub fn decoder(&self, device: &Device) -> Result<Decoder, TaskError> {
        self.check()?;
        if self.model.kind != ModelKind::Decoder {
            return Err(TaskError::option("model.kind", "decoder", self.model.kind.name()));
        }
        self.check_memory_for(device)?;
        let _alone = drawing();
        device.seed(self.seed);
        let ModelConfig { width, heads, dropout, causal, .. } = self.model;
        let embedding = |count, std| {
            let initializer = Initializer::Normal { mean: 0.0, std };
            EmbeddingConfig::new(count, width).with_initializer(initializer).init(device)
        };
        let blocks = |count| {
            let feedforward = self.model.feedforward.unwrap_or(4 * width);
            let config = TransformerEncoderConfig::new(width, feedforward, heads, count)
                .with_dropout(dropout)
                .with_norm_first(true);
            Blocks::new(config.init(device), causal)
        };
        let memory = self.context.memory(&self.memory, self.seed);
        let layer = memory.as_ref().map(|_| self.layer());
        let output = LinearConfig::new(width, self.sizes.vocabulary);
        let decoder = Decoder {
            tokens: embedding(self.sizes.vocabulary, self.model.embedding_deviation),
            places: embedding(self.sizes.segment_length, self.model.place_deviation),
            below: blocks(self.model.blocks_below),
            context: Context::new(layer, self.reads(), device),
            above: blocks(self.model.blocks_above),
            norm: LayerNormConfig::new(width).init(device),
            output: (!self.model.tied).then(|| output.init(device)),
            cached: self.context.has_cache(),
            memory,
            wanted: self.memory.wanted,
        };
        draw(&decoder);
        Ok(decoder)
    }

    /// Of reminded engrams; a store of bounded size keeps no order.
    fn recency(&self) -> Option<usize> {
        let told_apart = Some(self.memory.recency).filter(|&told_apart| told_apart > 0);
        told_apart.filter(|_| self.context.eviction().is_none())
    }

    /// A causal layer and a store of bounded size are read once, and the paper's memory is.
    fn reads(&self) -> usize {
        let once = self.model.causal
            || self.context == ContextName::Paper
            || self.context.eviction().is_some();
        if once { 1 } else { self.memory.reads }
    }

    fn layer(&self) -> MemoriaLayerConfig {
        let ModelConfig { width, heads, dropout, causal, .. } = self.model;
        let memories = self.memory.memories;
        let layer = match causal {
            true => MemoriaLayerConfig::causal(width, heads, self.sizes.segment_length)
                .with_num_memories((memories > 0).then_some(memories)),
            false => MemoriaLayerConfig::bidirectional(width, heads, memories)
                .with_max_places(self.memory.places.then_some(self.sizes.segment_length)),
        };
        let layer = match self.context {
            ContextName::Paper => layer.paper(),
            _ => layer
                .with_num_queries(self.memory.queries)
                .with_score_scale(self.memory.score_scale)
                .with_recency(self.recency())
                .with_equal_length(self.memory.equal_length || causal),
        };
        layer.with_dropout(dropout)
    }
}

impl Decoder {
    /// What memories of it are made with, if it has one.
    pub fn memory_config(&self) -> Option<&ContextMemoryConfig> {
        self.memory.as_ref()
    }

    /// An empty memory for it.
    ///
    /// # Errors
    ///
    /// As [`ContextMemory::new`].
    pub fn memory(&self) -> Result<ContextMemory, TaskError> {
        Ok(ContextMemory::new(self.memory.as_ref())?)
    }

    /// Logits `[asked, vocabulary]` at the places of a batch that are asked for.
    ///
    /// The blocks take all segments at once, since they share nothing; only the memory goes from one segment
    /// to the next.
    ///
    /// # Errors
    ///
    /// Those of the memory, such as hidden states that are no longer finite.
    ///
    /// # Panics
    ///
    /// If a segment is longer than what the model was made for.
    pub fn logits(
        &self,
        batch: &Batch,
        memory: &mut ContextMemory,
    ) -> Result<Tensor<2>, TaskError> {
        Ok(self.look(batch, memory, Look::Remembers)?.0)
    }

    /// [`logits`](Self::logits), and a loss `[1]` by which a question's query learns to tell the segment that told the
    /// answer from all others of the batch; `None` of a model without a query, of a causal one, and if it is not known of
    /// any question where it was told.
    ///
    /// # Errors
    ///
    /// As [`logits`](Self::logits).
    ///
    /// # Panics
    ///
    /// As [`logits`](Self::logits).
    pub fn logits_and_contrast(
        &self,
        batch: &Batch,
        memory: &mut ContextMemory,
    ) -> Result<(Tensor<2>, Option<Tensor<1>>), TaskError> {
        let (logits, asking) = self.look(batch, memory, Look::Remembers)?;
        let scale = score_scale(self.norm.gamma.lazy_shape()[0]);
        let asks = match &self.memory {
            Some(ContextMemoryConfig { state, .. }) => Asks::of(&state.memoria),
            None => Asks::Together,
        };
        Ok((logits, contrast(batch, &asking, (asks, self.wanted), scale)))
    }

    /// As [`logits`](Self::logits), but nothing is remembered: of a segment that is not whole yet. Rows in which
    /// a document begins are emptied all the same.
    ///
    /// # Errors
    ///
    /// As [`logits`](Self::logits).
    pub fn peek(&self, batch: &Batch, memory: &mut ContextMemory) -> Result<Tensor<2>, TaskError> {
        Ok(self.look(batch, memory, Look::Peeks)?.0)
    }

    /// Whether no output depends on what comes after it.
    pub fn is_causal(&self) -> bool {
        self.below.is_causal()
    }

    fn look(
        &self,
        batch: &Batch,
        memory: &mut ContextMemory,
        look: Look,
    ) -> Result<(Tensor<2>, Vec<Asking>), TaskError> {
        let [segments, rows, length] = batch.tokens.dims();
        let places = Tensor::<1, Int>::arange(0..length as i64, &batch.tokens.device());
        let tokens = batch.tokens.clone().reshape([segments * rows, length]);
        let mask_pad = batch.mask_pad.clone().map(|mask| mask.reshape([segments * rows, length]));
        let hidden = self.tokens.forward(tokens) + self.places.forward(places.unsqueeze());
        let begins = &batch.begins;
        let segmented = |hidden| Segments { hidden, mask_pad: mask_pad.clone(), begins };
        let blocks = |blocks: &Blocks, hidden, cache: usize, memory: &mut ContextMemory| {
            if !self.cached {
                return blocks.forward(segmented(hidden));
            }
            let (hidden, of_last) = blocks.forward_cached(segmented(hidden), &memory.caches[cache]);
            if look == Look::Remembers {
                memory.caches[cache] = of_last;
            }
            hidden
        };
        let mut hidden = blocks(&self.below, hidden, 0, memory);
        let mut asking = Vec::new();
        if self.context.is_some() {
            let mut remembered = Vec::with_capacity(segments);
            for (index, hidden) in hidden.chunk(segments, 0).into_iter().enumerate() {
                let mask_pad = mask_pad.clone().map(|mask| mask.narrow(0, index * rows, rows));
                let segment = Segment { hidden, mask_pad };
                let (hidden, asked) =
                    self.context.forward(segment, &begins[index], look, memory)?;
                remembered.push(hidden);
                asking.extend(asked);
            }
            hidden = Tensor::cat(remembered, 0);
        }
        let hidden = blocks(&self.above, hidden, 1, memory);
        let [_, _, width] = hidden.dims();
        let asked =
            hidden.reshape([segments * rows * length, width]).select(0, batch.asked.clone());
        let asked = self.norm.forward(asked);
        let logits = match &self.output {
            Some(output) => output.forward(asked),
            None => asked.matmul(self.tokens.weight.val().transpose()),
        };
        Ok((logits, asking))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{MemoryConfig, Sizes},
        data::{Document, Segment},
    };

    fn config(context: ContextName, causal: bool) -> ModelSpec {
        ModelSpec {
            model: ModelConfig { width: 16, causal, tied: causal, ..ModelConfig::default() },
            memory: MemoryConfig::default(),
            context,
            sizes: Sizes { vocabulary: 7, segment_length: 4, classes: None },
            seed: 0,
        }
    }

    /// Documents in which every place asks for something.
    fn document(tokens: &[[u32; 4]]) -> Document {
        use crate::data::Question;
        let question = |at| Question { at, answer: vec![0], told: None, via: None };
        let segment = |tokens: &[u32; 4]| Segment {
            tokens: tokens.to_vec(),
            questions: (0..4).map(question).collect(),
        };
        Document { segments: tokens.iter().map(segment).collect() }
    }

    fn logits(decoder: &Decoder, documents: &[Document], device: &Device) -> Vec<f32> {
        let batch = Batch::of_documents(documents, device);
        let logits = decoder.logits(&batch, &mut decoder.memory().unwrap()).unwrap();
        logits.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn only_a_memory_knows_the_segment_before() {
        let device = Device::flex();
        let documents = [[[1, 2, 3, 4], [5, 6, 0, 1]], [[4, 3, 2, 1], [5, 6, 0, 1]]];
        for (context, causal, same) in [
            (ContextName::None, false, true),
            (ContextName::None, true, true),
            (ContextName::Memoria, false, false),
            (ContextName::Memoria, true, false),
            (ContextName::WorkingOnly, false, true),
            (ContextName::WorkingOnly, true, false),
            (ContextName::Cache, false, false),
            (ContextName::Cache, true, false),
            (ContextName::CacheMemoria, true, false),
        ] {
            let decoder = config(context, causal).decoder(&device).unwrap();
            let last = |tokens: &[[u32; 4]; 2]| {
                logits(&decoder, &[document(tokens)], &device).split_off(4 * 7)
            };
            let [first, second] = documents.each_ref().map(last);
            let difference: f32 = first.iter().zip(&second).map(|(a, b)| (a - b).abs()).sum();
            assert_eq!(difference < 1e-4, same, "{context:?}, causal {causal}: {difference}");
        }
    }

    /// Hidden states as memories, in a causal model alone.
    #[test]
    fn hidden_states_may_be_the_memories() {
        let device = Device::flex();
        let made = |causal, queries| {
            let memory = MemoryConfig { memories: 0, queries, ..MemoryConfig::default() };
            let config = ModelSpec { memory, ..config(ContextName::Memoria, causal) };
            config.decoder(&device).map_err(|error| error.to_string())
        };
        assert!(made(false, 1).unwrap_err().contains("memory.memories"));
        assert!(made(true, 0).unwrap_err().contains("memory.queries"));
        let decoder = made(true, 1).unwrap();
        let batch = Batch::of_documents(&[document(&[[1, 2, 3, 4], [5, 6, 0, 1]])], &device);
        let mut memory = decoder.memory().unwrap();
        decoder.logits(&batch, &mut memory).unwrap();
        // Of the first segment: the second one's will be when a third one comes.
        assert_eq!(memory.stored().unwrap(), 4);
    }

    /// The second read finds other things, and changes nothing in the memory.
    #[test]
    fn a_segment_may_be_read_twice() {
        let device = Device::flex();
        let documents = [document(&[[1, 2, 3, 4], [5, 6, 0, 1], [4, 3, 2, 1]])];
        let batch = Batch::of_documents(&documents, &device);
        let read = |reads, context| {
            let memory = MemoryConfig { reads, ..MemoryConfig::default() };
            let decoder = ModelSpec { memory, ..config(context, false) }.decoder(&device).unwrap();
            let mut memory = decoder.memory().unwrap();
            let logits = decoder.logits(&batch, &mut memory).unwrap().into_data();
            (logits.try_to_vec::<f32>().unwrap(), memory)
        };
        let (once, mut memory) = read(1, ContextName::Memoria);
        let (twice, mut read_twice) = read(2, ContextName::Memoria);
        assert_ne!(once, twice);
        let snapshot = |memory: &mut ContextMemory| {
            memory.memory().unwrap().snapshot().unwrap().to_bytes().unwrap()
        };
        assert_eq!(snapshot(&mut memory), snapshot(&mut read_twice));
        assert_eq!(read(1, ContextName::Paper).0, read(2, ContextName::Paper).0);
        let none = ModelSpec {
            memory: MemoryConfig { reads: 0, ..MemoryConfig::default() },
            ..config(ContextName::Memoria, false)
        };
        assert!(
            none.decoder(&device)
                .unwrap_err()
                .to_string()
                .contains("memory.reads must be at least 1")
        );
    }

    #[test]
    fn a_causal_model_sees_nothing_that_comes_after() {
        let device = Device::flex();
        for context in [ContextName::Memoria, ContextName::Cache, ContextName::CacheMemoria] {
            let decoder = config(context, true).decoder(&device).unwrap();
            let [first, second] = [[[1, 2, 3, 4], [5, 6, 0, 1]], [[1, 2, 3, 4], [5, 6, 3, 2]]]
                .map(|tokens| logits(&decoder, &[document(&tokens)], &device));
            let same = 6 * 7;
            for (a, b) in first[..same].iter().zip(&second[..same]) {
                assert!((a - b).abs() < 1e-4);
            }
            assert!(first[same..].iter().zip(&second[same..]).any(|(a, b)| (a - b).abs() > 1e-3));
        }
    }

    /// A cache goes from step to step as from segment to segment, each row's to itself.
    #[test]
    fn steps_of_one_segment_are_those_of_several() {
        let device = Device::flex();
        for context in [ContextName::Cache, ContextName::CacheMemoria] {
            let decoder = config(context, true).decoder(&device).unwrap();
            let documents = [[[1, 2, 3, 4], [5, 6, 0, 1]], [[4, 3, 2, 1], [5, 6, 0, 1]]];
            let whole = documents.map(|document_| document(&document_));
            let together = logits(&decoder, &whole, &device);
            let mut memory = decoder.memory().unwrap();
            let mut apart = Vec::new();
            for index in 0..2 {
                let parts = documents.map(|document_| document(&document_[index..=index]));
                let mut batch = Batch::of_documents(&parts, &device);
                if index > 0 {
                    batch.begins[0].clear();
                }
                let logits = decoder.logits(&batch, &mut memory).unwrap();
                apart.extend(logits.into_data().try_to_vec::<f32>().unwrap());
            }
            assert_eq!(together.len(), apart.len());
            for (a, b) in together.iter().zip(&apart) {
                assert!((a - b).abs() < 1e-4, "{context:?}: {a} {b}");
            }
        }
    }

    #[test]
    fn a_rotated_memory_is_the_neighbours() {
        let device = Device::flex();
        for context in [ContextName::Memoria, ContextName::Cache, ContextName::CacheMemoria] {
            let decoder = config(context, true).decoder(&device).unwrap();
            let after = |documents: [[[u32; 4]; 1]; 2], rotate: bool| {
                let documents = documents.map(|tokens| document(&tokens));
                let batch = Batch::of_documents(&documents, &device);
                let mut memory = decoder.memory().unwrap();
                decoder.logits(&batch, &mut memory).unwrap();
                let mut memory = if rotate { memory.rotated().unwrap() } else { memory };
                let next = [document(&[[5, 6, 0, 1]]), document(&[[2, 2, 3, 1]])];
                let mut next = Batch::of_documents(&next, &device);
                next.begins[0].clear();
                let logits = decoder.logits(&next, &mut memory).unwrap();
                logits.into_data().try_to_vec::<f32>().unwrap()
            };
            let [first, second] = [[[1, 2, 3, 4]], [[4, 3, 2, 1]]];
            let rotated = after([first, second], true);
            let exchanged = after([second, first], false);
            for (a, b) in rotated.iter().zip(&exchanged) {
                assert!((a - b).abs() < 1e-4, "{context:?}: {a} {b}");
            }
            assert_ne!(rotated, after([first, second], false));
        }
    }

    #[test]
    fn padding_and_neighbours_change_nothing() {
        let device = Device::flex();
        for (context, causal) in [
            (ContextName::Memoria, false),
            (ContextName::Memoria, true),
            (ContextName::Cache, false),
            (ContextName::CacheMemoria, true),
        ] {
            let decoder = config(context, causal).decoder(&device).unwrap();
            let mut short = document(&[[1, 2, 3, 4], [5, 6, 0, 1]]);
            short.segments[1].tokens.truncate(2);
            short.segments[1].questions.truncate(2);
            let long = document(&[[2, 2, 2, 2], [3, 3, 3, 3], [4, 4, 4, 4]]);
            let alone = logits(&decoder, std::slice::from_ref(&short), &device);
            let beside = logits(&decoder, &[short, long], &device);
            // Of the short one: its first segment, then what follows the long one's first.
            let beside = [&beside[..28], &beside[56..70]].concat();
            assert_eq!(alone.len(), beside.len());
            for (a, b) in alone.iter().zip(&beside) {
                assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
        }
    }
}
