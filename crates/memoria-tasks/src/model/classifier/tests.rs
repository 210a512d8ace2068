use std::{fs, path::Path};

use burn::train::Interrupter;
use memoria_core::SnapshotInfo;
use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::{
    config::{MemoryConfig, RunConfig, Sizes, TaskName},
    data::{Document, Question, Segment},
    model::support::{difference, experiment, finished, write_tokenizer},
    runs::{Experiment, Results, SavedRun, Test},
};

/// Three classes, and words 3 to 8.
const SIZES: Sizes = Sizes { vocabulary: 9, segment_length: 4, classes: Some(3) };

fn config(kind: ModelKind, context: ContextName) -> ModelSpec {
    ModelSpec {
        model: ModelConfig { kind, width: 16, ..ModelConfig::default() },
        memory: MemoryConfig::default(),
        context,
        sizes: SIZES,
        seed: 0,
    }
}

/// Segments that ask for the class at their end.
fn document(segments: &[&[u32]]) -> Document {
    let segment = |tokens: &&[u32]| Segment {
        tokens: tokens.to_vec(),
        questions: vec![Question { at: tokens.len() - 1, answer: vec![0], told: None, via: None }],
    };
    Document { segments: segments.iter().map(segment).collect() }
}

fn logits(classifier: &Classifier, documents: &[Document]) -> Vec<Vec<f32>> {
    let batch = Batch::of_documents(documents, &Device::flex());
    let logits = classifier.logits(&batch, &mut classifier.memory().unwrap()).unwrap();
    let numbers: Vec<f32> = logits.into_data().try_to_vec().unwrap();
    numbers.chunks(3).map(<[f32]>::to_vec).collect()
}

#[rstest]
#[case(ContextName::None, true)]
#[case(ContextName::Memoria, false)]
#[case(ContextName::NoWindow, false)]
#[case(ContextName::Paper, false)]
// An encoder attends to its own segment without memory.
#[case(ContextName::WorkingOnly, true)]
fn only_a_memory_knows_the_segment_before(
    #[case] context: ContextName,
    #[case] same: bool,
    #[values(ModelKind::Bert, ModelKind::Roberta)] kind: ModelKind,
) {
    let mut config = config(kind, context);
    // The paper's walk through long-term memory begins at short-term engrams.
    (config.memory.num_reminded_stm, config.memory.stm_capacity) = (4, 4);
    let classifier = config.classifier(&Device::flex()).unwrap().0;
    let documents = [[3, 4, 5, 6], [8, 7, 7, 3]].map(|first| document(&[&first, &[7, 8, 3, 4]]));
    let logits = logits(&classifier, &documents);
    // Segment by segment, and within each row by row.
    let [first, second] = [0, 2].map(|segment| difference(&logits[segment], &logits[segment + 1]));
    assert!(first > 1e-5, "{first}");
    assert_eq!(second < 1e-6, same, "{second}");
}

/// A shorter document has the same logits as alone: its padding is neither read nor remembered.
#[rstest]
fn rows_are_alone(#[values(ModelKind::Bert, ModelKind::Roberta)] kind: ModelKind) {
    let classifier = config(kind, ContextName::Memoria).classifier(&Device::flex()).unwrap().0;
    let short = document(&[&[3, 4, 5, 6], &[5]]);
    let long = document(&[&[8, 7, 6, 3], &[4, 4, 5, 5], &[3, 4]]);
    let alone = logits(&classifier, std::slice::from_ref(&short));
    // In the last segment only the long document has a question.
    let together = logits(&classifier, &[short, long]);
    assert_eq!((alone.len(), together.len()), (2, 5));
    for (alone, together) in [(0, 0), (1, 2)].map(|(a, t)| (&alone[a], &together[t])) {
        assert!(difference(alone, together) < 1e-5, "{alone:?} {together:?}");
    }
}

#[rstest]
#[case::store(ContextName::Fifo, "--contexts must be one of memoria, paper")]
#[case::cache(ContextName::CacheMemoria, "got cache-memoria")]
fn contexts_that_it_cannot_have_are_refused(#[case] context: ContextName, #[case] told: &str) {
    let error =
        config(ModelKind::Bert, context).classifier(&Device::flex()).unwrap_err().to_string();
    assert!(error.contains(told), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |change: &dyn Fn(&mut ModelSpec)| {
        let mut config = config(ModelKind::Bert, ContextName::Memoria);
        change(&mut config);
        config.classifier(&Device::flex()).unwrap_err().to_string()
    };
    let error = refused(&|config| config.sizes.classes = None);
    assert!(
        error.contains("decoder or gpt2 for a task that is not about classes, got bert"),
        "{error}"
    );
    let error = refused(&|config| config.memory.memories = 0);
    assert!(error.contains("memory.memories must be at least 1"), "{error}");
    let error = refused(&|config| config.memory.recency = 4);
    assert!(error.contains("memory.recency must be 0"), "{error}");
    let error = refused(&|config| config.memory.score_scale = Some(1.0));
    assert!(error.contains("memory.score_scale must be absent"), "{error}");
    let error = refused(&|config| config.model.causal = true);
    assert!(error.contains("model.causal must be false where model.kind is `bert`"), "{error}");
    let error = refused(&|config| config.model.blocks_below = 0);
    assert!(error.contains("model.blocks_below must be at least 1"), "{error}");
}

/// Words of the documents and marks, in the order of their tokens.
const WORDS: [&str; 8] = ["<s>", "<pad>", "</s>", "<unk>", "one", "two", "three", "four"];

/// A folder with a checkpoint of a tiny RoBERTa, and its tokenizer.
fn checkpoint(positions: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = EncoderConfig::new(EncoderKind::Roberta, WORDS.len(), 16, 3, 2, 32, positions);
    let model = config.init(&Device::flex()).unwrap();
    model.save_pretrained(&config, folder.path()).unwrap();
    write_tokenizer(folder.path(), &WORDS);
    folder
}

/// A folder with some documents of two genres.
fn corpus() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..10 {
        for (genre, words) in [("ca", "one/cd two/cd "), ("cb", "three/cd four/cd ")] {
            let path = folder.path().join(format!("{genre}{number:02}"));
            fs::write(path, words.repeat(4 + number)).unwrap();
        }
    }
    folder
}

