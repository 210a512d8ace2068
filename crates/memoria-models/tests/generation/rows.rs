//! A row of a batch comes to what it would alone.

use std::slice;

use burn::tensor::Device;
use memoria_core::MemoriaConfig;
use memoria_models::GenerationConfig;
use rstest::rstest;

use crate::support::{VOCABULARY, assert_same_memory, load, memories, prompt, random, told};

/// Rows with prompts that differ in length begin their segments at different times.
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

/// A memory that was emptied takes another number of prompts, as a new one does.
#[rstest]
fn after_a_reset_other_prompts_may_come(#[values(true, false)] use_cache: bool) {
    let (model, memory_config) = load("gpt2-memoria", &Device::flex());
    let memory_config = memory_config.unwrap();
    let config = GenerationConfig::new(21).with_segment_len(8).with_use_cache(use_cache);
    let mut memory = memory_config.init().unwrap();
    for count in [2, 3, 1] {
        let prompts: Vec<_> = (0..count).map(|row| prompt(11, row)).collect();
        let mut new = memory_config.init().unwrap();
        let expected = model.generate(&prompts, &config, Some(&mut new)).unwrap();
        assert_eq!(model.generate(&prompts, &config, Some(&mut memory)).unwrap(), expected);
        memory.reset();
    }
}
