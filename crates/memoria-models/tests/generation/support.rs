//! Models, prompts, and what reading everything again for each token comes to.

use std::path::{Path, PathBuf};

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor, TensorData},
};
use memoria_core::{EngramId, EngramKind, LongTermSearch, MemoriaConfig};
use memoria_models::{Generated, Gpt2Config, Gpt2LmHead, MemoryConfig, ModelInput, ModelMemory};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

pub(crate) const VOCABULARY: usize = 101;

pub(crate) fn models(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/models").join(name)
}

pub(crate) fn load(name: &str, device: &Device) -> (Gpt2LmHead, Option<MemoryConfig>) {
    let loaded = Gpt2LmHead::from_pretrained(models(name), device).unwrap();
    (loaded.model, loaded.config.memory)
}

/// Gives every parameter of more than one dimension numbers that are always the same, so large that what
/// was read long ago matters.
struct Filler(ChaCha8Rng);

impl ModuleMapper for Filler {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| {
            if D == 1 {
                return tensor;
            }
            let (shape, device) = (tensor.shape(), tensor.device());
            let count = shape.num_elements();
            let numbers: Vec<f32> = (0..count).map(|_| self.0.random_range(-0.5..0.5)).collect();
            let filled = Tensor::from_data(TensorData::new(numbers, shape), &device);
            filled.set_require_grad(tensor.is_require_grad())
        })
    }
}

/// Of other sizes than the checkpoints.
pub(crate) fn random(sizes: [usize; 4], memory: MemoryConfig, device: &Device) -> Gpt2LmHead {
    let [n_positions, n_embd, n_layer, n_head] = sizes;
    let config =
        Gpt2Config::new(VOCABULARY, n_positions, n_embd, n_layer, n_head).with_memory(memory);
    config.init(device).unwrap().map(&mut Filler(ChaCha8Rng::seed_from_u64(11)))
}

pub(crate) fn prompt(length: usize, which: usize) -> Vec<i64> {
    (0..length).map(|at| ((at * at * 17 + which * 131 + 29) % VOCABULARY) as i64).collect()
}

pub(crate) fn tokens(rows: &[Generated]) -> Vec<Vec<i64>> {
    rows.iter().map(|row| row.tokens.clone()).collect()
}

/// The logits of the token after a text of one row, by reading all of it, segment by segment.
pub(crate) fn reread(
    model: &Gpt2LmHead,
    text: &[i64],
    segment_len: usize,
    mut memory: Option<&mut ModelMemory>,
) -> Vec<f32> {
    let mut last = Vec::new();
    for segment in text.chunks(segment_len) {
        let device = model.transformer.wte.weight.val().device();
        let input = ModelInput::from_rows(&[segment.to_vec()], None, VOCABULARY, &device).unwrap();
        let logits = model.forward(&input, memory.as_deref_mut()).unwrap().logits;
        let all: Vec<f32> = logits.into_data().iter().collect();
        last = all[all.len() - VOCABULARY..].to_vec();
    }
    last
}

/// Greedy tokens of one row, each by reading everything again.
pub(crate) fn slowly(
    model: &Gpt2LmHead,
    prompt: &[i64],
    count: usize,
    segment_len: usize,
    memory: Option<&MemoryConfig>,
) -> Vec<i64> {
    let mut text = prompt.to_vec();
    for _ in 0..count {
        let mut memory = memory.map(|config| config.init().unwrap());
        let logits = reread(model, &text, segment_len, memory.as_mut());
        let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        text.push(logits.iter().position(|&logit| logit == best).unwrap() as i64);
    }
    text.split_off(prompt.len())
}

/// All that can be told of the memory of a row.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) engrams: Vec<(EngramId, EngramKind, u32)>,
    pub(crate) lifespans: Vec<f32>,
}

pub(crate) fn told(memory: &mut ModelMemory, row: usize) -> Told {
    let state = memory.state().unwrap();
    let engrams: Vec<_> = state.row(row).unwrap().engrams().collect();
    Told {
        engrams: engrams.iter().map(|e| (e.id, e.kind, e.fire_count)).collect(),
        lifespans: engrams.iter().map(|e| e.lifespan).collect(),
    }
}

pub(crate) fn assert_same_memory(got: &Told, expected: &Told) {
    assert_eq!(got.engrams, expected.engrams);
    for (got, expected) in got.lifespans.iter().zip(&expected.lifespans) {
        let allowed = 5e-3 * expected.max(1.0);
        assert!((got - expected).abs() < allowed, "lifespan {got} instead of {expected}");
    }
}

/// The paper's memory, learned recall, and hidden states as memories.
pub(crate) fn memories(
    num_memories: usize,
    memoria: MemoriaConfig,
    longest: usize,
) -> [MemoryConfig; 3] {
    let memoria_learned = memoria.with_long_term_search(LongTermSearch::Nearest);
    let learned = MemoryConfig::causal(longest, memoria_learned);
    [
        MemoryConfig::new(num_memories, memoria),
        learned.clone().with_num_memories(Some(num_memories)).with_num_queries(2),
        learned.with_num_memories(None),
    ]
}