fn run_config(corpus: &Path, values: &[&str]) -> RunConfig {
    let path = format!("data.path={}", corpus.display());
    let values: Vec<String> = [
        path.as_str(),
        "data.segment_length=6",
        "data.segments=4",
        "model.width=16",
        "model.blocks_above=1",
        "memory.num_reminded_stm=2",
        "evaluation.lengths=[1]",
    ]
    .iter()
    .chain(values)
    .map(|&value| value.to_owned())
    .collect();
    RunConfig::read(TaskName::Classify, Some(Path::new("classify-bert")), &values).unwrap().quick()
}

/// Trained, tested, tested again and resumed: with its own sizes and from a checkpoint.
#[rstest]
fn it_is_trained_and_tested_as_a_decoder_is(#[values(false, true)] from_a_checkpoint: bool) {
    let (corpus, checkpoint) = (corpus(), checkpoint(10));
    let output = tempfile::tempdir().unwrap();
    let output = output.path().join("run");
    let weights = format!("model.weights={}", checkpoint.path().display());
    let values = ["model.kind=roberta", &weights];
    let values = if from_a_checkpoint { &values[..] } else { &[] };
    let config = run_config(corpus.path(), values);
    let short = config.with(&["training.epochs=1".into()]).unwrap();
    finished(&experiment(short, &output));
    let tests = |results: &Results| -> Vec<Vec<Test>> {
        results.runs.iter().map(|run| run.tests.clone()).collect()
    };
    // Another number of epochs is another run, but its checkpoints can be resumed.
    fs::write(output.join("config.toml"), config.to_toml()).unwrap();
    for run in SavedRun::all(&output).unwrap() {
        fs::remove_file(run.folder().join("result.json")).unwrap();
    }
    let whole = Experiment { resume: true, ..experiment(config.clone(), &output) };
    let results = finished(&whole);
    assert_eq!(Results::read(&output).unwrap(), results);
    assert!(matches!(results.runs[0].tests[..], [Test::Classes { .. }]), "{results:?}");
    assert_eq!(tests(&whole.evaluate().unwrap()), tests(&results));
    let memory = fs::read(output.join("memoria-0/checkpoint/memory-2.memoria")).unwrap();
    assert_eq!(SnapshotInfo::read(&memory[..]).unwrap().rows, 4);
    // Other sizes are refused in training and in tests.
    let other = config.with(&["memory.memories=3".into()]).unwrap();
    let error = experiment(other, &output).evaluate().unwrap_err().to_string();
    assert!(error.contains("a model of another architecture"), "{error}");
}

#[test]
fn a_checkpoint_that_does_not_fit_is_refused() {
    let (corpus, output) = (corpus(), tempfile::tempdir().unwrap());
    let refused = |folder: &Path, values: &[&str]| {
        let weights = format!("model.weights={}", folder.display());
        let values = [&["model.kind=roberta", &weights], values].concat();
        let output = output.path().join("run");
        let _ = fs::remove_dir_all(&output);
        let experiment = experiment(run_config(corpus.path(), &values), &output);
        experiment.run(&Interrupter::new()).unwrap_err().to_string()
    };
    let error = refused(Path::new("nowhere"), &[]);
    assert!(error.contains("nowhere/tokenizer.json is not there. The folder of a BERT"), "{error}");
    let folder = checkpoint(10);
    let path = folder.path();
    // RoBERTa's first two positions are not used.
    let error = refused(path, &["data.segment_length=9"]);
    assert!(error.contains("data.segment_length must be at most 8"), "{error}");
    let error = refused(path, &["model.kind=bert"]);
    assert!(error.contains("model_type"), "{error}");
    let error = refused(path, &["model.blocks_above=3"]);
    assert!(error.contains("model.blocks_above must be below 3, the layers of"), "{error}");
    let tokenizer = path.join("tokenizer.json");
    let text = fs::read_to_string(&tokenizer).unwrap();
    fs::write(&tokenizer, text.replace("\"four\":7", "\"four\":8")).unwrap();
    let error = refused(path, &[]);
    assert!(error.contains("tokenizer.json must be of at most 8 tokens"), "{error}");
    fs::write(&tokenizer, text.replace("</s>", "<end>")).unwrap();
    assert!(refused(path, &[]).contains("it has no `[SEP]` or `</s>`"));
    fs::write(&tokenizer, "{").unwrap();
    assert!(refused(path, &[]).contains("is not a tokenizer"));
    fs::write(&tokenizer, text).unwrap();
    fs::remove_file(path.join("model.safetensors")).unwrap();
    assert!(refused(path, &[]).contains("model.safetensors"));
    fs::remove_file(path.join("config.json")).unwrap();
    assert!(refused(path, &[]).contains("config.json is not there"));
}
