//! GPT-2 as a writer: cached and uncached, against an obvious reference and against transformers.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    slice,
};

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Int, Tensor, TensorData},
};
use memoria_core::{EngramId, EngramKind, LongTermSearch, MemoriaConfig, MemoriaError};
use memoria_models::{
    FinishReason, Generated, GeneratedToken, GenerationConfig, Gpt2Config, Gpt2LmHead,
    MemoryConfig, ModelError, ModelInput, ModelMemory,
};
use rand::RngExt;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rstest::rstest;
use serde::Deserialize;

const VOCABULARY: usize = 101;

fn models(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/models").join(name)
}

fn load(name: &str, device: &Device) -> (Gpt2LmHead, Option<MemoryConfig>) {
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
fn random(sizes: [usize; 4], memory: MemoryConfig, device: &Device) -> Gpt2LmHead {
    let [n_positions, n_embd, n_layer, n_head] = sizes;
    let config =
        Gpt2Config::new(VOCABULARY, n_positions, n_embd, n_layer, n_head).with_memory(memory);
    config.init(device).unwrap().map(&mut Filler(ChaCha8Rng::seed_from_u64(11)))
}

fn prompt(length: usize, which: usize) -> Vec<i64> {
    (0..length).map(|at| ((at * at * 17 + which * 131 + 29) % VOCABULARY) as i64).collect()
}

fn tokens(rows: &[Generated]) -> Vec<Vec<i64>> {
    rows.iter().map(|row| row.tokens.clone()).collect()
}

/// The logits of the token after a text of one row, by reading all of it, segment by segment.
fn reread(
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
fn slowly(
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
struct Told {
    engrams: Vec<(EngramId, EngramKind, u32)>,
    lifespans: Vec<f32>,
}

fn told(memory: &mut ModelMemory, row: usize) -> Told {
    let state = memory.state().unwrap();
    let engrams: Vec<_> = state.row(row).unwrap().engrams().collect();
    Told {
        engrams: engrams.iter().map(|e| (e.id, e.kind, e.fire_count)).collect(),
        lifespans: engrams.iter().map(|e| e.lifespan).collect(),
    }
}

fn assert_same_memory(got: &Told, expected: &Told) {
    assert_eq!(got.engrams, expected.engrams);
    for (got, expected) in got.lifespans.iter().zip(&expected.lifespans) {
        let allowed = 5e-3 * expected.max(1.0);
        assert!((got - expected).abs() < allowed, "lifespan {got} instead of {expected}");
    }
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
fn tokens_are_those_of_reading_everything_again_on(
    #[case] device: Device,
    #[values("gpt2", "gpt2-memoria")] name: &str,
    #[values((1, 40, 32), (9, 30, 8), (16, 20, 8), (21, 12, 5), (7, 9, 1))] sizes: (
        usize,
        usize,
        usize,
    ),
) {
    let (length, count, segment_len) = sizes;
    let (model, memory) = load(name, &device);
    let prompt = prompt(length, 1);
    let expected = slowly(&model, &prompt, count, segment_len, memory.as_ref());
    for use_cache in [true, false] {
        let config =
            GenerationConfig::new(count).with_segment_len(segment_len).with_use_cache(use_cache);
        let mut memory = memory.as_ref().map(|memory| memory.init().unwrap());
        let rows = model.generate(slice::from_ref(&prompt), &config, memory.as_mut()).unwrap();
        assert_eq!(rows[0].tokens, expected, "cached: {use_cache}");
        assert_eq!(rows[0].finish, FinishReason::Length);
    }
}

/// The paper's memory, learned recall, and hidden states as memories.
fn memories(num_memories: usize, memoria: MemoriaConfig, longest: usize) -> [MemoryConfig; 3] {
    let memoria_learned = memoria.with_long_term_search(LongTermSearch::Nearest);
    let learned = MemoryConfig::causal(longest, memoria_learned);
    [
        MemoryConfig::new(num_memories, memoria),
        learned.clone().with_num_memories(Some(num_memories)).with_num_queries(2),
        learned.with_num_memories(None),
    ]
}

#[rstest]
fn cached_and_uncached_tokens_are_the_same(
    #[values([16, 24, 3, 3], [7, 40, 1, 5], [33, 16, 4, 1])] sizes: [usize; 4],
    #[values(None, Some(0), Some(1), Some(2))] memory: Option<usize>,
    #[values(0.0, 0.7, 1.3)] temperature: f64,
    #[values(1, 3)] batch: usize,
    #[values(1, 10, 34)] length: usize,
) {
    let with_memory = memory.is_some();
    let memories = memories(5, MemoriaConfig::new(4, 12, 5, 4.0, 6), sizes[0].min(20));
    let memory = memories[memory.unwrap_or(0)].clone();
    let model = random(sizes, memory.clone(), &Device::flex());
    let prompts: Vec<_> = (0..batch).map(|row| prompt(length, row)).collect();
    let run = |use_cache| {
        let mut config = GenerationConfig::new(50)
            .with_temperature(temperature)
            .with_seed(length as u64)
            .with_use_cache(use_cache);
        if temperature > 1.0 {
            config = config.with_top_k(40).with_top_p(0.9);
        }
        let mut memory = with_memory.then(|| memory.init().unwrap());
        let rows = model.generate(&prompts, &config, memory.as_mut()).unwrap();
        let memories: Vec<_> = memory
            .iter_mut()
            .flat_map(|m| (0..batch).map(|row| told(m, row)).collect::<Vec<_>>())
            .collect();
        (tokens(&rows), memories)
    };
    let ((cached, memories), (uncached, expected)) = (run(true), run(false));
    assert_eq!(cached, uncached);
    assert!(cached.iter().all(|row| row.len() == 50));
    assert_eq!(memories.len(), expected.len());
    for (got, expected) in memories.iter().zip(&expected) {
        assert!(!got.engrams.is_empty());
        assert_same_memory(got, expected);
    }
}

#[test]
fn a_memory_makes_a_difference_and_so_do_segments() {
    let memory = MemoryConfig::new(5, MemoriaConfig::new(4, 12, 5, 4.0, 6));
    let model = random([12, 24, 2, 3], memory.clone(), &Device::flex());
    let config = GenerationConfig::new(40);
    let with =
        model.generate(&[prompt(30, 0)], &config, Some(&mut memory.init().unwrap())).unwrap();
    let without = model.generate(&[prompt(30, 0)], &config, None).unwrap();
    assert_ne!(with, without);
    let shorter = config.with_segment_len(8);
    let other =
        model.generate(&[prompt(30, 0)], &shorter, Some(&mut memory.init().unwrap())).unwrap();
    assert_ne!(with, other);
}

/// The memory is what reading prompt and new tokens in segments leaves, and a second call goes on from it.
#[rstest]
fn the_memory_has_read_prompt_and_new_tokens(
    #[values(true, false)] use_cache: bool,
    #[values(3, 8, 13)] length: usize,
    #[values(1, 5, 8, 19)] count: usize,
) {
    let segment_len = 8;
    let (model, memory_config) = load("gpt2-memoria", &Device::flex());
    let memory_config = memory_config.unwrap();
    let mut memory = memory_config.init().unwrap();
    let mut expected = memory_config.init().unwrap();
    let config = GenerationConfig::new(count)
        .with_segment_len(segment_len)
        .with_use_cache(use_cache)
        .with_temperature(1.0);
    for round in 0..3 {
        let prompt = prompt(length, round);
        let rows = model.generate(slice::from_ref(&prompt), &config, Some(&mut memory)).unwrap();
        let text = [prompt, rows[0].tokens.clone()].concat();
        reread(&model, &text, segment_len, Some(&mut expected));
        if expected.state().unwrap().batch() > 0 {
            assert_same_memory(&told(&mut memory, 0), &told(&mut expected, 0));
        }
    }
    let next = prompt(4, 9);
    let rows = model.generate(slice::from_ref(&next), &GenerationConfig::new(1), Some(&mut memory));
    let logits = reread(&model, &next, segment_len, Some(&mut expected));
    let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    assert_eq!(logits[rows.unwrap()[0].tokens[0] as usize], best);
}

#[derive(Deserialize)]
struct Greedy {
    prompts: Vec<Vec<i64>>,
    max_new_tokens: usize,
    stop_tokens: Vec<i64>,
    tokens: Vec<Vec<i64>>,
}

#[derive(Deserialize)]
struct Expected {
    greedy: Vec<Greedy>,
}

#[rstest]
#[case::flex(Device::flex())]
#[allow(deprecated, reason = "a tested backend for as long as Burn ships it")]
#[case::ndarray(Device::ndarray())]
#[cfg_attr(feature = "wgpu", case::wgpu(Device::wgpu(burn::tensor::DeviceKind::Cpu)))]
fn greedy_tokens_are_those_of_transformers_on(
    #[case] device: Device,
    #[values(true, false)] use_cache: bool,
) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/generation.json");
    let Expected { greedy } = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let (model, _) = load("gpt2", &device);
    assert_eq!(greedy.len(), 5);
    for run in greedy {
        let config = GenerationConfig::new(run.max_new_tokens)
            .with_stop_tokens(run.stop_tokens.clone())
            .with_use_cache(use_cache);
        let rows = model.generate(&run.prompts, &config, None).unwrap();
        assert_eq!(tokens(&rows), run.tokens);
        for row in rows {
            let stopped = run.stop_tokens.contains(row.tokens.last().unwrap());
            assert_eq!(row.finish == FinishReason::Stop, stopped);
        }
    }
}

/// Rows whose prompts differ in length begin their segments at different times.
#[rstest]
fn a_row_without_memory_comes_to_what_it_would_alone(
    #[values(true, false)] use_cache: bool,
    #[values(5, 8, 32)] segment_len: usize,
) {
    let (model, _) = load("gpt2", &Device::flex());
    let config = GenerationConfig::new(37)
        .with_segment_len(segment_len)
        .with_use_cache(use_cache)
        .with_stop_tokens([77]);
    let prompts: Vec<_> =
        [3, 17, 1, 8, 40].iter().enumerate().map(|(row, &length)| prompt(length, row)).collect();
    let together = model.generate(&prompts, &config, None).unwrap();
    for (row, prompt) in prompts.iter().enumerate() {
        let alone = model.generate(slice::from_ref(prompt), &config, None).unwrap();
        assert_eq!(together[row], alone[0], "row {row}");
    }
}

/// Rows that stop at different times, and what becomes of their memories.
#[rstest]
fn a_row_with_memory_comes_to_what_it_would_alone(
    #[values(true, false)] use_cache: bool,
    #[values(0, 1, 2)] memory: usize,
) {
    let memories = memories(3, MemoriaConfig::new(2, 6, 4, 3.0, 3), 8);
    let memory_config = memories[memory].clone();
    let model = random([8, 24, 2, 3], memory_config.clone(), &Device::flex());
    let (segment_len, count) = (8, 37);
    let prompts: Vec<_> = (0..6).map(|row| prompt(11, row)).collect();
    let config =
        GenerationConfig::new(count).with_segment_len(segment_len).with_use_cache(use_cache);
    let free = model.generate(&prompts, &config, Some(&mut memory_config.init().unwrap())).unwrap();
    // Two tokens of which rows come upon one before the last segment, in it, and never.
    let fates = |stops: [i64; 2]| {
        let ends = free.iter().map(|row| row.tokens.iter().position(|token| stops.contains(token)));
        let ends: Vec<_> = ends.collect();
        let last_segment = 40 - prompts[0].len()..;
        let count = |is: &dyn Fn(&Option<usize>) -> bool| ends.iter().filter(|end| is(end)).count();
        [
            count(&|end| end.is_some_and(|end| !last_segment.contains(&end))),
            count(&|end| end.is_some_and(|end| last_segment.contains(&end))),
            count(&|end| end.is_none()),
        ]
    };
    let pairs = (0..VOCABULARY as i64).flat_map(|a| (0..a).map(move |b| [a, b]));
    let stops = pairs.max_by_key(|&stops| fates(stops).into_iter().min()).unwrap();
    assert!(fates(stops).iter().all(|&rows| rows > 0), "{:?}", fates(stops));
    let config = config.with_stop_tokens(stops);
    let mut memory = memory_config.init().unwrap();
    let together = model.generate(&prompts, &config, Some(&mut memory)).unwrap();
    let mut memories: Vec<_> = prompts.iter().map(|_| memory_config.init().unwrap()).collect();
    for (row, alone) in memories.iter_mut().enumerate() {
        let rows = model.generate(&prompts[row..=row], &config, Some(alone)).unwrap();
        assert_eq!(together[row], rows[0], "row {row}");
        assert_same_memory(&told(&mut memory, row), &told(alone, 0));
        assert!(!told(alone, 0).engrams.is_empty());
    }

    // Each goes on from what it has read, in whichever segment that was.
    for round in 1..3 {
        let next: Vec<_> = (0..6).map(|row| prompt(5, row + 10 * round)).collect();
        let config = GenerationConfig::new(12).with_segment_len(segment_len);
        let together = model.generate(&next, &config, Some(&mut memory)).unwrap();
        for (row, alone) in memories.iter_mut().enumerate() {
            let rows = model.generate(&next[row..=row], &config, Some(alone)).unwrap();
            assert_eq!(together[row], rows[0], "row {row}");
            assert_same_memory(&told(&mut memory, row), &told(alone, 0));
        }
    }
}

#[test]
fn tokens_are_told_as_they_come_and_can_be_cut_short() {
    let (model, memory_config) = load("gpt2-memoria", &Device::flex());
    let memory_config = memory_config.unwrap();
    let prompts = [prompt(5, 0), prompt(5, 1)];
    let config = GenerationConfig::new(12).with_segment_len(8).with_temperature(1.0);
    let mut heard = vec![Vec::new(); 2];
    let rows = model
        .generate_streaming(&prompts, &config, Some(&mut memory_config.init().unwrap()), |told| {
            assert_eq!(told.index, heard[told.row].len());
            heard[told.row].push(told.token);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(tokens(&rows), heard);

    let mut memory = memory_config.init().unwrap();
    let cut = model
        .generate_streaming(&prompts, &config, Some(&mut memory), |told| match told {
            GeneratedToken { row: 0, index: 6, .. } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
        .unwrap();
    assert_eq!(cut[0].tokens, heard[0][..7]);
    assert_eq!(cut[1].tokens, heard[1][..6]);
    assert!(cut.iter().all(|row| row.finish == FinishReason::Cancelled));
    // What was told was read.
    for row in 0..2 {
        let mut expected = memory_config.init().unwrap();
        reread(&model, &[&prompts[row][..], &cut[row].tokens].concat(), 8, Some(&mut expected));
        assert_same_memory(&told(&mut memory, row), &told(&mut expected, 0));
    }
}

#[test]
fn a_seed_says_what_is_drawn_and_rows_draw_for_themselves() {
    let (model, _) = load("gpt2", &Device::flex());
    let config = GenerationConfig::new(20).with_temperature(1.0);
    let run = |seed| {
        let prompts = [prompt(5, 0), prompt(5, 0)];
        tokens(&model.generate(&prompts, &config.clone().with_seed(seed), None).unwrap())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert_ne!(run(1)[0], run(1)[1]);
    // What others draw does not matter.
    Device::flex().seed(99);
    assert_eq!(run(1), run(1));
}

#[rstest]
#[case("max_new_tokens", GenerationConfig::new(0))]
#[case("temperature", GenerationConfig::new(1).with_temperature(-0.1))]
#[case("temperature", GenerationConfig::new(1).with_temperature(f64::NAN))]
#[case("temperature", GenerationConfig::new(1).with_temperature(f64::INFINITY))]
#[case("top_k", GenerationConfig::new(1).with_top_k(0))]
#[case("top_p", GenerationConfig::new(1).with_top_p(0.0))]
#[case("top_p", GenerationConfig::new(1).with_top_p(1.1))]
#[case("top_p", GenerationConfig::new(1).with_top_p(-1.0))]
#[case("top_p", GenerationConfig::new(1).with_top_p(f64::NAN))]
#[case("stop_tokens", GenerationConfig::new(1).with_stop_tokens([3, 101]))]
#[case("stop_tokens", GenerationConfig::new(1).with_stop_tokens([-1]))]
#[case("segment_len", GenerationConfig::new(1).with_segment_len(0))]
#[case("segment_len", GenerationConfig::new(1).with_segment_len(33))]
fn a_configuration_out_of_range_is_refused(
    #[case] expected: &str,
    #[case] config: GenerationConfig,
) {
    let (model, _) = load("gpt2", &Device::flex());
    let error = model.generate(&[prompt(5, 0)], &config, None).unwrap_err();
    assert!(
        matches!(&error, ModelError::InvalidField { field, .. } if field == expected),
        "{error}"
    );
}

#[test]
fn prompts_that_do_not_fit_are_refused_and_change_nothing() {
    let device = Device::flex();
    let (model, memory_config) = load("gpt2-memoria", &device);
    let memory_config = memory_config.unwrap();
    let config = GenerationConfig::new(3).with_segment_len(4);
    let mut memory = memory_config.init().unwrap();
    let two = [prompt(9, 0), prompt(9, 1)];
    model.generate(&two, &config, Some(&mut memory)).unwrap();
    let before = [told(&mut memory, 0), told(&mut memory, 1)];
    let mut refused = |prompts: &[Vec<i64>]| {
        let error = model.generate(prompts, &config, Some(&mut memory)).unwrap_err();
        assert_eq!([told(&mut memory, 0), told(&mut memory, 1)], before);
        error
    };
    assert!(matches!(refused(&[]), ModelError::EmptyInput { what: "prompts" }));
    assert!(matches!(refused(&[vec![1], vec![]]), ModelError::EmptyPrompt { row: 1 }));
    assert!(matches!(
        refused(&[vec![1, 2], vec![3, 101]]),
        ModelError::InvalidInput { what: "token", row: 1, position: 1, got: 101, .. }
    ));
    assert!(matches!(
        refused(&[vec![1, -1], vec![3, 4]]),
        ModelError::InvalidInput { got: -1, .. }
    ));
    assert!(matches!(
        refused(&[vec![1, 2], vec![3]]),
        ModelError::UnequalPrompts { row: 1, expected: 2, got: 1 }
    ));
    assert!(matches!(
        refused(&[vec![1, 2]]),
        ModelError::Memory(MemoriaError::WrongDimension { expected: 2, got: 1, .. })
    ));
    let (plain, _) = load("gpt2", &device);
    let error = plain.generate(&two, &config, Some(&mut memory)).unwrap_err();
    assert!(matches!(error, ModelError::NoMemory));
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let device = Device::flex();
    let (mut model, memory_config) = load("gpt2-memoria", &device);
    model.transformer.ln_f.gamma =
        model.transformer.ln_f.gamma.map(|gamma| gamma.mul_scalar(f32::NAN));
    let mut memory = memory_config.unwrap().init().unwrap();
    let error = model.generate(&[prompt(5, 0)], &GenerationConfig::new(3), Some(&mut memory));
    assert!(matches!(error, Err(ModelError::InvalidLogit { row: 0, token: 0, .. })));
}

/// A model in training writes without dropout and without gradients, and trains on afterwards.
#[test]
fn a_model_in_training_can_write() {
    let device = Device::flex();
    let memory_config = MemoryConfig::new(5, MemoriaConfig::new(4, 12, 5, 4.0, 6)).with_bptt(2);
    let plain = random([12, 24, 2, 3], memory_config.clone(), &device);
    let training = random([12, 24, 2, 3], memory_config.clone(), &device.clone().autodiff());
    assert!(training.transformer.wte.weight.val().is_autodiff());
    let config = GenerationConfig::new(30);
    let expected = plain
        .generate(&[prompt(30, 0)], &config, Some(&mut memory_config.init().unwrap()))
        .unwrap();
    let mut memory = memory_config.init().unwrap();
    let got = training.generate(&[prompt(30, 0)], &config, Some(&mut memory)).unwrap();
    assert_eq!(got, expected);
    let device = device.autodiff();
    let step = |memory: &mut ModelMemory| {
        let ids = TensorData::new(prompt(8, 3), [1, 8]);
        let input = ModelInput::new(Tensor::<2, Int>::from_data(ids, &device));
        let output = training.forward(&input, Some(memory)).unwrap();
        let gradients = output.logits.mean().backward();
        let queries = &training.transformer.abs.as_ref().unwrap().query_embeddings;
        assert!(queries.val().grad(&gradients).is_some());
    };
    step(&mut memory);
    training.generate(&[prompt(5, 0)], &config, Some(&mut memory)).unwrap();
    step(&mut memory);
}
