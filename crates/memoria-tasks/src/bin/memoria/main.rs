//! Trains and tests memories: see `memoria --help`.

mod allocator;
mod commands;
mod options;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use options::{Command, Program};

fn main() -> ExitCode {
    let program = Program::parse();
    if let Command::Train(_) | Command::Eval(_) = program.command {
        allocator::keep_memory();
    }
    let succeeded = |()| ExitCode::SUCCESS;
    let done = match program.command {
        Command::Train(train) => commands::train::run(&train),
        Command::Eval(eval) => commands::eval::run(&eval).map(succeeded),
        Command::Generate(generate) => commands::generate::run(&generate).map(succeeded),
        Command::Read(read) => commands::read::run(&read).map(succeeded),
        Command::Inspect(inspect) => commands::inspect::run(&inspect).map(succeeded),
        Command::Analyse(analyse) => commands::analyse::run(&analyse).map(succeeded),
        Command::Compare(compare) => commands::compare::run(&compare).map(succeeded),
        Command::Data(data) => commands::data::run(&data).map(succeeded),
        Command::Configs(configs) => commands::configs::run(&configs).map(succeeded),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Program::command(), "memoria", &mut script);
            memoria_tasks::print::print(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    };
    match done {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
