//! A step after many leaves as much behind as one after few: nothing, whatever is learned.
//!
//! What is computed from parameters and read by nothing that a loss reaches stays with them for as long as
//! they live, and every `backward` looks through all that stays: a step then takes longer and longer. Here
//! it is seen in memory, where nothing else on the machine disturbs it.

use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams},
    tensor::{Device, Tensor},
};
use memoria_core::{Correlation, LongTermSearch, MemoriaConfig};
use memoria_models::{
    EncoderConfig, EncoderKind, Gpt2Config, Gpt2LmHead, MemoryConfig, ModelInput, ModelMemory,
    SequenceClassifier,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const VOCABULARY: usize = 11;
const SEQ: usize = 4;
/// Training steps before it is looked at, and in between.
const STEPS: usize = 24;
/// Bytes. One node of a graph that is left behind in each step takes more than ten times as many.
const ALLOWED: isize = 1_000;

/// Bytes that so many further training steps leave behind, the memory aside, which is emptied. A step is told
/// its number, and whether to empty the memory after it.
fn left_behind(mut step: impl FnMut(usize, bool)) -> isize {
    let mut steps = |from: usize| {
        (from..from + STEPS).for_each(|number| step(number, number + 1 == from + STEPS));
        ALLOCATED.current_usage() as isize
    };
    let before = steps(0);
    steps(STEPS) - before
}

/// The paper's memory, learned recall, learned recall without scores, and hidden states as memories.
fn memories(reminded: usize, bptt: usize) -> Vec<MemoryConfig> {
    let memoria = MemoriaConfig::new(reminded, 6, 3, 6.0, reminded)
        .with_long_term_search(LongTermSearch::Nearest);
    let causal = MemoryConfig::causal(SEQ, memoria).with_num_memories(Some(2));
    let gaussian = memoria.with_correlation(Correlation::Gaussian);
    let all = [
        MemoryConfig::new(2, memoria),
        causal.clone(),
        causal.clone().with_score_in_logits(false),
        MemoryConfig { memoria: gaussian, ..causal.clone() }.with_num_queries(2),
        causal.clone().with_num_memories(None),
        causal.clone().with_num_memories(None).with_score_in_logits(false),
        causal.with_num_memories(None).with_num_queries(0).with_norm(false),
        MemoryConfig::bidirectional(2, memoria),
    ];
    all.into_iter().map(|memory| memory.with_bptt(bptt)).collect()
}

fn segment(number: usize) -> ModelInput {
    let row = |row: usize| {
        (0..SEQ).map(|at| ((number * 7 + row * 3 + at * at) % 9 + 2) as i64).collect::<Vec<_>>()
    };
    ModelInput::from_rows(&[row(0), row(1)], None, VOCABULARY, &Device::flex()).unwrap()
}

/// Segments that inference reads while it is looked at. Engrams come and go: the memory's own bytes change by less
/// than 100 for each, a tracked tensor has more.
const READ: isize = 400;

/// Bytes that so many further segments leave behind when a model reads them with the memory of training.
fn inferred<M: Module, O>(
    model: M,
    memory: &MemoryConfig,
    forward: impl Fn(&M, &ModelInput, &mut ModelMemory) -> O,
) -> isize {
    let (mut state, mut training) = (memory.init().unwrap(), Vec::new());
    for number in 0..5 {
        training.push(forward(&model, &segment(number), &mut state));
    }
    let model = model.valid();
    let mut segments = |from: usize, count: usize| {
        (from..from + count).for_each(|number| drop(forward(&model, &segment(number), &mut state)));
        ALLOCATED.current_usage() as isize
    };
    let before = segments(0, 200);
    segments(200, READ as usize) - before
}

/// The loss of a window of segments, and all that came out: held until after the `backward`, as in a training
/// loop, in which most of it is read by nothing.
fn window<O, const D: usize>(
    first: usize,
    bptt: usize,
    mut run: impl FnMut(&ModelInput) -> (Tensor<D>, O),
) -> (Tensor<1>, Vec<O>) {
    let (outputs, held): (Vec<_>, Vec<_>) =
        (0..bptt.max(1)).map(|at| run(&segment(first + at))).unzip();
    let losses = outputs.into_iter().map(|output| output.square().mean());
    (losses.reduce(|a, b| a + b).unwrap(), held)
}

/// What training a model with a memory leaves behind.
fn trained<M: Module, O, const D: usize>(
    mut model: M,
    memory: &MemoryConfig,
    forward: impl Fn(&M, &ModelInput, &mut ModelMemory) -> (Tensor<D>, O),
) -> isize {
    let mut optimizer = AdamConfig::new().init();
    let mut state = memory.init().unwrap();
    left_behind(|number, is_last| {
        let run = |input: &ModelInput| forward(&model, input, &mut state);
        let (loss, _held) = window(number, memory.bptt, run);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-3, model.clone(), gradients);
        state.detach();
        if is_last {
            state = memory.init().unwrap();
        }
    })
}

/// What training leaves behind, and what inference does with the memory of training.
fn gpt2(memory: &MemoryConfig) -> [isize; 2] {
    let config = Gpt2Config::new(VOCABULARY, SEQ, 8, 2, 2).with_memory(memory.clone());
    let model = config.init(&Device::flex().autodiff()).unwrap();
    let forward = |model: &Gpt2LmHead, input: &ModelInput, state: &mut ModelMemory| {
        let output = model.forward(input, Some(state)).unwrap();
        (output.logits.clone(), output)
    };
    [trained(model.clone(), memory, forward), inferred(model, memory, forward)]
}

/// As [`gpt2`].
fn encoder(memory: &MemoryConfig) -> [isize; 2] {
    let config = EncoderConfig::new(EncoderKind::Bert, VOCABULARY, 8, 3, 2, 16, SEQ);
    let model = config.with_memory(memory.clone(), 0).init(&Device::flex().autodiff()).unwrap();
    let forward = |model: &SequenceClassifier, input: &ModelInput, state: &mut ModelMemory| {
        let output = model.forward(input, Some(state)).unwrap();
        (output.logits.clone(), output)
    };
    [trained(model.clone(), memory, forward), inferred(model, memory, forward)]
}

/// One after the other, as Burn has one graph for all, and all threads one allocator.
#[test]
fn a_step_leaves_nothing_behind() {
    for (reminded, bptt) in [(0, 0), (2, 0), (0, 1), (2, 1), (2, 3)] {
        for memory in memories(reminded, bptt) {
            for (kind, left) in [("gpt2", gpt2(&memory)), ("bert", encoder(&memory))] {
                println!("{kind}, {reminded} reminded, window {bptt}: {left:?} bytes");
                assert!(
                    left[0] < ALLOWED,
                    "{kind}: {left:?} bytes after {STEPS} steps, {memory:?}"
                );
                assert!(
                    left[1] < 100 * READ,
                    "{kind}: {left:?} bytes after {READ} segments, {memory:?}"
                );
            }
        }
    }
    // What is left behind is seen.
    let left = unread();
    assert!(left > 10 * ALLOWED, "{left}");
}

/// Two layers, of which nothing reads what the second computes.
fn unread() -> isize {
    let device = Device::flex().autodiff();
    let linear = || burn::nn::LinearConfig::new(8, 8).init(&device);
    let (read, unread) = (linear(), linear());
    left_behind(|_, _| {
        let input = Tensor::<2>::ones([2, 8], &device);
        drop(unread.forward(input.clone()));
        drop(read.forward(input).sum().backward());
    })
}
