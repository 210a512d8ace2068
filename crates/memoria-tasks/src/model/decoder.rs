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
    asked::AskedSegments,
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
    /// `None` if the output shares the weights of the embeddings.
    output: Option<Linear>,
    cached: bool,
    #[module(skip)]
    memory: Option<ContextMemoryConfig>,
    #[module(skip)]
    wanted: Wanted,
}

impl ModelSpec {
    /// Initializes a [`Decoder`], the same for the same seed, also while other decoders are initialized in other
    /// threads. Burn has one random generator per backend. If another thread draws from it at the same time, by a
    /// module of Burn or by [`Tensor::random`], the parameters differ.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`TaskError::Model`] if the parameters do not fit into memory.
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

    /// Number of newest reminded engrams distinguished by their order. A store of bounded size keeps no order.
    fn recency(&self) -> Option<usize> {
        let told_apart = Some(self.memory.recency).filter(|&told_apart| told_apart > 0);
        told_apart.filter(|_| self.context.eviction().is_none())
    }

    /// Number of reads: 1 for a causal layer, a store of bounded size and the paper's memory.
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
    /// Returns the configuration of its memories, if it has any.
    pub fn memory_config(&self) -> Option<&ContextMemoryConfig> {
        self.memory.as_ref()
    }

    /// Returns an empty memory for it.
    ///
    /// # Errors
    ///
    /// As [`ContextMemory::new`].
    pub fn memory(&self) -> Result<ContextMemory, TaskError> {
        Ok(ContextMemory::new(self.memory.as_ref())?)
    }

    /// Computes logits `[asked, vocabulary]` at the places with questions.
    ///
    /// The blocks take all segments at once, since they share nothing; only the memory goes from one segment to the
    /// next. The blocks above it take only the segments with questions.
    ///
    /// # Errors
    ///
    /// Errors of the memory, such as hidden states that are no longer finite.
    ///
    /// # Panics
    ///
    /// If a segment is longer than the model's places.
    pub fn logits(
        &self,
        batch: &Batch,
        memory: &mut ContextMemory,
    ) -> Result<Tensor<2>, TaskError> {
        Ok(self.look(batch, memory, Look::Remembers)?.0)
    }

    /// Computes the [`logits`](Self::logits), and a loss `[1]`. By this loss the query of a question learns to
    /// distinguish the segment that told the answer from all others of the batch. The loss is `None` for a model
    /// without a query, for a causal model, and if no question names the segment that told its answer.
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

    /// As [`logits`](Self::logits), but remembers nothing: for an incomplete segment. Rows in which a document begins
    /// are emptied nevertheless.
    ///
    /// # Errors
    ///
    /// As [`logits`](Self::logits).
    pub fn peek(&self, batch: &Batch, memory: &mut ContextMemory) -> Result<Tensor<2>, TaskError> {
        Ok(self.look(batch, memory, Look::Peeks)?.0)
    }

    /// Whether every output depends only on its own and earlier places.
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
        let blocks = |blocks: &Blocks, hidden, cache: usize, memory: &mut ContextMemory| {
            let mask_pad = mask_pad.clone();
            if !self.cached {
                return blocks.forward(hidden, mask_pad);
            }
            let segments = Segments { hidden, mask_pad, begins };
            let (hidden, of_last) = blocks.forward_cached(segments, &memory.caches[cache]);
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
        let asked = if self.cached { None } else { AskedSegments::of(batch) };
        let (hidden, places) = match asked {
            Some(AskedSegments { segments, places }) => {
                let mask_pad = mask_pad.clone().map(|mask| mask.select(0, segments.clone()));
                (self.above.forward(hidden.select(0, segments), mask_pad), places)
            }
            None => (blocks(&self.above, hidden, 1, memory), batch.asked.clone()),
        };
        let [sequences, length, width] = hidden.dims();
        let asked = hidden.reshape([sequences * length, width]).select(0, places);
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

    /// A document with a question at every place.
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

    /// The results of a segment do not depend on the questions of others.
    #[test]
    fn segments_without_a_question_change_no_logits() {
        let device = Device::flex();
        let whole = [[1, 2, 3, 4], [5, 6, 0, 1], [4, 3, 2, 1]];
        for (context, causal) in [
            (ContextName::None, false),
            (ContextName::Memoria, false),
            (ContextName::Memoria, true),
            (ContextName::Cache, true),
        ] {
            let decoder = config(context, causal).decoder(&device).unwrap();
            let all = [document(&whole), document(&whole[1..])];
            let mut some = all.clone();
            some[0].segments[0].questions.clear();
            some[0].segments[1].questions.drain(..3);
            some[1].segments[1].questions.clear();
            let expected = logits(&decoder, &all, &device);
            // By segment, then by row, four questions each.
            let kept = [(4, 8), (11, 12), (16, 20)];
            let got = logits(&decoder, &some, &device);
            let expected: Vec<f32> =
                kept.iter().flat_map(|&(from, to)| &expected[from * 7..to * 7]).copied().collect();
            assert_eq!(got.len(), expected.len());
            for (got, expected) in got.iter().zip(&expected) {
                assert!((got - expected).abs() < 1e-5, "{context:?}: {got} for {expected}");
            }
            let nothing = document(&whole)
                .segments
                .into_iter()
                .map(|segment| Segment { questions: vec![], ..segment });
            let nothing = Document { segments: nothing.collect() };
            assert!(logits(&decoder, &[nothing], &device).is_empty());
        }
    }

    /// Hidden states as memories, in a causal model only.
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
        // Those of the first segment; those of the second are stored when a third one comes.
        assert_eq!(memory.stored().unwrap(), 4);
    }

    /// The second read finds other engrams, and changes nothing in the memory.
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

    /// A cache passes from step to step as from segment to segment, separately for each row.
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
            // Logits of the short document: its first segment, then its second one, after the long document's first
            // segment.
            let beside = [&beside[..28], &beside[56..70]].concat();
            assert_eq!(alone.len(), beside.len());
            for (a, b) in alone.iter().zip(&beside) {
                assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
        }
    }
}
