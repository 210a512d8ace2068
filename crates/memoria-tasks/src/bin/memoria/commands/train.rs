use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use memoria_tasks::{
    TaskError,
    print::{print, println},
    runs::{Comparison, Experiment, Outcome, cores},
    training::on_ctrl_c,
};

use crate::options::Train;

/// Exit status that shells give a program ended by SIGINT.
const INTERRUPTED: u8 = 130;

/// Default output folder of a run: each configuration has its own.
fn default_output(options: &Train) -> PathBuf {
    let configured = &options.configured;
    let named = configured.config.as_deref().and_then(Path::file_stem);
    let mut name = named.map_or_else(|| configured.task.name().into(), OsString::from);
    if options.quick {
        name.push("-quick");
    }
    Path::new("out").join(name)
}

/// Returns the exit status: success, or that of an interrupted program.
pub(crate) fn run(options: &Train) -> Result<ExitCode, TaskError> {
    let mut config = options.configured.config()?;
    if options.quick {
        config = config.quick();
    }
    config.evaluation.history |= options.history;
    let task = options.configured.task.name();
    let output = options.output.clone().unwrap_or_else(|| default_output(options));
    let contexts = match &options.contexts[..] {
        [] => config.contexts(),
        given => given.to_vec(),
    };
    let experiment = Experiment {
        config,
        contexts,
        seeds: options.seeds.clone(),
        device: options.device.device(),
        output: output.clone(),
        resume: options.resume,
        jobs: match options.jobs {
            Some(jobs) => jobs.into(),
            None if options.device.is_host() => cores(),
            None => 1,
        },
        command: std::env::args().collect::<Vec<_>>().join(" "),
    };
    let interrupter = on_ctrl_c()?;
    let outcome = experiment.run(&interrupter)?;
    let results = match outcome {
        Outcome::Finished(results) => results,
        Outcome::Interrupted => {
            println("Interrupted. To go on: the same command with --resume");
            return Ok(ExitCode::from(INTERRUPTED));
        }
    };
    let comparison = Comparison::new(&[(task, results)])?;
    print(&format!("\n{}", comparison.table()));
    let picture = output.join("comparison.svg");
    comparison.draw(&picture)?;
    let results = output.join("results.json");
    println(&format!("\nResults: {}\nPicture: {}", results.display(), picture.display()));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::*;
    use crate::options::{Command, Program};

    #[rstest]
    #[case(&["recall"], "out/recall")]
    #[case(&["recall", "--config", "recall-far"], "out/recall-far")]
    #[case(&["recall", "--config", "my/own.toml", "--quick"], "out/own-quick")]
    fn each_configuration_has_a_folder(#[case] options: &[&str], #[case] folder: &str) {
        let line = ["memoria", "train"].iter().chain(options);
        let Command::Train(train) = Program::parse_from(line).command else { panic!("train") };
        assert_eq!(default_output(&train), Path::new(folder));
    }
}
