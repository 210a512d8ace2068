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
/// A task makes or reads documents in segments, of which a model sees one at a time; what it knows of the others
/// is its memory's. `memoria train recall` is the first thing to try.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Program {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    // What each does is told where its options are.
    Train(Train),
    Eval(Eval),
    Generate(Generate),
    Compare(Compare),
    Analyse(Analyse),
    Inspect(Inspect),
    Read(Read),
    Data(Data),
    Configs(Configs),
    /// Print completions for a shell, to be sourced by it.
    Completions {
        /// For which shell.
        shell: Shell,
    },
}

/// A task and its configuration.
#[derive(Args, Debug)]
pub(crate) struct Configured {
    /// Which task.
    pub(crate) task: TaskName,
    /// A TOML file, or the name of a shipped configuration (`memoria configs`); it need say only what is to be
    /// otherwise than in the task's own.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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
/// One model for each context and seed. The output folder gets `config.toml`, `results.json` and a folder for each
/// model with its checkpoints and metrics. Ctrl-C stops after the running step; `--resume` goes on after the last
/// finished epoch.
#[derive(Args, Debug)]
pub(crate) struct Train {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// What the models have of earlier segments; memoria, paper, no-window, working-only and none, if not given,
    /// without no-window where an update reads a single segment.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) contexts: Vec<ContextName>,
    /// Seeds, separated by commas; every context is run with each.
    #[arg(long, visible_alias = "seed", value_delimiter = ',', default_value = "0")]
    pub(crate) seeds: Vec<u64>,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    pub(crate) device: DeviceName,
    /// Folder for all that is kept; `out/TASK` if not given.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Go on with what is in the output folder.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Record what happens in each memory in the tests, for `memoria analyse`: of one document at the greatest length,
    /// or of one row of a text, so that the file stays small.
    #[arg(long)]
    pub(crate) history: bool,
    /// Models trained at a time, each with its share of the cores and its progress in lines; 1 on a GPU and as many as
    /// there are cores elsewhere, if not given.
    #[arg(long, value_parser = value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// A run of seconds that shows that everything works, not that anything is learnt.
    #[arg(long)]
    pub(crate) quick: bool,
}

/// Test trained models again, at other lengths, on more documents or otherwise configured.
///
/// Every model that is in a folder of `memoria train` is tested, with memories of its own. The results are
/// written to `evaluation.json` in that folder, in the form of `results.json`.
#[derive(Args, Debug)]
pub(crate) struct Eval {
    /// The output folder of a `memoria train`.
    pub(crate) run: PathBuf,
    /// One value of the configuration that is otherwise than in training, such as `memory.initial_lifespan=64` or
    /// `evaluation.num_final_ltms=8`; may be repeated.
    #[arg(long, value_name = "TABLE.KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// How many times as long as trained the documents are, separated by commas; not of `lm`, which reads on.
    #[arg(long, value_delimiter = ',')]
    pub(crate) lengths: Vec<u32>,
    /// Documents of each length; of text, steps.
    #[arg(long)]
    pub(crate) documents: Option<usize>,
    /// Documents at a time.
    #[arg(long)]
    pub(crate) batch: Option<usize>,
    /// Record what happens in each memory, for `memoria analyse`: of one document at the greatest length, or of one row
    /// of a text.
    #[arg(long)]
    pub(crate) history: bool,
    /// Where to compute.
    #[arg(long, value_enum, default_value = "flex")]
    pub(crate) device: DeviceName,
}

/// Compare what happened in a memory with human memory.
///
/// Reads the history of a run, which `memoria train --history` or `memoria eval --history` records, and tells: which
/// engrams survive by when they were made (primacy and recency), how strongly engrams are connected by how far apart
/// they were made (temporal contiguity), how old what is reminded is (retention), and how much likelier what was
/// reminded is reminded again (retrieval practice).
#[derive(Args, Debug)]
pub(crate) struct Analyse {
    /// The folder of a model, such as `out/recall/memoria-0`; the output folder of a `memoria train`, of which the first
    /// model with a history is taken; or the file of a history.
    pub(crate) run: PathBuf,
    /// Which row of the history; that of a run has one.
    #[arg(long, default_value_t = 0)]
    pub(crate) row: usize,
    /// Print it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where to draw a picture; `analysis.svg` beside the history if not given.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// Tell what is in the snapshot of a memory.
///
/// Of a `Memoria`, a `MemoriaState` or a `ModelMemory`: version, configuration with its ways of searching, rows, engrams
/// of each kind, ages, lifespans, connections, bytes and float type. The whole file is checked; what is damaged is
/// told, and the exit status is 1 then.
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// The file, such as `out/recall/memoria-0/checkpoint/memory-15.memoria`.
    pub(crate) snapshot: PathBuf,
    /// Print it as JSON, all rows.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Compare results of one task: a table and a picture of means and standard deviations over seeds.
#[derive(Args, Debug)]
pub(crate) struct Compare {
    /// Folders of `memoria train`, or files in the form of `results.json`.
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Where to draw a picture, as SVG.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// Look at a task's documents, or write them to a file.
///
/// Without `--write` the first document is shown in words, a segment a line, with what is asked and its answers.
/// With it, documents are written as JSON Lines: `{"segments": [{"tokens", "questions": [{"at", "answer",
/// "told"}]}]}`; of `lm` `{"tokens"}`; of `sort` the published form, with as many sequences in each split.
#[derive(Args, Debug)]
pub(crate) struct Data {
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// Where to write documents to.
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Which of them.
    #[arg(long, value_enum, default_value = "test")]
    pub(crate) split: Split,
    /// How many are written.
    #[arg(long, default_value_t = 100)]
    pub(crate) documents: usize,
    /// How many times as long as trained they are; 1 of texts.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    pub(crate) length: u32,
    /// The seed they are made by, if they are made.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

/// List the configurations that come with the program, or print one.
#[derive(Args, Debug)]
pub(crate) struct Configs {
    /// Which one to print, as TOML.
    pub(crate) name: Option<String>,
    /// Print every option with its value, not only those that differ from the defaults.
    #[arg(long, requires = "name")]
    pub(crate) full: bool,
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
