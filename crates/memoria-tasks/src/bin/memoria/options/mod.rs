//! The command line.

mod generate;
mod read;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};
use clap_complete::Shell;
use memoria_tasks::{
    DeviceName, TaskError,
    config::{RunConfig, TaskName},
    data::Split,
    model::ContextName,
};

pub(crate) use self::{generate::Generate, read::Read};

/// Trains and tests models with a memory on tasks that need one.
///
/// A task makes or reads documents in segments. A model sees one segment at a time; only its memory keeps the earlier
/// ones. `memoria train recall` is the first thing to try.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Program {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    // The help of each command is at its struct of options.
    Train(Train),
    Eval(Eval),
    Generate(Generate),
    Compare(Compare),
    Analyse(Analyse),
    Inspect(Inspect),
    Read(Read),
    Data(Data),
    Configs(Configs),
    /// Print a completion script for a shell, which the shell then sources.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// A task and its configuration.
#[derive(Args, Debug)]
pub(crate) struct Configured {
    /// The task.
    pub(crate) task: TaskName,
    /// A TOML file, or the name of a shipped configuration (`memoria configs`). It may contain only the values that
    /// differ from the task's own configuration.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One value of the configuration, such as `data.keys=64` or `training.epochs=3`; may be repeated.
    #[arg(long, value_name = "TABLE.KEY=VALUE")]
    set: Vec<String>,
}

impl Configured {
    pub(crate) fn config(&self) -> Result<RunConfig, TaskError> {
        RunConfig::read(self.task, self.config.as_deref(), &self.set)
    }
}

/// Train and test models on a task.
///
/// Trains one model for each context and seed. The output folder gets `config.toml`, `results.json` and a folder for
/// each model with its checkpoints and metrics. Ctrl-C stops after the running step. `--resume` continues after the
/// last finished epoch; the random numbers of dropout then start anew.
#[derive(Args, Debug)]
pub(crate) struct Train {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// What the models have of earlier segments. By default memoria, paper, no-window, working-only and none; no-window
    /// is left out if an update reads a single segment.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) contexts: Vec<ContextName>,
    /// Seeds, separated by commas. Every context is run with each seed.
    #[arg(long, visible_alias = "seed", value_delimiter = ',', default_value = "0")]
    pub(crate) seeds: Vec<u64>,
    /// The device that computes.
    #[arg(long, value_enum, default_value = "flex")]
    pub(crate) device: DeviceName,
    /// Folder for all output. By default `out/TASK`, or `out/CONFIGURATION` with `--config`; `--quick` appends
    /// `-quick`.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Continue the runs of the output folder.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Record the events of each memory in the tests, for `memoria analyse`. Only one document of the greatest length,
    /// or one row of a text, is recorded, so the file stays small.
    #[arg(long)]
    pub(crate) history: bool,
    /// Number of models trained at the same time. Each gets its share of the cores and shows its progress in lines. By
    /// default 1 on a GPU, otherwise the number of cores.
    #[arg(long, value_parser = value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Run for seconds only. It shows that everything works, not that anything is learnt.
    #[arg(long)]
    pub(crate) quick: bool,
}

/// Test trained models again: at other lengths, on more documents, or with other settings.
///
/// Tests every model in an output folder of `memoria train`, each with its own memory. The results are written to
/// `evaluation.json` in that folder, in the format of `results.json`.
#[derive(Args, Debug)]
pub(crate) struct Eval {
    /// The output folder of a `memoria train`.
    pub(crate) run: PathBuf,
    /// One value of the configuration that differs from training, such as `evaluation.initial_lifespan=64` or
    /// `evaluation.num_final_ltms=8`; may be repeated.
    #[arg(long, value_name = "TABLE.KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Lengths of the documents as multiples of the trained length, separated by commas. Not for `lm`, which reads a
    /// continuous text.
    #[arg(long, value_delimiter = ',')]
    pub(crate) lengths: Vec<u32>,
    /// Documents of each length; for text, steps.
    #[arg(long)]
    pub(crate) documents: Option<usize>,
    /// Documents in a batch.
    #[arg(long)]
    pub(crate) batch: Option<usize>,
    /// Record the events of each memory, for `memoria analyse`: of one document of the greatest length, or of one row
    /// of a text.
    #[arg(long)]
    pub(crate) history: bool,
    /// The device that computes.
    #[arg(long, value_enum, default_value = "flex")]
    pub(crate) device: DeviceName,
}

