//! Side-by-side measurements: the same small pieces of work on Engset, the BEAM and other Rust systems.
//!
//! `bench [--rounds N] [ROW…]` measures; `bench --child SYSTEM ROW` does one measurement in a fresh process and
//! is what the former runs, round after round, with the systems in turn. Without rows it measures all but `live`, and
//! writes `bench/results/latest.json` and `bench/results/chart.svg` beside the tables that it prints.
//! What a row is stands in `row.rs`, its size there and in `workload.rs`, its work in `driver/` for the Rust systems
//! and in `../beam/` for the BEAM; `systems/` has the processes.
//! All systems get two workers, except actix, whose actors share one thread as it gives it to them.

mod arguments;
mod dist;
mod driver;
mod goal;
mod machine;
mod memory;
mod output;
mod random;
mod report;
mod rounds;
mod row;
mod stopwatch;
mod systems;
mod workload;

use arguments::Request;
use std::env;
use std::process::ExitCode;

fn between_nodes(args: &[String]) -> ExitCode {
    match dist::run(args) {
        Ok(text) => {
            text.iter().for_each(|text| output::say(text));
            ExitCode::SUCCESS
        }
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if let Some(("--dist", rest)) = args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return between_nodes(rest);
    }
    match arguments::parse(&args) {
        Ok(Request::Child { system, row }) => match system.measure(row) {
            Some(value) => output::say(&format!("{} {value}", row.unit().label())),
            None => output::say("not measured"),
        },
        Ok(Request::Parent { rounds, rows }) => match rounds::run(rounds, &rows) {
            Ok(report) => output::say(&report),
            Err(error) => {
                output::complain(&error.to_string());
                return ExitCode::FAILURE;
            }
        },
        Err(unknown) => {
            output::complain(&unknown.to_string());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
