//! Which tokens are written, with which memory.

use std::{fs, ops::ControlFlow, path::Path, slice};

use burn::tensor::{Device, Int, Tensor, TensorData};
use memoria_core::MemoriaConfig;
use memoria_models::{
    FinishReason, GeneratedToken, GenerationConfig, MemoryConfig, ModelInput, ModelMemory,
};
use rstest::rstest;
use serde::Deserialize;

use crate::support::{
    assert_same_memory, load, memories, prompt, random, reread, slowly, tokens, told,
};

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