/// Compare the events in a memory with human memory.
///
/// Reads the history of a run, which `memoria train --history` or `memoria eval --history` records. Reports four
/// results: the survival of engrams by the time of their creation (primacy and recency); the strength of connections by
/// the distance of the two engrams in time (temporal contiguity); the age of reminded engrams (retention); how much
/// likelier a reminded engram is reminded again (retrieval practice).
#[derive(Args, Debug)]
pub(crate) struct Analyse {
    /// The folder of a model, such as `out/recall/memoria-0`; the output folder of a `memoria train`, of which the
    /// first model with a history is used; or the file of a history.
    pub(crate) run: PathBuf,
    /// Row of the history. The history of a run has one row.
    #[arg(long, default_value_t = 0)]
    pub(crate) row: usize,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// File for the picture. By default `analysis.svg` beside the history.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// Show the contents of the snapshot of a memory.
///
/// Reads the snapshot of a `Memoria`, a `MemoriaState` or a `ModelMemory`. Prints version, configuration with its
/// search settings, rows, engrams of each kind, ages, lifespans, connections, bytes and float type. Checks the whole
/// file and reports damage; the exit status is 1 then.
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// The file, such as `out/recall/memoria-0/checkpoint/memory-15.memoria`.
    pub(crate) snapshot: PathBuf,
    /// Print the result as JSON, with all rows.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Compare results of one task in a table and a picture: means and standard deviations over seeds.
#[derive(Args, Debug)]
pub(crate) struct Compare {
    /// Output folders of `memoria train`, or files in the format of `results.json`.
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// File for the picture, as SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// Show a task's documents, or write them to a file.
///
/// Without `--write` the first document is shown in words: one segment per line, then its questions and answers. With
/// `--write`, documents are written as JSON Lines: `{"segments": [{"tokens", "questions": [{"at", "answer",
/// "told"}]}]}`. `lm` writes `{"tokens"}`; `sort` writes the published format, with the same number of sequences in
/// each split.
#[derive(Args, Debug)]
pub(crate) struct Data {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// File to write documents to.
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// The split of the documents.
    #[arg(long, value_enum, default_value = "test")]
    pub(crate) split: Split,
    /// Number of documents to write. By default 100.
    #[arg(long, requires = "write", value_parser = value_parser!(u32).range(1..))]
    pub(crate) documents: Option<u32>,
    /// Length of the documents as a multiple of the trained length; 1 for texts.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub(crate) length: u32,
    /// Seed of generated documents.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

/// List the configurations that come with the program, or print one.
#[derive(Args, Debug)]
pub(crate) struct Configs {
    /// The configuration to print, as TOML.
    pub(crate) name: Option<String>,
    /// Print every option with its value, not only the values that differ from the defaults.
    #[arg(long, requires = "name")]
    pub(crate) full: bool,
}

/// The first of some options that is given.
fn first_given<const N: usize>(options: [(&'static str, bool); N]) -> Option<&'static str> {
    options.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn help_says_what_a_command_does_at_length() {
        let mut program = Program::command();
        program.build();
        for (command, told) in [
            ("train", "Ctrl-C stops after the running step"),
            ("analyse", "(retrieval practice)"),
            ("generate", "remembers it as in training"),
            ("read", "with the passages that they were made of"),
            ("inspect", "the exit status is 1 then"),
            ("data", "as JSON Lines"),
        ] {
            let command = program.find_subcommand_mut(command).unwrap();
            let help = command.render_long_help().to_string().replace('\n', " ");
            assert!(help.contains(told), "{help}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Program::command().debug_assert();
        let train =
            Program::try_parse_from(["memoria", "train", "recall", "--seed", "1,2"]).unwrap();
        let Command::Train(train) = train.command else { panic!("train") };
        assert_eq!((train.seeds, train.contexts.len()), (vec![1, 2], 0));
    }
}
