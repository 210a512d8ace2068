//! The same story and seed give the same memories: in a second run, on another backend, and in a clone.

use burn::backend::{Backend, Dispatch, Flex};
use memoria::{Correlation, Memoria, MemoriaConfig};
use memoria_testing::{
    devices::devices,
    story::{Page, Size, Story},
};
use rstest::rstest;

const SIZE: Size = Size { rows: 3, dim: 24, steps: 40, width: 6 };

fn config(seed: u64) -> MemoriaConfig {
    MemoriaConfig::new(5, 12, 4, 4.0, 6).with_ltm_exploration(3, seed)
}

/// Returns the state of the control plane: everything except the bits of vectors.
fn without_vectors(pages: Vec<Vec<Page>>) -> Vec<Vec<Page>> {
    let forget = |page: Page| Page { vectors: Vec::new(), ..page };
    pages.into_iter().map(|rows| rows.into_iter().map(forget).collect()).collect()
}

#[rstest]
fn the_same_run_twice_is_the_same(
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
) {
    let story = Story::random(1, SIZE, config(7).with_correlation(correlation));
    for (name, device) in devices() {
        let device = device.as_dispatch();
        assert_eq!(story.tell::<Dispatch>(device), story.tell::<Dispatch>(device), "{name}");
    }
}

#[rstest]
fn the_same_seed_gives_the_same_memories_on_every_backend(
    #[values(Correlation::NegSquaredL2, Correlation::Gaussian)] correlation: Correlation,
    #[values(2, 3, 4)] seed: u64,
) {
    let story = Story::random(seed, SIZE, config(seed).with_correlation(correlation));
    let concrete = story.tell::<Flex>(&Default::default());
    for (name, device) in devices() {
        let pages = story.tell::<Dispatch>(device.as_dispatch());
        assert_eq!(pages, concrete, "{name}");
    }
}

#[test]
fn another_seed_gives_other_memories() {
    let story = |seed| Story::random(1, SIZE, config(seed));
    let device = Default::default();
    let (one, other) = (story(7).tell::<Flex>(&device), story(8).tell::<Flex>(&device));
    assert_ne!(without_vectors(one), without_vectors(other));
}

#[test]
fn without_exploration_the_seed_does_not_matter() {
    let story = |seed| Story::random(1, SIZE, config(0).with_ltm_exploration(0, seed));
    let device = Default::default();
    assert_eq!(story(7).tell::<Flex>(&device), story(8).tell::<Flex>(&device));
}

#[test]
fn a_clone_goes_on_independently() {
    let story = Story::random(5, SIZE, config(1));
    let other = Story::random(6, SIZE, config(1));
    for (name, device) in devices() {
        let device = device.as_dispatch();
        let mut memory = Memoria::<Dispatch>::new(story.config).unwrap();
        story.tell_to(&mut memory, 0..20, device);
        let mut clone = memory.clone();
        let mut witness = memory.clone();
        let expected = story.tell_to(&mut witness, 20..40, device);
        // The clone runs another story first; this must not change the original.
        let elsewhere = other.tell_to(&mut clone, 0..20, device);
        assert_eq!(story.tell_to(&mut memory, 20..40, device), expected, "{name}");
        assert_ne!(elsewhere, expected, "{name}");
    }
}

#[test]
fn a_memory_can_be_moved_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    fn every_memory_is_send<B: Backend>(memory: &Memoria<B>) {
        is_send(memory);
    }
    let story = Story::random(3, SIZE, config(2));
    let device = Default::default();
    let mut memory = Memoria::<Flex>::new(story.config).unwrap();
    every_memory_is_send(&memory);
    let mut pages = story.tell_to(&mut memory, 0..20, &device);
    let rest = std::thread::spawn({
        let story = story.clone();
        move || story.tell_to(&mut memory, 20..40, &Default::default())
    });
    pages.extend(rest.join().unwrap());
    assert_eq!(pages, story.tell::<Flex>(&device));
}
