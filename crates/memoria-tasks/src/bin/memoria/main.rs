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
    let done = match program.command {
        Command::Train(train) => commands::train::run(&train),
        Command::Eval(eval) => commands::eval::run(&eval),
        Command::Generate(generate) => commands::generate::run(&generate),
        Command::Read(read) => commands::read::run(&read),
        Command::Inspect(inspect) => commands::inspect::run(&inspect),
        Command::Analyse(analyse) => commands::analyse::run(&analyse),
        Command::Compare(compare) => commands::compare::run(&compare),
        Command::Data(data) => commands::data::run(&data),
        Command::Configs(configs) => commands::configs::run(&configs),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Program::command(), "memoria", &mut script);
            memoria_tasks::print::print(&String::from_utf8_lossy(&script));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
