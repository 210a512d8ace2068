use std::{path::PathBuf, process::ExitCode};

use memoria_tasks::{
    TaskError,
    print::{print, println},
    runs::{Comparison, Experiment, Outcome, cores},
    training::on_ctrl_c,
};

use crate::options::Train;

/// What shells give a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// Returns the exit status: a success, or that of a program that was interrupted.
pub(crate) fn run(options: &Train) -> Result<ExitCode, TaskError> {
    let mut config = options.configured.config()?;
    if options.quick {
        config = config.quick();
    }
    config.evaluation.history |= options.history;
    let task = options.configured.task.name();
    let output = options.output.clone().unwrap_or_else(|| PathBuf::from("out").join(&task));
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
