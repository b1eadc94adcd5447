//! Repository tasks: `cargo xtask help` lists them.

mod bench;
mod clock;
mod deps;
mod error;
mod fuzz;
mod help;
mod output;
mod program;
mod root;
mod test;
mod tidy;
mod workspace;

use error::TaskError;
use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    match run(command, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("cargo xtask {command}: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, args: &[String]) -> Result<(), TaskError> {
    match command {
        "bench" => bench::run(args),
        "deps" => deps::run(),
        "fuzz" => fuzz::run(args),
        "help" | "--help" | "-h" => {
            help::run();
            Ok(())
        }
        "test" => test::run(),
        "tidy" => tidy::run(),
        _ => Err(TaskError::NoSuchCommand { command: command.to_owned() }),
    }
}
